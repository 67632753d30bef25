package io.millrace.connect.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The task's own decisions; the transactions around it are tested on a real worker. */
@Timeout(30)
class FileSourceTaskTest {
    private static final RecordMetadata WRITTEN = new RecordMetadata(new TopicPartition("documents.raw", 0), 0, 0, 0, 0, 0);

    @TempDir
    private Path root;
    /** What the worker has committed, as it would be read after a restart. */
    private final Map<Map<String, ?>, Map<String, Object>> offsets = new HashMap<>();

    @BeforeEach
    void folders() throws IOException {
        root = root.toRealPath();
        Files.createDirectories(root.resolve("acme"));
    }

    private FileSourceTask task(String... settings) throws Exception {
        Map<String, String> properties = new HashMap<>(Map.of("root", root.toString(), "topic", "documents.raw", "settle.ms", "0",
            "scan.interval.ms", "10", "value.schema", AvroEncoderTest.documentReceived(), "value.schema.id", "7"));
        for (int index = 0; index < settings.length; index += 2) {
            properties.put(settings[index], settings[index + 1]);
        }
        FileSourceTask task = new FileSourceTask();
        task.initialize(context());
        task.start(properties);
        return task;
    }

    private SourceTaskContext context() {
        OffsetStorageReader reader = new OffsetStorageReader() {
            @Override
            public <T> Map<String, Object> offset(Map<String, T> partition) {
                return offsets.get(partition);
            }

            @Override
            public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
                Map<Map<String, T>, Map<String, Object>> found = new HashMap<>();
                partitions.forEach(partition -> found.put(partition, offsets.get(partition)));
                return found;
            }
        };
        return new SourceTaskContext() {
            @Override
            public Map<String, String> configs() {
                return Map.of();
            }

            @Override
            public OffsetStorageReader offsetStorageReader() {
                return reader;
            }

            @Override
            public org.apache.kafka.common.metrics.PluginMetrics pluginMetrics() {
                throw new UnsupportedOperationException();
            }
        };
    }

    private static List<SourceRecord> next(FileSourceTask task) throws InterruptedException {
        for (int poll = 0; poll < 200; poll++) {
            List<SourceRecord> records = task.poll();
            if (records != null) {
                return records;
            }
        }
        throw new AssertionError("no record in 200 polls");
    }

    @SuppressWarnings("unchecked")
    private void commit(FileSourceTask task, List<SourceRecord> records) {
        for (SourceRecord record : records) {
            offsets.put(record.sourcePartition(), (Map<String, Object>) record.sourceOffset());
            task.commitRecord(record, WRITTEN);
        }
    }

    @Test
    void aFileIsMovedOnlyAfterItsRecordIsCommitted() throws Exception {
        Path file = Files.writeString(root.resolve("acme/a.pdf"), "a");
        FileSourceTask task = task();
        List<SourceRecord> records = next(task);
        assertEquals(1, records.size());
        assertEquals("documents.raw", records.get(0).topic());
        assertTrue(((String) records.get(0).key()).matches("acme\\|[0-9a-f-]{36}"));
        assertTrue(AvroEncoderTest.text((byte[]) records.get(0).value()).contains("a.pdf"));
        for (int poll = 0; poll < 5; poll++) {
            assertNull(task.poll(), "not sent again while its transaction is open");
        }
        assertTrue(Files.exists(file));
        commit(task, records);
        assertNull(task.poll());
        assertFalse(Files.exists(file));
        assertTrue(Files.exists(root.resolve(".done/acme/a.pdf")));
    }

    @Test
    void afterACrashBeforeTheMoveTheFileIsOnlyMoved() throws Exception {
        Files.writeString(root.resolve("acme/a.pdf"), "a");
        FileSourceTask died = task();
        commit(died, next(died));
        FileSourceTask task = task();
        while (Files.exists(root.resolve("acme/a.pdf"))) {
            assertNull(task.poll());
        }
        assertTrue(Files.exists(root.resolve(".done/acme/a.pdf")));
    }

    @Test
    void afterACrashBeforeTheCommitTheFileComesAgainUnderTheSameId() throws Exception {
        Files.writeString(root.resolve("acme/a.pdf"), "a");
        Object key = next(task()).get(0).key();
        assertEquals(key, next(task()).get(0).key());
    }

    @Test
    void aFileReplacedBeforeTheMoveIsAnotherFile() throws Exception {
        Path file = Files.writeString(root.resolve("acme/a.pdf"), "a");
        FileSourceTask task = task();
        List<SourceRecord> first = next(task);
        Files.writeString(file, "b, longer");
        commit(task, first);
        List<SourceRecord> second = next(task);
        assertNotEquals(first.get(0).key(), second.get(0).key());
        assertTrue(AvroEncoderTest.text((byte[]) second.get(0).value()).contains("b, longer"));
    }

    @Test
    void aBatchIsBoundedInFilesAndBytesButTakesAtLeastOne() throws Exception {
        for (int index = 0; index < 7; index++) {
            Files.write(root.resolve("acme/" + index), new byte[1_000]);
        }
        FileSourceTask byFiles = task("batch.files", "3");
        assertEquals(3, next(byFiles).size());
        FileSourceTask byBytes = task("batch.bytes", "2500");
        assertEquals(2, next(byBytes).size());
        FileSourceTask small = task("batch.bytes", "10");
        assertEquals(1, next(small).size());
    }

    @Test
    void whatMayNotBeTakenIsSetAside() throws Exception {
        Files.write(root.resolve("acme/large"), new byte[11]);
        Files.writeString(root.resolve("loose"), "x");
        Files.writeString(root.resolve("acme/good"), "x");
        FileSourceTask task = task("max.bytes", "10");
        assertEquals(1, next(task).size());
        assertTrue(Files.readString(root.resolve(".failed/acme/large.reason.json")).contains("TOO_LARGE"));
        assertTrue(Files.readString(root.resolve(".failed/loose.reason.json")).contains("TENANT_INVALID"));
    }

    @Test
    void aRecordTheWorkerDroppedSetsItsFileAside() throws Exception {
        Files.writeString(root.resolve("acme/a"), "x");
        FileSourceTask task = task();
        task.commitRecord(next(task).get(0), null);
        assertNull(task.poll());
        assertTrue(Files.readString(root.resolve(".failed/acme/a.reason.json")).contains("NOT_WRITTEN"));
    }

    @Test
    void tasksShareTheFiles() throws Exception {
        for (int index = 0; index < 40; index++) {
            Files.writeString(root.resolve("acme/" + index), "x");
        }
        List<Object> keys = new ArrayList<>();
        for (String index : List.of("0", "1")) {
            next(task("task.index", index, "task.count", "2")).forEach(record -> keys.add(record.key()));
        }
        assertEquals(40, keys.stream().distinct().count());
        assertEquals(40, keys.size());
    }
}
