"""Reading: YAML 1.2 with marks. Whoever reads a user's file reads it here, so every error knows its line and column.

House rules beyond YAML 1.2: types are never guessed from text (`NO`, `on`, `0024`, `12E4` are text), numbers with a
point are Decimal, keys are text, and tags, merge keys and a second document are refused.
"""

from esb.reading.document import Document, Found, Loc, Node
from esb.reading.parse import MAX_BYTES, MAX_DEPTH, MAX_NODES, decode, read, resolve

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "Found", "Loc", "Node", "decode", "read", "resolve"]
