"""The tables of the store: one model for SQLite and PostgreSQL.

Keys of unbounded text (a sender's key, a deduplicate key) are found by a fixed-length id derived from them, because
PostgreSQL refuses index entries above 2,700 bytes and no text with a NUL. The readable text stands beside it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import TEXT

# Ids are compared byte by byte; a database's own collation would only make that slower and differ between servers.
Id = Text().with_variant(TEXT(collation="C"), "postgresql")
# SQLite numbers rows by itself only in a column that is declared INTEGER.
Sequence = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

answers = Table(
    "esb_answers",
    metadata,
    Column("name", Id, primary_key=True),
    Column("message_id", Id, nullable=False),
    Column("at", Double, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index("esb_answers_at", "at"),
    sqlite_with_rowid=False,
)

intake_keys = Table(
    "esb_intake_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("folded", Id, nullable=False),
    Column("digest", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("release", Text, nullable=False),
    Index("esb_intake_keys_folded", "folded"),
    Index("esb_intake_keys_message", "message_id"),
    Index("esb_intake_keys_until", "until"),
    sqlite_with_rowid=False,
)

held_keys = Table(
    "esb_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("space", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("owner", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Index("esb_keys_owner", "owner"),
    Index("esb_keys_until", "until"),
    sqlite_with_rowid=False,
)

ledger = Table(
    "esb_ledger",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("detail", Text, nullable=False),
    Index("esb_ledger_state_at", "state", "at"),
    sqlite_with_rowid=False,
)

parked = Table(
    "esb_parked",
    metadata,
    Column("id", Id, primary_key=True),
    Column("state", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failure_class", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("decided", Double),
    Column("origin", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("correlation_id", Id, nullable=False),
    Column("keys", Text, nullable=False),
    Column("blob", Id),
    Column("packet", LargeBinary, nullable=False),
    Index("esb_parked_state_at", "state", "at"),
    Index("esb_parked_message", "message_id"),
    Index("esb_parked_correlation", "correlation_id"),
    Index("esb_parked_blob", "blob"),
)

parked_keys = Table(
    "esb_parked_keys",
    metadata,
    Column("folded", Id, primary_key=True),
    Column("parked_id", Id, ForeignKey("esb_parked.id", ondelete="CASCADE"), primary_key=True),
    Index("esb_parked_keys_parked", "parked_id"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "esb_outbox",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("address", Text, nullable=False),
    Column("blob", Id),
    Column("packet", LargeBinary, nullable=False),
    Index("esb_outbox_blob", "blob"),
    sqlite_autoincrement=True,
)

journal = Table(
    "esb_journal",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("at", Double, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("route", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("child", Id, nullable=False),
    Column("correlation_id", Id, nullable=False),
    Column("partner", Text, nullable=False),
    Column("keys", Text, nullable=False),
    Index("esb_journal_id", "id", unique=True),
    Index("esb_journal_message", "message_id"),
    Index("esb_journal_correlation", "correlation_id"),
    Index("esb_journal_at", "at"),
)

message_keys = Table(
    "esb_message_keys",
    metadata,
    Column("folded", Id, primary_key=True),
    Column("value", Id, primary_key=True),
    Column("message_id", Id, primary_key=True),
    Column("at", Double, nullable=False),
    Index("esb_message_keys_at", "at"),
    sqlite_with_rowid=False,
)

blobs = Table(
    "esb_blobs",
    metadata,
    Column("digest", Id, primary_key=True),
    Column("at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("esb_blobs_at", "at"),
)

releases = Table(
    "esb_releases",
    metadata,
    Column("digest", Id, primary_key=True),
    Column("engine", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("files", LargeBinary, nullable=False),
)

leases = Table(
    "esb_leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Double, nullable=False),
)

marks = Table(
    "esb_marks",
    metadata,
    Column("name", Id, primary_key=True),
    Column("at", Double, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

numbers = Table(
    "esb_numbers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dialect", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

arrived = Table(
    "esb_arrived",
    metadata,
    Column("id", Id, primary_key=True),
    Column("base", Id, nullable=False),
    Column("content", Id, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("owner", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Index("esb_arrived_base", "base"),
    Index("esb_arrived_content", "content"),
    Index("esb_arrived_until", "until"),
    sqlite_with_rowid=False,
)

filed = Table(
    "esb_filed",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dialect", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("answers", Id, nullable=False),
    Column("blob", Id, nullable=False),
    Column("packet", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    Column("due", Double),
    Column("state", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("told_at", Double),
    Index("esb_filed_message", "message_id"),
    Index("esb_filed_answers", "answers"),
    Index("esb_filed_blob", "blob"),
    Index("esb_filed_state_due", "state", "due"),
    Index("esb_filed_at", "at"),
)

batched = Table(
    "esb_batched",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("batch", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("blob", Id),
    Column("packet", LargeBinary, nullable=False),
    Index("esb_batched_id", "id", unique=True),
    Index("esb_batched_batch", "batch"),
    Index("esb_batched_state", "state", "endpoint", "kind", "at"),
    Index("esb_batched_blob", "blob"),
    sqlite_autoincrement=True,
)
