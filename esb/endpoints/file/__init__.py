"""file: takes the files that appear in a directory, and writes messages as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from esb.endpoints.file.local_files import Folders, LocalFiles
from esb.endpoints.file.sink import FileSink, Target
from esb.endpoints.polling.ending import Ending, ending
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.names import name_fault
from esb.endpoints.polling.readiness import TEMPORARY, ReadyRule
from esb.endpoints.polling.taker import Polling
from esb.ports import Sink, Source
from esb.specs import Duration, EndpointSpec, Size, Spec, Value, World


class Ready(Spec):
    """When a file is complete: it held still for a while, or its marker file stands beside it; and its end is there."""

    unchanged_for: Duration = Field(2.0, description="Size and time must stay the same for so long.")
    marker: str = Field("", description="Name of the marker file, from {name} or {stem}: '{name}.done'.")
    ignore: tuple[str, ...] = Field(TEMPORARY, description="Endings of files that are still being written.")
    complete_when: Ending = Field(
        "", description="What ends a whole file: x12 (IEA), edifact (UNZ), or a regular expression."
    )
    patience: Duration = Field(3600.0, description="A file whose end is missing for so long is put aside as failed.")

    def rule(self, match: str) -> ReadyRule:
        """Return the rule for files whose names match."""
        end = ending(self.complete_when) if self.complete_when else None
        return ReadyRule(match, self.unchanged_for, self.marker, tuple(self.ignore), end, self.patience)

    @field_validator("marker")
    @classmethod
    def _derived(cls, marker: str) -> str:
        if marker and ("{name}" not in marker and "{stem}" not in marker):
            raise ValueError("a marker is named after its file: '{name}.done' or '{stem}.ok'")
        if marker and name_fault(marker):
            raise ValueError(f"{name_fault(marker)}; a marker stands beside its file: '{{name}}.done'")
        return marker


class After(Spec):
    """Where files go afterwards: folders inside the directory, or absolute ones."""

    ok: str = Field("done", min_length=1, description="Folder for files that were taken.")
    failed: str = Field("failed", min_length=1, description="Folder for files that can never be taken.")


class FileEndpoint(EndpointSpec):
    """Takes files from a directory, or writes messages into it as files."""

    receives: ClassVar[bool] = True
    delivers: ClassVar[bool] = True
    type: Literal["file"]
    directory: str = Field(min_length=1, description="The directory; relative to the project, or absolute.")
    match: str = Field("*", min_length=1, description="Which names are taken, as a glob: *.edi")
    recursive: bool = Field(False, description="Also takes files from folders below the directory.")
    poll: Duration = Field(2.0, gt=0, description="How often the directory is looked at.")
    ready: Ready = Field(default_factory=Ready, description="When a file is complete.")
    after: After = Field(default_factory=After, description="Where files go afterwards.")
    max_size: Size = Field(1 << 30, gt=0, description="Larger files are put aside as failed.")
    name: Value | None = Field(None, description="Name of a written file; default: the message id.")
    exists: Literal["same", "replace"] = Field(
        "same", description="A file with the same content is this delivery; other content: an error, or replaced."
    )

    def source(self, name: str, world: World) -> Source:
        """Return the poller of the directory."""
        polling = Polling(
            name=name,
            ready=self.ready.rule(self.match),
            poll=self.poll,
            recursive=self.recursive,
            together=self.concurrency,
            ordered=self.ordered,
            max_bytes=self.max_size,
            partner=self.partner,
        )
        inbox, create = self._directory(world)
        folders = Folders(inbox, _below(inbox, self.after.ok), _below(inbox, self.after.failed), create)
        return Poller(polling, LocalFiles(name, folders), world)

    def sink(self, name: str, world: World) -> Sink:
        """Return the writer of files."""
        directory, create = self._directory(world)
        return FileSink(Target(directory, create, self.name, self.exists == "replace"))

    def _directory(self, world: World) -> tuple[Path, bool]:
        """Return the directory, and whether it may be made: an absolute one that is missing is rather not mounted."""
        relative = not Path(self.directory).is_absolute()
        return _below(world.project, self.directory), relative


def _below(root: Path, path: str) -> Path:
    """Return the absolute path, without resolving links that the operator set up on purpose."""
    return Path(os.path.normpath(root.absolute() / path))
