"""Run by Alembic, with the connection that `gateway.migrate` opened."""

from alembic import context

from gateway.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
