"""Ed25519 (RFC 8032), in a file of its own: few senders sign so, and the library is large."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def is_signed(key: bytes, signature: bytes, content: bytes) -> bool:
    """Return whether a signature is right; a key or signature of another length never is."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
