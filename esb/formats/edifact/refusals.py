"""What EDIFACT is called where a part of it is refused."""

from __future__ import annotations

from esb.formats.edi.refusals import Words

WORDS = Words("edifact", "EDIFACT", "message", "UNH", "UNT")
