"""Every error of the house, in one tree, by what the caller should do next.

EsbError
├── DefinitionError            fix the definition (carries diagnostics with file:line:column)
│   └── ExpressionSyntaxError  a path, expression or template that does not parse (carries an offset)
├── UsageError                 the command was called wrongly
├── MessageError               do not retry: this message cannot pass as it is   class invalid
│   ├── FormatError            the bytes are not what the format promises
│   ├── ValidationError        the document breaks its contract
│   ├── ExpressionError        a path or expression has no value for this message
│   ├── TooLargeError          a limit on size, depth or count is exceeded
│   ├── ConflictError          one key was used for two different contents
│   └── RejectedError          the receiver said no                             class rejected
├── EndpointError              the outside world may heal                       class transient
│   ├── ThrottledError         slow down                                        class throttled
│   ├── UnknownOutcomeError    the effect may have happened                     class unknown
│   └── BusyError              a twin of this message is still under way
├── ChannelError               the broker may heal
│   └── PublishError           some sends are not known to be durable
├── StoreError                 the store may heal
└── SecurityError              who is asking could not be verified
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

FailureClass = Literal["invalid", "rejected", "throttled", "transient", "unknown", "bug"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a user's file something stands: 1-based line and column, and how many characters it spans."""

    file: str
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        """Return `file:line:column`, which terminals and editors make clickable."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a definition: what is wrong, where, and what to write instead."""

    code: str
    text: str
    place: Place
    severity: Literal["error", "warning"] = "error"
    label: str = ""
    help: str = ""
    note: str = ""
    also: tuple[Place, ...] = ()

    def __str__(self) -> str:
        """Return the finding on one line."""
        hint = f"; {self.help}" if self.help else ""
        return f"{self.place}: {self.severity}[{self.code}]: {self.text}{hint}"


class EsbError(Exception):
    """The root: whoever catches it has caught every error that the house raises on purpose."""


class DefinitionError(EsbError):
    """A definition is wrong; nothing runs before it is mended."""

    def __init__(self, text: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(text)
        self.diagnostics = tuple(diagnostics)


class ExpressionSyntaxError(DefinitionError):
    """A JSONPath, expression or template does not parse; `offset` counts characters from its beginning."""

    def __init__(self, text: str, offset: int = 0, length: int = 1, help: str = "", code: str = "E411") -> None:  # noqa: A002
        super().__init__(text)
        self.text, self.offset, self.length, self.help, self.code = text, offset, length, help, code


class UsageError(EsbError):
    """A command was called in a way that cannot work."""


class MessageError(EsbError):
    """This message cannot pass as it is; trying again does not help."""

    failure_class: ClassVar[FailureClass] = "invalid"


class FormatError(MessageError):
    """The bytes are not what the format promises."""


class ValidationError(MessageError):
    """The document breaks its contract."""


class ExpressionError(MessageError):
    """A path or expression has no value, or not the one needed, for this message."""


class TooLargeError(MessageError):
    """A limit on size, depth or count is exceeded."""


class ConflictError(MessageError):
    """A key that was used for one content came again with another."""


class RejectedError(MessageError):
    """The receiver understood the message and said no."""

    failure_class: ClassVar[FailureClass] = "rejected"


class EndpointError(EsbError):
    """The outside world failed in a way that may heal; nothing was applied there."""

    failure_class: ClassVar[FailureClass] = "transient"

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class ThrottledError(EndpointError):
    """The receiver asks to slow down; `retry_after` seconds if it said for how long."""

    failure_class: ClassVar[FailureClass] = "throttled"


class UnknownOutcomeError(EndpointError):
    """The request left and no answer came: the effect may have happened."""

    failure_class: ClassVar[FailureClass] = "unknown"


class BusyError(EndpointError):
    """A twin of this message is still under way; come again after `retry_after` seconds."""


class ChannelError(EsbError):
    """The channel is out of reach or refused; nothing was acknowledged, so nothing is lost."""

    failure_class: ClassVar[FailureClass] = "transient"


class PublishError(ChannelError):
    """Some sends of a window are not known to be durable: `failed` maps their index to the reason."""

    def __init__(self, failed: Mapping[int, str]) -> None:
        first = next(iter(failed.items()), (0, "unknown"))
        super().__init__(f"{len(failed)} sends are not confirmed (first: #{first[0]}, {first[1]})")
        self.failed = dict(failed)


class StoreError(EsbError):
    """The store is out of reach or refused; stateful work pauses until it is back."""

    failure_class: ClassVar[FailureClass] = "transient"


class SecurityError(EsbError):
    """Who is asking could not be verified, or may not do this. The text names no secret."""


def failure_class(error: BaseException) -> FailureClass:
    """Return the class that policies are written for; whatever the house does not know is a `bug`."""
    found: FailureClass = getattr(error, "failure_class", "bug")
    return found
