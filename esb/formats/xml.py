"""XML: what an integrator writes of it; the reader and its library are imported when a project uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from esb.loading import load
from esb.ports import Format
from esb.specs import FormatSpec, Size


class Xml(FormatSpec):
    """XML 1.0."""

    type: Literal["xml"] = "xml"
    as_: Literal["document", "source"] = Field("document", alias="as", description="An object, or the XML text itself.")
    lists: list[str] = Field([], alias="list", description="Elements that are a list even when there is only one.")
    namespaces: Literal["strip", "keep"] = Field("strip", description="keep: names are {namespace}name.")
    depth: int = Field(100, ge=1, le=250, description="The deepest nesting of elements.")
    limit: Size = Field(16_000_000, description="The largest document, e.g. 16MB.")

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format."""
        made: Format = load("esb.formats.xml_format:XmlFormat")(self)
        return made
