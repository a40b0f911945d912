"""Template: a text document from Jinja: a mail, a flat file, an old partner's XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, Self

import msgspec
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import DefinitionError, Diagnostic, ExpressionError, ExpressionSyntaxError, Place
from esb.expressions import compile_template, scope_of
from esb.ports import Transform
from esb.reading import decode
from esb.specs import Resources, TransformSpec

CODE = "E422"
"""The code of every finding about a template file."""
NOT_TEXT = frozenset({".yaml", ".yml", ".csv", ".xsl", ".xslt"})
"""Endings under transforms/ that are no templates to include."""

_JSON = msgspec.json.Decoder(float_hook=Decimal)


class Template(TransformSpec):
    """Renders text from the message."""

    type: Literal["template"] = "template"
    text: str | None = Field(None, description="The template itself.")
    file: str | None = Field(None, description="Or the file under transforms/ that holds it: mails/order.j2.")
    format: str = Field("text", description="What comes out: text, json (it is parsed), xml, csv …")

    @field_validator("text", mode="after")
    @classmethod
    def _parses(cls, text: str | None) -> str | None:
        if text is None or "include" in text:  # what it includes is known when it is built
            return text
        try:
            compile_template(text)
        except ExpressionSyntaxError as error:
            context = {"offset": error.offset, "length": error.length, "help": error.help, "code": error.code}
            raise PydanticCustomError("expression", "{problem}", {"problem": error.text, **context}) from error
        return text

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.file is None):
            hint = "write the template under text: or name its file under file:"
            raise PydanticCustomError("template", "a template needs one of text and file", {"help": hint})
        return self

    def build(self, name: str, resources: Resources, files: Mapping[str, bytes]) -> Transform:
        """Return the template.

        Raises:
            DefinitionError: The file is not there, or does not parse; the diagnostics say where.
        """
        texts = _texts(files)
        file = f"transforms/{self.file}" if self.file is not None else ""
        source = self.text if self.text is not None else _source(self.file or "", texts, file)
        try:
            render = compile_template(source, texts)
        except ExpressionSyntaxError as error:
            raise _placed(error, source, file or f"transforms/{name}.yaml", bool(file)) from error
        format_, finish = self.format, _finisher(name, self.format)
        return lambda message: (finish(render(scope_of(message))), format_)


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what a template may include: the text files under transforms/, by their path in it."""
    found = {}
    for path, raw in files.items():
        inside = path.removeprefix("transforms/")
        ending = f".{inside.rpartition('.')[2]}"
        if inside != path and not inside.startswith("tables/") and ending not in NOT_TEXT:
            found[inside] = decode(path, raw)
    return found


def _source(name: str, texts: Mapping[str, str], file: str) -> str:
    if name not in texts:
        there = f"; there are {', '.join(sorted(texts))}" if texts else ""
        raise DefinitionError(f"there is no template file {file}{there}")
    return texts[name]


def _placed(error: ExpressionSyntaxError, source: str, file: str, exact: bool) -> DefinitionError:
    """Return the error with its place: line and column in a template file, the top of a YAML file."""
    begun = source[: error.offset]
    line, column = begun.count("\n") + 1, error.offset - begun.rfind("\n")
    place = Place(file, line, column, error.length) if exact else Place(file, 1, 1)
    finding = Diagnostic(CODE if exact else error.code, error.text, place, help=error.help)
    return DefinitionError(str(finding), (finding,))


def _finisher(name: str, format_: str) -> Callable[[str], Any]:
    """Return what makes the body: text stays text, JSON becomes a document, anything else is ready bytes."""
    if format_ == "text":
        return lambda text: text
    if format_ != "json":
        return str.encode

    def parse(text: str) -> Any:
        try:
            return _JSON.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ExpressionError(f"{name}: what the template gives is not JSON: {error}; write | tojson") from None

    return parse
