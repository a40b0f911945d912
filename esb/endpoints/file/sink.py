"""The file sink: a temporary name, fsync, rename, fsync of the folder. A redelivery writes the same name again."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from esb.edge import Delivered
from esb.endpoints.file.trees import Tree, clear_aside, faults, rename_new, written_aside
from esb.endpoints.outgoing import readable, rendered, wire_bytes
from esb.endpoints.polling.names import name_fault, path_fault, shown
from esb.errors import EndpointError, RejectedError
from esb.expressions import Expression
from esb.message import Message, derive

_EXTENSIONS = {"text": "txt", "bytes": "bin", "fixed_width": "txt"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go. `replace`: a file of that name with other content is overwritten, else that is an error."""

    directory: Path
    create: bool
    name: Expression | None
    replace: bool


class FileSink:
    """Writes each message as a file."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._tree = Tree(target.directory)

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Write the file. A file of that name with the same bytes is this delivery, come before.

        Raises:
            RejectedError: The name is not fit, or another content stands under it.
            EndpointError: The folder is out of reach or full.
        """
        path, data = self._path(message), wire_bytes(message)
        return await asyncio.to_thread(self._write, path, data, key)

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return True if the file stands there; None if not, for its reader may have taken it away."""
        path, data = self._path(message), wire_bytes(message)
        return await asyncio.to_thread(self._stands, path, data) or None

    async def check(self) -> str:
        """Write and delete a probe. Raises EndpointError saying what the folder refuses."""
        return await asyncio.to_thread(self._probe)

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, message: Message) -> str:
        if self._target.name is None:
            kind = message.format.partition("/")[0]
            extension = _EXTENSIONS.get(kind, kind)
            return f"{message.id}.{extension}" if not name_fault(f"x.{extension}") else message.id
        path = rendered(self._target.name, readable(message), "the file name")
        fault = path_fault(path)
        if not fault and any(part.startswith((".", "~")) or part != part.strip() for part in path.split("/")):
            fault = "a part of it begins with a dot or tilde, or has blanks around it"
        if fault:
            raise RejectedError(f"the file name {shown(path)} cannot be used: {fault}")
        return path

    def _write(self, path: str, data: bytes, key: str) -> Delivered:
        parent, name = path.rpartition("/")[0], f"{derive(key)[:12]}-{derive(path)[:12]}"
        if self._stands(path, data):
            with faults(f"tidy {self._target.directory}"), self._tree.folder(parent) as folder:
                clear_aside(folder, name)
            return Delivered(f"{path} stands there already, with the same content")
        with faults(f"write {shown(path)} to {self._target.directory}"):
            self._check_directory()
            with (
                self._tree.folder(parent, create=True) as folder,
                written_aside(folder, name, data) as aside,
            ):
                self._place(folder, aside, path, data)
                os.fsync(folder)
        return Delivered(f"{path}, {len(data)} bytes")

    def _place(self, folder: int, aside: str, path: str, data: bytes) -> None:
        """Give the file its name; a twin that was faster has done it for us, with the temporary file that we share."""
        try:
            self._name(folder, aside, path, data)
        except FileNotFoundError:
            if not self._stands(path, data):
                raise

    def _name(self, folder: int, aside: str, path: str, data: bytes) -> None:
        name = path.rpartition("/")[2]
        if self._target.replace:
            os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        try:
            rename_new(aside, name, folder, folder)
        except FileExistsError:
            if not self._stands(path, data):  # unless a twin was faster
                raise RejectedError(
                    f"{path} exists with other content; let `name` derive from what is unique, or write exists: replace"
                ) from None

    def _stands(self, path: str, data: bytes) -> bool:
        """Return whether the file is there with these bytes."""
        with faults(f"read {shown(path)} in {self._target.directory}"):
            try:
                descriptor = self._tree.open(path)
            except FileNotFoundError:
                return False
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.EINVAL, errno.ENXIO}:
                    raise RejectedError(f"{shown(path)} is a link or no regular file; it is not overwritten") from error
                raise
            with os.fdopen(descriptor, "rb") as found:
                return os.fstat(descriptor).st_size == len(data) and found.read() == data

    def _check_directory(self) -> None:
        directory = self._target.directory
        if not self._target.create and not directory.is_dir():
            raise EndpointError(f"{directory} is not a directory; create it, or mount what should be there")

    def _probe(self) -> str:
        directory = self._target.directory
        with faults(f"write to {directory}"):
            self._check_directory()
            with self._tree.folder("", create=True) as folder, written_aside(folder, "esb-check", b""):
                pass
        return f"{directory} can be written to"
