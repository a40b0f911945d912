"""Formatting: a definition in its one canonical form; comments stay, and the content is proved to be the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from esb.errors import DefinitionError
from esb.expressions import is_path
from esb.reading import Document, read
from esb.routes.definition import ProjectSpec, RouteSpec
from esb.routes.explanations import BESIDE
from esb.routes.partner import PartnerSpec
from esb.routes.parts import ENDPOINTS, TRANSFORMS
from esb.routes.project import PROJECT_FILE
from esb.routes.walk import keys_of
from esb.specs import EndpointSpec, TransformSpec
from esb.steps import ENTRIES

_WHITE = " \t"
"""What YAML takes for white space; a space that does not break is content."""

FIRST = ("type", "description", "partner", "owner")
"""Keys that stand first wherever they stand."""


def formatted(file: str, raw: bytes) -> str:
    """Return the canonical text of a definition; applied to its own result it changes nothing.

    Raises:
        DefinitionError: The file cannot be read, or holds something that cannot be moved safely.
    """
    document = read(file, raw)
    text = _tidy(_in_order(document))
    try:
        engine = _engine()
        content = engine.load(text)
        _canonical(content)
        out = StringIO()
        engine.dump(content, out)
    except (YAMLError, AssertionError) as error:
        raise DefinitionError(f"{file}: esb fmt cannot write this file again: {error}") from error
    made = _tidy(out.getvalue())
    if read(file, made.encode()).data != document.data:
        raise DefinitionError(f"{file}: esb fmt would change what the file says; it is left as it is")
    return made


class _PlainResolver(BaseResolver):
    """Resolves nothing: every plain scalar is its own text, and comes out as it went in."""

    def __init__(self, version: Any = None, loader: Any = None, loadumper: Any = None) -> None:
        super().__init__(loadumper or loader)

    @property
    def processing_version(self) -> tuple[int, int]:
        """The YAML that we write."""
        return (1, 2)


class _Emitter(RoundTripEmitter):
    """Writes `{ key: value }` with air inside, as people do."""

    opened = False

    def write_indicator(
        self, indicator: Any, need_whitespace: Any, whitespace: bool = False, indention: bool = False
    ) -> None:
        """Write a bracket or a dash; a brace gets its space."""
        if indicator == "}" and not self.opened:
            need_whitespace = True
        super().write_indicator(indicator, need_whitespace, whitespace, indention)
        self.opened = str(indicator).endswith("{")
        if self.opened:
            self.whitespace = False


def _engine() -> YAML:
    engine = YAML(typ="rt")
    engine.Resolver = _PlainResolver
    engine.Emitter = _Emitter
    engine.preserve_quotes = True
    engine.width = 1_000_000
    engine.brace_single_entry_mapping_in_flow_sequence = True
    engine.indent(mapping=2, sequence=4, offset=2)
    return engine


def _canonical(value: Any) -> None:
    """Quote paths and put the id of a step first, in place."""
    if isinstance(value, CommentedMap):
        _id_first(value)
    if not isinstance(value, CommentedMap | CommentedSeq):
        return
    for key, item in list(value.items()) if isinstance(value, CommentedMap) else list(enumerate(value)):
        empty = type(item) is str and not item and value.fa.flow_style()
        value[key] = "null" if empty else _quoted(item)  # between braces an empty value would come out as a text
        _canonical(value[key])


def _quoted(value: Any) -> Any:
    plain = type(value) is str or isinstance(value, SingleQuotedScalarString)
    if not plain or not (is_path(value) or "{{" in value):
        return value
    simple = '"' not in value and "\\" not in value and "\n" not in value
    kind = DoubleQuotedScalarString if simple else SingleQuotedScalarString
    return kind(value, anchor=getattr(getattr(value, "anchor", None), "value", None))


def _id_first(entry: CommentedMap) -> None:
    verbs = [key for key in entry if key in ENTRIES]
    if len(verbs) != 1 or set(entry) - {*BESIDE, *verbs} or entry.ca.items or entry.ca.comment:
        return
    for place, key in enumerate(key for key in BESIDE if key in entry):
        if list(entry).index(key) != place:
            value = entry.pop(key)
            entry.insert(place, key, value)


def _in_order(document: Document) -> str:
    """Return the text with the keys of the top level in the order of the spec, comments with the key below them."""
    lines = document.text.split("\n")
    root = document.root
    if not isinstance(root.value, dict) or document.text[root.start : root.start + 1] == "{":
        return document.text
    starts = {name: _comment_above(lines, key.line - 1) for name, (key, _) in root.value.items()}
    names = list(starts)
    if not names or len(set(starts.values())) < len(names):
        return document.text
    starts[names[0]] = root.line - 1
    ends = [*(starts[name] for name in names[1:]), len(lines)]
    blocks = {name: lines[starts[name] : end] for name, end in zip(names, ends, strict=True)}
    wanted = sorted(names, key=_order(document).get_or_last)
    if wanted == names:
        return document.text
    head = lines[: starts[names[0]]]
    body = [line for name in wanted for line in _ended(blocks[name])]
    return "\n".join([*head, *body]) + "\n"


def _ended(block: list[str]) -> list[str]:
    while block and not block[-1].strip(_WHITE):
        block = block[:-1]
    return block


def _comment_above(lines: list[str], line: int) -> int:
    """Return the line where the comment right above a key begins (from 0), or the key's own."""
    while line > 0 and lines[line - 1].startswith("#"):
        line -= 1
    return line


class _Order:
    """The place of each key; keys that the spec does not know stay behind those it knows."""

    def __init__(self, keys: list[str]) -> None:
        self._places = {key: place for place, key in enumerate(keys)}

    def get_or_last(self, key: str) -> int:
        return self._places.get(key, len(self._places))


def _order(document: Document) -> _Order:
    model = _model(document.file, document.data)
    if model is None:
        return _Order(list(FIRST))
    shared = set(keys_of(EndpointSpec)) | set(keys_of(TransformSpec))
    keys = list(keys_of(model))
    if not issubclass(model, EndpointSpec | TransformSpec):
        return _Order(keys)
    own = [key for key in keys if key not in shared and key not in FIRST]
    return _Order([*FIRST, *own, *(key for key in keys if key in shared and key not in FIRST)])


def _model(file: str, data: Mapping[str, Any]) -> type[BaseModel] | None:
    kind = data.get("type")
    if file == PROJECT_FILE:
        return ProjectSpec
    if file.startswith("schemas/partners/"):
        return PartnerSpec
    if file.startswith("routes/"):
        return RouteSpec
    table: Mapping[str, type[BaseModel]] = ENDPOINTS if file.startswith("endpoints/") else TRANSFORMS
    return table.get(kind) if isinstance(kind, str) else None


def _tidy(text: str) -> str:
    """Return text without trailing spaces and with one blank line at most; texts of several lines keep theirs."""
    return "\n".join(_lines(text)).strip("\n") + "\n"


_BLOCK = re.compile(r"(?:^|[:\-]\s)\s*(?:[^#]*\s)?[|>][+-]?[1-9]?[+-]?\s*(?:#.*)?$")


def _lines(text: str) -> Iterator[str]:
    inside, blank = -1, 0
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        if inside >= 0 and (not line.strip(_WHITE) or indent > inside):
            yield line
            continue
        inside = indent if _BLOCK.search(line) else -1
        blank = 0 if line.strip(_WHITE) else blank + 1
        if blank < 2:
            yield line.rstrip(_WHITE)
