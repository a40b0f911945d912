"""Secrets: read where they are kept, when they are used, so that a new value needs no restart.

`secret://env/NAME` is a variable of the environment, `secret://file/NAME` a file below the secrets folder, and
`secret://exec/NAME` what a program answers to NAME: the program is chosen by whoever starts the process
(ESB_SECRETS_COMMAND), never by a definition.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from esb.errors import DefinitionError
from esb.ports import Clock, Log
from esb.specs import SecretRef

PATIENCE = 10.0
"""Seconds that the program may take."""
FRESH = 60.0
"""Seconds after which the program is asked again; until it has answered, and if it fails, the old value is used."""
MOST_BYTES = 64 * 1024


class _Answer(Struct):
    """What the program answered, and when it was asked last."""

    value: str
    at: float
    asking: bool = False


class Secrets:
    """Reads values of references. `folder` holds the files, `command` is the program for `exec`."""

    def __init__(self, clock: Clock, log: Log, folder: Path, environment: Mapping[str, str]) -> None:
        self._clock, self._log, self._folder, self._environment = clock, log, folder, environment
        self._command = environment.get("ESB_SECRETS_COMMAND", "")
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()

    def value(self, reference: SecretRef) -> str:
        """Return a value, without the line end of a file or an answer.

        Raises:
            DefinitionError: It is not there; names the reference and the place, and nothing else.
        """
        kind, _, name = reference.source.removeprefix("secret://").partition("/")
        if kind == "exec":
            return self._answered(reference, name)
        value = self._environment.get(name) if kind == "env" else self._file(name)
        if not value:
            where = f"the environment variable {name}" if kind == "env" else f"the file {self._folder / name}"
            raise DefinitionError(f"{reference.source} has no value; set {where}")
        return value

    def _file(self, name: str) -> str:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return ""
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"the file {path} cannot be read: {type(error).__name__}") from None

    def _answered(self, reference: SecretRef, name: str) -> str:
        """Return what the program said last; an old answer is renewed behind the back of whoever asks."""
        with self._lock:
            known = self._answers.get(name)
            if known is not None:
                if not known.asking and self._clock.now() - known.at > FRESH:
                    known.asking = True
                    threading.Thread(target=self._renew, args=(reference, name, known), daemon=True).start()
                return known.value
        value = self._ask(reference, name)
        with self._lock:
            self._answers[name] = _Answer(value, self._clock.now())
        return value

    def _renew(self, reference: SecretRef, name: str, known: _Answer) -> None:
        try:
            known.value = self._ask(reference, name)
        except DefinitionError as error:
            self._log.warning("secret.old", secret=reference.source, reason=str(error), hint="the old value is used")
        known.at, known.asking = self._clock.now(), False

    def _ask(self, reference: SecretRef, name: str) -> str:
        """Run the program, without a shell, and return its answer; what it prints is shown nowhere."""
        command = self._command
        if not command:
            raise DefinitionError(f"{reference.source}: nobody says which program to ask; set ESB_SECRETS_COMMAND")
        if not os.path.isabs(command):  # noqa: PTH117 - a text from outside, not yet a path
            raise DefinitionError(f"ESB_SECRETS_COMMAND is {command!r}; write the program with its whole path")
        try:
            code, answer = _output([command, name])
        except TimeoutError:
            raise DefinitionError(f"{reference.source}: {command} did not answer within {PATIENCE:g} s") from None
        except OSError as error:
            raise DefinitionError(f"{reference.source}: {command} cannot be run: {error.strerror}") from None
        if code:
            raise DefinitionError(f"{reference.source}: {command} ended with {code}; try it by hand")
        return self._clean(reference, command, answer)

    def _clean(self, reference: SecretRef, command: str, answer: bytes) -> str:
        if len(answer) > MOST_BYTES:
            raise DefinitionError(f"{reference.source}: {command} answered more than {MOST_BYTES} bytes")
        try:
            value = answer.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise DefinitionError(f"{reference.source}: the answer of {command} is no text") from None
        if not value:
            raise DefinitionError(f"{reference.source}: {command} answered nothing")
        return value


def _output(line: list[str]) -> tuple[int, bytes]:
    """Run a program; return its exit code and the beginning of what it wrote, at most a byte more than MOST_BYTES.

    Raises:
        TimeoutError: It took longer than PATIENCE; it and what it started are killed.
        OSError: It cannot be run.
    """
    until, found = time.monotonic() + PATIENCE, b""
    # a session of its own, so that what it starts dies with it and does not hold the pipe open
    child = subprocess.Popen(  # noqa: S603 - the program is an operator's choice, its argument matches a pattern
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert child.stdout is not None
        with child.stdout, selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while len(found) <= MOST_BYTES:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                piece = os.read(child.stdout.fileno(), MOST_BYTES + 1 - len(found))
                if not piece:
                    return child.wait(max(0.01, until - time.monotonic())), found
                found += piece
        return 0, found
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        if child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
