package io.millrace.connect.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShareTest {
    @TempDir
    private Path folder;
    private Path root;
    private Share share;

    @BeforeEach
    void open() throws IOException {
        root = Files.createDirectory(folder.resolve("share")).toRealPath();
        share = new Share(root.toString());
    }

    private Path write(String path) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, path);
    }

    private Set<String> found() throws IOException {
        return share.scan().keySet().stream().map(share::relative).collect(Collectors.toSet());
    }

    @Test
    void findsRegularFilesOnly() throws IOException {
        write("acme/a.pdf");
        write("acme/deep/er/b.pdf");
        write("loose.pdf");
        for (String temporary : new String[] {"acme/.hidden", "acme/a.part", "acme/b.TMP", "acme/~$c.docx", "acme/d~", ".done/acme/e", ".failed/acme/f", "acme/.git/g"}) {
            write(temporary);
        }
        Path outside = Files.writeString(folder.resolve("outside.pdf"), "secret");
        Files.createSymbolicLink(root.resolve("acme/link.pdf"), outside);
        Files.createSymbolicLink(root.resolve("linked"), folder);
        assertEquals(Set.of("acme/a.pdf", "acme/deep/er/b.pdf", "loose.pdf"), found());
    }

    @Test
    void theFirstFolderNamesTheTenant() throws IOException {
        assertEquals("acme", share.tenant(write("acme/deep/a.pdf")));
        assertEquals("0-x", share.tenant(write("0-x/a.pdf")));
        for (String path : new String[] {"a.pdf", "Acme/a.pdf", "a b/a.pdf", "-a/a.pdf", "a|b/a.pdf", "x".repeat(64) + "/a.pdf"}) {
            assertNull(share.tenant(write(path)), path);
        }
    }

    @Test
    void movesAndKeepsWhatWasThere() throws IOException {
        share.done(write("acme/a.pdf"), "1");
        share.done(write("acme/a.pdf"), "2");
        assertTrue(Files.exists(root.resolve(".done/acme/a.pdf")));
        assertTrue(Files.exists(root.resolve(".done/acme/a.pdf.2")));
        assertEquals(Set.of(), found());
    }

    @Test
    void setsAsideWithAReason() throws IOException {
        share.failed(write("acme/a \"quoted\".pdf"), "1", "TOO_LARGE", "Too large.");
        assertTrue(Files.exists(root.resolve(".failed/acme/a \"quoted\".pdf")));
        String reason = Files.readString(root.resolve(".failed/acme/a \"quoted\".pdf.reason.json"));
        assertTrue(reason.contains("\"code\" : \"TOO_LARGE\""), reason);
        String longName = "x".repeat(250);
        share.failed(write("acme/" + longName), "unique", "TOO_LARGE", "Too large.");
        assertTrue(Files.exists(root.resolve(".failed/acme/" + longName)));
        assertTrue(Files.exists(root.resolve(".failed/acme/unique.reason.json")), "the name has no room for an ending");
    }

    @Test
    void neverMovesOutOfTheShare() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.createSymbolicLink(root.resolve(".done"), elsewhere);
        Path file = write("acme/a.pdf");
        assertThrows(IOException.class, () -> share.done(file, "1"));
        assertTrue(Files.exists(file));
        Files.createDirectory(root.resolve(".failed"));
        Files.createSymbolicLink(root.resolve(".failed/acme"), elsewhere);
        assertThrows(IOException.class, () -> share.failed(file, "1", "C", "M"));
        assertTrue(Files.exists(file));
        try (var entries = Files.list(elsewhere)) {
            assertEquals(0, entries.count());
        }
    }

    @Test
    void aFileBehindAFolderThatBecameALinkIsNotThere() throws IOException {
        Path file = write("acme/a.pdf");
        assertTrue(share.contains(file));
        Files.move(root.resolve("acme"), folder.resolve("moved"));
        Files.createSymbolicLink(root.resolve("acme"), folder.resolve("moved"));
        assertFalse(share.contains(file));
    }

    @Test
    void aShareThatIsGoneIsNoEmptyShare() throws IOException {
        Files.delete(root);
        assertThrows(IOException.class, share::scan);
        assertThrows(IOException.class, () -> new Share(root.toString()));
    }
}
