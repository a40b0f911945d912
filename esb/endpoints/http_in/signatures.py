"""Signatures: HMAC (or Ed25519) over raw bytes, checked in constant time before anything is parsed. Pure: the time is
handed in.

The layouts of the vendors are cases of one `Signing`: which headers hold what, and what is signed in which order.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from esb.errors import SecurityError
from esb.loading import load

Algorithm: TypeAlias = Literal["sha256", "sha512", "sha1"]
Encoding: TypeAlias = Literal["hex", "base64"]

WORDS = re.compile(r"(id|timestamp|body)")
"""What a layout names; everything between stands for itself."""

_MOST_SIGNATURES = 16
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Signing:
    """How a sender signs: `prefix + encoding(HMAC(key, layout))` in `header`.

    `keys`: any of them will do (rotation). `timestamp` and `identity` name the headers with the time of sending and
    the id, empty if there are none. `layout`: what is signed, such as `v0:timestamp:body`; empty = whatever of id,
    timestamp and body there is, joined by dots. `pairs`: the header holds `t=TIME,v1=SIGNATURE` pairs (Stripe), and
    `prefix` is the name of those that count. `public_keys`: Ed25519 signatures under the prefix `v1a,` will do, too.
    `tolerance`: seconds that the timestamp may be off, either way.
    """

    header: str
    keys: tuple[bytes, ...]
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp: str = ""
    identity: str = ""
    tolerance: float = 300.0
    layout: str = ""
    pairs: bool = False
    public_keys: tuple[bytes, ...] = ()
    other_header: str = ""
    """What the header is called by another generation of the same vendor's webhooks."""

    def of(self, headers: Mapping[str, str]) -> str:
        """Return the text that holds the signatures, or nothing."""
        return headers.get(self.header.lower()) or headers.get(self.other_header.lower(), "")

    def sign(self, key: bytes, content: bytes) -> str:
        """Return the text of one signature for signed content."""
        digest = hmac.digest(key, content, self.algorithm)
        return self.prefix + (digest.hex() if self.encoding == "hex" else b64encode(digest).decode())


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request claims: the time and id that it says are signed, and its signatures."""

    stamp: str
    identity: str
    signatures: tuple[str, ...]


def verify(signing: Signing, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Return if one of the signatures is right and fresh; `headers` by lower-case name, `now` a POSIX time.

    Raises:
        SecurityError: Missing, wrong or too old; the text is for our log, never for the sender.
    """
    text = signing.of(headers)
    claim = _pairs(signing, text) if signing.pairs else _plain(signing, headers, text)
    if len(claim.signatures) > _MOST_SIGNATURES:
        raise SecurityError(f"more than {_MOST_SIGNATURES} signatures")
    if signing.timestamp or signing.pairs:
        _check_fresh(claim.stamp, now, signing.tolerance)
    content = _content(signing, claim, body)
    given = [part.encode("utf-8", "surrogateescape") for part in _candidates(signing, claim.signatures)]
    expected = [signing.sign(key, content).encode() for key in signing.keys]
    # No early exit: the time taken must not tell which key or which signature came close.
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
    matches += [_is_signed(key, each, content) for key in signing.public_keys for each in claim.signatures]
    if not matches:
        raise SecurityError(f"no signature in the header {signing.header}")
    if not any(matches):
        raise SecurityError("no signature is right")


def _plain(signing: Signing, headers: Mapping[str, str], text: str) -> _Claim:
    """Read headers that each hold one thing; repeated signatures stand side by side."""
    identity = headers.get(signing.identity.lower(), "") if signing.identity else ""
    stamp = headers.get(signing.timestamp.lower(), "") if signing.timestamp else ""
    if signing.identity and not _is_id(identity):
        raise SecurityError("the message id is missing or malformed")
    return _Claim(stamp, identity, tuple(text.replace(", ", " ").split()))


def _pairs(signing: Signing, text: str) -> _Claim:
    """Read `t=TIME,v1=SIGNATURE,v1=SIGNATURE`. Two times would let a sender choose which of them is checked."""
    pairs = [each.strip().partition("=") for each in text.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    if len(stamps) != 1:
        raise SecurityError(f"the header {signing.header} has no time, or several")
    wanted = signing.prefix.rstrip("=")
    return _Claim(stamps[0], "", tuple(signing.prefix + value for name, _, value in pairs if name == wanted))


def _candidates(signing: Signing, signatures: Sequence[str]) -> list[str]:
    found = [part for part in signatures if part.startswith(signing.prefix)]
    if signing.encoding != "hex":
        return found
    cut = len(signing.prefix)
    return [part[:cut] + part[cut:].lower() for part in found]


def _content(signing: Signing, claim: _Claim, body: bytes) -> bytes:
    """Return what is signed."""
    values = {"id": claim.identity.encode(), "timestamp": claim.stamp.encode(), "body": body}
    if signing.layout:
        return b"".join(values[part] if part in values else part.encode() for part in WORDS.split(signing.layout))
    there = [values["id"]] if signing.identity else []
    there += [values["timestamp"]] if signing.timestamp or signing.pairs else []
    return b".".join([*there, body])


def _is_signed(key: bytes, signature: str, content: bytes) -> bool:
    """Return whether a `v1a,` signature (Ed25519) is right."""
    kind, _, text = signature.partition(",")
    if kind != "v1a":
        return False
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return False
    signed: bool = load("esb.endpoints.http_in.ed25519:is_signed")(key, raw, content)
    return signed


def _is_id(text: str) -> bool:
    """Return whether an id can be signed; one with a dot could be read as another id and another timestamp."""
    return bool(text) and "." not in text and len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def _check_fresh(stamp: str, now: float, tolerance: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SecurityError("the timestamp is missing or not in seconds since 1970")
    age = now - int(stamp)
    if abs(age) > tolerance:
        said = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s ahead of our clock"
        raise SecurityError(f"the timestamp is {said}, more than the tolerance (clock or replay)")
