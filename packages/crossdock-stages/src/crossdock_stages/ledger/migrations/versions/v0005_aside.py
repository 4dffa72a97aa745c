"""What is set aside is summed up by the database, from an index alone."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Another index."""
    columns = ["sku", "location", "taken_at", "quantity", "expires_at"]
    op.create_index("ix_reservations_aside", "reservations", columns, unique=False)
    op.drop_index("ix_reservations_sku", table_name="reservations")
