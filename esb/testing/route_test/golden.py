"""Golden files: bodies that are kept beside the case; JSON is written so that people can read its changes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from esb.errors import EsbError
from esb.testing.route_test.comparing import difference_lines, differences, text_differences
from esb.testing.route_test.reading_back import Body


def compare(path: Path, body: Body, update: bool) -> list[str]:
    """Return how a body differs from its golden file; with `update` the file becomes what the body is.

    JSON is compared as a document, everything else character by character.
    """
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = written(body)
        if not path.is_file() or path.read_bytes() != raw:
            path.write_bytes(raw)
        return []
    if not path.is_file():
        return [f"{path.name} does not exist yet; esb test --update-golden writes it"]
    kept = path.read_bytes()
    if not body.is_json:
        return [] if kept == body.raw else text_differences(_text(kept), _text(body.raw))
    try:
        expected = body.read(kept)
    except EsbError as error:
        return [f"{path.name} is not what leaves as {body.format}: {error}"]
    return difference_lines(differences(expected, body.document()))


def written(body: Body) -> bytes:
    """Return what a golden file of this body holds."""
    if not body.is_json:
        return body.raw
    return msgspec.json.format(body.raw, indent=2) + b"\n"


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
