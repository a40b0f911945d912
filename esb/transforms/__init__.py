"""Transforms: document to document, one file each under transforms/, and the table of their types."""

from __future__ import annotations

from typing import Final

from esb.specs import TransformSpec
from esb.transforms.mapping import Mapping
from esb.transforms.tables import Table, load_table, read_table
from esb.transforms.template import Template
from esb.transforms.xslt import Xslt

__all__ = ["TRANSFORMS", "Table", "load_table", "read_table"]

TRANSFORMS: Final[dict[str, type[TransformSpec]]] = {"mapping": Mapping, "template": Template, "xslt": Xslt}
"""The spec of each type of transform."""
