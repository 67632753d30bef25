package io.millrace.connect.cassandra;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.DriverTimeoutException;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.servererrors.CoordinatorException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes asynchronously, a bounded number at a time. {@code put} returns when its writes are under way; offsets are
 * committed only when they are done. A failed write is looked at on the task's thread: a record the store refuses goes
 * to the dead letters, a table that is gone stops the task, a store that cannot now gets the write again. Writing again
 * is always safe: the timestamp comes from the record.
 */
public final class CassandraSinkTask extends SinkTask {
    private static final Logger LOG = LoggerFactory.getLogger(CassandraSinkTask.class);

    /** A record with writes under way, one per table. It is set aside once, whatever number of tables refuse it. */
    private static final class Pending {
        private final SinkRecord record;
        private final TopicPartition partition;
        private boolean setAside;

        private Pending(SinkRecord record) {
            this.record = record;
            // the offsets before transformations: those are committed
            this.partition = new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
        }
    }

    private record Write(Pending pending, BoundStatement statement) {
    }

    private record Failed(Write write, Throwable error) {
    }

    private final WriteTracker tracker = new WriteTracker();
    private final Queue<Failed> failures = new ConcurrentLinkedQueue<>();
    private CassandraSinkConfig config;
    private Semaphore permits;
    private CqlSession session;
    private Map<String, List<TableWriter>> writers = Map.of();

    @Override
    public String version() {
        return CassandraSinkConnector.VERSION;
    }

    @Override
    public void start(Map<String, String> properties) {
        config = new CassandraSinkConfig(properties);
        permits = new Semaphore(config.getInt(CassandraSinkConfig.MAX_IN_FLIGHT));
        try {
            open();
        } catch (RetriableException e) {
            LOG.warn("{} Trying again with the first records.", e.getMessage());
        }
    }

    /** @throws RetriableException when the store does not answer; ConnectException when its tables are wrong */
    private void open() {
        if (session != null) {
            return;
        }
        CqlSession opened = null;
        try {
            opened = Sessions.open(config);
            String keyspace = config.getString(CassandraSinkConfig.KEYSPACE);
            Map<String, List<TableWriter>> prepared = new HashMap<>();
            for (Map.Entry<String, List<String>> topic : config.tables().entrySet()) {
                List<TableWriter> tables = new ArrayList<>();
                for (String table : topic.getValue()) {
                    tables.add(new TableWriter(opened, keyspace, table, config.columns(table),
                        config.getString(CassandraSinkConfig.REVISION_FIELD)));
                }
                prepared.put(topic.getKey(), tables);
            }
            writers = prepared;
            session = opened;
            opened = null;
        } catch (AllNodesFailedException | DriverTimeoutException | CoordinatorException e) {
            String refusal = e instanceof AllNodesFailedException all ? Refusal.of(all) : null;
            if (refusal != null) {
                throw new ConnectException(refusal, e);
            }
            if (WriteFailure.of(e) != WriteFailure.BAD_STORE) {
                throw new ConnectException("Cassandra refuses the sink: " + e.getMessage(), e);
            }
            throw new RetriableException("Cassandra does not answer.", e);
        } finally {
            if (opened != null) {
                opened.close();
            }
        }
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        try {
            open();
            settleFailures();
            for (SinkRecord record : records) {
                write(record);
            }
        } catch (RetriableException e) {
            context.timeout(config.getInt(CassandraSinkConfig.RETRY_BACKOFF_MS));
            throw e;
        }
    }

    private void write(SinkRecord record) {
        List<TableWriter> tables = writers.get(record.topic());
        if (tables == null) {
            throw new ConnectException("topic.tables names no table for the topic " + record.topic() + ".");
        }
        Pending pending = new Pending(record);
        List<Write> writes = new ArrayList<>(tables.size());
        try {
            for (TableWriter table : tables) {
                writes.add(new Write(pending, table.bind(record)));
            }
        } catch (DataException | IllegalArgumentException e) {
            setAside(record, e);
            return; // one row in all tables or in none
        }
        writes.forEach(this::execute);
    }

