package io.millrace.connect.cassandra;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * Writes rows into Cassandra tables. The record with the higher revision wins in whatever order records come, because
 * the revision is the write's timestamp: replaying a topic changes nothing.
 */
public final class CassandraSinkConnector extends SinkConnector {
    static final String VERSION = "0.1.0";

    private Map<String, String> properties;

    @Override
    public void start(Map<String, String> properties) {
        new CassandraSinkConfig(properties);
        this.properties = Map.copyOf(properties);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return CassandraSinkTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maximum) {
        List<Map<String, String>> configs = new ArrayList<>(maximum);
        for (int task = 0; task < maximum; task++) {
            configs.add(properties);
        }
        return configs;
    }

    @Override
    public void stop() {
        // the tasks hold everything there is to close
    }

    @Override
    public ConfigDef config() {
        return CassandraSinkConfig.DEFINITION;
    }

    @Override
    public String version() {
        return VERSION;
    }
}
