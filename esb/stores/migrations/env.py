"""What Alembic runs: our model, on the connection (and in the transaction) of whoever asked for the upgrade."""

from __future__ import annotations

from alembic import context

from esb.stores.migrate import VERSION_TABLE
from esb.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
