"""Nearest: the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like `word`, or an empty text; case, `_` and `-` do not count."""
    plain = {_plain(name): name for name in sorted(known, reverse=True)}
    found = get_close_matches(_plain(word), plain, n=1, cutoff=0.65)
    return plain[found[0]] if found else ""


def meant(word: str, known: Iterable[str]) -> str:
    """Return the help for an unknown name: `did you mean "x"?`, or nothing if no known name is near."""
    found = nearest(word, known)
    return f'did you mean "{found}"?' if found else ""


def listed(names: Iterable[str], most: int = 24) -> str:
    """Return names as a list for people, the first `most` of them."""
    held = list(names)
    more = f" and {len(held) - most} more" if len(held) > most else ""
    return ", ".join(held[:most]) + more


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
