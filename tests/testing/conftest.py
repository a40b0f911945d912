"""A small project on disk, and one case of it run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from esb.testing.route_test import CaseResult, run_cases

ENDPOINTS = {
    "inbox": "type: file\ndirectory: var/in\nformat: json\n",
    "erp": "type: http_out\nurl: http://127.0.0.1:9/\neffect: { never_repeat: true }\n",
    "archive": "type: file\ndirectory: var/archive\n",
}


@dataclass
class Folder:
    """A project folder; `case` writes one case for the route `r` and runs it."""

    root: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def route(self, steps: str, head: str = "from: { endpoint: inbox }\n") -> None:
        self.write({"routes/r.yaml": f"{head}steps:\n{steps}"})

    def case(self, text: str, update_golden: bool = False) -> CaseResult:
        body = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
        self.write({"tests/flows/r.yaml": f"route: r\ncases:\n  - name: it\n{body}"})
        (result,) = run_cases(project=self.root, update_golden=update_golden).results
        return result


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write({"esb.yaml": "name: test\n"})
    made.write({f"endpoints/{name}.yaml": text for name, text in ENDPOINTS.items()})
    return made
