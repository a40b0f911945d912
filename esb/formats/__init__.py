"""Formats: bytes become documents and back. One file or package each; this table is all there is."""

from __future__ import annotations

from esb.formats.csv import Csv
from esb.formats.edifact.codec import Edifact
from esb.formats.fixed_width import FixedWidth
from esb.formats.json import Json
from esb.formats.text import Text
from esb.formats.x12.codec import X12
from esb.formats.xml import Xml
from esb.specs import FormatSpec

FORMATS: tuple[type[FormatSpec], ...] = (Json, Xml, Csv, FixedWidth, Text, X12, Edifact)
"""Every format, in the order in which people meet them; an endpoint tells them apart by their `type`."""

__all__ = ["FORMATS", "X12", "Csv", "Edifact", "FixedWidth", "Json", "Text", "Xml"]
