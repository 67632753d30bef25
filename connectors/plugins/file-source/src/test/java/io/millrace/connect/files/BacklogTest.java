package io.millrace.connect.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BacklogTest {
    @Test
    void tenantsTakeTurns() {
        List<Path> files = new ArrayList<>();
        Map<Path, FileState> states = new HashMap<>();
        for (int index = 0; index < 1_000; index++) {
            files.add(Path.of("acme", "file" + index));
        }
        files.add(Path.of("globex", "single"));
        files.forEach(file -> states.put(file, new FileState(1, 1, 1)));
        Backlog backlog = new Backlog();
        backlog.refill(files, states, file -> file.getName(0).toString());
        List<String> order = new ArrayList<>();
        while (!backlog.isEmpty()) {
            order.add(backlog.peek().file().getFileName().toString());
            backlog.remove();
        }
        assertEquals(1_001, order.size());
        assertEquals(List.of("file0", "single", "file1", "file2"), order.subList(0, 4));
    }

    @Test
    void aRefillReplacesWhatWasLeft() {
        Backlog backlog = new Backlog();
        Path file = Path.of("acme", "a");
        backlog.refill(List.of(file), Map.of(file, new FileState(1, 1, 1)), path -> null);
        backlog.refill(List.of(), Map.of(), path -> null);
        assertTrue(backlog.isEmpty());
    }
}
