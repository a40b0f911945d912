"""esb edi write: documents become an interchange."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from pydantic import TypeAdapter, ValidationError

from esb.cli.edi_options import Endpoint, Guides, edi_endpoint, format_of
from esb.cli.options import ProjectDir
from esb.cli.output import say
from esb.errors import FormatError, UsageError
from esb.reading import read

MOST_BYTES = 256 << 20

_APART = re.compile(r"^---[ \t]*$", re.MULTILINE)
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_lines = msgspec.json.Decoder(float_hook=Decimal).decode_lines


def command(
    file: Annotated[
        str, typer.Argument(help="Documents: JSON (one, a list, or one a line) or YAML; - reads JSON from stdin.")
    ],
    project: ProjectDir = Path(),
    guide: Guides = None,
    endpoint: Endpoint = "",
    sender: Annotated[str, typer.Option(help="Who sends: QUALIFIER:ID, e.g. ZZ:HOUSE.")] = "",
    receiver: Annotated[str, typer.Option(help="Who receives: QUALIFIER:ID, e.g. 08:6112390050.")] = "",
    option: Annotated[
        list[str] | None, typer.Option("--envelope", help="KEY=VALUE of the envelope, e.g. version=005010; repeatable.")
    ] = None,
    out: Annotated[str, typer.Option("--out", help="The file to write; default: stdout.")] = "-",
) -> int:
    """Write documents as EDI, with counts, control numbers and envelope; exit 65 if a guide cannot say one."""
    documents = _documents(file)
    if endpoint:
        spec, files = edi_endpoint(project, endpoint)
        made: Any = spec.format
    else:
        made, files = format_of(project, guide or [])
    envelope = _envelope(sender, receiver, option or [])
    if envelope:
        made = made.model_copy(update={"envelope": _validated(made, envelope)})
    if made.envelope is None:
        raise UsageError("say who sends and who receives: --sender ZZ:HOUSE --receiver 08:6112390050")
    body = made.build(files).render(documents)
    if out == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    else:
        Path(out).write_bytes(body)
        say(f"written: {out}, {len(body)} bytes")
    return 0


def _documents(file: str) -> Any:
    """Return what a file holds; decimals stay decimals."""
    if file == "-":
        raw, yaml = sys.stdin.buffer.read(MOST_BYTES + 1), False
    else:
        path = Path(file)
        try:
            with path.open("rb") as content:
                raw, yaml = content.read(MOST_BYTES + 1), path.suffix in (".yaml", ".yml")
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MiB; write it in parts")
    if yaml:
        return _only([read(file, part.encode()).data for part in _APART.split(_utf8(file, raw)) if part.strip()])
    try:
        return _decode(raw) if raw[:1] == b"[" else _only(_lines(raw))
    except msgspec.DecodeError:
        try:
            return _decode(raw)
        except msgspec.DecodeError as error:
            raise FormatError(f"{file}: this is no JSON: {error}") from error


def _utf8(file: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: YAML is UTF-8, and byte {error.start} is not") from error


def _only(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else found


def _envelope(sender: str, receiver: str, options: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, party in (("sender", sender), ("receiver", receiver)):
        if party:
            qualifier, colon, number = party.rpartition(":")
            found[name] = {"id": number, **({"qualifier": qualifier} if colon else {})}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise UsageError(f"--envelope {option!r} is not KEY=VALUE")
        found[key] = value
    return found


def _validated(spec: Any, changed: dict[str, Any]) -> Any:
    """Return the envelope of a format with some keys changed."""
    given = spec.envelope.model_dump() if spec.envelope is not None else {}
    kind: Any = type(spec).model_fields["envelope"].annotation
    try:
        return TypeAdapter(kind).validate_python(_merged(given, changed))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"envelope: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _merged(given: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    merged = dict(given)
    for key, value in changed.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged
