"""Arrivals: what a request holds becomes deliveries, each with its key, its digest, its headers and its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from urllib.parse import quote

from esb.endpoints.http_in.cloudevents import Event, events
from esb.endpoints.http_in.problems import Refusal
from esb.endpoints.http_in.replies import CLIENT
from esb.endpoints.http_in.rules import BODILESS, Arrival, Rules
from esb.envelope import decode_document, encode_document
from esb.errors import EsbError
from esb.expressions import Path

_COPIED = ("content-type", "user-agent")
_LONGEST_HEADER = 2000
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may come in: who sent it, how, with which parameters, and its headers by lower-case name."""

    method: str
    client: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]


def arrivals(rules: Rules, call: Call, body: bytes) -> list[Arrival]:
    """Return the deliveries that a request holds: one, but for a batch of CloudEvents.

    Raises:
        Refusal: 400 for a key or an event that cannot be, 431 for a header that is too long.
    """
    headers = _copied(rules, call)
    if call.method in BODILESS:
        body = encode_document(dict(call.parameters))
    elif not body:
        raise Refusal(400, "empty", "The body is empty.")
    if not rules.cloudevents:
        return [_arrival(rules, call, headers, body)]
    return [_event(rules, call, headers, event) for event in events(call.headers, body)]


def _arrival(rules: Rules, call: Call, headers: Mapping[str, str], body: bytes) -> Arrival:
    plain = rules.methods == ("POST",) and not call.parameters
    digest = sha256(body).hexdigest() if plain else _digest(call, body)
    key = _key(rules, call.headers, body) or _own_key(rules, digest)
    return Arrival(_scoped(call.client, key), digest, body, headers)


def _event(rules: Rules, call: Call, headers: Mapping[str, str], event: Event) -> Arrival:
    if not event.body:
        raise Refusal(400, "empty", "The event has no data.")
    return Arrival(
        _scoped(call.client, event.key), sha256(event.body).hexdigest(), event.body, {**headers, **event.headers}
    )


def _digest(call: Call, body: bytes) -> str:
    """Return the digest of a request whose address says something, too."""
    whole = sha256(encode_document([call.method, sorted(call.parameters.items())]))
    whole.update(b"\n" + body)
    return whole.hexdigest()


def _scoped(client: str, key: str) -> str:
    """Return a key that no other client can have."""
    return scope_of(client) + key


def scope_of(client: str) -> str:
    """Return what every key of a client begins with; empty where an endpoint has one sender."""
    return f"{quote(client, safe='')}/" if client else ""


def _own_key(rules: Rules, digest: str) -> str:
    if rules.without_key == "refuse":
        names = " or ".join(name for name in rules.identity if isinstance(name, str))
        raise Refusal(400, "key-required", f"Send a key of your own with each message: {names}.")
    return f"sha256:{digest}" if rules.without_key == "body" else f"request:{token_hex(16)}"


def _key(rules: Rules, headers: Mapping[str, str], body: bytes) -> str:
    """Return the sender's key, from the first place that holds one, or an empty text; a bad one anywhere is refused."""
    found = [
        _checked(key, place.source if isinstance(place, Path) else place)
        for place in rules.identity
        if (key := _in_body(place, body) if isinstance(place, Path) else headers.get(place.lower())) is not None
    ]
    return found[0] if found else ""


def _in_body(path: Path, body: bytes) -> str | None:
    """Return a key that the body holds; a body that cannot be read is refused elsewhere, with what is wrong."""
    try:
        found = path.get(decode_document(body.removeprefix(b"\xef\xbb\xbf")))
    except EsbError:
        return None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None


def _checked(key: str, place: str) -> str:
    key = key.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':  # a structured string (RFC 9651), as the Idempotency-Key draft asks
        key = key[1:-1]
    if not (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Refusal(400, "bad-key", f"{place} must hold 1 to {_LONGEST_KEY} visible ASCII characters.")
    return key


def _copied(rules: Rules, call: Call) -> dict[str, str]:
    """Return the headers that go on with the message: an allowlist, so that no credential ever does."""
    given = call.headers
    copied = {name: given[name] for name in (*_COPIED, *rules.headers) if name in given}
    for name, value in copied.items():
        if len(value) > _LONGEST_HEADER:
            detail = f"The header {name} is longer than {_LONGEST_HEADER} characters."
            raise Refusal(431, "header-too-large", detail)
        if not value.isprintable():
            raise Refusal(400, "bad-header", f"The header {name} holds control characters.")
    copied |= {f"parameter-{name.lower()}": value for name, value in call.parameters.items()}
    if call.client:
        copied[CLIENT] = call.client
    if rules.methods != ("POST",):
        copied["http-method"] = call.method
    return copied
