"""The values of the language: JSONPath (RFC 9535) and sandboxed Jinja, compiled once.

A text that begins with `$.` or `$[` (or is `$`) is a path; exactly one `{{ … }}` is a typed expression; a text with
`{{` or `{%` in it is text; anything else is itself. `compile_value` applies that rule.
"""

from esb.expressions.operators import MissingError
from esb.expressions.paths import Path, compile_path, render_path
from esb.expressions.scope import EACH_NAMES, NAMES, Scope, each_scope, scope_of
from esb.expressions.templates import compile_template
from esb.expressions.values import Expression, compile_predicate, compile_value, is_path

__all__ = [
    "EACH_NAMES",
    "NAMES",
    "Expression",
    "MissingError",
    "Path",
    "Scope",
    "compile_path",
    "compile_predicate",
    "compile_template",
    "compile_value",
    "each_scope",
    "is_path",
    "render_path",
    "scope_of",
]
