package io.millrace.connect.files;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The folders of a share. File names are data: paths are only ever taken from listings of folders below the resolved
 * root, never made from text, and links, pipes, sockets and devices are not looked into.
 */
final class Share {
    static final String DONE = ".done";
    static final String FAILED = ".failed";
    static final String REASON = ".reason.json";
    private static final Pattern TENANT = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}");
    private static final int MAXIMUM_DEPTH = 16;
    private static final int MAXIMUM_NAME_BYTES = 255;

    private final Path root;

    /** @throws IOException when the root is not there or may not be read */
    Share(String root) throws IOException {
        this.root = Path.of(root).toRealPath();
    }

    /** Every regular file that is not hidden or temporary, with its state, in the order of the names. */
    Map<Path, FileState> scan() throws IOException {
        Map<Path, FileState> files = new TreeMap<>();
        Files.walkFileTree(root, Set.of(), MAXIMUM_DEPTH, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                return folder.equals(root) || !isHidden(folder) ? FileVisitResult.CONTINUE : FileVisitResult.SKIP_SUBTREE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile() && !isTemporary(file)) {
                    try {
                        files.put(file, FileState.of(file, attributes));
                    } catch (IOException e) {
                        // gone since the folder was listed
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException error) throws IOException {
                if (file.equals(root)) {
                    throw error; // the share itself is gone: that is no empty share
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return files;
    }

    private static boolean isHidden(Path path) {
        return path.getFileName().toString().startsWith(".");
    }

    static boolean isTemporary(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        return name.startsWith(".") || name.startsWith("~$") || name.endsWith("~") || name.endsWith(".part")
            || name.endsWith(".tmp") || name.endsWith(".crdownload") || name.endsWith(".filepart");
    }

    /** Path below the root, with slashes. */
    String relative(Path file) {
        return root.relativize(file).toString().replace('\\', '/');
    }

    /** The tenant whose folder a file is in; null when it is in none. */
    String tenant(Path file) {
        Path relative = root.relativize(file);
        String first = relative.getName(0).toString();
        return relative.getNameCount() > 1 && TENANT.matcher(first).matches() ? first : null;
    }

    /** Whether a file still is where it was found: a folder on its way may have become a link elsewhere. */
    boolean contains(Path file) throws IOException {
        return file.toRealPath().equals(file) && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
    }

    /** Moves a file whose record is committed. Moving is atomic; a file of that name that was there before is kept. */
    void done(Path file, String documentId) throws IOException {
        Files.move(file, target(file, DONE, documentId), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Sets a file aside with a reason beside it: the reason first, so that no file is ever there without one. */
    void failed(Path file, String unique, String code, String message) throws IOException {
        Path target = target(file, FAILED, unique);
        String reason = Json.object("code", code, "message", message, "file", relative(file));
        Files.write(beside(target, unique, REASON), reason.getBytes(StandardCharsets.UTF_8));
        Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
    }

    private Path target(Path file, String folder, String unique) throws IOException {
        Path base = root.resolve(folder);
        if (!Files.isDirectory(base, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(base); // fails on a link put there to lead elsewhere
        }
        Path target = base.resolve(root.relativize(file));
        Files.createDirectories(target.getParent());
        if (!target.getParent().toRealPath().startsWith(base)) {
            throw new IOException("The folder " + folder + " of the share leads out of it.");
        }
        return Files.exists(target, LinkOption.NOFOLLOW_LINKS) ? beside(target, unique, "." + unique) : target;
    }

    /** A name beside a file: its own with an ending, or a made-up one when that cannot be a name here. */
    private static Path beside(Path file, String unique, String ending) {
        String name = file.getFileName() + ending;
        try {
            return file.resolveSibling(name.getBytes(StandardCharsets.UTF_8).length <= MAXIMUM_NAME_BYTES ? name : unique + ending);
        } catch (InvalidPathException e) {
            return file.resolveSibling(unique + ending); // the name's bytes are no text in this worker's locale
        }
    }
}
