"""Contracts: JSON Schema (Draft 2020-12) and XML Schema, compiled once, without network; findings in plain sentences.

A contract never fetches: what a schema refers to must be one of the schemas handed in. Decimals and large whole numbers
are compared exactly. Patterns that backtrack too long are a finding, not a hang.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

import jsonschema_rs
import msgspec
from lxml import etree

from esb.edge import Finding
from esb.errors import DefinitionError
from esb.ports import Contract

MOST_FINDINGS = 100
"""Most findings of one document; who reads more than that?"""
LONGEST_TEXT = 300
_SCHEMAS = "esb:///schemas/"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

NO_OTHERS: Mapping[str, bytes] = {}


def compile_contract(
    name: str, source: bytes, kind: Literal["json-schema", "xsd"], others: Mapping[str, bytes] = NO_OTHERS
) -> Contract:
    """Return the contract; `others` are the schemas that it may refer to, by file name (`address@1.json`).

    Raises:
        DefinitionError: The schema is not well-formed or not valid, or refers to what is not there.
    """
    return _json_contract(name, source, others) if kind == "json-schema" else _xml_contract(name, source, others)


def _json_contract(name: str, source: bytes, others: Mapping[str, bytes]) -> Contract:
    schema = read_schema(name, source)
    resources = [(_SCHEMAS + other, read_schema(other, text)) for other, text in others.items()]
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            registry=jsonschema_rs.Registry(resources) if resources else None,
            base_uri=f"{_SCHEMAS}{name}",
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        raise DefinitionError(f"contract {name}: {_schema_fault(error, others)}") from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise DefinitionError(f"contract {name}: {_cut(str(error))}") from None

    def contract(document: Any) -> Sequence[Finding]:
        if isinstance(document, bytes):
            text = "the body is bytes, not a document; give the endpoint a format, or transform it first"
            return (Finding("contract.bytes", text),)
        try:
            if validator.is_valid(document):
                return ()
            return [_finding(error) for error in islice(validator.iter_errors(document), MOST_FINDINGS)]
        except (ValueError, RecursionError) as error:
            return (Finding("contract.document", f"the body is no JSON document: {_cut(str(error))}"),)

    return contract


def read_schema(name: str, source: bytes) -> Any:
    """Return a JSON Schema as a value, its numbers exact.

    Raises:
        DefinitionError: It is not JSON, no schema, or of another draft.
    """
    try:
        schema = _DECODER.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DefinitionError(f"contract {name}: not JSON: {error}") from None
    if not isinstance(schema, dict | bool):
        raise DefinitionError(f"contract {name}: a schema is an object, not {type(schema).__name__}")
    draft = schema.get("$schema", _DRAFT) if isinstance(schema, dict) else _DRAFT
    if not isinstance(draft, str) or draft.rstrip("#") != _DRAFT:
        raise DefinitionError(f"contract {name}: $schema is {draft!r}; contracts are written in {_DRAFT}")
    return schema


def _schema_fault(error: Any, others: Mapping[str, bytes]) -> str:
    """Say what is wrong with a schema, and where in it."""
    where = render_where(error.instance_path)
    text = _cut(error.message)
    if "present in a registry" in text or "Retrieval is disabled" in text:
        wanted = re.search(r"Resource '(?:esb:///schemas/)?([^']+)'", text)
        there = f"; there are {', '.join(sorted(others))}" if others else ""
        return f"refers to {wanted.group(1) if wanted else 'a schema'!r}, which is not under schemas/{there}"
    return f"at {where}: {text}" if where else text


def _finding(error: Any) -> Finding:
    where = render_where(error.instance_path)
    text = _sentence(error)
    return Finding(f"contract.{error.kind.name}", f"{where}: {text}" if where else text, where=where)


def _sentence(error: Any) -> str:
    kind = error.kind
    if kind.name == "required":
        return f"{kind.property} is missing"
    if kind.name in {"additionalProperties", "unevaluatedProperties"}:
        return f"{_listed(kind.unexpected)} is not known here" + (
            "" if len(kind.unexpected) == 1 else " (each of them)"
        )
    if kind.name in {"anyOf", "oneOf"} and getattr(kind, "context", None):
        return _nearest(kind.context)
    if kind.name == "falseSchema":
        return "nothing may stand here"
    return _cut(error.message)


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(repr(str(name)) for name in names)


def _nearest(branches: Sequence[Sequence[Any]]) -> str:
    """Say that no form fits, and what the form that came nearest lacks: deepest and fewest faults."""
    best = min(
        branches, key=lambda faults: (-max((len(fault.instance_path) for fault in faults), default=0), len(faults))
    )
    lacks = "; ".join(_finding(fault).text for fault in best[:3])
    return f"it fits none of the {len(branches)} forms that it may have; the nearest lacks this: {lacks}"


def _cut(text: str) -> str:
    """Shorten a text that holds values of the document."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


