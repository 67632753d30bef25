package io.millrace.connect.files;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file's way: seen → at rest → its record and the offset that names it in one transaction → moved. When the worker
 * dies before the move, the offset says that the file was taken, and it is only moved. When it dies before the commit,
 * the file is taken again, under the same document id.
 */
public final class FileSourceTask extends SourceTask {
    private static final Logger LOG = LoggerFactory.getLogger(FileSourceTask.class);
    private static final String PARTITION_FILE = "file";
    private static final String OFFSET_DOCUMENT = "documentId";

    private record Outcome(String documentId, boolean written) {
    }

    /** Files given to Connect whose records are not committed yet, by document id. */
    private final Map<String, Received> sent = new HashMap<>();
    /** Records Connect is done with; their files wait to be moved. */
    private final Queue<Outcome> outcomes = new ConcurrentLinkedQueue<>();
    /** Files that were taken but could not be moved: tried again, never sent again. */
    private final Map<Path, Received> unmoved = new LinkedHashMap<>();
    private final Backlog backlog = new Backlog();
    private final CountDownLatch stopping = new CountDownLatch(1);

    private FileSourceConfig config;
    private Share share;
    private Settler settler;
    private AvroEncoder encoder;
    private long nextScan;

    @Override
    public String version() {
        return FileSourceConnector.VERSION;
    }

    @Override
    public void start(Map<String, String> properties) {
        config = new FileSourceConfig(properties);
        try {
            share = new Share(config.getString(FileSourceConfig.ROOT));
        } catch (IOException e) {
            throw new ConnectException("The share " + config.getString(FileSourceConfig.ROOT) + " cannot be opened.", e);
        }
        nextScan = System.nanoTime();
        settler = new Settler(config.getLong(FileSourceConfig.SETTLE_MS));
        encoder = new AvroEncoder(config.getString(FileSourceConfig.SCHEMA), config.getInt(FileSourceConfig.SCHEMA_ID));
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        moveCommitted();
        List<SourceRecord> records = records(batch());
        if (records.isEmpty()) {
            stopping.await(config.getLong(FileSourceConfig.SCAN_INTERVAL_MS), TimeUnit.MILLISECONDS);
            return null;
        }
        return records;
    }

    /** The next files at rest, read, within the bounds of one transaction. */
    private List<Received> batch() throws InterruptedException {
        scan();
        List<Received> batch = new ArrayList<>();
        long bytes = 0;
        while (!backlog.isEmpty() && batch.size() < config.getInt(FileSourceConfig.BATCH_FILES) && stopping.getCount() > 0) {
            Backlog.Entry next = backlog.peek();
            if (!batch.isEmpty() && bytes + next.state().size() > config.getLong(FileSourceConfig.BATCH_BYTES)) {
                break;
            }
            backlog.remove();
            Received received = read(next.file(), next.state());
            if (received != null) {
                batch.add(received);
                bytes += received.bytes().length;
            }
        }
        return batch;
    }

    /** Looks at the share when it is time: also while there is a backlog, so that a newcomer gets its turn. */
    private void scan() throws InterruptedException {
        long begin = System.nanoTime();
        if (begin < nextScan) {
            return;
        }
        Map<Path, FileState> files;
        try {
            files = share.scan();
        } catch (IOException e) {
            stopping.await(config.getLong(FileSourceConfig.SCAN_INTERVAL_MS), TimeUnit.MILLISECONDS);
            throw new RetriableException("The share cannot be read now.", e);
        }
        files.entrySet().removeIf(entry -> !isOurs(entry.getKey()) || isTaken(entry.getKey(), entry.getValue()));
        long end = System.nanoTime();
        backlog.refill(settler.settled(files, end), files, share::tenant);
        // a share of many files takes long to look at: most of the time belongs to taking them
        nextScan = end + Math.max(TimeUnit.MILLISECONDS.toNanos(config.getLong(FileSourceConfig.SCAN_INTERVAL_MS)), 4 * (end - begin));
    }

    private boolean isTaken(Path file, FileState state) {
        Received waiting = unmoved.get(file);
        return waiting != null && waiting.state().equals(state);
    }

    private boolean isOurs(Path file) {
        return Math.floorMod(share.relative(file).hashCode(), config.getInt(FileSourceConfig.TASK_COUNT)) == config.getInt(FileSourceConfig.TASK_INDEX);
    }

