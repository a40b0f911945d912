"""What the verbs of `esb edi` share: which guides read a file, and the files themselves."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, get_args

import typer

from esb.cli.output import say
from esb.errors import FormatError, UsageError
from esb.formats.edi.parties import ANYBODY, read_parties
from esb.management.edi_files import HEAD, Dialect, dialect, sniff, standard, stranger
from esb.management.edi_files.guides import overlay_of
from esb.specs import EndpointSpec, FormatSpec

Guides = Annotated[
    list[str] | None,
    typer.Option("--guide", help="x12/850, a file, or a guide of the project; default: every standard set."),
]
Endpoint = Annotated[str, typer.Option("--endpoint", help="Read as this endpoint of the project does.")]
Partner = Annotated[str, typer.Option("--partner", help="Narrowed by the overlay of this partner of the project.")]
GivenFile = Annotated[str, typer.Argument(help="The file; - reads standard input.")]


def chooser(
    project: Path, guides: list[str] | None = None, endpoint: str = "", partner: str = "", **changes: str
) -> Callable[[str], Dialect]:
    """Return what gives the reader for a dialect: by an endpoint or guides of the project, or by the standards.

    `changes` replace keys of the format that has them.

    Raises:
        UsageError: There is no such endpoint, or both were given.
        DefinitionError: A guide is missing or wrong.
    """
    if guides and endpoint:
        raise UsageError("an endpoint brings its own guides; give --endpoint or --guide")
    if partner:
        return _of_partner(project, guides, endpoint, partner, changes)
    if not guides and not endpoint:
        return lambda name: dialect(_changed(standard(name), changes), {})
    spec, files = _of_endpoint(project, endpoint) if endpoint else format_of(project, guides or [])
    chosen = dialect(_changed(spec, changes), files)
    return lambda name: chosen if name == chosen.name else dialect(_changed(standard(name), changes), {})


def _of_partner(
    project: Path, guides: list[str] | None, endpoint: str, partner: str, changes: Mapping[str, str]
) -> Callable[[str], Dialect]:
    """Return what reads as the overlay of a partner says, whatever the dialect."""
    from esb.routes import read_files

    given: FormatSpec | None = None
    files: Mapping[str, bytes] = {}
    if endpoint:
        given, files = _of_endpoint(project, endpoint)
    elif guides:
        given, files = format_of(project, guides)
    files = {**read_files(project), **files}
    if read_parties(partner, files) is ANYBODY:
        overlay_of(partner, files)

    def choose(name: str) -> Dialect:
        spec = given if given is not None and getattr(given, "type", "") == name else standard(name)
        if "partner" not in type(spec).model_fields:
            raise UsageError(f"partners have no overlay for {name} yet; leave --partner out")
        return dialect(_changed(spec, changes).model_copy(update={"partner": partner}), files)

    return choose


def _changed(spec: FormatSpec, changes: Mapping[str, str]) -> FormatSpec:
    """Return a format with the changes that it can have: what X12 answers with is not what EDIFACT does."""
    fields = type(spec).model_fields
    fit = {key: value for key, value in changes.items() if key in fields and value in get_args(fields[key].annotation)}
    return spec.model_copy(update=fit)


def known(file: BinaryIO, name: str, choose: Callable[[str], Dialect]) -> Dialect:
    """Return the dialect of a file, which is left at its beginning.

    Raises:
        FormatError: It holds no EDI.
    """
    head = file.read(HEAD)
    file.seek(0)
    if found := sniff(head):
        return choose(found)
    raise FormatError(f"{name}: {stranger(head)}")


def edi_endpoint(project: Path, name: str) -> tuple[EndpointSpec, Mapping[str, bytes]]:
    """Return an endpoint that speaks EDI, and the project's files. Raises UsageError."""
    from esb.routes import load, read_files  # outside of a project nobody pays for what reads one
    from esb.routes.nearest import listed, meant

    found = load(read_files(project))
    spec = found.endpoints.get(name)
    if spec is None:
        advice = meant(name, found.endpoints) or f"there are {listed(sorted(found.endpoints))}"
        raise UsageError(f"there is no endpoint {name!r}; {advice}")
    if getattr(spec.format, "type", "") not in ("x12", "edifact"):
        raise UsageError(f"endpoint {name} does not speak EDI: its format is {getattr(spec.format, 'type', 'json')}")
    return spec, found.files


def _of_endpoint(project: Path, name: str) -> tuple[FormatSpec, Mapping[str, bytes]]:
    spec, files = edi_endpoint(project, name)
    assert isinstance(spec.format, FormatSpec)
    if spec.partner and getattr(spec.format, "partner", None) == "":
        return spec.format.model_copy(update={"partner": spec.partner}), files
    return spec.format, files


def format_of(project: Path, guides: list[str]) -> tuple[FormatSpec, Mapping[str, bytes]]:
    """Return the format of guides: standard ones, files by their path, or those of the project."""
    from esb.routes import read_files

    files: dict[str, bytes] = {}
    names = []
    for guide in guides:
        path = Path(guide)
        if guide.startswith(("x12/", "edifact/")):
            names.append(guide)
        elif path.suffix in (".yaml", ".yml") and path.is_file():
            names.append(path.stem)
            files[f"schemas/{path.stem}.yaml"] = path.read_bytes()
        else:
            names.append(guide)
    if any(not name.startswith(("x12/", "edifact/")) and f"schemas/{name}.yaml" not in files for name in names):
        files = {**read_files(project), **files}
    kind: Any = type(standard("edifact" if names and names[0].startswith("edifact/") else "x12"))
    return kind(guide=names), files


def guide_files(project: Path, name: str, partner: str = "") -> tuple[str, Mapping[str, bytes]]:
    """Return what a guide is called, and the files that it and the partner's overlay are in.

    A path to a file is a guide too; the project is read only where it is needed.
    """
    from esb.routes import read_files

    path, _, version = name.partition("@")
    shipped = path.startswith(("x12/", "edifact/"))
    file = Path(path)
    loose = not shipped and file.suffix in (".yaml", ".yml") and file.is_file()
    files = read_files(project) if partner or not (shipped or loose) else {}
    if loose:
        files = {**files, f"schemas/{file.stem}.yaml": file.read_bytes()}
        return f"{file.stem}@{version}" if version else file.stem, files
    return name, files


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open a file that can be read twice; standard input is kept in a temporary one, for it comes only once.

    Raises:
        UsageError: It cannot be read.
    """
    if name == "-":
        with tempfile.TemporaryFile() as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            kept.seek(0)
            yield kept
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - what fails while it is used is not for us to explain
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    with file:
        yield file


def called(name: str) -> str:
    """Return what a file is called in answers."""
    return "standard input" if name == "-" else name


def counted(count: int, word: str) -> str:
    """Return a count with its word: 1 file, 2 files."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def say_copies(count: int) -> None:
    """Say how many interchanges of a file are copies of one before them, if any are."""
    if count == 1:
        say("1 interchange stands in it again as it was; it is read and answered once")
    elif count:
        say(f"{count} interchanges stand in it again as they were; they are read and answered once")
