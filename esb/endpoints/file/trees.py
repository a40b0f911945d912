"""Trees: directories reached by descriptors, so that no symbolic link below the root is ever followed.

A partner who may write into an inbox could swap a folder for a link to somewhere else between two calls; walking down
by descriptor with O_NOFOLLOW leaves no gap for that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esb.endpoints.polling.files import Entry, Moved
from esb.endpoints.polling.names import name_fault
from esb.errors import EndpointError

CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL})
"""What file systems without hard links, or with protected ones, answer to link()."""


@contextmanager
def faults(doing: str) -> Iterator[None]:
    """Turn what the operating system answers into an EndpointError that says what was tried."""
    try:
        yield
    except OSError as error:
        raise EndpointError(f"cannot {doing}: {error.strerror or error}") from error


class Tree:
    """A directory; everything below it is named by a relative path with `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def folder(self, path: str, create: bool = False) -> Iterator[int]:
        """Lend a descriptor of the folder at a relative path (`""` = the root itself)."""
        if create:
            self.root.mkdir(parents=True, exist_ok=True)
        here = os.open(self.root, _FOLDER)
        try:
            for part in filter(None, path.split("/")):
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=here)
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def walk(self, recursive: bool, skip: frozenset[Path] = frozenset()) -> list[Entry]:
        """Return what is in the tree; folders named in `skip` and folders with a leading dot are passed over."""
        found: list[Entry] = []
        folders = [""]
        while folders:
            prefix = folders.pop()
            for item in self._listing(prefix):
                path = f"{prefix}/{item.name}" if prefix else item.name
                if not item.is_dir(follow_symlinks=False):
                    found.extend(_entry(path, item))
                elif recursive and not item.name.startswith(".") and self.root / path not in skip:
                    folders.extend([path] if not name_fault(item.name) else [])
        return found

    def _listing(self, path: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder; one that somebody removed or swapped for a link meanwhile is empty."""
        try:
            with self.folder(path) as here, os.scandir(here) as listing:
                return [_looked_at(item) for item in listing]
        except OSError as error:
            if path and error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return []
            raise

    def stat(self, path: str) -> Entry | None:
        """Return what stands at a path, or None."""
        parent, _, name = path.rpartition("/")
        try:
            with self.folder(parent) as here:
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return Entry(path, found.st_size, found.st_mtime_ns, _kind_fault(found.st_mode))

    def open(self, path: str) -> int:
        """Return a descriptor to read a regular file from; it never waits for a pipe and never follows a link."""
        parent, _, name = path.rpartition("/")
        with self.folder(parent) as here:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file")
        return descriptor

    def write(self, path: str, data: bytes) -> None:
        """Write a whole file and make it durable; whoever looks sees the old content or the new, never a part."""
        parent, _, name = path.rpartition("/")
        with self.folder(parent, create=True) as here, written_aside(here, name, data) as aside:
            os.rename(aside, name, src_dir_fd=here, dst_dir_fd=here)
            os.fsync(here)

    def remove(self, path: str) -> None:
        """Delete a file; a missing one is fine."""
        parent, _, name = path.rpartition("/")
        with suppress(FileNotFoundError), self.folder(parent) as here:
            os.unlink(name, dir_fd=here)

    def move(self, path: str, tree: Tree, target: str, private: bool = False) -> Moved:
        """Move a file to a path of another tree (or this one), durable; it never replaces what stands there.

        `private`: only this process writes into the other tree, so a plain rename after a look is safe; there is then
        no moment in which a crash leaves the file under both names. Such a move is not flushed to the disk: losing it
        in a power cut only means that the file is where it was.
        """
        parent, _, name = path.rpartition("/")
        folder, _, new_name = target.rpartition("/")
        try:
            with self.folder(parent) as here, tree.folder(folder, create=True) as there:
                try:
                    (_rename_checked if private else rename_new)(name, new_name, here, there)
                except FileExistsError:
                    return "exists"
                if not private:
                    os.fsync(there)
                    os.fsync(here)
        except FileNotFoundError:
            return "gone"
        return "moved"


@contextmanager
def written_aside(folder: int, name: str, data: bytes) -> Iterator[str]:
    """Write data to a temporary name in an open folder, make it durable, and lend that name to be renamed or linked.

    The name derives from `name`, so what a crash left is written over. Until it is handed back it is locked: a twin in
    another process would otherwise write into a file that may already stand under its final name.
    """
    aside = f".{name}.tmp"
    descriptor = _open_locked(folder, aside)
    try:
        os.ftruncate(descriptor, 0)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        yield aside
    finally:
        try:
            clear_aside(folder, name)  # what was neither renamed nor linked must not fill a full disk
        finally:
            os.close(descriptor)  # and with it the lock, also where the disk refuses to delete


def clear_aside(folder: int, name: str) -> None:
    """Delete the temporary name that a crash left: between link and unlink a file has two."""
    with suppress(FileNotFoundError):
        os.unlink(f".{name}.tmp", dir_fd=folder)


def _open_locked(folder: int, aside: str) -> int:
    """Return a descriptor that holds the lock of a temporary file which still has its name, and no other name."""
    while True:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
        with suppress(OSError):  # a file system without locks: then the ledger alone keeps twins apart
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            mine = os.fstat(descriptor)
            if os.path.samestat(mine, os.stat(aside, dir_fd=folder, follow_symlinks=False)):
                if mine.st_nlink == 1:
                    return descriptor
                os.unlink(aside, dir_fd=folder)  # it is somebody's finished file as well, wherever that stands by now
        os.close(descriptor)  # a twin was here and is done; its file is no longer a temporary one


def rename_new(name: str, new_name: str, here: int, there: int) -> None:
    """Rename between two open folders without replacing anything.

    Raises:
        FileExistsError: Something stands at the new name.
        FileNotFoundError: The file is gone.
    """
    try:
        os.link(name, new_name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
    except FileExistsError:
        if not _same(name, new_name, here, there):
            raise
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy(name, new_name, here, there)
        elif error.errno not in _NO_LINKS:
            raise
        else:
            _rename_checked(name, new_name, here, there)
            return
    os.unlink(name, dir_fd=here)


def _rename_checked(name: str, new_name: str, here: int, there: int) -> None:
    """Rename where link() is not to be had; the check leaves a gap, but only we write into these folders."""
    with suppress(FileNotFoundError):
        os.stat(new_name, dir_fd=there, follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)
    os.rename(name, new_name, src_dir_fd=here, dst_dir_fd=there)


def _same(name: str, new_name: str, here: int, there: int) -> bool:
    """Return whether both names are one file: a crash between link and unlink left them so."""
    first = os.stat(name, dir_fd=here, follow_symlinks=False)
    return os.path.samestat(first, os.stat(new_name, dir_fd=there, follow_symlinks=False))


def _copy(name: str, new_name: str, here: int, there: int) -> None:
    """Copy to another file system: aside first, durable, then under its name."""
    aside = f".{new_name}.tmp"
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    with os.fdopen(source, "rb") as reading:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(aside, flags, 0o666, dir_fd=there), "wb") as writing:
            while chunk := reading.read(CHUNK):
                writing.write(chunk)
            writing.flush()
            found = os.fstat(source)
            os.utime(writing.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(writing.fileno())
    try:
        rename_new(aside, new_name, there, there)
    except FileExistsError:
        os.unlink(aside, dir_fd=there)
        raise


def _looked_at(item: os.DirEntry[str]) -> os.DirEntry[str]:
    """Return the item with its state fetched: it can be had only while the folder is open."""
    with suppress(FileNotFoundError):
        item.stat(follow_symlinks=False)
    return item


def _entry(path: str, item: os.DirEntry[str]) -> list[Entry]:
    try:
        found = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return []
    fault = name_fault(item.name) or _kind_fault(found.st_mode)
    return [Entry(path, found.st_size, found.st_mtime_ns, fault)]


def _kind_fault(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return "it is a symbolic link; links are not followed" if stat.S_ISLNK(mode) else "it is not a regular file"