    /** null when the file is not there to be taken: gone, changed, on its way already, or set aside. */
    private Received read(Path file, FileState state) {
        String tenant = share.tenant(file);
        int maximum = config.getInt(FileSourceConfig.MAX_BYTES);
        if (tenant == null) {
            setAside(file, state, "TENANT_INVALID", "Files belong into a folder named as their tenant: lower-case letters, digits"
                + " and hyphens, at most 63, the first a letter or digit.");
            return null;
        }
        if (state.size() > maximum) {
            setAside(file, state, "TOO_LARGE", "The file has " + state.size() + " bytes, a share takes " + maximum
                + ": send larger ones through the API.");
            return null;
        }
        for (Received other : sent.values()) {
            if (other.file().equals(file) && other.state().equals(state)) {
                return null;
            }
        }
        try {
            return Received.read(share, file, state, tenant);
        } catch (NoSuchFileException | Received.ChangedException e) {
            settler.restart(file);
        } catch (IOException e) {
            setAside(file, state, "UNREADABLE", "The file could not be read: " + e.getClass().getSimpleName() + ".");
        }
        return null;
    }

    private List<SourceRecord> records(List<Received> batch) {
        if (batch.isEmpty()) {
            return List.of();
        }
        Map<Map<String, String>, Map<String, Object>> offsets = context.offsetStorageReader()
            .offsets(batch.stream().map(FileSourceTask::partition).toList());
        List<SourceRecord> records = new ArrayList<>(batch.size());
        long now = System.currentTimeMillis();
        for (Received received : batch) {
            Map<String, Object> offset = offsets.get(partition(received));
            if (offset != null && received.documentId().equals(offset.get(OFFSET_DOCUMENT))) {
                move(received); // committed before the last stop
                continue;
            }
            sent.put(received.documentId(), received);
            records.add(new SourceRecord(partition(received), Map.of(OFFSET_DOCUMENT, received.documentId()),
                config.getString(FileSourceConfig.TOPIC), null, Schema.STRING_SCHEMA, received.key(), Schema.BYTES_SCHEMA,
                encoder.encode(received.values(now)), now));
        }
        return records;
    }

    private static Map<String, String> partition(Received received) {
        return Map.of(PARTITION_FILE, received.relative());
    }

    /** Called once the record's transaction is committed; the move follows on the task's own thread. */
    @Override
    public void commitRecord(SourceRecord record, RecordMetadata metadata) {
        // without metadata the record was dropped on its way, by a transformation or as one error too many
        outcomes.add(new Outcome((String) record.sourceOffset().get(OFFSET_DOCUMENT), metadata != null));
    }

    private void moveCommitted() {
        for (Outcome outcome = outcomes.poll(); outcome != null; outcome = outcomes.poll()) {
            Received received = sent.remove(outcome.documentId);
            if (received == null) {
                continue;
            }
            if (outcome.written) {
                move(received);
            } else {
                setAside(received.file(), received.state(), "NOT_WRITTEN", "The worker dropped the record of the file.");
            }
        }
        List.copyOf(unmoved.values()).forEach(this::move);
    }

    private void move(Received received) {
        Path file = received.file();
        try {
            // a file that was replaced after it was read is another one, and stays
            if (FileState.of(file).equals(received.state())) {
                share.done(file, received.documentId());
            }
            unmoved.remove(file);
        } catch (NoSuchFileException e) {
            unmoved.remove(file);
        } catch (IOException e) {
            if (unmoved.put(file, received.withoutBytes()) == null) {
                LOG.warn("A file of document {} was taken but could not be moved to {}; trying again.", received.documentId(), Share.DONE, e);
            }
        }
    }

    private void setAside(Path file, FileState state, String code, String message) {
        try {
            share.failed(file, Received.uuid(share.relative(file) + state).toString(), code, message);
            LOG.warn("A file of the share was set aside: {}", code);
        } catch (NoSuchFileException e) {
            settler.restart(file);
        } catch (IOException e) {
            settler.restart(file);
            LOG.warn("A file of the share should be set aside ({}) but could not be moved to {}; trying again.", code, Share.FAILED, e);
        }
    }

    @Override
    public void stop() {
        stopping.countDown();
    }
}
