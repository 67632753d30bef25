package io.millrace.connect.files;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Files at rest, in turns by tenant: a hundred thousand files of one must not keep the single file of another waiting. */
final class Backlog {
    record Entry(Path file, FileState state) {
    }

    private final Deque<Deque<Entry>> turns = new ArrayDeque<>();

    /** Replaces what was left by what the last scan found. */
    void refill(List<Path> files, Map<Path, FileState> states, Function<Path, String> tenant) {
        Map<String, Deque<Entry>> lanes = new LinkedHashMap<>();
        for (Path file : files) {
            lanes.computeIfAbsent(String.valueOf(tenant.apply(file)), name -> new ArrayDeque<>()).add(new Entry(file, states.get(file)));
        }
        turns.clear();
        turns.addAll(lanes.values());
    }

    boolean isEmpty() {
        return turns.isEmpty();
    }

    Entry peek() {
        return turns.peek().peek();
    }

    void remove() {
        Deque<Entry> lane = turns.remove();
        lane.remove();
        if (!lane.isEmpty()) {
            turns.add(lane);
        }
    }
}
