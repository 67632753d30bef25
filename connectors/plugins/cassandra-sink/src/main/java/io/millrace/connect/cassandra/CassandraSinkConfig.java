package io.millrace.connect.cassandra;

import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.SslConfigs;

/** The settings of the sink. Which topic feeds which tables, and which columns a table gets, is always spelled out. */
final class CassandraSinkConfig extends AbstractConfig {
    static final String CONTACT_POINTS = "cassandra.contact.points";
    static final String DATACENTER = "cassandra.local.datacenter";
    static final String USER = "cassandra.username";
    static final String PASSWORD = "cassandra.password";
    static final String TLS = "cassandra.tls";
    /** Before Kafka's own names of TLS settings: {@code cassandra.ssl.truststore.location} and so on. */
    static final String TLS_PREFIX = "cassandra.";
    static final String KEYSPACE = "cassandra.keyspace";
    static final String CONSISTENCY = "cassandra.consistency";
    static final String TOPIC_TABLES = "topic.tables";
    static final String COLUMNS_PREFIX = "columns.";
    static final String REVISION_FIELD = "revision.field";
    static final String MAX_IN_FLIGHT = "max.in.flight";
    static final String WRITE_TIMEOUT_MS = "write.timeout.ms";
    static final String RETRY_BACKOFF_MS = "retry.backoff.ms";

    private static final ConfigDef TLS_DEFINITION = new ConfigDef();

    static {
        SslConfigs.addClientSslSupport(TLS_DEFINITION);
    }

    static final ConfigDef DEFINITION = new ConfigDef()
        .define(CONTACT_POINTS, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH, "host:port of some nodes.")
        .define(DATACENTER, Type.STRING, "datacenter1", Importance.HIGH, "The data center to write to.")
        .define(USER, Type.STRING, null, Importance.MEDIUM, "User; without it no authentication.")
        .define(PASSWORD, Type.PASSWORD, null, Importance.MEDIUM, "Password of the user.")
        .define(TLS, Type.BOOLEAN, false, Importance.MEDIUM,
            "Whether connections are encrypted, and the nodes' certificates checked: cassandra.ssl.* are Kafka's ssl.* settings.")
        .define(KEYSPACE, Type.STRING, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH, "Keyspace of all tables.")
        .define(CONSISTENCY, Type.STRING, "LOCAL_QUORUM", Importance.MEDIUM, "Consistency level of the writes.")
        .define(TOPIC_TABLES, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH,
            "topic=table pairs. A topic may feed several tables.")
        .define(REVISION_FIELD, Type.STRING, "revision", Importance.MEDIUM,
            "Integer field that becomes the write's timestamp: the higher one wins.")
        .define(MAX_IN_FLIGHT, Type.INT, 128, Range.between(1, 10_000), Importance.LOW, "Writes under way at a time.")
        .define(WRITE_TIMEOUT_MS, Type.INT, 10_000, Range.atLeast(100), Importance.LOW,
            "How long one write, or the wait for all of them, may take.")
        .define(RETRY_BACKOFF_MS, Type.INT, 2_000, Range.atLeast(10), Importance.LOW,
            "Pause before records are written again when the store could not take them.");

    static {
        DEFINITION.embed(TLS_PREFIX, "TLS", 1, TLS_DEFINITION);
    }

    CassandraSinkConfig(Map<String, String> properties) {
        super(DEFINITION, properties);
        tables();
        contactPoints();
        if ((getString(USER) == null) != (getPassword(PASSWORD) == null)) {
            throw new ConfigException(USER + " and " + PASSWORD + " go together: one of them is missing.");
        }
    }

    /** Kafka's TLS settings, without our prefix. */
    Map<String, ?> tls() {
        return new AbstractConfig(TLS_DEFINITION, originalsWithPrefix(TLS_PREFIX), false).values();
    }

    List<InetSocketAddress> contactPoints() {
        List<InetSocketAddress> points = new ArrayList<>();
        for (String point : getList(CONTACT_POINTS)) {
            int colon = point.lastIndexOf(':');
            try {
                points.add(new InetSocketAddress(point.substring(0, colon), Integer.parseInt(point.substring(colon + 1))));
            } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
                throw new ConfigException(CONTACT_POINTS, point, "must be host:port");
            }
        }
        if (points.isEmpty()) {
            throw new ConfigException(CONTACT_POINTS, "", "needs at least one host:port");
        }
        return points;
    }

    /** Topic to the tables it feeds. */
    Map<String, List<String>> tables() {
        Map<String, List<String>> tables = new LinkedHashMap<>();
        for (String pair : getList(TOPIC_TABLES)) {
            String[] parts = pair.split("=", -1);
            if (parts.length != 2 || parts[0].isBlank() || parts[1].isBlank()) {
                throw new ConfigException(TOPIC_TABLES, pair, "must be topic=table");
            }
            columns(parts[1].trim());
            tables.computeIfAbsent(parts[0].trim(), topic -> new ArrayList<>()).add(parts[1].trim());
        }
        return tables;
    }

    /** The columns to write; record fields have the same names. */
    List<String> columns(String table) {
        String setting = COLUMNS_PREFIX + table;
        Object value = originals().get(setting);
        if (value == null || value.toString().isBlank()) {
            throw new ConfigException(setting, value, "must list the columns of the table");
        }
        List<String> columns = new ArrayList<>();
        for (String column : value.toString().split(",")) {
            columns.add(column.trim());
        }
        return columns;
    }
}
