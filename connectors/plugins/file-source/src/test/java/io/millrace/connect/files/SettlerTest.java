package io.millrace.connect.files;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SettlerTest {
    private static final long MS = 1_000_000;
    private static final Path FILE = Path.of("a");
    private static final Path OTHER = Path.of("b");
    private final Settler settler = new Settler(100);

    private static FileState state(long size) {
        return new FileState(size, 1, 1);
    }

    @Test
    void aFileRestsWhenItWasSeenUnchangedForTheSettleTime() {
        assertEquals(List.of(), settler.settled(Map.of(FILE, state(1)), 0));
        assertEquals(List.of(), settler.settled(Map.of(FILE, state(1)), 99 * MS));
        assertEquals(List.of(FILE), settler.settled(Map.of(FILE, state(1)), 100 * MS));
    }

    @Test
    void everyChangeBeginsAnew() {
        settler.settled(Map.of(FILE, state(1)), 0);
        assertEquals(List.of(), settler.settled(Map.of(FILE, state(2)), 100 * MS));
        assertEquals(List.of(), settler.settled(Map.of(FILE, new FileState(2, 9, 1)), 200 * MS), "a new mtime");
        assertEquals(List.of(), settler.settled(Map.of(FILE, new FileState(2, 9, 9)), 300 * MS), "a new change time");
        assertEquals(List.of(FILE), settler.settled(Map.of(FILE, new FileState(2, 9, 9)), 400 * MS));
        settler.restart(FILE);
        assertEquals(List.of(), settler.settled(Map.of(FILE, new FileState(2, 9, 9)), 401 * MS));
    }

    @Test
    void aFileThatWentAndCameBackBeginsAnew() {
        settler.settled(Map.of(FILE, state(1)), 0);
        settler.settled(Map.of(), 50 * MS);
        assertEquals(List.of(), settler.settled(Map.of(FILE, state(1)), 100 * MS));
    }

    @Test
    void whatRestsLongestComesFirst() {
        settler.settled(Map.of(OTHER, state(1)), 0);
        settler.settled(Map.of(OTHER, state(1), FILE, state(1)), 1);
        assertEquals(List.of(OTHER, FILE), settler.settled(Map.of(FILE, state(1), OTHER, state(1)), 200 * MS));
    }
}
