"""What must be remembered: keys, answers, ledger, parked messages, journal and bodies, in SQLite or PostgreSQL."""

from __future__ import annotations

from esb.stores.backup import backup, restore
from esb.stores.database import Database
from esb.stores.migrate import upgrade
from esb.stores.store import SqlStore

__all__ = ["SqlStore", "backup", "open_store", "restore", "upgrade"]


def open_store(url: str) -> SqlStore:
    """Return the store at `sqlite:PATH` or `postgresql://user:password@host/database`; `open()` connects.

    Raises:
        UsageError: The URL is neither; says what to write.
    """
    return SqlStore(Database(url))