def render_where(path: Iterable[str | int]) -> str:
    """Return a place in a document as people write it: `lines[2].qty`; empty for the whole document."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


class _Given(etree.Resolver):  # type: ignore[misc]
    """Answers what a schema includes from the schemas handed in; refuses everything else without a look at the disk."""

    def __init__(self, others: Mapping[str, bytes]) -> None:
        super().__init__()
        self.others = others
        self.refused: list[str] = []

    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        found = self.others.get(url)
        if found is None:
            self.refused.append(url)
            return self.resolve_string(b"<refused/>", context)
        return self.resolve_string(found, context)


def xml_parser() -> Any:
    """Return a parser without network, entities, DTD and unbounded trees."""
    return etree.XMLParser(
        no_network=True, resolve_entities=False, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )


def _xml_contract(name: str, source: bytes, others: Mapping[str, bytes]) -> Contract:
    given = _Given(others)
    parser = xml_parser()
    parser.resolvers.add(given)
    try:
        schema = etree.XMLSchema(etree.fromstring(source, parser))
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError, ValueError) as error:
        if given.refused:
            there = f"; there are {', '.join(sorted(others))}" if others else ""
            text = f"refers to {given.refused[0]!r}, which is not under schemas/{there}"
            raise DefinitionError(f"contract {name}: {text}") from None
        raise DefinitionError(f"contract {name}: {_cut(str(error))}") from None

    def contract(document: Any) -> Sequence[Finding]:
        if not isinstance(document, bytes | str):
            text = (
                "an XML Schema checks XML as bytes or text, but the body is a document; validate it before it is read"
            )
            return (Finding("contract.document", text),)
        raw = document.encode() if isinstance(document, str) else document
        try:
            tree = etree.fromstring(raw, xml_parser())
        except (etree.XMLSyntaxError, ValueError) as error:
            line = getattr(error, "lineno", 0) or 0
            return (Finding("contract.xml", f"not well-formed XML: {_cut(str(error))}", line=line),)
        if tree.getroottree().docinfo.doctype:  # entities hide what is checked, and may name files
            return (Finding("contract.doctype", "the XML brings its own DOCTYPE; send it without one", line=1),)
        if schema.validate(tree):
            return ()
        return [_xml_finding(fault) for fault in islice(schema.error_log, MOST_FINDINGS)]

    return contract


def _xml_finding(fault: Any) -> Finding:
    where = (fault.path or "").lstrip("/").replace("/", ".")
    text = _cut(re.sub(r"\{[^}]*\}", "", fault.message))
    return Finding("contract.xsd", f"line {fault.line}: {text}", line=fault.line, where=where)


class SchemaPaths:
    """Which paths a JSON Schema knows of, for lint. A place without declared properties knows every path below it."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema

    def knows(self, keys: Iterable[str | int | None]) -> bool:
        """Return whether the schema has something at these keys (an int or None stands for an element of a list)."""
        return self.unknown(keys) is None

    def unknown(self, keys: Iterable[str | int | None]) -> tuple[str, list[str]] | None:
        """Return the first key that the schema does not know and the names that it knows there; None = knows all."""
        here: list[Any] = list(self._forms(self.schema))
        for key in keys:
            below = [child for form in here for child in _below(form, key)]
            if not below:
                declared = any(map(_declares_members, here)) and True not in here
                return (key, self._names(here)) if declared and isinstance(key, str) else None
            here = [form for child in below for form in self._forms(child)]
        return None

    def _names(self, forms: Iterable[Any]) -> list[str]:
        return sorted({name for form in forms if isinstance(form, dict) for name in form.get("properties", ())})

    def _forms(self, schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[Any]:
        """Give the schema and all schemas that apply at the same place: references, allOf, anyOf, oneOf, if."""
        yield schema
        if not isinstance(schema, dict):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            target = self._resolve(reference)
            yield from self._forms(target, seen | {reference})
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                yield from self._forms(part, seen)
        for word in ("if", "then", "else"):
            if word in schema:
                yield from self._forms(schema[word], seen)

    def _resolve(self, reference: str) -> Any:
        """Return what a reference inside the schema points at; one to another schema allows everything."""
        if not reference.startswith("#"):
            return True
        found = self.schema
        for part in reference.lstrip("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if key:
                found = found.get(key, True) if isinstance(found, dict) else True
        return found


def _below(form: Any, key: str | int | None) -> list[Any]:
    """Return the schemas that a form has for a member."""
    if not isinstance(form, dict):
        return []
    if not isinstance(key, str):
        return [*(form[word] for word in ("items", "contains") if word in form), *form.get("prefixItems", ())]
    if key in form.get("properties", ()):
        return [form["properties"][key]]
    found = [part for pattern, part in form.get("patternProperties", {}).items() if re.search(pattern, key)]
    extra = form.get("additionalProperties")
    return [*found, extra] if isinstance(extra, dict) or extra is True else found


def _declares_members(form: Any) -> bool:
    return isinstance(form, dict) and ("properties" in form or form.get("additionalProperties") is False)


def schema_paths(schema: Any) -> SchemaPaths:
    """Return which paths a JSON Schema (as a value) knows of."""
    return SchemaPaths(schema)
