"""Conversations: what a signed-in client may ask of its drop box, and how the end of a connection differs from a close.

The client library's server answers every request that is not overridden with the files of this machine; so everything
that takes a path is overridden, and what partners do not need is refused.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import asyncssh
from asyncssh.sftp import SFTPServerHandler
from asyncssh.stream import SSHServerStreamSession

from esb.endpoints.polling.names import logged
from esb.endpoints.sftp_server.drop_box import DropBox, Upload, attributes

_VERSION = 3
_MOST_OPEN = 64
"""Files that one client may have open at once."""
_RESUMES = asyncssh.FXF_READ | asyncssh.FXF_APPEND
_WHOLE = asyncssh.FXF_TRUNC | asyncssh.FXF_EXCL
_WRITES = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


class Conversation(asyncssh.SFTPServer):
    """The requests of one client. `tell` logs an event with fields."""

    def __init__(self, channel: Any, box: DropBox, tell: Callable[..., None]) -> None:
        super().__init__(channel)
        self._box = box
        self._tell = tell
        self._cut = False
        self._open = 0

    def cut(self) -> None:
        """Say that what is closed from now on was not closed by the client: the connection has ended."""
        self._cut = True

    def format_user(self, uid: int | None) -> str:
        """Return what a listing shows as the owner: nobody of this machine."""
        return "-"

    def format_group(self, gid: int | None) -> str:
        """Return what a listing shows as the group."""
        return "-"

    def realpath(self, path: bytes) -> bytes:
        with _answers():
            return f"/{self._box.path(path)}".encode()

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        with _answers():
            return self._box.stat(self._box.path(path))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.stat(path)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        with _answers():
            found = list(self._box.names(self._box.path(path)))
        for name, attrs in found:
            yield asyncssh.SFTPName(name.encode(), attrs=attrs)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Upload | int:
        with _answers():
            at = self._box.path(path)
            if self._open >= _MOST_OPEN:
                raise asyncssh.SFTPFailure(f"{_MOST_OPEN} files are open already")
            if not pflags & _WRITES:
                opened: Upload | int = self._box.open(at)
            elif pflags & _RESUMES or not (pflags & _WHOLE or self._box.is_new(at)):
                raise asyncssh.SFTPOpUnsupported("an upload cannot be resumed or changed; upload the whole file again")
            else:
                opened = self._box.begin(at, bool(pflags & asyncssh.FXF_EXCL))
            self._open += 1
            return opened

    async def close(self, file_obj: object) -> None:
        """Answer when the file is durable; a file that the end of the connection closes is dropped."""
        self._open -= 1
        if not isinstance(file_obj, Upload):
            os.close(_descriptor(file_obj))
        elif self._cut:
            self._box.drop(file_obj)
            self._tell("sftp_server.cut", file=logged(file_obj.name), size=file_obj.size)
        else:
            with _answers():
                await asyncio.to_thread(self._box.finish, file_obj)
            self._tell("sftp_server.received", file=logged(file_obj.name), size=file_obj.size)

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("it was opened to be written")
        with _answers():
            return os.pread(_descriptor(file_obj), min(size, 1 << 18), offset)

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if not isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("it was opened to be read")
        # A write that our disk refuses breaks the file, too: it stays marked as broken.
        with _answers():
            return self._box.write(file_obj, offset, data)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        with _answers():
            found = os.fstat(file_obj.descriptor if isinstance(file_obj, Upload) else _descriptor(file_obj))
            return attributes(found.st_size, found.st_mtime_ns)

    async def fsync(self, file_obj: object) -> None:
        if isinstance(file_obj, Upload):
            with _answers():
                await asyncio.to_thread(os.fsync, file_obj.descriptor)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Set times; owners and permissions are ours, and clients that set them anyway are not bothered."""
        if attrs.mtime is not None:
            with _answers():
                self._box.set_times(self._box.path(path), (attrs.atime or attrs.mtime, attrs.mtime))

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self.setstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        if isinstance(file_obj, Upload) and attrs.mtime is not None:
            file_obj.times = (attrs.atime or attrs.mtime, attrs.mtime)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        with _answers():
            self._box.rename(self._box.path(oldpath), self._box.path(newpath), replace=False)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        with _answers():
            self._box.rename(self._box.path(oldpath), self._box.path(newpath), replace=True)

    def remove(self, path: bytes) -> None:
        with _answers():
            self._box.remove(self._box.path(path))

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        _not_offered("folders cannot be made")

    def rmdir(self, path: bytes) -> None:
        _not_offered("folders cannot be deleted")

    def readlink(self, path: bytes) -> bytes:
        _not_offered("there are no links")

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        _not_offered("links cannot be made")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        _not_offered("links cannot be made")

    def statvfs(self, path: bytes) -> NoReturn:
        _not_offered("the size of the disk is not told")

    def fstatvfs(self, file_obj: object) -> NoReturn:
        _not_offered("the size of the disk is not told")


class _Handler(SFTPServerHandler):
    """Tells the conversation that it is over before it closes what the client left open."""

    async def _cleanup(self, exc: Exception | None) -> None:
        server = self._server
        assert isinstance(server, Conversation)
        server.cut()
        await super()._cleanup(exc)


class Session(SSHServerStreamSession[bytes]):
    """A session in which nothing but SFTP can be had."""

    def __init__(self, box: DropBox, tell: Callable[..., None], ended: Callable[[], None]) -> None:
        super().__init__(None)
        self._box = box
        self._tell = tell
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended()

    def shell_requested(self) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        """Answer requests until the client or the connection ends."""
        channel, connection = self._chan, self._conn
        assert channel is not None
        assert connection is not None
        channel.set_encoding(None)
        self._encoding = None
        reader = asyncssh.SSHReader[bytes](self, channel)
        writer = asyncssh.SSHWriter[bytes](self, channel)
        conversation = Conversation(channel, self._box, self._tell)
        connection.create_task(_Handler(conversation, reader, writer, _VERSION).run(), reader.logger)


@contextmanager
def _answers() -> Iterator[None]:
    """Turn a fault of ours into an answer that tells nothing of this machine."""
    try:
        yield
    except FileNotFoundError:
        raise asyncssh.SFTPNoSuchFile("there is no such file") from None
    except FileExistsError:
        raise asyncssh.SFTPFileAlreadyExists("it exists already") from None
    except OSError:
        raise asyncssh.SFTPFailure("it failed on our side; come again later") from None


def _descriptor(file_obj: object) -> int:
    assert isinstance(file_obj, int)
    return file_obj


def _not_offered(what: str) -> NoReturn:
    raise asyncssh.SFTPPermissionDenied(what)
