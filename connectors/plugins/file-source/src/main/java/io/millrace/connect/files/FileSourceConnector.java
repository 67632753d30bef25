package io.millrace.connect.files;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.source.ConnectorTransactionBoundaries;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * Takes whole files from a share, {@code <root>/<tenant>/…}, each as one record, exactly once. A file is moved to
 * {@code <root>/.done} after its record is committed; one that cannot be taken goes to {@code <root>/.failed} with its
 * reason beside it.
 */
public final class FileSourceConnector extends SourceConnector {
    static final String VERSION = "0.1.0";

    private Map<String, String> properties;

    @Override
    public void start(Map<String, String> properties) {
        new FileSourceConfig(properties);
        this.properties = Map.copyOf(properties);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return FileSourceTask.class;
    }

    /** Tasks share the files by the hash of their path. */
    @Override
    public List<Map<String, String>> taskConfigs(int maximum) {
        List<Map<String, String>> configs = new ArrayList<>(maximum);
        for (int task = 0; task < maximum; task++) {
            Map<String, String> config = new HashMap<>(properties);
            config.put(FileSourceConfig.TASK_INDEX, Integer.toString(task));
            config.put(FileSourceConfig.TASK_COUNT, Integer.toString(maximum));
            configs.add(config);
        }
        return configs;
    }

    @Override
    public void stop() {
        // the tasks hold everything there is to close
    }

    @Override
    public ConfigDef config() {
        return FileSourceConfig.DEFINITION;
    }

    /** Offsets say which file was taken, and files are moved only after the transaction that says so. */
    @Override
    public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> properties) {
        return ExactlyOnceSupport.SUPPORTED;
    }

    @Override
    public ConnectorTransactionBoundaries canDefineTransactionBoundaries(Map<String, String> properties) {
        return ConnectorTransactionBoundaries.UNSUPPORTED;
    }

    @Override
    public String version() {
        return VERSION;
    }
}