    private void execute(Write write) {
        try {
            if (!permits.tryAcquire(config.getInt(CassandraSinkConfig.WRITE_TIMEOUT_MS), TimeUnit.MILLISECONDS)) {
                throw new RetriableException("Cassandra is too slow: no write ended in time.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RetriableException("Interrupted while writing.", e);
        }
        begin(write);
        session.executeAsync(write.statement).whenComplete((rows, error) -> {
            permits.release();
            if (error == null) {
                end(write);
            } else {
                // stays open in the tracker until the task has decided what becomes of it
                failures.add(new Failed(write, error));
                tracker.wake();
            }
        });
    }

    /**
     * Decides what becomes of failed writes.
     *
     * @throws RetriableException when the store could not take them now
     * @throws ConnectException when the table is wrong, or a bad record may not be set aside
     */
    private void settleFailures() {
        List<Write> again = new ArrayList<>();
        RuntimeException store = null;
        boolean checked = false;
        // a failure leaves the queue when it is decided: one that stops the task must stop it again at the next look
        for (Failed failed = failures.peek(); failed != null; failed = failures.peek()) {
            Write write = failed.write;
            switch (WriteFailure.of(failed.error)) {
                case BAD_TABLE -> throw new ConnectException("Cassandra refuses every write: " + failed.error.getMessage(), failed.error);
                case BAD_RECORD -> {
                    if (!checked) {
                        checkTables();
                        checked = true;
                    }
                    if (!write.pending.setAside) {
                        setAside(write.pending.record, failed.error);
                        write.pending.setAside = true;
                    }
                    end(write);
                }
                case BAD_STORE -> {
                    store = new RetriableException("Cassandra could not take a write.", failed.error);
                    again.add(write);
                }
            }
            failures.remove();
        }
        for (Write write : again) {
            end(write); // begun anew by execute
        }
        for (int index = 0; index < again.size(); index++) {
            try {
                execute(again.get(index));
            } catch (RetriableException e) {
                for (Write left : again.subList(index, again.size())) {
                    begin(left);
                    failures.add(new Failed(left, e));
                }
                throw e;
            }
        }
        if (store != null) {
            throw store;
        }
    }

    /** The store says "invalid" of a bad value and of a missing table alike. */
    private void checkTables() {
        try {
            session.refreshSchema();
        } catch (DriverException e) {
            throw new RetriableException("Cassandra does not answer.", e);
        }
        for (List<String> tables : config.tables().values()) {
            for (String table : tables) {
                TableWriter.check(session, config.getString(CassandraSinkConfig.KEYSPACE), table, config.columns(table));
            }
        }
    }

    private void begin(Write write) {
        tracker.begin(write.pending.partition, write.pending.record.originalKafkaOffset());
    }

    private void end(Write write) {
        tracker.end(write.pending.partition, write.pending.record.originalKafkaOffset());
    }

    private void setAside(SinkRecord record, Throwable error) {
        if (context.errantRecordReporter() == null) {
            throw new ConnectException("A record cannot be written and errors.tolerance is none: " + record.originalTopic()
                + "-" + record.originalKafkaPartition() + " at " + record.originalKafkaOffset(), error);
        }
        context.errantRecordReporter().report(record, error);
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        try {
            tracker.await(config.getInt(CassandraSinkConfig.WRITE_TIMEOUT_MS), () -> !failures.isEmpty());
            if (!failures.isEmpty()) {
                settleFailures();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RetriableException e) {
            LOG.warn("{} Committing what is written.", e.getMessage());
        }
        Map<TopicPartition, OffsetAndMetadata> committable = new HashMap<>();
        offsets.forEach((partition, offset) -> {
            long written = tracker.committable(partition, offset.offset());
            committable.put(partition, written == offset.offset() ? offset : new OffsetAndMetadata(written));
        });
        return committable;
    }

    @Override
    public void close(Collection<TopicPartition> partitions) {
        partitions.forEach(tracker::forget);
        failures.removeIf(failed -> partitions.contains(failed.write.pending.partition));
    }

    @Override
    public void stop() {
        if (session != null) {
            session.close();
            session = null;
        }
    }
}
