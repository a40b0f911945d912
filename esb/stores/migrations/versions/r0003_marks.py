"""Marks: values that replace each other under a name, such as how far a poller came."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, LargeBinary, Text
from sqlalchemy.dialects.postgresql import TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "esb_marks",
        Column("name", Text().with_variant(TEXT(collation="C"), "postgresql"), primary_key=True),
        Column("at", Double, nullable=False),
        Column("value", LargeBinary, nullable=False),
    )
