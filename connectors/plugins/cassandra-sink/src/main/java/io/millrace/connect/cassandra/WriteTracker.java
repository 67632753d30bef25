package io.millrace.connect.cassandra;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.TopicPartition;

/**
 * Which records still have writes under way: an offset may be committed only when every record before it is in the
 * store or set aside. Used by the task's thread and by the driver's callbacks.
 */
final class WriteTracker {
    private final Map<TopicPartition, TreeMap<Long, Integer>> open = new HashMap<>();
    private int count;

    synchronized void begin(TopicPartition partition, long offset) {
        open.computeIfAbsent(partition, key -> new TreeMap<>()).merge(offset, 1, Integer::sum);
        count++;
    }

    synchronized void end(TopicPartition partition, long offset) {
        TreeMap<Long, Integer> offsets = open.get(partition);
        if (offsets == null || !offsets.containsKey(offset)) {
            return; // the partition was given away meanwhile
        }
        offsets.computeIfPresent(offset, (key, writes) -> writes == 1 ? null : writes - 1);
        if (--count == 0) {
            notifyAll();
        }
    }

    /** Forgets a partition that was given away: its new owner begins at the last committed offset. */
    synchronized void forget(TopicPartition partition) {
        TreeMap<Long, Integer> offsets = open.remove(partition);
        if (offsets != null) {
            count -= offsets.values().stream().mapToInt(Integer::intValue).sum();
            if (count == 0) {
                notifyAll();
            }
        }
    }

    /** Waits until nothing is under way or somebody must look; false when that took longer. */
    synchronized boolean await(long milliseconds, BooleanSupplier attention) throws InterruptedException {
        long end = System.nanoTime() + milliseconds * 1_000_000;
        while (count > 0 && !attention.getAsBoolean()) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }

    /** Makes a waiting {@code await} look again. */
    synchronized void wake() {
        notifyAll();
    }

    /** The offset to commit: the first that is still open, or the one Connect would commit. */
    synchronized long committable(TopicPartition partition, long offset) {
        TreeMap<Long, Integer> offsets = open.get(partition);
        return offsets == null || offsets.isEmpty() ? offset : Math.min(offset, offsets.firstKey());
    }
}
