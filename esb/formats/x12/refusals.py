"""What X12 is called where a part of it is refused."""

from __future__ import annotations

from esb.formats.edi.refusals import Words

WORDS = Words("x12", "X12", "set", "ST", "SE")
