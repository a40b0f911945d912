"""esb edi split: one file for each interchange, group or set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_options import GivenFile, called, chooser, known, opened
from esb.cli.options import AsJson
from esb.cli.output import emit, say
from esb.management.edi_files import By, Skipped, split

MOST_TOLD = 10
"""Places that are told of what no file holds; the rest are counted."""


def command(
    file: GivenFile,
    folder: Annotated[Path, typer.Option("--to", help="The folder to write into; it is made.")],
    by: Annotated[By, typer.Option("--by", help="What each file holds.")] = "set",
    json: AsJson = False,
) -> int:
    """Cut an EDI file into files, each with an envelope of its own; sets keep their bytes. Nothing is overwritten."""
    count, left = 0, _Left()
    with opened(file) as content:
        dialect = known(content, called(file), chooser(Path()))
        folder.mkdir(parents=True, exist_ok=True)
        stem = "stdin" if file == "-" else Path(file).stem
        for cut in split(content, dialect, by, folder, stem, left.take):
            count += 1
            if json:
                found = {"interchange": cut.interchange, "group": cut.group, "set": cut.set}
                found |= {"transaction": cut.transaction}
                emit({"file": str(cut.path), **{key: value or None for key, value in found.items()}, "bytes": cut.size})
            else:
                print(cut.path)
    left.end()
    say(f"{count} file{'' if count == 1 else 's'}" if count else f"there is no {by} in it")
    return 0 if count else 65


class _Left:
    """Says what was left out."""

    def __init__(self) -> None:
        self._count = 0

    def take(self, left: Skipped) -> None:
        self._count += 1
        if self._count <= MOST_TOLD:
            say(f"line {left.line}: {left.size} bytes were left out: {left.reason}")

    def end(self) -> None:
        if self._count > MOST_TOLD:
            say(f"{self._count - MOST_TOLD} more places were left out")
