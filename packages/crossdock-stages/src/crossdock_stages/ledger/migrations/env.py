"""Alembic's entry: always online, on the connection that `upgrade` hands over."""

from alembic import context

from crossdock_stages.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
