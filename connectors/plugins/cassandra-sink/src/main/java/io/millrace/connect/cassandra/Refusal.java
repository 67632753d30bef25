package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.auth.AuthenticationException;
import java.util.Collection;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/**
 * A store that answers but lets nobody in: waiting does not help, a setting has to be mended. The driver says the same
 * thing of it as of a store that is away.
 */
final class Refusal {
    /** Of a node that cannot read its roles at the moment: it is the store that cannot now. */
    private static final String ROLES_AWAY = "Unable to perform authentication";
    /** Of a node that goes, or is too busy, in the middle of a handshake. */
    private static final Pattern NODE_AWAY = Pattern.compile("closed|timed out");

    private Refusal() {
    }

    /** What is to be mended, with the settings it is in; null when nodes are away or cannot now. */
    static String of(AllNodesFailedException failure) {
        return failure.getAllErrors().values().stream().flatMap(Collection::stream)
            .map(Refusal::ofNode).filter(reason -> reason != null).findFirst().orElse(null);
    }

    private static String ofNode(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof AuthenticationException && !String.valueOf(cause.getMessage()).contains(ROLES_AWAY)) {
                return "Cassandra refuses " + CassandraSinkConfig.USER + " with " + CassandraSinkConfig.PASSWORD
                    + ", or wants them and they are not set.";
            }
            if (cause instanceof SSLException && !NODE_AWAY.matcher(String.valueOf(cause.getMessage())).find()) {
                return "TLS with Cassandra fails (" + CassandraSinkConfig.TLS + ", " + CassandraSinkConfig.TLS_PREFIX + "ssl.*): " + cause.getMessage();
            }
        }
        return null;
    }
}
