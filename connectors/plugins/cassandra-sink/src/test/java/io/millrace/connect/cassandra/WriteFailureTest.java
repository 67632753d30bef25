package io.millrace.connect.cassandra;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.DriverTimeoutException;
import com.datastax.oss.driver.api.core.connection.ClosedConnectionException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.OverloadedException;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.servererrors.UnauthorizedException;
import java.util.Map;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class WriteFailureTest {
    @Test
    void tellsRecordTableAndStoreApart() {
        assertEquals(WriteFailure.BAD_RECORD, WriteFailure.of(new InvalidQueryException(null, "Key length is longer than maximum")));
        assertEquals(WriteFailure.BAD_TABLE, WriteFailure.of(new UnauthorizedException(null, "no MODIFY")));
        assertEquals(WriteFailure.BAD_TABLE, WriteFailure.of(new SyntaxError(null, "line 1")));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(new DriverTimeoutException("timed out")));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(new OverloadedException(null)));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(new ClosedConnectionException("closed")));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(AllNodesFailedException.fromErrors(Map.of())));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(new IllegalStateException("something nobody thought of")), "the record is kept");
    }

    @Test
    void looksIntoCompletions() {
        assertEquals(WriteFailure.BAD_RECORD, WriteFailure.of(new CompletionException(new InvalidQueryException(null, "bad"))));
        assertEquals(WriteFailure.BAD_STORE, WriteFailure.of(new CompletionException("no cause", null)));
    }
}
