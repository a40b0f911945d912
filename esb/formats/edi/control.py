"""Control numbers and identifiers of envelopes: compared, remembered, and made fit to be told."""

from __future__ import annotations


class Numbers:
    """Control numbers that were seen; those that rise by one, as nearly all do, take no memory."""

    def __init__(self) -> None:
        self._low = self._high = -1
        self._others: set[str] = set()

    def seen(self, number: str) -> bool:
        """Return whether a number came."""
        if number.isascii() and number.isdigit() and len(number) < 10:
            value = int(number)
            return self._low <= value <= self._high or str(value) in self._others
        return number in self._others

    def first_time(self, number: str) -> bool:
        """Return whether a number comes for the first time; at most a million odd ones are remembered."""
        if number.isascii() and number.isdigit() and len(number) < 10:
            value = int(number)
            if value == self._high + 1 and self._low >= 0:
                self._high = value
                return str(value) not in self._others
            if self._low <= value <= self._high:
                return False
            if self._low < 0:
                self._low = self._high = value
                return True
            number = str(value)
        if number in self._others:
            return False
        if len(self._others) < 1_000_000:
            self._others.add(number)
        return True


def same_number(one: str, other: str) -> bool:
    """Return whether two control numbers are equal: as numbers where both are (3438 = 000003438), else as texts."""
    if one == other:
        return True
    one, other = one.strip(), other.strip()
    if one.isascii() and other.isascii() and one.isdigit() and other.isdigit() and len(one) < 15 and len(other) < 15:
        return int(one) == int(other)
    return one == other


def printable(text: str) -> str:
    """Return a text that is fit for a header: short, ASCII, no control characters."""
    if text.isascii() and text.isprintable() and len(text) <= 80:
        return text
    text = text[:80]
    return "".join(char if " " <= char <= "~" else "?" for char in text)
