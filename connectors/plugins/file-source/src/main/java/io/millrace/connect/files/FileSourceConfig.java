package io.millrace.connect.files;

import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;

/** The settings of the source. */
final class FileSourceConfig extends AbstractConfig {
    static final String ROOT = "root";
    static final String TOPIC = "topic";
    static final String SETTLE_MS = "settle.ms";
    static final String SCAN_INTERVAL_MS = "scan.interval.ms";
    static final String MAX_BYTES = "max.bytes";
    static final String BATCH_FILES = "batch.files";
    static final String BATCH_BYTES = "batch.bytes";
    static final String SCHEMA = "value.schema";
    static final String SCHEMA_ID = "value.schema.id";
    static final String TASK_INDEX = "task.index";
    static final String TASK_COUNT = "task.count";

    static final ConfigDef DEFINITION = new ConfigDef()
        .define(ROOT, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH,
            "Folder of the share; its sub-folders name the tenants.")
        .define(TOPIC, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH, "Where the documents go.")
        .define(SCHEMA, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH,
            "Avro schema of the records, as the registry has it.")
        .define(SCHEMA_ID, Type.INT, ConfigDef.NO_DEFAULT_VALUE, Range.atLeast(0), Importance.HIGH, "Its id in the registry.")
        .define(SETTLE_MS, Type.LONG, 2_000L, Range.atLeast(0), Importance.MEDIUM,
            "A file whose size and times have not changed for so long is complete.")
        .define(SCAN_INTERVAL_MS, Type.LONG, 500L, Range.atLeast(10), Importance.LOW, "Pause between looks at the share.")
        .define(MAX_BYTES, Type.INT, 8 * 1024 * 1024, Range.between(1, 64 * 1024 * 1024), Importance.MEDIUM,
            "Larger files are set aside.")
        .define(BATCH_FILES, Type.INT, 64, Range.atLeast(1), Importance.LOW, "Files per transaction.")
        .define(BATCH_BYTES, Type.LONG, 16L * 1024 * 1024, Range.atLeast(1), Importance.LOW,
            "Bytes per transaction; one file is always taken.")
        .define(TASK_INDEX, Type.INT, 0, Importance.LOW, "Set by the connector.")
        .define(TASK_COUNT, Type.INT, 1, Importance.LOW, "Set by the connector.");

    FileSourceConfig(Map<String, String> properties) {
        super(DEFINITION, properties);
        new AvroEncoder(getString(SCHEMA), getInt(SCHEMA_ID)).check(Received.FIELDS);
    }
}
