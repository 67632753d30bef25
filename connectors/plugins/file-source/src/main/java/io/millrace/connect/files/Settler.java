package io.millrace.connect.files;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Tells which files are at rest: seen with the same size and times for at least the settle time. */
final class Settler {
    private record Seen(FileState state, long since) {
    }

    private final long settleNanos;
    private Map<Path, Seen> seen = new HashMap<>();

    Settler(long settleMs) {
        this.settleNanos = settleMs * 1_000_000;
    }

    /**
     * @param files what a scan found just now
     * @param now a clock that only goes forward, in ns
     * @return the files at rest, longest first
     */
    List<Path> settled(Map<Path, FileState> files, long now) {
        Map<Path, Seen> next = new HashMap<>(files.size() * 2);
        List<Path> settled = new ArrayList<>();
        files.forEach((file, state) -> {
            Seen before = seen.get(file);
            Seen present = before != null && before.state.equals(state) ? before : new Seen(state, now);
            next.put(file, present);
            if (now - present.since >= settleNanos) {
                settled.add(file);
            }
        });
        settled.sort((a, b) -> Long.compare(next.get(a).since, next.get(b).since));
        seen = next;
        return settled;
    }

    /** A file that changed while it was read begins to rest anew. */
    void restart(Path file) {
        seen.remove(file);
    }
}
