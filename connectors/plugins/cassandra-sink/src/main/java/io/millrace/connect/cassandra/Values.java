package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.driver.api.core.type.DataTypes;
import java.time.Instant;
import java.util.Date;
import java.util.Set;
import org.apache.kafka.connect.errors.DataException;

/** Connect values as the driver wants them. Nothing is bent to fit: what does not is a bad record. */
final class Values {
    private static final Set<DataType> SUPPORTED = Set.of(DataTypes.TEXT, DataTypes.ASCII, DataTypes.INT,
        DataTypes.BIGINT, DataTypes.DOUBLE, DataTypes.BOOLEAN, DataTypes.TIMESTAMP);

    private Values() {
    }

    static boolean supports(DataType type) {
        return SUPPORTED.contains(type);
    }

    /**
     * @param value what the record holds, null allowed
     * @throws DataException when it is no value of the column's type; names the column, not the value
     */
    static Object convert(String column, DataType type, Object value) {
        if (value == null) {
            return null;
        }
        Object converted = null;
        if (type.equals(DataTypes.TEXT) || type.equals(DataTypes.ASCII)) {
            converted = value instanceof String ? value : null;
        } else if (type.equals(DataTypes.BOOLEAN)) {
            converted = value instanceof Boolean ? value : null;
        } else if (type.equals(DataTypes.BIGINT)) {
            converted = integer(value);
        } else if (type.equals(DataTypes.INT)) {
            Long integer = integer(value);
            converted = integer != null && integer == integer.intValue() ? (Object) integer.intValue() : null;
        } else if (type.equals(DataTypes.DOUBLE)) {
            converted = value instanceof Number ? (Object) ((Number) value).doubleValue() : null;
        } else if (type.equals(DataTypes.TIMESTAMP)) {
            converted = value instanceof Date ? ((Date) value).toInstant()
                : value instanceof Long ? Instant.ofEpochMilli((Long) value) : null;
        }
        if (converted == null) {
            throw new DataException("Column " + column + " is a " + type.asCql(false, false)
                + ", the record holds a " + value.getClass().getSimpleName() + " that is none.");
        }
        return converted;
    }

    /** An integer of any size up to 64 bits; null for everything else. */
    static Long integer(Object value) {
        return value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte
            ? (Long) ((Number) value).longValue() : null;
    }
}
