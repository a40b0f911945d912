"""The tables of the embedded channel's file, how it is opened, and how full it is."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pysqlite3.dbapi2 as sqlite3

from esb.errors import ChannelError

_BUSY_SECONDS = 30.0
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS channel(
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ordered INTEGER NOT NULL DEFAULT 0,
  delivery_limit INTEGER NOT NULL DEFAULT 0, holder INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS subscription(pattern TEXT NOT NULL, channel INTEGER NOT NULL, PRIMARY KEY(pattern, channel));
CREATE TABLE IF NOT EXISTS owner(
  number INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, identity TEXT NOT NULL, library TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequence(next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS q(
  seq INTEGER PRIMARY KEY, channel INTEGER NOT NULL, due REAL NOT NULL, owner INTEGER NOT NULL DEFAULT 0,
  lends INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL,
  size INTEGER NOT NULL, entered REAL NOT NULL);
CREATE INDEX IF NOT EXISTS q_ready ON q(channel, seq) WHERE owner = 0 AND due = 0;
CREATE INDEX IF NOT EXISTS q_due ON q(due) WHERE due > 0;
CREATE TABLE IF NOT EXISTS body(seq INTEGER PRIMARY KEY, record BLOB NOT NULL);
INSERT INTO sequence SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM sequence);
"""


def connect(path: Path) -> Any:
    """Open the file, make it if it is not there, and lay it out.

    Raises:
        ChannelError: It cannot be opened, cannot be shared safely, or comes from a newer esb.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # messages are nobody else's business
        db = sqlite3.connect(str(path), isolation_level=None, timeout=_BUSY_SECONDS, cached_statements=64)
    except (OSError, sqlite3.Error) as error:
        raise ChannelError(f"{path} cannot be opened: {error}; check the path and its permissions") from error
    try:
        _lay_out(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise ChannelError(f"{path} is not usable as a channel file: {error}; use another path") from error
    except BaseException:
        db.close()
        raise
    return db


def _lay_out(db: Any, path: Path) -> None:
    mode = _write_ahead(db)
    if mode != "wal":
        raise ChannelError(f"{path} cannot keep a write-ahead log ({mode}): put it on a local file system")
    for pragma in ("synchronous=FULL", "cache_size=-16384", "wal_autocheckpoint=2000", "journal_size_limit=67108864"):
        db.execute(f"PRAGMA {pragma}")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA_VERSION:
        raise ChannelError(f"{path} was written by a newer version of esb (layout {version}): update esb")
    if version < _SCHEMA_VERSION:
        db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_SCHEMA_VERSION};COMMIT;")


def _write_ahead(db: Any) -> str:
    """Switch to a write-ahead log; when processes do it at once, SQLite says "locked" without waiting."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def depths(path: Path, names: Sequence[str], now: float) -> Mapping[str, tuple[int, int, int, float | None]]:
    """Return ready, lent, delayed and the oldest's age in seconds by channel, read beside whoever writes."""
    query = """
      SELECT name, count(*) FILTER (WHERE owner = 0 AND due <= ?1), count(*) FILTER (WHERE owner > 0),
        count(*) FILTER (WHERE owner = 0 AND due > ?1), ?1 - min(entered)
      FROM channel JOIN q ON channel = number WHERE name IN (SELECT value FROM json_each(?2)) GROUP BY name"""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        rows = db.execute(query, (now, msgspec.json.encode(list(names)).decode())).fetchall()
    finally:
        db.close()
    return {name: (ready, lent, delayed, max(0.0, age)) for name, ready, lent, delayed, age in rows}
