"""The rule between XML and documents.

An element is the text in it; with attributes or children it is an object: attributes `@name`, children by name
(repeated ones a list), text between children `#text`. A body is an object with the root's name as its only key.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lxml import etree

from esb.errors import FormatError
from esb.message import Document


def to_document(element: Any, lists: frozenset[str], strip: bool) -> Document:
    """Return an element's content; `lists` = children that are a list even when alone; `strip` drops namespaces."""
    content: dict[str, Any] = {}
    for name, value in element.items():
        content[f"@{local(name) if strip else name}"] = value
    texts = [element.text or ""]
    for child in element:
        texts.append(child.tail or "")
        if not isinstance(child.tag, str):
            continue
        name = local(child.tag) if strip else child.tag
        _add(content, name, to_document(child, lists, strip), name in lists)
    text = "".join(texts)
    if not content:
        return text
    if text.strip():
        content["#text"] = text
    return content


def local(name: str) -> str:
    """Return a name without its `{namespace}`."""
    return name.rpartition("}")[2]


def _add(content: dict[str, Any], name: str, value: Any, forced: bool) -> None:
    held = content.get(name)
    if held is None:
        content[name] = [value] if forced else value
    elif isinstance(held, list):
        held.append(value)
    else:
        content[name] = [held, value]


def to_xml(document: Document) -> bytes:
    """Return UTF-8 XML of an object with one key, the root's name.

    Raises:
        FormatError: It has no single root, a name that XML does not allow, or a value that is no text.
    """
    if not isinstance(document, dict) or len(document) != 1:
        raise FormatError("xml: the body must be an object with one key, the name of the root element")
    ((name, content),) = document.items()
    if isinstance(content, list):
        raise FormatError(f"xml: the root element {name!r} cannot be a list; put the list into an element")
    root = _element(str(name))
    _fill(root, content, str(name))
    return etree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"  # type: ignore[no-any-return]


def _element(name: str, parent: Any = None) -> Any:
    try:
        return etree.Element(name) if parent is None else etree.SubElement(parent, name)
    except ValueError:
        raise FormatError(f"xml: {name[:60]!r} is not a name that an element can have") from None


def _fill(element: Any, content: Any, path: str) -> None:
    if not isinstance(content, Mapping):
        element.text = _text(content, path)
        return
    for name, value in content.items():
        if name == "#text":
            element.text = _text(value, path)
        elif name.startswith("@"):
            _set(element, name[1:], _text(value, f"{path}/{name}"), path)
        else:
            for item in value if isinstance(value, list) else [value]:
                _fill(_element(name, element), item, f"{path}/{name}")


def _set(element: Any, name: str, value: str, path: str) -> None:
    try:
        element.set(name, value)
    except ValueError:
        raise FormatError(f"xml: {name[:60]!r} at {path} is not a name that an attribute can have") from None


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        value = f"{value:f}"
    if not isinstance(value, str | int):
        raise FormatError(f"xml: a {type(value).__name__} at {path} is neither text nor an element's content")
    text = str(value)
    if not text.isprintable() and any(_forbidden(char) for char in text):
        raise FormatError(f"xml: the text at {path} holds a character that XML does not allow; remove it")
    return text


def _forbidden(char: str) -> bool:
    code = ord(char)
    return (code < 32 and char not in "\t\n\r") or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
