package io.millrace.connect.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;

/**
 * What tells two states of a file apart. {@code changed} is the inode's change time where the file system has one: a
 * file dropped again with the same name, size and mtime is a new file, and only that time shows it.
 */
record FileState(long size, long modified, long changed) {
    static FileState of(Path file, BasicFileAttributes attributes) throws IOException {
        FileTime changed;
        try {
            changed = (FileTime) Files.getAttribute(file, "unix:ctime", LinkOption.NOFOLLOW_LINKS);
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            changed = attributes.creationTime();
        }
        return new FileState(attributes.size(), attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS), changed.to(TimeUnit.NANOSECONDS));
    }

    static FileState of(Path file) throws IOException {
        return of(file, Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS));
    }
}
