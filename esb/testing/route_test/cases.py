"""Cases: what a person writes under tests/flows/ to say what a route does with what it is given.

One file tests one route. What a case does not expect must not happen: a send, a parked message, an end, a failure or
a bad document that no line speaks of fails the case. Acknowledgments and keys are checked where they are written.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import FailureClass
from esb.routes import Project
from esb.routes.schema import schema_of_model
from esb.specs import Duration, RouteName, Spec
from esb.testing.route_test.instants import DEFAULT, Instant

Verdict = Literal["retry", "dead_letter", "hold", "divert", "ignore"]


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


class Chosen(Spec):
    """A spec with fields of which exactly one is written (`one_of`)."""

    one_of: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[int] = 1

    @model_validator(mode="after")
    def _one(self) -> Self:
        written = [name for name in self.one_of if name in self.model_fields_set]
        if len(written) > 1 or len(written) < self.least:
            *others, last = self.one_of
            hint = f"write one of {', '.join(others)} and {last}"
            found = " and ".join(written) or "none"
            raise PydanticCustomError(
                "one_of", "one of these keys is needed, not {found}", {"found": found, "help": hint}
            )
        return self


class Given(Chosen):
    """What is delivered to the route: a file or a body, and what comes with it."""

    one_of: ClassVar[tuple[str, ...]] = ("file", "body")
    file: str = Field("", min_length=1, description="A file beside this one; the endpoint's format reads it.")
    body: Any = Field(
        None,
        description="A text is read as the endpoint would read it; a document goes in as one message, already read.",
    )
    name: str = Field("", description="The file's name as the sender gave it; default: that of `file`.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers that come with it.")
    partner: str = Field("", description="Who sent it; default: the partner of the endpoint.")
    at: Instant = Field(DEFAULT, description="The time of intake: `now` for the whole run.")


class MockError(Spec):
    """A failure in place of an answer."""

    model_config = ConfigDict(populate_by_name=False)
    class_: FailureClass = Field(alias="class", description="The class that policies are written for.")
    text: str = Field(min_length=1, description='What they said, e.g. "503 Service Unavailable".')
    retry_after: Duration | None = Field(None, description="When they want to be asked again: 30s.")


class Mock(Chosen):
    """The answer of a system that a step asks, or the rows of a table."""

    one_of: ClassVar[tuple[str, ...]] = ("reply", "replies", "paths", "file", "error", "rows")
    reply: Any = Field(None, description="The document that answers every question; empty: there is no such thing.")
    replies: list[Any] = Field([], description="The answers, one question after another.")
    paths: dict[str, Any] = Field(default_factory=dict, description="The answers by the path that is asked for.")
    file: str = Field("", min_length=1, description="A JSON file beside this one that holds the answer.")
    error: MockError | None = Field(None, description="They cannot answer, or they refuse.")
    rows: Any = Field(
        None, description="For a lookup table: its rows instead of those in the file: key: value, or a list of objects."
    )


class Seen(Spec):
    """A key that a deduplicate step has seen before."""

    scalar: ClassVar[str | None] = "key"
    key: str = Field(min_length=1, description="The key, as the step makes it.")
    space: str | None = Field(None, description="The space of the key; default: any.")


class Sent(Chosen):
    """One message that leaves: its body as a whole (body), in part (contains), or as a file beside this one."""

    one_of: ClassVar[tuple[str, ...]] = ("body", "contains", "file")
    least: ClassVar[int] = 0
    body: Any = Field(None, description="The whole body: a document, or the text as it leaves.")
    contains: Any = Field(None, description="What the body holds among other things: a document, or a piece of text.")
    file: str = Field("", min_length=1, description="A file with the body; `esb test --update-golden` writes it.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers it has among others.")
    keys: dict[str, str] = Field(default_factory=dict, description="Business keys it has among others: order: 10045")


class ExpectedPark(Spec):
    """A message that waits for a person."""

    scalar: ClassVar[str | None] = "place"
    place: str = Field(min_length=1, description="Where: the queue of the hold step.")
    reason: str = Field("", description="A piece of the reason.")


class ExpectedEnd(Spec):
    """A way that ended without a send."""

    scalar: ClassVar[str | None] = "outcome"
    outcome: str = Field(min_length=1, description="filtered, duplicate or done.")
    reason: str = Field("", description="A piece of the reason.")


class ExpectedFailure(Spec):
    """A step that failed, and what the route's policy says to that."""

    model_config = ConfigDict(populate_by_name=False)
    step: str = Field("", description="The step: its id or path.")
    class_: FailureClass | None = Field(None, alias="class", description="The class of the failure.")
    text: str = Field("", description="A piece of the text.")
    verdict: Verdict | None = Field(None, description="What the policy decides about the first attempt.")


class ExpectedAcknowledgment(Chosen):
    """What the sender gets back about the interchange, such as a 997."""

    scalar: ClassVar[str | None] = "contains"
    one_of: ClassVar[tuple[str, ...]] = ("body", "contains", "file")
    body: str = Field("", description="The whole text.")
    contains: str = Field("", min_length=1, description="A piece of it: AK5*A")
    file: str = Field("", min_length=1, description="A file with the text; `esb test --update-golden` writes it.")


class Expect(Spec):
    """What must happen; what is not written must not."""

    documents: int | None = Field(None, ge=0, description="How many good documents were in what came.")
    sends: dict[str, Annotated[int, Field(ge=0)] | list[Sent]] = Field(
        default_factory=dict, description="By endpoint or event: how many messages leave, or each of them in order."
    )
    parked: list[ExpectedPark] = Field([], description="Messages that wait for a person.")
    ended: list[ExpectedEnd] = Field([], description="Ways that ended without a send.")
    failures: list[ExpectedFailure] = Field([], description="Steps that failed.")
    bad: list[str] = Field([], description="Documents that could not be read: a piece of each reason.")
    acknowledgments: list[ExpectedAcknowledgment] | None = Field(None, description="What the sender gets back.")
    keys: dict[str, str] = Field(default_factory=dict, description="Business keys that its messages have.")


class Case(Spec):
    """One thing that a route must do."""

    name: str = Field(min_length=1, max_length=200, description="What it shows, in a few words.")
    description: str = Field("", description="Why this case is here.")
    given: Annotated[
        tuple[Given, ...], BeforeValidator(_listed, json_schema_input_type=Given | list[Given]), Field(min_length=1)
    ] = Field(description="What comes, or a list of what comes one after another.")
    mocks: dict[str, Mock] = Field(default_factory=dict, description="Answers by step, endpoint or table.")
    seen: list[Seen] = Field([], description="Keys that deduplicate steps have seen before.")
    release: list[str] = Field([], description="Places from which parked messages are released at once, and go on.")
    expect: Expect = Field(description="What must happen.")


class CaseFile(Spec):
    """The cases of one route: a file under tests/flows/."""

    model_config = ConfigDict(title="esb route test")
    route: RouteName = Field(description="The route that is tested; a sub-route can be tested alone.")
    description: str = Field("", description="What these cases are about.")
    mocks: dict[str, Mock] = Field(default_factory=dict, description="Answers for all cases; a case may give others.")
    cases: list[Case] = Field(min_length=1, description="The cases; each begins with nothing seen and nothing parked.")


def schema(project: Project | None = None) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file under tests/flows/; with a project, its routes complete."""
    return schema_of_model(CaseFile, "test", project)
