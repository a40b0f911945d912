"""The tables of the first release.

A revision repeats the schema of its day instead of asking the model, which moves on.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import TEXT

revision = "0001"
down_revision = None

_ID = Text().with_variant(TEXT(collation="C"), "postgresql")
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _answers_and_keys()
    _deliveries()
    _parking()
    _journal()
    _bodies()


def _answers_and_keys() -> None:
    op.create_table(
        "esb_answers",
        Column("name", _ID, primary_key=True),
        Column("message_id", _ID, nullable=False),
        Column("at", Double, nullable=False),
        Column("answer", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "esb_intake_keys",
        Column("id", _ID, primary_key=True),
        Column("endpoint", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("folded", _ID, nullable=False),
        Column("digest", Text, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("at", Double, nullable=False),
        Column("until", Double, nullable=False),
        Column("state", Text, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("release", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "esb_keys",
        Column("id", _ID, primary_key=True),
        Column("space", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("owner", _ID, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("state", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("until", Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("esb_answers_at", "esb_answers", ["at"])
    op.create_index("esb_intake_keys_folded", "esb_intake_keys", ["folded"])
    op.create_index("esb_intake_keys_message", "esb_intake_keys", ["message_id"])
    op.create_index("esb_intake_keys_until", "esb_intake_keys", ["until"])
    op.create_index("esb_keys_owner", "esb_keys", ["owner"])
    op.create_index("esb_keys_until", "esb_keys", ["until"])


def _deliveries() -> None:
    op.create_table(
        "esb_ledger",
        Column("id", _ID, primary_key=True),
        Column("endpoint", Text, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("at", Double, nullable=False),
        Column("detail", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("esb_ledger_state_at", "esb_ledger", ["state", "at"])


def _parking() -> None:
    texts = ("state", "place", "route", "step", "reason", "failure_class", "fingerprint", "owner", "partner")
    op.create_table(
        "esb_parked",
        Column("id", _ID, primary_key=True),
        *(Column(name, Text, nullable=False) for name in texts),
        Column("at", Double, nullable=False),
        Column("decided", Double),
        Column("origin", Text, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("correlation_id", _ID, nullable=False),
        Column("keys", Text, nullable=False),
        Column("blob", _ID),
        Column("packet", LargeBinary, nullable=False),
    )
    op.create_table(
        "esb_parked_keys",
        Column("folded", _ID, primary_key=True),
        Column("parked_id", _ID, ForeignKey("esb_parked.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "esb_outbox",
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("at", Double, nullable=False),
        Column("address", Text, nullable=False),
        Column("blob", _ID),
        Column("packet", LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("esb_parked_state_at", "esb_parked", ["state", "at"])
    op.create_index("esb_parked_message", "esb_parked", ["message_id"])
    op.create_index("esb_parked_correlation", "esb_parked", ["correlation_id"])
    op.create_index("esb_parked_blob", "esb_parked", ["blob"])
    op.create_index("esb_parked_keys_parked", "esb_parked_keys", ["parked_id"])
    op.create_index("esb_outbox_blob", "esb_outbox", ["blob"])


def _journal() -> None:
    op.create_table(
        "esb_journal",
        Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
        Column("id", _ID, nullable=False),
        Column("kind", Text, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("at", Double, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        *(Column(name, Text, nullable=False) for name in ("route", "place", "text")),
        Column("child", _ID, nullable=False),
        Column("correlation_id", _ID, nullable=False),
        Column("partner", Text, nullable=False),
        Column("keys", Text, nullable=False),
    )
    op.create_table(
        "esb_message_keys",
        Column("folded", _ID, primary_key=True),
        Column("value", _ID, primary_key=True),
        Column("message_id", _ID, primary_key=True),
        Column("at", Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("esb_journal_id", "esb_journal", ["id"], unique=True)
    op.create_index("esb_journal_message", "esb_journal", ["message_id"])
    op.create_index("esb_journal_correlation", "esb_journal", ["correlation_id"])
    op.create_index("esb_journal_at", "esb_journal", ["at"])
    op.create_index("esb_message_keys_at", "esb_message_keys", ["at"])


def _bodies() -> None:
    op.create_table(
        "esb_blobs",
        Column("digest", _ID, primary_key=True),
        Column("at", Double, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_table(
        "esb_releases",
        Column("digest", _ID, primary_key=True),
        Column("engine", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("files", LargeBinary, nullable=False),
    )
    op.create_table(
        "esb_leases",
        Column("name", Text, primary_key=True),
        Column("owner", Text, nullable=False),
        Column("until", Double, nullable=False),
    )
    op.create_index("esb_blobs_at", "esb_blobs", ["at"])
