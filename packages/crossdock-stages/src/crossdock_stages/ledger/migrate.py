"""Bringing a ledger's schema up to date. Alembic is imported only when there is something to do."""

import sqlalchemy as sa
from crossdock.errors import ConfigError
from sqlalchemy.engine import Connection

HEAD = "0006"
"""The newest revision in `migrations/versions`; a test compares."""


def upgrade(connection: Connection) -> None:
    """Run the missing migrations inside the caller's transaction.

    ConfigError: the ledger was written by a newer Crossdock than this.
    """
    current = _current(connection)
    if current == HEAD:
        return
    if connection.dialect.name == "postgresql":  # runners that start at once: one after the other
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(4711)"))
        if (current := _current(connection)) == HEAD:
            return
    if current is not None and current > HEAD:
        raise ConfigError(
            f"the ledger has revision {current}, this Crossdock knows {HEAD}: "
            "install the newer Crossdock that wrote it"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "crossdock_stages.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
