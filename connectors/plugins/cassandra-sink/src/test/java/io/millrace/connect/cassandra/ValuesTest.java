package io.millrace.connect.cassandra;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.driver.api.core.type.DataTypes;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;

class ValuesTest {
    @Test
    void convertsWhatFits() {
        assertEquals("a", Values.convert("c", DataTypes.TEXT, "a"));
        assertEquals(7, Values.convert("c", DataTypes.INT, 7));
        assertEquals(7, Values.convert("c", DataTypes.INT, 7L));
        assertEquals(7L, Values.convert("c", DataTypes.BIGINT, 7));
        assertEquals(Long.MAX_VALUE, Values.convert("c", DataTypes.BIGINT, Long.MAX_VALUE));
        assertEquals(0.5, Values.convert("c", DataTypes.DOUBLE, 0.5f));
        assertEquals(true, Values.convert("c", DataTypes.BOOLEAN, true));
        assertEquals(Instant.ofEpochMilli(123), Values.convert("c", DataTypes.TIMESTAMP, new Date(123)));
        assertEquals(Instant.ofEpochMilli(123), Values.convert("c", DataTypes.TIMESTAMP, 123L));
    }

    @Test
    void keepsNull() {
        for (DataType type : List.of(DataTypes.TEXT, DataTypes.INT, DataTypes.TIMESTAMP)) {
            assertNull(Values.convert("c", type, null));
        }
    }

    @Test
    void refusesWhatDoesNotFitAndNamesTheColumnOnly() {
        record Case(DataType type, Object value) {
        }
        for (Case bad : List.of(new Case(DataTypes.INT, 5_000_000_000L), new Case(DataTypes.INT, "1"), new Case(DataTypes.TEXT, 1),
            new Case(DataTypes.BIGINT, 1.5), new Case(DataTypes.BOOLEAN, "true"), new Case(DataTypes.TIMESTAMP, "secret"),
            new Case(DataTypes.DOUBLE, "secret"), new Case(DataTypes.BLOB, "secret"))) {
            DataException error = assertThrows(DataException.class, () -> Values.convert("amount", bad.type, bad.value));
            assertTrue(error.getMessage().contains("amount"));
            assertFalse(error.getMessage().contains(bad.value.toString().equals("secret") ? "secret" : "5000000000"));
        }
    }

    @Test
    void saysWhatItSupports() {
        assertTrue(Values.supports(DataTypes.BIGINT));
        assertFalse(Values.supports(DataTypes.COUNTER));
        assertFalse(Values.supports(DataTypes.listOf(DataTypes.TEXT)));
    }
}
