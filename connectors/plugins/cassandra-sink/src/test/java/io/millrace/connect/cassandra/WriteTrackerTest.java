package io.millrace.connect.cassandra;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class WriteTrackerTest {
    private static final TopicPartition FIRST = new TopicPartition("t", 0);
    private static final TopicPartition SECOND = new TopicPartition("t", 1);
    private final WriteTracker tracker = new WriteTracker();

    @Test
    void anOffsetIsCommittedOnlyWhenAllBeforeItAreWritten() {
        tracker.begin(FIRST, 5);
        tracker.begin(FIRST, 6);
        tracker.begin(FIRST, 7);
        tracker.end(FIRST, 6);
        assertEquals(5, tracker.committable(FIRST, 8));
        tracker.end(FIRST, 5);
        assertEquals(7, tracker.committable(FIRST, 8));
        tracker.end(FIRST, 7);
        assertEquals(8, tracker.committable(FIRST, 8));
        assertEquals(3, tracker.committable(SECOND, 3), "partitions do not wait for each other");
    }

    @Test
    void aRecordWithSeveralTablesIsWrittenWhenAllAre() {
        tracker.begin(FIRST, 5);
        tracker.begin(FIRST, 5);
        tracker.end(FIRST, 5);
        assertEquals(5, tracker.committable(FIRST, 6));
        tracker.end(FIRST, 5);
        assertEquals(6, tracker.committable(FIRST, 6));
    }

    @Test
    void neverCommitsBeyondWhatConnectWould() {
        tracker.begin(FIRST, 9);
        assertEquals(4, tracker.committable(FIRST, 4));
    }

    @Test
    void aPartitionThatWasGivenAwayIsForgotten() throws InterruptedException {
        tracker.begin(FIRST, 5);
        tracker.begin(SECOND, 1);
        tracker.forget(FIRST);
        assertEquals(6, tracker.committable(FIRST, 6));
        tracker.end(FIRST, 5); // its write comes back late
        assertFalse(tracker.await(10, () -> false));
        tracker.end(SECOND, 1);
        assertTrue(tracker.await(10, () -> false));
    }

    @Test
    void waitingEndsWithTheLastWrite() throws InterruptedException {
        tracker.begin(FIRST, 5);
        CountDownLatch started = new CountDownLatch(1);
        Thread writer = new Thread(() -> {
            try {
                started.await();
                tracker.end(FIRST, 5);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        writer.start();
        started.countDown();
        assertTrue(tracker.await(15_000, () -> false));
        writer.join();
    }

    @Test
    void waitingEndsWhenSomebodyMustLook() throws InterruptedException {
        tracker.begin(FIRST, 5);
        assertFalse(tracker.await(1, () -> false));
        assertTrue(tracker.await(15_000, () -> true));
    }
}
