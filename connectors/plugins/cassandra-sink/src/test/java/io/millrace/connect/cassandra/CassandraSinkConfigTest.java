package io.millrace.connect.cassandra;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;

class CassandraSinkConfigTest {
    private static Map<String, String> settings() {
        Map<String, String> settings = new HashMap<>();
        settings.put("cassandra.contact.points", "127.0.0.1:9042,node2:9043");
        settings.put("cassandra.keyspace", "archive");
        settings.put("topic.tables", "documents=by_id, documents=by_day,events=events");
        settings.put("columns.by_id", "id, revision");
        settings.put("columns.by_day", "day,id,revision");
        settings.put("columns.events", "id,revision");
        return settings;
    }

    @Test
    void readsTopicsTablesAndColumns() {
        CassandraSinkConfig config = new CassandraSinkConfig(settings());
        assertEquals(Map.of("documents", List.of("by_id", "by_day"), "events", List.of("events")), config.tables());
        assertEquals(List.of("id", "revision"), config.columns("by_id"));
        assertEquals(2, config.contactPoints().size());
        assertEquals(9043, config.contactPoints().get(1).getPort());
        assertEquals("LOCAL_QUORUM", config.getString(CassandraSinkConfig.CONSISTENCY));
    }

    @Test
    void refusesMistakesAndNamesThem() {
        refused("columns.by_day", null, "columns.by_day");
        refused("topic.tables", "documents", "topic.tables");
        refused("topic.tables", "=by_id", "topic.tables");
        refused("cassandra.contact.points", "localhost", "cassandra.contact.points");
        refused("cassandra.contact.points", "localhost:http", "cassandra.contact.points");
        refused("cassandra.keyspace", null, "cassandra.keyspace");
        refused("max.in.flight", "0", "max.in.flight");
    }

    @Test
    void takesCredentialsAndKafkasTlsSettings() {
        Map<String, String> settings = settings();
        assertEquals(false, new CassandraSinkConfig(settings).getBoolean(CassandraSinkConfig.TLS));
        settings.put("cassandra.username", "sink");
        assertThrows(ConfigException.class, () -> new CassandraSinkConfig(settings), "a name without a password");
        settings.put("cassandra.password", "s3cret");
        settings.put("cassandra.ssl.truststore.type", "PEM");
        CassandraSinkConfig config = new CassandraSinkConfig(settings);
        assertEquals("PEM", config.tls().get("ssl.truststore.type"));
        assertEquals("https", config.tls().get("ssl.endpoint.identification.algorithm"));
        assertTrue(!config.values().toString().contains("s3cret"), "a password is not printed");
        refused("cassandra.tls", "maybe", "cassandra.tls");
    }

    private static void refused(String setting, String value, String named) {
        Map<String, String> settings = settings();
        if (value == null) {
            settings.remove(setting);
        } else {
            settings.put(setting, value);
        }
        ConfigException error = assertThrows(ConfigException.class, () -> new CassandraSinkConfig(settings));
        assertTrue(error.getMessage().contains(named), error.getMessage());
    }
}
