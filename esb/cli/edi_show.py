"""esb edi show: a file as its segments, as a tree with names, or as documents."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer
import yaml

from esb.cli.edi_options import Endpoint, GivenFile, Guides, Partner, called, chooser, known, opened, say_copies
from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say
from esb.management.edi_files import Branch, Dialect, Named, Segment, Skipped, branches, readable, segments

UNREADABLE = 65


def command(
    file: GivenFile,
    project: ProjectDir = Path(),
    guide: Guides = None,
    endpoint: Endpoint = "",
    partner: Partner = "",
    form: Annotated[
        Literal["segments", "tree", "document"],
        typer.Option("--as", help="Its segments; a tree with loops and names; or the documents that routes get."),
    ] = "segments",
    json: AsJson = False,
) -> int:
    """Show an EDI file: its segments with line and position, the tree that its guide sees, or its documents."""
    with opened(file) as content:
        dialect = known(content, called(file), chooser(project, guide, endpoint, partner))
        if form == "segments":
            return _segments(content, dialect, json)
        if form == "tree":
            return _tree(content, dialect, json)
        return _documents(content, dialect, json)


def _segments(file: BinaryIO, dialect: Dialect, json: bool) -> int:
    code = 0
    for segment in segments(file, dialect):
        if isinstance(segment, Skipped):
            code = _junk(segment)
        elif segment.tag and json:
            emit(_as_data(segment))
        elif segment.tag:
            position = str(segment.position or "")
            sys.stdout.write(f"{segment.line:6} {position:>6}  {segment.shown}\n")
    return code


def _junk(junk: Skipped) -> int:
    say(f"line {junk.line}: {junk.size} bytes were skipped: {junk.reason}")
    return UNREADABLE


def _as_data(segment: Segment) -> dict[str, object]:
    return {
        "line": segment.line,
        "offset": segment.offset,
        "interchange": segment.interchange or None,
        "group": segment.group or None,
        "set": segment.set or None,
        "transaction": segment.transaction or None,
        "segment": segment.position or None,
        "tag": segment.tag,
        "elements": [readable(value) for value in segment.elements()[1:]],
    }


def _tree(file: BinaryIO, dialect: Dialect, json: bool) -> int:
    code = 0
    for branch in branches(file, dialect):
        if isinstance(branch, Skipped):
            code = _junk(branch)
        elif json:
            emit(_branch_data(branch))
        else:
            sys.stdout.writelines(f"{line}\n" for line in _branch(branch))
    return code


def _branch(branch: Branch) -> Iterator[str]:
    lead = "  " * branch.depth
    if branch.loop:
        yield f"{lead}loop {branch.loop}"
        lead += "  "
    title = f" {branch.title}" if branch.title else "" if branch.depth < 2 else " (not expected here)"
    elements = ", ".join(_named(named) for named in branch.elements)
    shown = f": {elements}" if elements else "" if branch.title else f": {readable(branch.text)}"
    yield f"{lead}{readable(branch.tag)}{title}{shown}"


def _named(named: Named) -> str:
    if named.parts:
        return f"{named.name}=({', '.join(_named(part) for part in named.parts)})"
    meaning = f" ({named.meaning.replace('_', ' ')})" if named.meaning and named.meaning != named.value else ""
    return f"{named.name}={named.value}{meaning}"


def _branch_data(branch: Branch) -> dict[str, object]:
    return {
        "depth": branch.depth,
        "loop": branch.loop or None,
        "line": branch.line,
        "segment": branch.position or None,
        "tag": branch.tag,
        "title": branch.title or None,
        "elements": [_named_data(named) for named in branch.elements],
    }


def _named_data(named: Named) -> dict[str, object]:
    found: dict[str, object] = {"name": named.name, "value": named.value}
    if named.meaning:
        found["meaning"] = named.meaning
    if named.parts:
        found["parts"] = [_named_data(part) for part in named.parts]
    return found


def _documents(file: BinaryIO, dialect: Dialect, json: bool) -> int:
    """Print each document: YAML for people, one line of JSON each for programs."""
    reader, copies = dialect.reader_of(file)
    code = 0
    say_copies(copies)
    while True:
        piece = file.read(1 << 18)
        for part in reader.feed(piece) if piece else reader.end():
            if part.error:
                say(part.error)
                code = UNREADABLE
            elif part.acknowledgment:
                continue
            elif json:
                emit(part.body)
            else:
                text = yaml.dump(part.body, Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=110)
                sys.stdout.write(f"---\n{text}")
        if not piece:
            return code


class _Yaml(yaml.SafeDumper):
    """Writes what every reader of YAML takes for what it is: text that looks like a number stays text."""

    def ignore_aliases(self, data: object) -> bool:
        """Write everything out: documents have no anchors."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if _NUMBER.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _decimal(dumper: yaml.SafeDumper, number: Decimal) -> yaml.ScalarNode:
    text = f"{number:f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_NUMBER = re.compile(r"[-+.\d][\d.eExX_:-]*$|\d{4}-\d\d-\d\d")
_Yaml.add_representer(str, _text)
_Yaml.add_representer(Decimal, _decimal)
