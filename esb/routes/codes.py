"""Codes: what each finding means, with an example and a mended one; `esb explain CODE` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from esb.reading import read


@dataclass(frozen=True, slots=True)
class Code:
    """The explanation of one code; `wrong` and `right` are examples, either may be empty."""

    code: str
    title: str
    meaning: str
    wrong: str = ""
    right: str = ""

    def text(self) -> str:
        """Return the explanation for people."""
        parts = [f"{self.code}: {self.title}", self.meaning]
        for heading, example in (("Wrong:", self.wrong), ("Right:", self.right)):
            if example:
                lines = "\n".join(f"  {line}".rstrip() for line in example.rstrip().split("\n"))
                parts.append(f"{heading}\n\n{lines}")
        return "\n\n".join(parts) + "\n"


@cache
def codes() -> dict[str, Code]:
    """Return every code that the house uses."""
    name = "codes.yaml"
    document = read(name, files("esb.routes").joinpath(name).read_bytes())
    return {code: Code(code, **entry) for code, entry in document.data.items()}
