"""Written names: what a file that we write is called, wherever it is written."""

from __future__ import annotations

from esb.endpoints.outgoing import readable, rendered
from esb.endpoints.polling.names import name_fault, path_fault, shown
from esb.errors import RejectedError
from esb.expressions import Expression
from esb.message import Message

_EXTENSIONS = {"text": "txt", "bytes": "bin", "fixed_width": "txt"}


def written_path(name: Expression | None, message: Message) -> str:
    """Return the relative path that a message is written to: what `name` gives, else its id and its format.

    Raises:
        RejectedError: The name is not fit to be used, or would be taken for a hidden or temporary file.
        ExpressionError: `name` has no value for this message.
    """
    if name is None:
        kind = message.format.partition("/")[0]
        extension = _EXTENSIONS.get(kind, kind)
        return f"{message.id}.{extension}" if not name_fault(f"x.{extension}") else message.id
    path = rendered(name, readable(message), "the file name")
    fault = path_fault(path)
    if not fault and any(part.startswith((".", "~")) or part != part.strip() for part in path.split("/")):
        fault = "a part of it begins with a dot or tilde, or has blanks around it"
    if fault:
        raise RejectedError(f"the file name {shown(path)} cannot be used: {fault}")
    return path
