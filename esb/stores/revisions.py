"""The revisions of the schema, run by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def newest() -> str | None:
    """Return the revision that no other follows."""
    return _scripts().get_current_head()


def known() -> set[str]:
    """Return every revision that there is."""
    return {script.revision for script in _scripts().walk_revisions()}


def upgrade(connection: Connection, target: str) -> None:
    """Bring the schema to a revision, in the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
