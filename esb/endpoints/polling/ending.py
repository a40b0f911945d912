"""Endings: whether a file's last bytes show that its writer came to the end (a trailer that must stand there)."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

TAIL = 4096
"""Bytes at the end of a file in which its trailer is looked for."""

KNOWN = {
    "x12": rb"IEA[^0-9A-Za-z][0-9]{1,5}[^0-9A-Za-z][0-9]{1,9}[^0-9A-Za-z]?[\s\x00\x1a]*",
    "edifact": rb"UNZ[^0-9A-Za-z][0-9]{1,6}[^0-9A-Za-z][!-~ ]{1,14}'?[\s\x00\x1a]*",
}
"""Trailers by name: the interchange trailers IEA (X12) and UNZ (ISO 9735); padding may follow."""


def ending(text: str) -> re.Pattern[bytes]:
    """Return what must stand at the end of a file: a known trailer by its name, or a regular expression.

    Raises:
        ValueError: It is neither.
    """
    try:
        return re.compile(b"(?:" + KNOWN.get(text, text.encode()) + rb")\Z", re.DOTALL)
    except re.error as error:
        names = ", ".join(sorted(KNOWN))
        raise ValueError(f"{error}; write {names}, or a regular expression for the last bytes of the file") from error


def _checked(text: str) -> str:
    ending(text)
    return text


Ending: TypeAlias = Annotated[str, Field(max_length=1000), AfterValidator(_checked)]
"""A text in YAML that `ending` understands, or an empty one."""
