package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.connection.FrameTooLongException;
import com.datastax.oss.driver.api.core.servererrors.AlreadyExistsException;
import com.datastax.oss.driver.api.core.servererrors.InvalidConfigurationInQueryException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.servererrors.UnauthorizedException;
import com.datastax.oss.driver.api.core.type.codec.CodecNotFoundException;
import java.util.concurrent.CompletionException;

/** What a failed write says about the record, the table and the store. */
enum WriteFailure {
    /** The store refused this record; the same record would be refused again. */
    BAD_RECORD,
    /** The table or our rights changed: no record can be written. */
    BAD_TABLE,
    /** The store cannot now; the record is good. */
    BAD_STORE;

    static WriteFailure of(Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        if (cause instanceof UnauthorizedException || cause instanceof SyntaxError
            || cause instanceof InvalidConfigurationInQueryException || cause instanceof AlreadyExistsException) {
            return BAD_TABLE;
        }
        // also what the store says when a table is gone: the task looks at the table again before it blames the record
        if (cause instanceof InvalidQueryException || cause instanceof FrameTooLongException
            || cause instanceof CodecNotFoundException || cause instanceof IllegalArgumentException) {
            return BAD_RECORD;
        }
        return BAD_STORE;
    }
}
