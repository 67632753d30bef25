package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.metadata.EndPoint;
import com.datastax.oss.driver.api.core.ssl.SslEngineFactory;
import java.net.InetSocketAddress;
import java.util.Map;
import javax.net.ssl.SSLEngine;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;

/**
 * TLS as the worker's Kafka clients do it: the same settings, PEM files among them. A node's certificate must hold the
 * address or name it is reached by, unless that check is switched off.
 */
final class TlsEngines implements SslEngineFactory {
    private final DefaultSslEngineFactory engines = new DefaultSslEngineFactory();
    private final String identification;

    /** @throws org.apache.kafka.common.KafkaException when a file cannot be read */
    TlsEngines(Map<String, ?> settings) {
        engines.configure(settings);
        identification = (String) settings.get(SslConfigs.SSL_ENDPOINT_IDENTIFICATION_ALGORITHM_CONFIG);
    }

    @Override
    public SSLEngine newSslEngine(EndPoint node) {
        InetSocketAddress address = (InetSocketAddress) node.resolve();
        return engines.createClientSslEngine(address.getHostString(), address.getPort(), identification);
    }

    @Override
    public void close() {
        engines.close();
    }
}
