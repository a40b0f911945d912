"""CloudEvents 1.0 over HTTP: binary, structured and batched events become the same messages.

The data is the body, the attributes are headers (`ce-type` …), and source and id together are the key, as the
specification makes them unique: a producer that sends an event again sends them again.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from esb.endpoints.http_in.problems import Refusal
from esb.envelope import decode_document, encode_document
from esb.errors import FormatError
from esb.message import derive

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MOST_EVENTS = 1000
_REQUIRED = ("id", "source", "type", "specversion")
_NAME = re.compile(r"[a-z0-9]{1,20}")
_LONGEST, _LONGEST_KEY, _MOST_ATTRIBUTES = 2000, 255, 50


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the sender's key of it, its attributes as headers, and its data."""

    key: str
    headers: Mapping[str, str]
    body: bytes


def events(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Return the events of a request, by its headers in lower case.

    Raises:
        Refusal: 400 if it is no event, or one that cannot be read; 413 for a batch of too many.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == STRUCTURED:
        return [_structured(_read(body), "")]
    if kind == BATCH:
        batch = _read(body)
        if not isinstance(batch, list) or not batch:
            raise _bad("a batch is a list of events")
        if len(batch) > MOST_EVENTS:
            raise Refusal(413, "too-large", f"A batch holds at most {MOST_EVENTS} events; send less at once.")
        return [_structured(event, f" (event {number})") for number, event in enumerate(batch, 1)]
    return [_binary(headers, body)]


def _read(body: bytes) -> Any:
    try:
        return decode_document(body.removeprefix(b"\xef\xbb\xbf"))
    except FormatError as error:
        raise Refusal(400, "not-parseable", f"The event cannot be read: {error}") from None


def _structured(event: Any, where: str) -> Event:
    if not isinstance(event, dict):
        raise _bad(f"an event is an object{where}")
    given = {name: value for name, value in event.items() if name not in ("data", "data_base64") and value is not None}
    attributes = {name: _text(name, value, where) for name, value in given.items()}
    if "data" in event and "data_base64" in event:
        raise _bad(f"data and data_base64 stand side by side{where}")
    try:
        body = _data(event, attributes.get("datacontenttype", ""))
    except (Base64Error, ValueError, TypeError, RecursionError):
        raise _bad(f"data_base64 is not base64{where}") from None
    return _event(attributes, body, where)


def _data(event: Mapping[str, Any], kind: str) -> bytes:
    """Return the bytes that the event would carry in binary mode."""
    if "data_base64" in event:
        return b64decode(event["data_base64"], validate=True)
    data = event.get("data")
    if isinstance(data, str) and kind and not _is_json(kind):
        return data.encode()
    return encode_document(data)


def _is_json(kind: str) -> bool:
    plain = kind.partition(";")[0].strip().lower()
    return plain.endswith(("/json", "+json"))


def _binary(headers: Mapping[str, str], body: bytes) -> Event:
    attributes: dict[str, str] = {}
    for header, value in headers.items():
        if header.startswith("ce-"):
            try:
                attributes[header[3:]] = _text(header, unquote(value, errors="strict"), "")
            except UnicodeDecodeError:
                raise _bad(f"the header {header} is not UTF-8, percent-encoded") from None
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"][:_LONGEST]
    return _event(attributes, body, "")


def _event(attributes: Mapping[str, str], body: bytes, where: str) -> Event:
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        raise _bad(f"{_listed(missing)} is missing{where}")
    if attributes["specversion"] != "1.0":
        raise _bad(f"specversion is not 1.0{where}")
    if len(attributes) > _MOST_ATTRIBUTES or not all(_NAME.fullmatch(name) for name in attributes):
        raise _bad(f"an attribute's name is not of 1 to 20 lower-case letters and digits, or there are too many{where}")
    source, identity = attributes["source"], attributes["id"]
    key = f"{source}#{identity}"
    if len(key) > _LONGEST_KEY or not key.isascii() or "#" in source:
        key = derive("cloudevent", source, identity)
    return Event(key, {f"ce-{name}": value for name, value in attributes.items()}, body)


def _text(name: str, value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise _bad(f"the attribute {name[:40]} is neither text, number nor truth value{where}")
    text = str(value)
    if len(text) > _LONGEST or not text.isprintable():
        raise _bad(f"the attribute {name[:40]} is too long or holds control characters{where}")
    return text


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)


def _bad(what: str) -> Refusal:
    return Refusal(400, "not-a-cloudevent", f"It is not a CloudEvent that can be taken: {what}.")
