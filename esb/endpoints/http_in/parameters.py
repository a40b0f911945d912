"""Parameters of path and query: declared, bounded, and always text (a SKU of 00042 keeps its zeros)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qsl

from pydantic import Field, field_validator

from esb.endpoints.http_in.problems import Refusal
from esb.expressions.regexes import Pattern, PatternError
from esb.specs import Spec

PATH = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*|/\{[A-Za-z][A-Za-z0-9_]{0,63}\})+$"
"""A path of fixed words and `{names}`."""
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_NAMES = re.compile(r"\{([A-Za-z0-9_]+)\}")
_LONGEST = 500
_MOST_FIELDS = 100
_BROKEN = "\ufffd"
"""What stands where a path was not UTF-8."""


class Parameter(Spec):
    """A value of the path or the query."""

    scalar: ClassVar[str | None] = "description"
    description: str = Field("", description="What it is, for the people who call.")
    required: bool = Field(False, description="Without it the request is refused (400); those of the path always are.")
    pattern: str = Field("", max_length=200, description="What it looks like, as a whole (I-Regexp, RFC 9485).")

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        try:
            Pattern(pattern)
        except PatternError as error:
            raise ValueError(f"{pattern!r} is no I-Regexp: {error}") from None
        return pattern


def names_of(path: str) -> tuple[str, ...]:
    """Return the names in a path."""
    return tuple(_NAMES.findall(path))


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is read of a request besides its body. `in_path` are the names that the path holds."""

    declared: Mapping[str, Parameter]
    in_path: tuple[str, ...]
    patterns: Mapping[str, Pattern]

    @classmethod
    def of(cls, declared: Mapping[str, Parameter], path: str) -> Parameters:
        """Return the compiled parameters."""
        patterns = {name: Pattern(spec.pattern) for name, spec in declared.items() if spec.pattern}
        return cls(declared, names_of(path), patterns)

    def read(self, path: Mapping[str, str], query: bytes) -> dict[str, str]:
        """Return the values that were given, by name; what is not declared is not looked at.

        Raises:
            Refusal: 400 that names the parameter and what is wrong with it.
        """
        found = {name: path[name] for name in self.in_path}
        wanted = [name for name in self.declared if name not in found]
        if wanted:
            found |= _query(query, frozenset(wanted))
        for name in wanted:
            if self.declared[name].required and name not in found:
                raise _bad(name, "is missing")
        for name, value in found.items():
            self._check(name, value)
        return found

    def _check(self, name: str, value: str) -> None:
        if len(value) > _LONGEST:
            raise _bad(name, f"is longer than {_LONGEST} characters")
        if not value.isprintable() or _BROKEN in value:
            raise _bad(name, "holds what cannot be read")
        pattern = self.patterns.get(name)
        if pattern is not None and not pattern.matches(value):
            raise _bad(name, f"does not look like {self.declared[name].pattern}")


def _query(raw: bytes, wanted: frozenset[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS, separator="&"
        )
    except ValueError:  # not ASCII, not UTF-8 once decoded, or too many fields
        detail = f"The query is not UTF-8, percent-encoded, or has more than {_MOST_FIELDS} fields."
        raise Refusal(400, "bad-query", detail) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in wanted:
            if name in found:
                raise _bad(name, "is given twice")
            found[name] = value
    return found


def _bad(name: str, what: str) -> Refusal:
    errors = [{"parameter": name, "detail": what}]
    return Refusal(400, "bad-parameter", f"The parameter {name} {what}.", errors=errors)
