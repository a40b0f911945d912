"""XSLT 1.0: XML to XML, text or HTML, by a stylesheet that can read nothing but the message.

A document (object) is XML by this rule: an object with one key is the root; `@name` are attributes, `#text` is text,
a list repeats its element, anything else is a child element. It is the rule of the xml format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lxml import etree
from pydantic import Field

from esb.contracts import xml_parser
from esb.errors import DefinitionError, Diagnostic, ExpressionError, FormatError, Place
from esb.expressions import scope_of
from esb.expressions.operators import kind_of, text_of
from esb.message import Message
from esb.ports import Transform
from esb.specs import Resources, TransformSpec, Value

CODE = "E423"
"""The code of every finding about a stylesheet."""
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_NOTHING_OUTSIDE = etree.XSLTAccessControl.DENY_ALL
_DEEPEST = 200


class Xslt(TransformSpec):
    """Transforms XML by a stylesheet."""

    type: Literal["xslt"] = "xslt"
    file: str = Field(min_length=1, description="The stylesheet under transforms/, e.g. order.xsl.")
    params: dict[str, Value] = Field({}, description="Values for the stylesheet's xsl:param, as text.")
    format: str = Field("xml", description="What comes out: xml, or text with <xsl:output method='text'/>.")

    def build(self, name: str, resources: Resources, files: Mapping[str, bytes]) -> Transform:
        """Return the stylesheet, compiled.

        Raises:
            DefinitionError: It is not there, does not compile, or wants to read something besides the message.
        """
        stylesheet = _compiled(f"transforms/{self.file}", files)
        params = {key: value.run for key, value in self.params.items()}
        format_ = self.format

        def transform(message: Message) -> tuple[Any, str]:
            scope = scope_of(message)
            given = {key: etree.XSLT.strparam(text_of(run(message.body, scope))) for key, run in params.items()}
            try:
                made = stylesheet(_tree(message.body), **given)
            except etree.XSLTApplyError as error:
                raise ExpressionError(f"{name}: {error}") from error
            raw = bytes(made)
            return (raw.decode() if format_ == "text" else raw), format_

        return transform


def _compiled(file: str, files: Mapping[str, bytes]) -> Any:
    if file not in files:
        raise DefinitionError(f"there is no stylesheet {file}")
    try:
        tree = etree.fromstring(files[file], xml_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _wrong(file, f"not well-formed XML: {error}", getattr(error, "lineno", 1) or 1) from None
    _refuse_outside(file, tree)
    try:
        return etree.XSLT(tree, access_control=_NOTHING_OUTSIDE)
    except etree.XSLTParseError as error:
        faults = list(error.error_log)
        text, line = (faults[0].message, faults[0].line) if faults else (str(error), 1)
        raise _wrong(file, text, line) from None


def _wrong(file: str, text: str, line: int, advice: str = "") -> DefinitionError:
    finding = Diagnostic(CODE, text, Place(file, max(line, 1), 1), help=advice)
    return DefinitionError(str(finding), (finding,))


def _refuse_outside(file: str, tree: Any) -> None:
    """Refuse what reads or writes other files, or runs code: document(), includes, extension elements."""
    if tree.getroottree().docinfo.doctype:
        raise _wrong(file, "a stylesheet has no DOCTYPE here", 1, "write characters in place of entities")
    for element in tree.iter(etree.Element):
        if element.tag in {f"{_XSL}include", f"{_XSL}import"}:
            raise _wrong(file, "a stylesheet includes nothing here", element.sourceline, "copy the templates into it")
        if element.get("extension-element-prefixes") or element.get(f"{_XSL}extension-element-prefixes"):
            raise _wrong(file, "extension elements are refused", element.sourceline, "remove the attribute")
        for value in element.attrib.values():
            if "document(" in value.replace(" ", ""):
                text = "document() reads other files and is refused"
                raise _wrong(file, text, element.sourceline, "hand the value in under params:")


def _tree(body: Any) -> Any:
    """Return the message's body as an XML tree."""
    if isinstance(body, dict):
        return _element_of(body)
    if not isinstance(body, bytes | str):
        raise ExpressionError(f"a stylesheet takes XML, the body is {kind_of(body)}")
    raw = body.encode() if isinstance(body, str) else body
    try:
        tree = etree.fromstring(raw, xml_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FormatError(f"the body is not well-formed XML: {error}") from None
    if tree.getroottree().docinfo.doctype:
        raise FormatError("the XML brings its own DOCTYPE; send it without one")
    return tree


def _element_of(body: Mapping[str, Any]) -> Any:
    if len(body) != 1:
        raise ExpressionError(f"a stylesheet takes an object with one key, the root element; this one has {len(body)}")
    ((name, content),) = body.items()
    try:
        root = etree.Element(name)
        _fill(root, content, 0)
    except (ValueError, TypeError) as error:
        raise ExpressionError(f"the body cannot be written as XML: {error}") from None
    return root


def _fill(element: Any, content: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ExpressionError(f"the document is nested deeper than {_DEEPEST}")
    if not isinstance(content, Mapping):
        element.text = "" if content is None else text_of(content)
        return
    for name, value in content.items():
        if name == "#text":
            element.text = "" if value is None else text_of(value)
        elif name.startswith("@"):
            element.set(name[1:], "" if value is None else text_of(value))
        else:
            for each in value if isinstance(value, list) else [value]:
                _fill(etree.SubElement(element, name), each, depth + 1)
