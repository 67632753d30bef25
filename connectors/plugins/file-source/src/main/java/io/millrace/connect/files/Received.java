package io.millrace.connect.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** A whole file as it was read at rest. The same state of the same file always gives the same document id. */
record Received(Path file, String relative, FileState state, String tenantId, String documentId, String sha256, byte[] bytes) {
    static final Set<String> FIELDS = Set.of("tenantId", "documentId", "source", "fileName", "size", "sha256", "receivedAt",
        "content", "attributes");

    /** Name space of the document ids (RFC 9562, version 5). */
    private static final UUID NAMESPACE = UUID.fromString("5f2b7e0a-94d6-5c1e-9a53-3d1f6f0c8e27");

    /** The file is not the one that was looked at: it is taken when it has come to rest again. */
    static final class ChangedException extends IOException {
        private static final long serialVersionUID = 1L;
    }

    static Received read(Share share, Path file, FileState state, String tenantId) throws IOException {
        if (!share.contains(file)) {
            throw new ChangedException();
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            bytes = in.readNBytes((int) state.size() + 1); // one more: it may have grown
        }
        if (bytes.length != state.size() || !FileState.of(file).equals(state)) {
            throw new ChangedException();
        }
        String relative = share.relative(file);
        String sha256 = HexFormat.of().formatHex(digest("SHA-256").digest(bytes));
        String name = String.join("\n", tenantId, relative, Long.toString(state.modified()), Long.toString(state.changed()),
            Long.toString(state.size()), sha256);
        return new Received(file, relative, state, tenantId, uuid(name).toString(), sha256, bytes);
    }

    Received withoutBytes() {
        return new Received(file, relative, state, tenantId, documentId, sha256, new byte[0]);
    }

    String key() {
        return tenantId + "|" + documentId;
    }

    /** Fields of DocumentReceived. */
    Map<String, Object> values(long receivedAt) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("tenantId", tenantId);
        values.put("documentId", documentId);
        values.put("source", "share");
        values.put("fileName", file.getFileName().toString());
        values.put("size", (long) bytes.length);
        values.put("sha256", sha256);
        values.put("receivedAt", receivedAt);
        values.put("content", bytes);
        values.put("attributes", Map.of("path", relative));
        return values;
    }

    static UUID uuid(String name) {
        MessageDigest sha1 = digest("SHA-1");
        sha1.update(ByteBuffer.allocate(16).putLong(NAMESPACE.getMostSignificantBits()).putLong(NAMESPACE.getLeastSignificantBits()).array());
        ByteBuffer hash = ByteBuffer.wrap(sha1.digest(name.getBytes(StandardCharsets.UTF_8)));
        return new UUID(hash.getLong() & 0xffff_ffff_ffff_0fffL | 0x5000L, hash.getLong() & 0x3fff_ffff_ffff_ffffL | 0x8000_0000_0000_0000L);
    }

    private static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has both
        }
    }
}
