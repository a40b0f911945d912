"""Dates, times and periods whose format a code names: EDIFACT's element 2380 by its qualifier 2379."""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

_TABLE = """
102 CCYYMMDD        203 CCYYMMDDhhmm      204 CCYYMMDDhhmmss     718 CCYYMMDD-CCYYMMDD
2   DDMMYY          3   MMDDYY            4   DDMMCCYY           5   DDMMCCYYhhmm
101 YYMMDD          103 YYWWD             105 YYDDD              106 MMDD
107 DDD             108 WW                109 MM                 110 DD
201 YYMMDDhhmm      202 YYMMDDhhmmss      205 CCYYMMDDhhmmZhhmm  301 YYMMDDhhmmZZZ
302 YYMMDDhhmmssZZZ 303 CCYYMMDDhhmmZZZ   304 CCYYMMDDhhmmssZZZ  305 MMDDhhmm
306 DDhhmm          401 hhmm              402 hhmmss             404 hhmmssZZZ
501 hhmmhhmm        502 hhmmss-hhmmss     503 hhmmssZZZ-hhmmssZZZ
602 CCYY            609 YYMM              610 CCYYMM             615 YYWW
616 CCYYWW          702 CCYY-CCYY         710 CCYYMM-CCYYMM      713 YYMMDDhhmm-YYMMDDhhmm
715 YYWW-YYWW       716 CCYYWW-CCYYWW     717 YYMMDD-YYMMDD      719 CCYYMMDDhhmm-CCYYMMDDhhmm
"""
"""The formats of the directories D.96A and D.01B that are checked, the usual ones first; minutes are small letters."""

_TOKEN = re.compile("Zhhmm|ZZZ|DDD|CCYY|YY|MM|DD|WW|hh|mm|ss|D|-")
_ZONES = {
    "ZZZ": "(?:[A-Za-z]{3}|[SIGNS](?:0[0-9]|1[0-4]))",
    "Zhhmm": "[SIGNS](?:0[0-9]|1[0-4])[0-5][0-9]",
}
"""A time zone by its name of three letters or its hours; an offset from UTC."""
_PERIOD = "-?"
"""The standard writes periods with a hyphen and sends them without; senders do both."""

DAY = r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)(?:0[1-9]|[12]\d|30)|02(?:0[1-9]|1\d|2[0-8]))"
"""The expression for month and day, without a 29 February."""

_SURE = {
    "CCYY": r"[1-9]\d{3}",
    "YY": r"\d\d",
    "MMDD": DAY,
    "DDMM": r"(?:(?:0[1-9]|1\d|2[0-8])(?:0[1-9]|1[0-2])|(?:29|30)(?:0[13-9]|1[0-2])|31(?:0[13578]|1[02]))",
    "MM": r"(?:0[1-9]|1[0-2])",
    "DDD": r"(?:00[1-9]|0[1-9]\d|[12]\d\d|3(?:[0-5]\d|6[0-5]))",
    "DD": r"(?:0[1-9]|[12]\d|3[01])",
    "WW": r"(?:0[1-9]|[1-4]\d|5[0-3])",
    "D": "[1-7]",
    "hh": r"(?:[01]\d|2[0-3])",
    "mm": r"[0-5]\d",
    "ss": r"[0-5]\d",
    "-": "",
}
_SURE_TOKEN = re.compile("Zhhmm|ZZZ|MMDD|DDMM|" + "|".join(_SURE))


class _Format(Struct, frozen=True):
    """`shape` has one group for each of `tokens`; the values in them are not looked at."""

    code: str
    source: str
    tokens: tuple[str, ...]
    shape: re.Pattern[str]

    @property
    def shown(self) -> str:
        return f"{self.source.upper()}, format {self.code}"


def _format(code: str, source: str) -> _Format:
    tokens = tuple(_TOKEN.findall(source))
    groups = (_ZONES[token].replace("SIGNS", "+-") if token in _ZONES else _PERIOD if token == "-"  # noqa: S105
              else r"\d" * len(token) for token in tokens)  # fmt: skip
    shape = re.compile("".join(f"({group})" for group in groups), re.ASCII)
    return _Format(code, source, tokens, shape)


_WORDS = _TABLE.split()
_FORMATS = {code: _format(code, source) for code, source in zip(_WORDS[::2], _WORDS[1::2], strict=True)}

FORMATS: Mapping[str, str] = {code: known.source for code, known in _FORMATS.items()}
"""The formats that are checked, by code; others are not."""

USUAL = 4
"""How many of them, the first, are by far the most frequent."""


def pattern(code: str, signs: str) -> str:
    """Return an expression that takes only right values of a format, and nearly all of them.

    It leaves 29 February, 24:00, day 366, years before 1000 and hyphens to `fault_of`. `signs` = the characters that
    stand for plus and minus.
    """
    zones = {name: zone.replace("SIGNS", re.escape(signs)) if signs else "(?!)" for name, zone in _ZONES.items()}
    return _SURE_TOKEN.sub(lambda match: (_SURE | zones)[match[0]], FORMATS[code])


def fault_of(code: str, value: str) -> tuple[str, str] | None:
    """Return the code of what is wrong with a value in a format, and the fault in words; None = nothing."""
    known = _FORMATS.get(code)
    if known is None:
        return None
    finding = "el.date" if re.search("[CYMDW]", known.source) else "el.time"
    match = known.shape.fullmatch(value)
    if match is None:
        return finding, f"is not {known.shown}"
    for part in _parts(known.tokens, match.groups()):
        if not _is_day(part):
            return "el.date", f"is not a day of the calendar ({known.shown})"
        if not _is_time(part):
            return finding, f"is not a time of the day ({known.shown})"
    return None


def _parts(tokens: Sequence[str], values: Sequence[str]) -> Iterator[dict[str, int]]:
    """Give the numbers of a moment, or of both ends of a period."""
    part: dict[str, int] = {}
    for token, value in zip(tokens, values, strict=True):
        if token == "-" or token in part:  # noqa: S105
            yield part
            part = {}
        if token != "-" and token not in _ZONES:  # noqa: S105
            part[token] = int(value)
    yield part


def _is_day(part: Mapping[str, int]) -> bool:
    """Return whether there is such a day, week or month; without a year, in some year (2000 was a leap year)."""
    year = part.get("CCYY", 2000 + part.get("YY", 0))
    if not (1 <= part.get("WW", 1) <= 53 and 1 <= part.get("D", 1) <= 7):
        return False
    try:
        date(year, part.get("MM", 1), part.get("DD", 1))
    except ValueError:
        return False
    return 1 <= part.get("DDD", 1) <= 365 + isleap(year)


def _is_time(part: Mapping[str, int]) -> bool:
    """Return whether there is such a time; ISO 8601 ends a day at 24:00."""
    hour, minute, second = (part.get(token, 0) for token in ("hh", "mm", "ss"))
    return (hour < 24 and minute < 60 and second < 60) or (hour == 24 and minute == second == 0)
