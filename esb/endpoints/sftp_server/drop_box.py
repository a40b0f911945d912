"""Drop boxes: the folders of one user. What a client uploads is nowhere to be seen before the client has closed it.

<directory>/<user>/in         uploads that are complete; the polling engine takes them from here
<directory>/<user>/out        files to be picked up; whoever delivers to the user writes them here
<directory>/<user>/.uploads   uploads under way; what a client that was cut left is deleted
"""

from __future__ import annotations

import errno
import os
import posixpath
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import asyncssh

from esb.endpoints.file.trees import Tree, rename_new
from esb.endpoints.polling.names import name_fault

UPLOADS, DONE, FAILED = ".uploads", ".done", ".failed"
_STALE = 86400.0
"""Seconds after which an upload under way is one that a crash of ours left."""
_REGULAR, _FOLDER = 0o100640, 0o040750


class Upload:
    """A file that is being written under a name that nobody sees."""

    def __init__(self, name: str, aside: str, descriptor: int) -> None:
        self.name = name
        self.aside = aside
        self.descriptor = descriptor
        self.size = self.written = 0
        self.broken = False
        self.times: tuple[int, int] | None = None


class DropBox:
    """The files of one user. `quota` bytes and `most` files may wait in it; `largest` bytes is the longest file."""

    def __init__(self, folder: Path, quota: int, most: int, largest: int) -> None:
        self._tree = Tree(folder)
        self._quota, self._most, self._largest = quota, most, largest
        self._under_way: set[Upload] = set()
        self._waiting = 0

    @property
    def folder(self) -> Path:
        """Where the user's files stand on this machine."""
        return self._tree.root

    def prepare(self) -> None:
        """Make the folders, and delete what a crash of ours left long ago."""
        for name in ("in", "out", UPLOADS):
            with self._tree.folder(name, create=True):
                pass
        with self._tree.folder(UPLOADS) as here, os.scandir(here) as listing:
            stale = [item.name for item in listing if time.time() - item.stat().st_mtime > _STALE]
        for name in stale:
            self._tree.remove(f"{UPLOADS}/{name}")

    def path(self, given: bytes) -> str:
        """Return where a client's path leads: "" (the root), `in`, `out`, or a file in one of them.

        Raises:
            SFTPError: It leads nowhere, or the name is not fit.
        """
        try:
            text = posixpath.normpath(posixpath.join("/in", given.decode()))
        except UnicodeDecodeError:
            _refuse("the name is not UTF-8")
        parts = [part for part in text.split("/") if part]
        if len(parts) > 2 or (parts and parts[0] not in ("in", "out")):
            raise asyncssh.SFTPNoSuchFile("there are two folders, /in and /out, and no folders in them")
        if len(parts) == 2:
            fault = name_fault(parts[1]) or ("" if _shown(*parts) else "the name is one of ours")
            if fault:
                _refuse(fault)
        return "/".join(parts)

    def stat(self, path: str) -> asyncssh.SFTPAttrs:
        """Return what stands there. Raises SFTPNoSuchFile."""
        if "/" not in path:
            return asyncssh.SFTPAttrs(permissions=_FOLDER, size=0, uid=0, gid=0, atime=0, mtime=0)
        entry = self._tree.stat(path)
        if entry is None or entry.fault:
            raise asyncssh.SFTPNoSuchFile("there is no such file")
        return attributes(entry.size, entry.mtime_ns)

    def names(self, path: str) -> Iterator[tuple[str, asyncssh.SFTPAttrs]]:
        """Yield what a folder holds for its user: complete files that are theirs."""
        if not path:
            yield from ((name, self.stat(name)) for name in ("in", "out"))
            return
        if "/" in path:
            raise asyncssh.SFTPNoSuchFile("it is not a folder")
        for name, size, mtime_ns in self._files(path):
            yield name, attributes(size, mtime_ns)

    def open(self, path: str) -> int:
        """Return a descriptor to read a file from."""
        self._must_be_file(path)
        return self._tree.open(path)

    def is_new(self, path: str) -> bool:
        """Return whether no file of that name waits."""
        return self._tree.stat(path) is None

    def begin(self, path: str, exclusive: bool) -> Upload:
        """Begin an upload. Raises SFTPError if the box is full or the path is not in `in`."""
        self._must_be_in(path)
        if exclusive and not self.is_new(path):
            raise asyncssh.SFTPFileAlreadyExists("it exists already")
        if self._count_waiting() + len(self._under_way) >= self._most:
            raise asyncssh.SFTPQuotaExceeded(f"{self._most} files wait already; come again later")
        aside = secrets.token_hex(12)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._tree.folder(UPLOADS, create=True) as here:
            upload = Upload(path, aside, os.open(aside, flags, 0o640, dir_fd=here))
        self._under_way.add(upload)
        return upload

    def write(self, upload: Upload, offset: int, data: bytes) -> int:
        """Write to an upload. Raises SFTPError if the file or the box gets too large; the file is broken then."""
        upload.broken, was_broken = True, upload.broken
        end = offset + len(data)
        if end > self._largest:
            raise asyncssh.SFTPQuotaExceeded(f"files may be {self._largest} bytes long")
        grown = max(end - upload.size, 0)
        if self._full(grown) and self._full(grown, anew=True):
            raise asyncssh.SFTPQuotaExceeded(f"{self._quota} bytes may wait; come again later")
        upload.size += grown
        written = os.pwrite(upload.descriptor, data, offset)
        upload.written += written
        upload.broken = was_broken
        return written

    def finish(self, upload: Upload) -> None:
        """Make a closed upload durable and give it its name; a file of that name that still waits is replaced.

        Raises:
            SFTPFailure: Parts of it were never written, or were refused: clients close such files all the same.
        """
        if upload.broken or upload.written < upload.size:
            self.drop(upload)
            raise asyncssh.SFTPFailure("parts of the file are missing; upload all of it again")
        self._under_way.discard(upload)
        self._waiting += upload.size
        try:
            if upload.times is not None:
                os.utime(upload.descriptor, upload.times)
            os.fsync(upload.descriptor)
            name = upload.name.partition("/")[2]
            with self._tree.folder(UPLOADS) as here, self._tree.folder("in") as there:
                os.rename(upload.aside, name, src_dir_fd=here, dst_dir_fd=there)
                os.fsync(there)
        finally:
            os.close(upload.descriptor)

    def drop(self, upload: Upload) -> None:
        """Forget an upload that its client did not close."""
        self._under_way.discard(upload)
        os.close(upload.descriptor)
        self._tree.remove(f"{UPLOADS}/{upload.aside}")

    def rename(self, path: str, target: str, replace: bool) -> None:
        """Rename a file that waits."""
        self._must_be_in(path)
        self._must_be_in(target)
        with self._tree.folder("in") as here:
            old, new = path.partition("/")[2], target.partition("/")[2]
            if replace:
                os.rename(old, new, src_dir_fd=here, dst_dir_fd=here)
            else:
                rename_new(old, new, here, here)
            os.fsync(here)

    def remove(self, path: str) -> None:
        """Delete a file that waits, or that was picked up."""
        self.stat(self._must_be_file(path))
        self._tree.remove(path)

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        """Set the times of a file that waits."""
        self._must_be_in(path)
        with self._tree.folder("in") as here:
            os.utime(path.partition("/")[2], times, dir_fd=here, follow_symlinks=False)

    def _files(self, folder: str) -> list[tuple[str, int, int]]:
        """Return name, size and time of the files of a folder; who takes them may be faster than we look."""
        found = []
        with self._tree.folder(folder) as here, os.scandir(here) as listing:
            for item in listing:
                with suppress(FileNotFoundError):
                    if _shown(folder, item.name) and item.is_file(follow_symlinks=False):
                        state = item.stat(follow_symlinks=False)
                        found.append((item.name, state.st_size, state.st_mtime_ns))
        return found

    def _count_waiting(self) -> int:
        """Return how many files wait, and remember how many bytes."""
        sizes = [size for _, size, _ in self._files("in")]
        self._waiting = sum(sizes)
        return len(sizes)

    def _full(self, more: int, anew: bool = False) -> bool:
        """Return whether so many bytes more are too many; looking `anew` at what was taken meanwhile costs time."""
        if anew:
            self._count_waiting()
        return more > 0 and self._waiting + sum(each.size for each in self._under_way) + more > self._quota

    def _must_be_in(self, path: str) -> None:
        if not path.startswith("in/"):
            raise asyncssh.SFTPPermissionDenied("files are uploaded to /in")

    def _must_be_file(self, path: str) -> str:
        if "/" not in path:
            raise asyncssh.SFTPPermissionDenied("it is a folder")
        return path


def _shown(folder: str, name: str) -> bool:
    """Return whether a name is the user's: in `in` not our claims, in `out` not what we are still writing."""
    return not name.startswith(".esb" if folder == "in" else ".")


def attributes(size: int, mtime_ns: int) -> asyncssh.SFTPAttrs:
    """Return what a client is told of a file: nothing of its owner here."""
    when = mtime_ns // 1_000_000_000
    return asyncssh.SFTPAttrs(permissions=_REGULAR, size=size, uid=0, gid=0, atime=when, mtime=when)


def _refuse(fault: str) -> NoReturn:
    raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EACCES) + f": {fault}")
