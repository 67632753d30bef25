package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.BoundStatementBuilder;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.metadata.schema.ColumnMetadata;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.datastax.oss.driver.api.core.type.DataType;
import com.datastax.oss.driver.api.core.type.codec.TypeCodec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * One table: checks that it is as the settings say, and turns records into inserts. Every insert writes every column,
 * nulls too: a column that a newer revision no longer has must not keep the value of an older one.
 */
final class TableWriter {
    private static final int PARTITION_KEY_BYTES = 65_535;

    private record Column(String name, DataType type, boolean key) {
    }

    private final String table;
    private final String revisionField;
    private final List<Column> columns;
    private final PreparedStatement insert;

    /** @throws ConnectException when the table, a column or a type is not there: that stops the task */
    TableWriter(CqlSession session, String keyspace, String table, List<String> names, String revisionField) {
        this.table = table;
        this.revisionField = revisionField;
        this.columns = check(session, keyspace, table, names);
        List<String> quoted = names.stream().map(name -> CqlIdentifier.fromInternal(name).asCql(true)).toList();
        this.insert = session.prepare("INSERT INTO " + CqlIdentifier.fromInternal(keyspace).asCql(true) + "."
            + CqlIdentifier.fromInternal(table).asCql(true) + " (" + String.join(", ", quoted) + ") VALUES ("
            + "?, ".repeat(names.size() - 1) + "?) USING TIMESTAMP ?");
    }

    /** @throws ConnectException when the table is no longer as the settings say */
    static List<Column> check(CqlSession session, String keyspace, String table, List<String> names) {
        TableMetadata metadata = session.getMetadata().getKeyspace(CqlIdentifier.fromInternal(keyspace))
            .orElseThrow(() -> new ConnectException("There is no keyspace " + keyspace + ": run the migrations."))
            .getTable(CqlIdentifier.fromInternal(table))
            .orElseThrow(() -> new ConnectException("There is no table " + keyspace + "." + table + ": run the migrations."));
        Set<CqlIdentifier> keys = new HashSet<>();
        metadata.getPrimaryKey().forEach(column -> keys.add(column.getName()));
        List<Column> columns = new ArrayList<>();
        for (String name : names) {
            CqlIdentifier id = CqlIdentifier.fromInternal(name);
            ColumnMetadata column = metadata.getColumn(id).orElseThrow(() -> new ConnectException(
                "Table " + keyspace + "." + table + " has no column " + name + ": run the migrations."));
            if (!Values.supports(column.getType())) {
                throw new ConnectException("Column " + table + "." + name + " is a "
                    + column.getType().asCql(false, false) + ", which this sink does not write.");
            }
            columns.add(new Column(name, column.getType(), keys.remove(id)));
        }
        if (!keys.isEmpty()) {
            throw new ConnectException("The columns of " + table + " lack parts of its primary key: " + keys + ".");
        }
        return columns;
    }

    /** @throws DataException when the record is no row of this table */
    BoundStatement bind(SinkRecord record) {
        if (!(record.value() instanceof Struct value)) {
            throw new DataException(record.value() == null
                ? "A tombstone: rows are erased by a row with a higher revision, not by deleting it."
                : "The value is no struct.");
        }
        if (record.key() instanceof Struct key) {
            for (Field field : key.schema().fields()) {
                if (value.schema().field(field.name()) != null && !key.get(field).equals(value.get(field.name()))) {
                    throw new DataException("Key and value disagree in " + field.name() + ".");
                }
            }
        }
        BoundStatementBuilder statement = insert.boundStatementBuilder();
        int index = 0;
        for (Column column : columns) {
            Field field = value.schema().field(column.name);
            Object converted = Values.convert(column.name, column.type, field == null ? null : value.get(field));
            if (column.key && (converted == null || converted instanceof String text && !isKey(text))) {
                throw new DataException("Column " + column.name + " belongs to the primary key of " + table
                    + ": it must have 1 to " + PARTITION_KEY_BYTES + " bytes.");
            }
            set(statement, index++, column.type, converted);
        }
        Field field = value.schema().field(revisionField);
        Long revision = Values.integer(field == null ? null : value.get(field));
        if (revision == null || revision <= 0) {
            throw new DataException("Field " + revisionField + " must hold a positive integer.");
        }
        return statement.setLong(index, revision).build();
    }

    private static boolean isKey(String text) {
        return !text.isEmpty() && text.getBytes(StandardCharsets.UTF_8).length <= PARTITION_KEY_BYTES;
    }

    private void set(BoundStatementBuilder statement, int index, DataType type, Object value) {
        if (value == null) {
            statement.setToNull(index);
            return;
        }
        TypeCodec<Object> codec = statement.codecRegistry().codecFor(type, value);
        statement.set(index, value, codec);
    }
}
