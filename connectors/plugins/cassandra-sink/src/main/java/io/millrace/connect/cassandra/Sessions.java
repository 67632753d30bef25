package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.CqlSessionBuilder;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import java.time.Duration;

/** Opens a session with the driver settings this sink relies on. */
final class Sessions {
    private Sessions() {
    }

    static CqlSession open(CassandraSinkConfig config) {
        // the driver reads its defaults through a class loader: the plugin's, not the worker's
        ClassLoader loader = Sessions.class.getClassLoader();
        Duration timeout = Duration.ofMillis(config.getInt(CassandraSinkConfig.WRITE_TIMEOUT_MS));
        CqlSessionBuilder builder = CqlSession.builder()
            .withClassLoader(loader)
            .withConfigLoader(DriverConfigLoader.programmaticBuilder(loader)
                .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, timeout)
                .withString(DefaultDriverOption.REQUEST_CONSISTENCY, config.getString(CassandraSinkConfig.CONSISTENCY))
                // every write carries its own timestamp: the driver may send it again
                .withBoolean(DefaultDriverOption.REQUEST_DEFAULT_IDEMPOTENCE, true)
                .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, timeout)
                .withDuration(DefaultDriverOption.METADATA_SCHEMA_REQUEST_TIMEOUT, timeout)
                // a store that is back must not wait a minute for the next try
                .withDuration(DefaultDriverOption.RECONNECTION_BASE_DELAY, Duration.ofMillis(500))
                .withDuration(DefaultDriverOption.RECONNECTION_MAX_DELAY, Duration.ofSeconds(5))
                .build())
            .withLocalDatacenter(config.getString(CassandraSinkConfig.DATACENTER))
            .addContactPoints(config.contactPoints());
        String user = config.getString(CassandraSinkConfig.USER);
        if (user != null) {
            builder.withAuthCredentials(user, config.getPassword(CassandraSinkConfig.PASSWORD).value());
        }
        if (config.getBoolean(CassandraSinkConfig.TLS)) {
            builder.withSslEngineFactory(new TlsEngines(config.tls()));
        }
        return builder.build();
    }
}
