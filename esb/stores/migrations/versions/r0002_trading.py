"""Trading by interchange: control numbers, interchanges that came, interchanges that left, batches."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import TEXT

revision = "0002"
down_revision = "0001"

_ID = Text().with_variant(TEXT(collation="C"), "postgresql")
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _numbers()
    _arrived()
    _filed()
    _batched()


def _numbers() -> None:
    op.create_table(
        "esb_numbers",
        Column("id", _ID, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("dialect", "level", "ours", "partner", "kind")),
        Column("width", Integer, nullable=False),
        Column("next", BigInteger, nullable=False),
        Column("at", Double, nullable=False),
        sqlite_with_rowid=False,
    )


def _arrived() -> None:
    texts = ("dialect", "sender", "receiver", "number", "digest", "endpoint")
    op.create_table(
        "esb_arrived",
        Column("id", _ID, primary_key=True),
        Column("base", _ID, nullable=False),
        Column("content", _ID, nullable=False),
        *(Column(name, Text, nullable=False) for name in texts),
        Column("owner", _ID, nullable=False),
        Column("state", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("until", Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("esb_arrived_base", "esb_arrived", ["base"])
    op.create_index("esb_arrived_content", "esb_arrived", ["content"])
    op.create_index("esb_arrived_until", "esb_arrived", ["until"])


def _filed() -> None:
    op.create_table(
        "esb_filed",
        Column("id", _ID, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("dialect", "level", "ours", "theirs", "kind")),
        Column("number", BigInteger, nullable=False),
        Column("endpoint", Text, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("answers", _ID, nullable=False),
        Column("blob", _ID, nullable=False),
        Column("packet", LargeBinary, nullable=False),
        Column("at", Double, nullable=False),
        Column("due", Double),
        Column("state", Text, nullable=False),
        Column("told", Text, nullable=False),
        Column("told_at", Double),
    )
    for name, columns in (
        ("message", ["message_id"]), ("answers", ["answers"]), ("blob", ["blob"]),
        ("state_due", ["state", "due"]), ("at", ["at"]),
    ):  # fmt: skip
        op.create_index(f"esb_filed_{name}", "esb_filed", columns)


def _batched() -> None:
    op.create_table(
        "esb_batched",
        Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
        Column("id", _ID, nullable=False),
        Column("endpoint", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("batch", _ID, nullable=False),
        Column("state", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("message_id", _ID, nullable=False),
        Column("blob", _ID),
        Column("packet", LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("esb_batched_id", "esb_batched", ["id"], unique=True)
    op.create_index("esb_batched_batch", "esb_batched", ["batch"])
    op.create_index("esb_batched_state", "esb_batched", ["state", "endpoint", "kind", "at"])
    op.create_index("esb_batched_blob", "esb_batched", ["blob"])
