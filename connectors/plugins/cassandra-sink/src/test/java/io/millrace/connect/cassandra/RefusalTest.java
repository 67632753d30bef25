package io.millrace.connect.cassandra;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.auth.AuthenticationException;
import com.datastax.oss.driver.api.core.metadata.EndPoint;
import com.datastax.oss.driver.api.core.metadata.Node;
import java.lang.reflect.Proxy;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;

class RefusalTest {
    private static final EndPoint AT = new EndPoint() {
        @Override
        public SocketAddress resolve() {
            return InetSocketAddress.createUnresolved("node", 9042);
        }

        @Override
        public String asMetricPrefix() {
            return "node";
        }
    };

    private static String reason(Throwable error) {
        Node node = (Node) Proxy.newProxyInstance(RefusalTest.class.getClassLoader(), new Class<?>[] {Node.class},
            (proxy, method, arguments) -> switch (method.getName()) {
                case "hashCode" -> 1;
                case "equals" -> proxy == arguments[0];
                default -> "node";
            });
        return Refusal.of(AllNodesFailedException.fromErrors(List.of(Map.entry(node, error))));
    }

    @Test
    void namesTheSettingsOfWhatIsRefused() {
        assertTrue(reason(new AuthenticationException(AT, "Provided username and/or password are incorrect")).contains("cassandra.password"));
        assertTrue(reason(new RuntimeException(new SSLHandshakeException("no path"))).contains("cassandra.ssl.*): no path"));
    }

    @Test
    void isNoneWhenTheStoreCannotNow() {
        assertNull(reason(new ConnectException("refused")));
        assertNull(reason(new AuthenticationException(AT, "Unable to perform authentication: Cannot achieve consistency level LOCAL_ONE")));
        assertNull(reason(new SSLHandshakeException("Connection closed while SSL/TLS handshake was in progress")));
        assertNull(reason(new SSLHandshakeException("handshake timed out after 10000ms")));
        assertNull(Refusal.of(AllNodesFailedException.fromErrors(List.of())));
    }
}
