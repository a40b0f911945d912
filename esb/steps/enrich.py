"""Content Enricher: a system is asked, or told something, and its answer goes into the body."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import BusyError, EndpointError, MessageError, RejectedError, UnknownOutcomeError, ValidationError
from esb.expressions import scope_of
from esb.message import Ask, Message, Note
from esb.ports import Asking, Step
from esb.specs import Duration, EndpointName, Resources, StepSpec, Value
from esb.steps.lookup import check_default
from esb.steps.places import Place

LONGEST_PATH: Final = 2000
"""Characters that servers and proxies are known to take in a request line."""
_METHODS: Final = ("get", "post", "put", "patch")
_LONGEST_KEY: Final = 255
_SAFE: Final = "/?&=%:@!$'()*+,;~"
_STATUS = re.compile(r"(?<![\w/.=-])[1-5]\d\d(?![\w/.-])")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class Enrich(StepSpec):
    """Asks a system and puts its answer into the body."""

    verb: ClassVar[str] = "enrich"
    ask: EndpointName = Field(description="Who is asked: an http_out endpoint.")
    get: Value | None = Field(None, description='The path behind its url, e.g. "/customers/{{ body.customer.code }}".')
    post: Value | None = Field(None, description="The same for a call that makes something there, by POST.")
    put: Value | None = Field(None, description="The same for a call that puts something there, by PUT.")
    patch: Value | None = Field(None, description="The same for a call that changes something there, by PATCH.")
    body: Value | None = Field(None, description="What is sent with post, put or patch; default: the body, as JSON.")
    key: Value | None = Field(
        None, description="By what the system recognises a repeat; default: the same for every try of a message."
    )
    into: Place = Field(description="Where in the body the answer goes, e.g. $.customer.")
    cache: Duration = Field(0.0, description="An answer of this age will do, e.g. 10m; default: ask each time.")
    missing: Literal["fail", "keep", "default"] = Field(
        "fail", description="When there is no such thing (404): fail, go on without (keep), or put the default."
    )
    default: Value | None = Field(None, description="What goes into the body with missing: default.")
    optional: bool = Field(False, description="Go on as if it were missing whenever the system cannot answer.")

    @model_validator(mode="after")
    def _default_is_used(self) -> Self:
        check_default(self, self.missing)
        return self

    @model_validator(mode="after")
    def _one_call(self) -> Self:
        written = [name for name in _METHODS if getattr(self, name) is not None]
        if len(written) != 1:
            found = " and ".join(written) or "none of them"
            hint = "write one of get, post, put, patch with the path"
            raise PydanticCustomError("call", "enrich makes one call, here is {found}", {"found": found, "help": hint})
        wrong = [name for name in ("body", "key", "cache") if name in self.model_fields_set]
        if self.changes:
            wrong = [name for name in wrong if name == "cache"]
        elif "cache" in wrong:
            wrong.remove("cache")
        if wrong:
            hint = f"remove {wrong[0]}, or use another method"
            raise PydanticCustomError(
                "call", "{key} has no meaning with {method}", {"key": wrong[0], "method": written[0], "help": hint}
            )
        return self

    @property
    def method(self) -> str:
        """Return the HTTP method."""
        return next(name for name in _METHODS if getattr(self, name) is not None).upper()

    @property
    def changes(self) -> bool:
        """Whether the call changes something there."""
        return self.method != "GET"

    def build(self, resources: Resources) -> Step:
        """Return the asking step; what it could not get, and goes on without, is a warning in the trace."""
        target, path, cache, into = self.ask, resources.path, self.cache, self.into.put
        request_of, tolerates, without = self._request(), self._tolerates, self._without()

        def step(message: Message) -> Asking:
            scope = scope_of(message)
            request = request_of(message.body, scope)
            try:
                answer = yield Ask("http", target, request, cache=cache)
                if answer is None and request["method"] == "GET":
                    raise RejectedError(f"404: {target} has nothing at {request['path']}")
            except (MessageError, EndpointError) as error:
                if not tolerates(error):
                    raise
                note = Note(path, f"goes on without an answer of {target}: {error}", "warning")
                return note, without(message, scope)
            return (message.with_body(into(message.body, answer)),)

        return step

    def _request(self) -> Callable[[Any, Any], dict[str, Any]]:
        """Return what makes the request of a message."""
        method, body, key = self.method, self.body, self.key
        path_of = _request_path(getattr(self, method.lower()))
        if method == "GET":
            return lambda root, scope: {"method": method, "path": path_of(root, scope)}

        def request(root: Any, scope: Any) -> dict[str, Any]:
            asked = {
                "method": method,
                "path": path_of(root, scope),
                "body": root if body is None else body(root, scope),
            }
            return asked if key is None else {**asked, "key": _key(key(root, scope))}

        return request

    def _tolerates(self, error: MessageError | EndpointError) -> bool:
        if isinstance(error, BusyError | UnknownOutcomeError):  # what may have happened cannot be left out
            return False
        return self.optional or (self.missing != "fail" and is_not_found(error))

    def _without(self) -> Callable[[Message, Any], Message]:
        default, put = self.default, self.into.put
        if self.missing != "default":
            return lambda message, scope: message

        def with_default(message: Message, scope: Any) -> Message:
            value = None if default is None else default(message.body, scope)
            return message.with_body(put(message.body, value))

        return with_default

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        path, into = getattr(self, self.method.lower()).source, self.into.source
        if self.changes:
            return f"sends {self.method} {path} to {self.ask} and puts the answer into {into}"
        return f"asks {self.ask} for {path} and puts the answer into {into}"


def is_not_found(error: Exception) -> bool:
    """Return whether a receiver says that what was asked for is not there: the HTTP status in the text is 404 or 410.

    The text is all that is kept of a refusal (answers are recorded). Its first number that can be a status is one: a
    number in a path does not count, nor does what the receiver wrote behind the status.
    """
    status = _STATUS.search(str(error)) if isinstance(error, RejectedError) else None
    return status is not None and status.group() in {"404", "410"}


def _key(value: Any) -> str:
    """Return the key of a call: a text or a whole number that a header can hold."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= _LONGEST_KEY:
        raise ValidationError(
            f"enrich: the key is {value!r:.100}; it must be a text of 1 to {_LONGEST_KEY} ASCII letters"
        )
    return text


def _request_path(value: Any) -> Callable[[Any, Any], str]:
    """Return what renders the path: percent-encoded, and with no more segments or queries than were written.

    A customer number of `../orders?all=1` must not ask for something else.
    """
    source = value.source
    written = None
    if isinstance(source, str) and "{{" in source and "{%" not in source and _EXPRESSION.sub("", source):
        written = _shape(_EXPRESSION.sub("", source))

    def render(root: Any, scope: Any) -> str:
        path = value(root, scope)
        if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
            raise ValidationError(f"enrich asks for {path!r:.100}; a path begins with one /")
        if len(path) > LONGEST_PATH or any(char < " " or char in "\\#\x7f" for char in path):
            raise ValidationError(f"enrich asks for {path!r:.100}; it is too long, or holds \\ or #")
        if ".." in path.partition("?")[0].split("/") or (written is not None and _shape(path) != written):
            hint = "write {{ value | urlencode }}, or the whole path as one {{ expression }}"
            raise ValidationError(f"enrich asks for {path!r:.100}; a value holds /, ?, & or ..: {hint}")
        return quote(path, safe=_SAFE)

    return render


def _shape(path: str) -> tuple[int, ...]:
    return tuple(path.count(char) for char in "/?&")
