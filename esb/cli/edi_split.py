"""esb edi split: one file for each interchange, group or set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_options import GivenFile, called, chooser, known, opened
from esb.cli.options import AsJson
from esb.cli.output import emit, say
from esb.management.edi_files import By, split


def command(
    file: GivenFile,
    folder: Annotated[Path, typer.Option("--to", help="The folder to write into; it is made.")],
    by: Annotated[By, typer.Option("--by", help="What each file holds.")] = "set",
    json: AsJson = False,
) -> int:
    """Cut an EDI file into files, each with an envelope of its own; sets keep their bytes. Nothing is overwritten."""
    count = 0
    with opened(file) as content:
        dialect = known(content, called(file), chooser(Path()))
        folder.mkdir(parents=True, exist_ok=True)
        stem = "stdin" if file == "-" else Path(file).stem
        for cut in split(content, dialect, by, folder, stem):
            count += 1
            if json:
                found = {"interchange": cut.interchange, "group": cut.group, "set": cut.set}
                found |= {"transaction": cut.transaction}
                emit({"file": str(cut.path), **{key: value or None for key, value in found.items()}, "bytes": cut.size})
            else:
                print(cut.path)
    say(f"{count} file{'' if count == 1 else 's'}" if count else f"there is no {by} in it")
    return 0 if count else 65
