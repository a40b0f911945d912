"""Content check: the body must keep a contract; what breaks it stops here, with all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from esb.edge import Finding
from esb.errors import ValidationError
from esb.message import Message, Note, Output
from esb.ports import Step
from esb.specs import ContractName, Resources, StepSpec

MOST_FINDINGS = 20
"""More findings than this help nobody; the error counts the rest."""


class Validate(StepSpec):
    """Checks the body against a contract under schemas/."""

    verb: ClassVar[str] = "validate"
    scalar: ClassVar[str | None] = "contract"
    contract: ContractName = Field(description="The contract and its version: order@1 is schemas/order@1.json or .xsd.")

    def build(self, resources: Resources) -> Step:
        """Return the check. The step raises ValidationError; findings that are warnings become notes."""
        name, path, check = self.contract, resources.path, resources.contract(self.contract)

        def step(message: Message) -> Sequence[Output]:
            findings = check(message.body)
            if not findings:
                return (message,)
            errors = [finding for finding in findings if finding.severity == "error"]
            if errors:
                raise ValidationError(f"the body breaks {name}: {_listed(errors)}")
            return Note(path, f"{name}: {_listed(findings)}", "warning"), message

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"checks that the body keeps the contract {self.contract}"


def _listed(findings: Sequence[Finding]) -> str:
    shown = [_worded(finding) for finding in findings[:MOST_FINDINGS]]
    more = len(findings) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _worded(finding: Finding) -> str:
    where = finding.where or (f"line {finding.line}" if finding.line else "")
    said = not where or finding.text.startswith(f"{where}: ")
    return finding.text if said else f"{where}: {finding.text}"
