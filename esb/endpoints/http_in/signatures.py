"""Signatures: HMAC over raw bytes, checked in constant time before anything is parsed. Pure: the time is handed in.

The layout of Standard Webhooks (`id.timestamp.body`, several signatures side by side for rotation) is one case of it.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from esb.errors import SecurityError

Algorithm: TypeAlias = Literal["sha256", "sha512", "sha1"]
Encoding: TypeAlias = Literal["hex", "base64"]

_MOST_SIGNATURES = 16
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Signing:
    """How a sender signs: `prefix + encoding(HMAC(key, [id.][timestamp.]body))` in `header`.

    `keys`: any of them will do (rotation). `timestamp` and `identity` name the headers that are signed before the
    body, empty if there are none. `tolerance`: seconds that the timestamp may be off, either way.
    """

    header: str
    keys: tuple[bytes, ...]
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp: str = ""
    identity: str = ""
    tolerance: float = 300.0

    def sign(self, key: bytes, content: bytes) -> str:
        """Return the text of the signature header for signed content."""
        digest = hmac.digest(key, content, self.algorithm)
        return self.prefix + (digest.hex() if self.encoding == "hex" else b64encode(digest).decode())


def verify(signing: Signing, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Return if one of the signatures is right and fresh; `headers` by lower-case name, `now` a POSIX time.

    Raises:
        SecurityError: Missing, wrong or too old; the text is for our log, never for the sender.
    """
    parts = []
    if signing.identity:
        parts.append(_identity(headers.get(signing.identity.lower(), "")))
    if signing.timestamp:
        stamp = headers.get(signing.timestamp.lower(), "")
        _check_fresh(stamp, now, signing.tolerance)
        parts.append(stamp.encode())
    content = b".".join([*parts, body])
    given = _candidates(signing, headers.get(signing.header.lower(), ""))
    expected = [signing.sign(key, content).encode() for key in signing.keys]
    # No early exit: the time taken must not tell which key or which signature came close.
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
    if not any(matches):
        raise SecurityError("no signature is right")


def _candidates(signing: Signing, text: str) -> list[bytes]:
    found = [part for part in text.replace(", ", " ").split() if part.startswith(signing.prefix)]
    if not found:
        raise SecurityError(f"no signature in the header {signing.header}")
    if len(found) > _MOST_SIGNATURES:
        raise SecurityError(f"more than {_MOST_SIGNATURES} signatures")
    if signing.encoding == "hex":
        cut = len(signing.prefix)
        found = [part[:cut] + part[cut:].lower() for part in found]
    return [part.encode("utf-8", "surrogateescape") for part in found]


def _identity(text: str) -> bytes:
    """Return the signed id; one with a dot could be read as another id and another timestamp."""
    if not text or "." in text or len(text) > _LONGEST_ID or not text.isascii() or not text.isprintable():
        raise SecurityError("the message id is missing or malformed")
    return text.encode()


def _check_fresh(stamp: str, now: float, tolerance: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SecurityError("the timestamp is missing or not in seconds since 1970")
    if abs(now - int(stamp)) > tolerance:
        raise SecurityError(f"the timestamp is {now - int(stamp):.0f} s old, more than the tolerance (clock or replay)")
