"""What the YAML parser's complaints mean for the person who wrote the file."""

from __future__ import annotations

import re
from typing import Any

import yaml

from esb.errors import Diagnostic, Place

_QUOTABLE = re.compile(r"""(?<!["'\w$])(\{\{.*?\}\}|\$(?:[.\[][^\s"']*)?)""")


def needs_quotes(file: str, line: int, begin: int, token: str) -> Diagnostic:
    """Return the finding for a path or expression that YAML takes apart because it is not quoted."""
    what = "an expression" if token.startswith("{{") else "a path"
    quote = "'" if '"' in token else '"'
    place = Place(file, line, begin + 1, len(token))
    return Diagnostic("E106", f"{what} needs quotes here", place, help=f"write {quote}{token}{quote}")


_ALIGN = "keys of one level share a column"
_EXPLAINED = (
    ("mapping values are not allowed", "E104", "a second colon on this line", 'quote a text that contains ": "'),
    ("could not find expected ':'", "E103", "a key without a colon stands above", "write key: value"),
    ("did not find expected ',' or '}'", "E103", "a comma or } is missing", "write { key: value, key: value }"),
    ("did not find expected ',' or ']'", "E103", "a comma or ] is missing", "write [value, value]"),
    ("did not find expected '-' indicator", "E103", "a list item is missing its dash", "write - at the same column"),
    ("did not find expected key", "E103", "this does not belong to the keys above", _ALIGN),
    ("expected <document start>", "E103", "this does not belong to what stands above", _ALIGN),
    ("expected node content", "E103", "a value is missing here", "write a value, or leave the key out"),
    ("comment or line break", "E103", "a text behind | or > begins on the next line", "break the line here"),
    ("alphabetic or numeric character", "E104", "a text cannot begin with * or &", "quote it"),
    ("block sequence entries are not", "E103", "a list item cannot begin here", "begin it on a line of its own"),
    ("unknown escape character", "E103", "unknown escape in double quotes", "use single quotes, or double the \\"),
    ("violates indentation", "E105", "a tab is used for indentation", "indent with spaces"),
    ("quoted scalar", "E103", "a quote is opened and never closed", "close it on the same line"),
)  # fmt: skip


def syntax_finding(file: str, text: str, error: yaml.YAMLError) -> Diagnostic:
    """Return what the parser's complaint means for the person who wrote the file."""
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(file, text, error)
    opened = getattr(error, "context_mark", None) or mark
    unquoted = _unquoted(file, text, opened, mark)
    if unquoted is not None:
        return unquoted
    lines = text.split("\n")
    character = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
    if "cannot start any token" in problem:
        if character == "\t":
            return Diagnostic("E105", "a tab is used for indentation", _place(file, mark), help="indent with spaces")
        advice = f'quote it: "{lines[mark.line][mark.column :].strip()}"'
        return Diagnostic("E104", f'a text cannot begin with "{character}"', _place(file, mark), help=advice)
    before = lines[mark.line][: mark.column].rstrip() if mark.line < len(lines) else ""
    if "expected key" in problem and before.endswith(('"', "'")):
        return Diagnostic("E104", "a text goes on after its quotes", _place(file, mark), help="quote all of it")
    if "mapping values" in problem and ":" not in before:
        return Diagnostic("E103", "this is indented deeper than the keys above", _place(file, mark), help=_ALIGN)
    for words, code, meaning, advice in _EXPLAINED:
        if words in problem or words in context:
            at = opened if "quoted scalar" in words else mark
            return Diagnostic(code, meaning, _place(file, at), help=advice)
    return Diagnostic("E103", f"this is not YAML: {problem or context}", _place(file, mark))


def _place(file: str, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)


def _unreadable(file: str, text: str, error: yaml.YAMLError) -> Diagnostic:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return Diagnostic("E103", "this is not YAML", Place(file, 1, 1))
    spot = next((i for i, char in enumerate(text) if not char.isprintable() and char not in "\n\t"), 0)
    line = text.count("\n", 0, spot) + 1
    place = Place(file, line, spot - (text.rfind("\n", 0, spot) + 1) + 1)
    what = f"character U+{ord(text[spot]) if text else 0:04X} cannot stand in a text file"
    return Diagnostic("E101", what, place, help="remove it, or save the file as UTF-8")


def _unquoted(file: str, text: str, opened: Any, mark: Any) -> Diagnostic | None:
    """Return the finding for a path or expression without quotes, the usual cause of a flow that does not parse."""
    lines = text.split("\n")
    for number in dict.fromkeys((mark.line, opened.line)):
        line = lines[number] if number < len(lines) else ""
        for match in _QUOTABLE.finditer(line):
            begin, token = match.start(), unquoted_token(line, match.start())
            inside = begin <= mark.column <= begin + len(token) if number == mark.line else True
            if inside and line[:begin].count('"') % 2 == 0 and line[:begin].count("'") % 2 == 0:
                return needs_quotes(file, number + 1, begin, token)
    return None


def unquoted_token(line: str, begin: int) -> str:
    """Return the whole unquoted path or expression that begins here: to the comma or brace that is not its own."""
    depth, quote = 0, ""
    for index in range(begin, len(line)):
        char = line[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and depth:
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        if depth < 0 or (depth == 0 and char == ",") or line.startswith(" #", index):
            return line[begin:index].rstrip()
    return line[begin:].rstrip()
