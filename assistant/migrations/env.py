"""Run by Alembic: migrate over the connection that `database.migrate` hands in, inside its transaction."""

from __future__ import annotations

from alembic import context

from assistant.schema import metadata

# `transactional_ddl`: Alembic assumes that Python's sqlite3 commits at each CREATE; ours does not (see database.py).
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
