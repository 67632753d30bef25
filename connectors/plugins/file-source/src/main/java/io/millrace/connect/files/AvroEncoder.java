package io.millrace.connect.files;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.ConfigException;

/**
 * Encodes a flat record by the schema the registry has, in Confluent framing. It follows the schema's fields, so a
 * schema that gained a nullable field is served without a change here, and one that needs what we do not have is refused
 * at the start instead of giving records nobody can read.
 */
final class AvroEncoder {
    private final JsonNode fields;
    private final int schemaId;

    AvroEncoder(String schema, int schemaId) {
        this.schemaId = schemaId;
        try {
            JsonNode root = new ObjectMapper().readTree(schema);
            if (!"record".equals(root.path("type").asText()) || !root.path("fields").isArray()) {
                throw new ConfigException(FileSourceConfig.SCHEMA, "…", "must be the Avro schema of a record");
            }
            this.fields = root.get("fields");
        } catch (JsonProcessingException e) {
            throw new ConfigException(FileSourceConfig.SCHEMA, "…", "is no JSON");
        }
    }

    /** @throws ConfigException when a field is neither among the known ones nor may be left out */
    void check(Set<String> known) {
        for (JsonNode field : fields) {
            String name = field.path("name").asText();
            String type = plain(field.get("type"));
            boolean supported = Set.of("string", "bytes", "long", "int", "boolean", "map").contains(type);
            if (known.contains(name) ? !supported : nullBranch(field.get("type")) < 0) {
                throw new ConfigException(FileSourceConfig.SCHEMA, name, "is a field this source cannot fill: update the plugin");
            }
        }
        for (String name : known) {
            boolean found = false;
            for (JsonNode field : fields) {
                found |= name.equals(field.path("name").asText());
            }
            if (!found) {
                throw new ConfigException(FileSourceConfig.SCHEMA, name, "is a field this source needs");
            }
        }
    }

    byte[] encode(Map<String, Object> values) {
        Object content = values.get("content");
        ByteArrayOutputStream out = new ByteArrayOutputStream(1024 + (content instanceof byte[] bytes ? bytes.length : 0));
        out.write(0);
        out.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(schemaId).array());
        for (JsonNode field : fields) {
            JsonNode type = field.get("type");
            Object value = values.get(field.get("name").asText());
            int nullBranch = nullBranch(type);
            if (nullBranch >= 0) {
                writeLong(out, value == null ? nullBranch : 1 - nullBranch);
            }
            if (value != null) {
                write(out, plain(type), value);
            } else if (nullBranch < 0) {
                throw new IllegalArgumentException("Field " + field.get("name").asText() + " has no value.");
            }
        }
        return out.toByteArray();
    }

    /** Position of null in a union of two; -1 when the type is no such union. */
    private static int nullBranch(JsonNode type) {
        if (!type.isArray() || type.size() != 2) {
            return -1;
        }
        return "null".equals(type.get(0).asText()) ? 0 : "null".equals(type.get(1).asText()) ? 1 : -1;
    }

    /** The name of a type, without null, logical types and other attributes. */
    private static String plain(JsonNode type) {
        if (type.isArray()) {
            int nullBranch = nullBranch(type);
            return nullBranch < 0 ? "union" : plain(type.get(1 - nullBranch));
        }
        if (type.isObject() && "map".equals(type.path("type").asText())) {
            return "string".equals(type.path("values").asText()) ? "map" : "map of something else";
        }
        return type.isObject() ? plain(type.get("type")) : type.asText();
    }

    private static void write(ByteArrayOutputStream out, String type, Object value) {
        switch (type) {
            case "string" -> writeBytes(out, ((String) value).getBytes(StandardCharsets.UTF_8));
            case "bytes" -> writeBytes(out, (byte[]) value);
            case "long", "int" -> writeLong(out, ((Number) value).longValue());
            case "boolean" -> out.write((Boolean) value ? 1 : 0);
            case "map" -> {
                Map<?, ?> map = (Map<?, ?>) value;
                if (!map.isEmpty()) {
                    writeLong(out, map.size());
                    map.forEach((key, held) -> {
                        write(out, "string", key);
                        write(out, "string", held);
                    });
                }
                writeLong(out, 0);
            }
            default -> throw new IllegalArgumentException("Fields of type " + type + " are not written.");
        }
    }

    private static void writeBytes(ByteArrayOutputStream out, byte[] bytes) {
        writeLong(out, bytes.length);
        out.writeBytes(bytes);
    }

    /** Zigzag varint. */
    private static void writeLong(ByteArrayOutputStream out, long value) {
        long rest = value << 1 ^ value >> 63;
        while ((rest & ~0x7fL) != 0) {
            out.write((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }
}
