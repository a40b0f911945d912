"""Log lines: structured, on stderr or in a rotated file; no payloads, and nothing that was read as a secret."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from base64 import b64encode
from collections.abc import MutableMapping
from typing import Any, TextIO
from urllib.parse import quote

import structlog

from esb.ports import Log
from esb.settings import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


_LINE = 16


class Redactor:
    """Replaces the values of secrets in every field, whatever put them there."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._longest: list[str] = []
        """The longest first: a value may hold another."""

    def add(self, value: str) -> None:
        """Remember a value that must not be shown; very short ones would blank ordinary text."""
        if len(value) >= 4 and value not in self._values:
            quoted = {quote(value, safe=""), json.dumps(value)[1:-1], b64encode(value.encode()).decode()}
            # of a key in a file, lines may be quoted alone
            lines = {line for line in value.splitlines() if len(line) >= _LINE and not line.startswith("-----")}
            self._values |= {value, *quoted, *lines}
            self._longest = sorted(self._values, key=len, reverse=True)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, field in event.items():
            if isinstance(field, str):
                event[name] = self.text(field)
        return event

    def text(self, text: str) -> str:
        """Return a text with every secret value blanked."""
        for value in self._longest:
            if value in text:
                text = text.replace(value, "•••")
        return text


def open_log(settings: Settings, redactor: Redactor) -> Log:
    """Return the process's log, as the settings say: level, format, file and rotation."""
    level = _LEVELS.get(settings.log_level, 20)
    stream: TextIO = sys.stderr
    readable = settings.log_format == "console" or (settings.log_format == "auto" and stream.isatty())
    if settings.log_file:
        stream = _Rotating(settings)  # type: ignore[assignment]
        readable = settings.log_format == "console"
    last = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="ts")
        if readable
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            redactor,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )
    for noisy in ("pika", "kombu", "amqp", "uvicorn", "aiohttp", "sqlalchemy", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    log: Log = structlog.get_logger()
    return log


class _Rotating:
    """A file that is rotated by size, with the interface that a stream has."""

    def __init__(self, settings: Settings) -> None:
        self._handler = logging.handlers.RotatingFileHandler(
            settings.log_file, maxBytes=settings.log_size, backupCount=settings.log_keep, encoding="utf-8"
        )

    def write(self, text: str) -> None:
        """Write one line, rotating first if it would not fit."""
        line = logging.LogRecord("esb", 20, "", 0, text.rstrip("\n"), None, None)
        if text.strip():
            self._handler.emit(line)

    def flush(self) -> None:
        self._handler.flush()

    def isatty(self) -> bool:
        """Return that nobody watches a file."""
        return False
