package io.millrace.connect.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;

class AvroEncoderTest {
    static String documentReceived() throws Exception {
        return Files.readString(Path.of("../../../avro/schemas/DocumentReceived.avsc"));
    }

    private static String record(String fields) {
        return "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" + fields + "]}";
    }

    @Test
    void writesConfluentFramingAndAvro() {
        AvroEncoder encoder = new AvroEncoder(record("""
            {"name":"text","type":"string"}, {"name":"none","type":["null","string"],"default":null},
            {"name":"number","type":{"type":"long","logicalType":"timestamp-millis"}}, {"name":"bytes","type":["null","bytes"]},
            {"name":"map","type":{"type":"map","values":"string"}}, {"name":"last","type":["string","null"]}"""), 258);
        byte[] expected = bytes(0, 0, 0, 1, 2, /* text */ 4, 0xc3, 0xa4, /* none */ 0, /* number -65 */ 0x81, 1, /* bytes */ 2, 2, 9,
            /* map */ 2, 2, 'k', 2, 'v', 0, /* last */ 2);
        Map<String, Object> values = new HashMap<>(Map.of("text", "ä", "number", -65L, "bytes", new byte[] {9}, "map", Map.of("k", "v")));
        assertArrayEquals(expected, encoder.encode(values));
    }

    @Test
    void servesTheSchemaOfTheTopic() throws Exception {
        AvroEncoder encoder = new AvroEncoder(documentReceived(), 7);
        assertDoesNotThrow(() -> encoder.check(Received.FIELDS));
    }

    @Test
    void aNewNullableFieldIsWrittenAsNull() {
        byte[] with = new AvroEncoder(record("{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"new\",\"type\":[\"null\",\"long\"]}"), 1).encode(Map.of("a", "x"));
        assertArrayEquals(bytes(0, 0, 0, 0, 1, 2, 'x', 0), with);
    }

    @Test
    void refusesSchemasItCannotServe() {
        refused(record("{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"new\",\"type\":\"string\"}"), "new");
        refused(record("{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}"), "a");
        refused(record("{\"name\":\"a\",\"type\":[\"null\",\"string\",\"long\"]}"), "a");
        refused(record("{\"name\":\"other\",\"type\":[\"null\",\"string\"]}"), "a");
        assertThrows(ConfigException.class, () -> new AvroEncoder("\"string\"", 1));
        assertThrows(ConfigException.class, () -> new AvroEncoder("no json", 1));
    }

    @Test
    void refusesARecordThatLacksAField() {
        AvroEncoder encoder = new AvroEncoder(record("{\"name\":\"a\",\"type\":\"string\"}"), 1);
        assertThrows(IllegalArgumentException.class, () -> encoder.encode(Map.of()));
    }

    private static void refused(String schema, String field) {
        ConfigException error = assertThrows(ConfigException.class, () -> new AvroEncoder(schema, 1).check(Set.of("a")));
        assertTrue(error.getMessage().contains(field), error.getMessage());
    }

    private static byte[] bytes(int... values) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int value : values) {
            out.write(value);
        }
        return out.toByteArray();
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
