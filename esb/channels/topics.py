"""Topic patterns as AMQP 0-9-1 has them: words between dots, `*` stands for one word, `#` for any number of them."""

from __future__ import annotations

from collections.abc import Sequence


def matches(pattern: str, topic: str) -> bool:
    """Return whether a subscription to `pattern` gets what is published to `topic`."""
    return _match(pattern.split("."), topic.split("."))


def _match(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Walk both once; on a mismatch let the latest `#` swallow one word more (the way globs are matched)."""
    at, word = 0, 0
    hash_at, hash_word = -1, 0
    while word < len(words):
        if at < len(pattern) and pattern[at] == "#":
            hash_at, hash_word = at, word
            at += 1
        elif at < len(pattern) and pattern[at] in ("*", words[word]):
            at += 1
            word += 1
        elif hash_at >= 0:
            hash_word += 1
            at, word = hash_at + 1, hash_word
        else:
            return False
    return all(rest == "#" for rest in pattern[at:])
