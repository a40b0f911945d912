"""Findings as a person, an editor or a build server reads them; the same texts everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from esb.errors import Diagnostic, Place

MOST_SHOWN = 20
_WIDEST = 160
_BEFORE, _AFTER = 2, 1
_MEANT = re.compile(r'did you mean "([^"]*)"')
_SECRETS = re.compile(
    r"""(?ix) (?<! [\w-] )
    (?P<key> [\w-]{0,40} (?:password|passwd|secret|token|bearer|api_?key|private_?key) ["']? \s*:\s* ["']?)
    (?! // | secret:// | \{ | \[ | \| | > | \$ | \s | ["'] ) (?P<value> [^\s"',}\#]+ )"""
)
_LISTED = re.compile(r"(?i)(?<![\w-])[\w-]{0,40}(?:password|secret|token|key)s\s*:\s*\[(?P<items>[^\]]*)")
_ITEM = re.compile(r"""(?P<key>)(?<![^\s,"'])(?!secret://)(?P<value>[^\s,"']+)""")
_IN_URL = re.compile(r"(?P<key>://[^/\s:@]*:)(?P<value>[^/\s@]+)(?=@)")
_COLOURS = {"error": "1;31", "warning": "1;33", "help": "1;36", "note": "1", "rule": "34"}

Files = Mapping[str, bytes]


def render(finding: Diagnostic, files: Files, colour: bool = False) -> str:
    """Return a finding with the lines around it, a caret under the token, and what to write instead."""
    paint = _painter(colour)
    lines = _source(files, finding.place.file)
    head = paint(finding.severity, f"{finding.severity}[{finding.code}]")
    out = [f"{head}: {_clean(finding.text)}", f"  {paint('rule', '-->')} {finding.place}"]
    out += _excerpt(lines, finding, paint)
    if finding.also:
        out.append(f"{paint('note', 'also')}: {', '.join(map(str, finding.also[:8]))}{_more(finding.also)}")
    if finding.help:
        out += _help(finding, lines, paint)
    if finding.note:
        out.append(f"{paint('note', 'note')}: {_clean(finding.note)}")
    out.append(f"{paint('note', 'docs')}: esb explain {finding.code}")
    return "\n".join(out) + "\n"


def render_all(findings: Sequence[Diagnostic], files: Files, colour: bool = False) -> str:
    """Return the first findings in full, and how many more there are."""
    shown = [render(finding, files, colour) for finding in findings[:MOST_SHOWN]]
    if len(findings) > MOST_SHOWN:
        shown.append(f"… {len(findings) - MOST_SHOWN} more\n")
    return "\n".join(shown)


def summary(findings: Sequence[Diagnostic], files: int) -> str:
    """Return one line: how many errors and warnings in how many files."""
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    if not findings:
        return f"✔ nothing to mend in {_count(files, 'file')}"
    parts = [_count(errors, "error")] if errors else []
    parts += [_count(warnings, "warning")] if warnings else []
    return f"{'✖' if errors else '✔'} {', '.join(parts)} in {_count(files, 'file')}"


def as_data(finding: Diagnostic) -> dict[str, Any]:
    """Return a finding as JSON data (`--json`, the editor, the management API)."""
    data: dict[str, Any] = {
        "code": finding.code,
        "severity": finding.severity,
        "text": finding.text,
        **_span(finding.place),
    }
    extra = {"label": finding.label, "help": finding.help, "note": finding.note}
    data |= {key: text for key, text in extra.items() if text}
    if finding.also:
        data["also"] = [_span(place) for place in finding.also]
    return data


def as_github(finding: Diagnostic) -> str:
    """Return a finding as a workflow command, which build servers show beside the line of the change."""
    place = finding.place
    text = "\n".join(part for part in (finding.text, finding.help, finding.note) if part)
    where = f"file={_property(place.file)},line={place.line},col={place.column},endColumn={place.column + place.length}"
    return f"::{finding.severity} {where},title={finding.code}::{_escaped(text)}"


def ordered(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return findings by place; one cause is said once: a code at a place, and of a secret only that it is one."""
    unique = {(f.place.file, f.place.line, f.place.column, f.code): f for f in findings}
    secrets = {key[:3] for key in unique if key[3] == "E601"}
    return tuple(unique[key] for key in sorted(unique) if key[3] == "E601" or key[:3] not in secrets)


def _span(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column, "length": place.length}


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _more(places: Sequence[Place]) -> str:
    return f" … {len(places) - 8} more" if len(places) > 8 else ""


def _painter(colour: bool) -> Any:
    def paint(role: str, text: str) -> str:
        return f"\x1b[{_COLOURS[role]}m{text}\x1b[0m" if colour else text

    return paint


def _source(files: Files, file: str) -> list[str]:
    raw = files.get(file, b"")
    text = raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _clean(text: str) -> str:
    """Return text that cannot steer a terminal; every character keeps its column."""
    return "".join(char if char.isprintable() else (" " if char == "\t" else "\ufffd") for char in text)


def _masked(line: str) -> str:
    """Return the line with what sounds like a secret covered, in values and in URLs: a secret is never echoed."""
    for pattern in (_SECRETS, _IN_URL):
        line = pattern.sub(_cover, line)
    for listed in _LISTED.finditer(line):  # what covers keeps every character's column
        begin, end = listed.span("items")
        line = line[:begin] + _ITEM.sub(_cover, line[begin:end]) + line[end:]
    return line


def _cover(match: re.Match[str]) -> str:
    return match["key"] + "•" * len(match["value"])


def _excerpt(lines: list[str], finding: Diagnostic, paint: Any) -> list[str]:
    number = finding.place.line
    if number > len(lines) or lines == [""]:
        return []
    first, last = max(1, number - _BEFORE), min(len(lines), number + _AFTER)
    if last > number and not lines[last - 1].strip():
        last = number
    while first < number and not lines[first - 1].strip():
        first += 1
    width = max(3, len(str(last)))
    rule = paint("rule", f"{'':>{width}} |")
    out = [rule]
    for line in range(first, last + 1):
        text, column = _window(lines[line - 1], finding, line == number)
        out.append(f"{paint('rule', f'{line:>{width}} |')} {text}".rstrip())
        if line == number:
            out.append(_caret(rule, text, column, finding, paint))
    out.append(rule)
    return out


def _window(text: str, finding: Diagnostic, marked: bool) -> tuple[str, int]:
    """Return as much of a line as fits, secrets covered, with the token's column in it (from 0)."""
    text, column = _masked(text), finding.place.column - 1
    if marked and finding.code == "E601":
        stop = column + finding.place.length
        text = text[:column] + "•" * len(text[column:stop]) + text[stop:]
    if len(text) <= _WIDEST:
        return _clean(text), column
    begin = max(0, column - _WIDEST // 2) if marked else 0
    cut = text[begin : begin + _WIDEST]
    shown = ("…" + cut[1:] if begin else cut) + ("…" if begin + _WIDEST < len(text) else "")
    return _clean(shown), column - begin


def _caret(rule: str, text: str, column: int, finding: Diagnostic, paint: Any) -> str:
    length = max(1, min(finding.place.length, max(1, len(text) - column)))
    mark = f"{'^' * length} {_clean(finding.label)}".rstrip()
    return f"{rule} {' ' * column}{paint(finding.severity, mark)}"


def _help(finding: Diagnostic, lines: list[str], paint: Any) -> list[str]:
    first, *rest = finding.help.split("\n")
    out = [f"{paint('help', 'help')}: {_clean(first)}"]
    width = max(3, len(str(finding.place.line + _AFTER)))
    rule = paint("rule", f"{'':>{width}} |")
    if rest:
        return [*out, rule, *(f"{rule} {_clean(line)}".rstrip() for line in rest), rule]
    return out + _mended(finding, lines, rule, width)


def _mended(finding: Diagnostic, lines: list[str], rule: str, width: int) -> list[str]:
    """Return the line as it would read with the word that was meant, where the token is exactly the wrong word."""
    meant = _MEANT.search(finding.help)
    place = finding.place
    if meant is None or place.line > len(lines) or finding.code == "E601":
        return []
    text, begin = lines[place.line - 1], place.column - 1
    if len(text) > _WIDEST or _masked(text) != text:
        return []
    text = _clean(text)
    token = text[begin : begin + place.length]
    word = token.strip("\"'")
    if not word or f'"{word}"' not in finding.text:
        return []
    begin += token.index(word)
    mended = text[:begin] + meant[1] + text[begin + len(word) :]
    return [rule, f"{place.line:>{width}} | {mended}".rstrip(), f"{rule} {' ' * begin}{'+' * len(meant[1])}", rule]
