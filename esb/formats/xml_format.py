"""XML: a whole body, or one document for each element at a path. No network, no DTD, no entities of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from esb.edge import Part
from esb.errors import DefinitionError
from esb.formats.parts import KEPT, Gathering, bad, too_large
from esb.formats.xml import Xml
from esb.formats.xml_document import local, to_document, to_xml
from esb.message import Document
from esb.ports import Reader

_STEP = re.compile(r"/((?:\{[^}]*\})?[^/{}\s]+)")


class XmlFormat:
    """Reads and writes XML by the rule of `xml_document`, or passes its source on."""

    name = "xml"

    def __init__(self, spec: Xml) -> None:
        self._spec = spec

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of the whole body, or of the elements at a path such as `/orders/order`.

        Raises:
            DefinitionError: `each` is another kind of path.
        """
        if each is None:
            return _WholeReader(self._spec)
        steps = _STEP.findall(each)
        if "".join(f"/{step}" for step in steps) != each or not steps:
            raise DefinitionError(f"xml: each: {each!r} is not a path of elements; write for example /orders/order")
        return _ElementReader(self._spec, steps, each)

    def render(self, document: Document) -> bytes:
        """Return UTF-8 XML of an object with one key, or of XML text.

        Raises:
            FormatError: XML cannot say it.
        """
        if isinstance(document, str):
            return document.encode()
        return to_xml(document)


class Fault(Exception):
    """XML that we do not read on; the text says where."""

    def __init__(self, code: str, text: str, line: int) -> None:
        super().__init__(text)
        self.code, self.text, self.line = code, text, line


class _Elements:
    """Pull parser fed by push: gives elements at a path and forgets all others."""

    def __init__(self, spec: Xml, steps: Sequence[str]) -> None:
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self._spec, self._steps = spec, list(steps)
        self._open: list[str] = []
        self.root: Any = None

    def feed(self, data: bytes) -> Iterator[Any]:
        """Give elements as they close. Raises Fault where it is not well-formed or not allowed."""
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            failed: Fault | None = _syntax(error)
        else:
            failed = None
        yield from self._events()
        if failed is not None:
            raise failed

    def end(self) -> None:
        """Raises Fault if the document is not complete."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            raise _syntax(error) from None

    def _events(self) -> Iterator[Any]:
        steps, path = self._steps, self._open
        strip, deepest = self._spec.namespaces == "strip", self._spec.depth
        for event, element in self._parser.read_events():
            if event == "start":
                if not path and element.getroottree().docinfo.doctype:
                    raise Fault("doctype", "a document type is not taken (it can read files); remove <!DOCTYPE", 1)
                if not path:
                    self.root = element
                path.append(local(element.tag) if strip else element.tag)
                if len(path) > deepest:
                    raise Fault("depth", f"nested deeper than {deepest}", element.sourceline)
            else:
                if path == steps:
                    yield element
                path.pop()
                if len(path) < len(steps):
                    _forget(element)


def _forget(element: Any) -> None:
    parent = element.getparent()
    element.clear(keep_tail=False)
    if parent is not None:
        for _ in range(parent.index(element)):
            del parent[0]


def _syntax(error: Any) -> Fault:
    line, column = error.position
    said = str(error.msg or "it is not XML").split(", line")[0]
    return Fault("syntax", f"line {line}, column {column}: {said}", line)


def _part(element: Any, spec: Xml, raw: bytes) -> Part:
    if spec.as_ == "source":
        return Part(etree.tostring(element, encoding="unicode", with_tail=False), raw)
    strip = spec.namespaces == "strip"
    name = local(element.tag) if strip else element.tag
    content = to_document(element, frozenset(spec.lists), strip)
    return Part({name: [content] if name in spec.lists else content}, raw)


class _WholeReader:
    def __init__(self, spec: Xml) -> None:
        self._spec, self._gathering = spec, Gathering(spec.limit)

    def feed(self, data: bytes) -> Sequence[Part]:
        self._gathering.feed(data)
        return ()

    def end(self) -> Sequence[Part]:
        raw = self._gathering.content()
        if self._gathering.overfull:
            return (too_large("xml", raw, self._spec.limit),)
        elements = _Elements(self._spec, [])
        try:
            for _ in elements.feed(raw):
                pass
            elements.end()
        except Fault as fault:
            return (bad("xml", fault.code, fault.text, raw, fault.line),)
        return (_part(elements.root, self._spec, raw),)


class _ElementReader:
    def __init__(self, spec: Xml, steps: Sequence[str], each: str) -> None:
        self._spec, self._each = spec, each
        self._elements = _Elements(spec, steps)
        self._since = self._count = 0
        self._recent = b""
        self._fault: Fault | None = None

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(data))

    def end(self) -> Sequence[Part]:
        if self._fault is None:
            try:
                self._elements.end()
            except Fault as fault:
                self._fault = fault
        if self._fault is not None:
            text = f"{self._fault.text}; nothing after it was read"
            return (bad("xml", self._fault.code, text, self._recent, self._fault.line),)
        if not self._count:
            return (bad("xml", "path", f"there is no element at {self._each}", self._recent),)
        return ()

    def _read(self, data: bytes) -> Iterator[Part]:
        if self._fault is not None:
            return
        self._recent = (self._recent + data[-KEPT:])[-KEPT:]
        self._since += len(data)
        try:
            for element in self._elements.feed(data):
                self._count += 1
                self._since = len(data)
                yield _part(element, self._spec, b"")
        except Fault as fault:
            self._fault = fault
        if self._since > self._spec.limit:
            self._fault = Fault("too-large", f"element {self._count + 1} is larger than {self._spec.limit} bytes", 0)
