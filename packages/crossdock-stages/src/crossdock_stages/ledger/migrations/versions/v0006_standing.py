"""What stands where is counted from indexes alone, and closing a message moves one of them less."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Other columns for three indexes."""
    for name, table, columns, instead in (
        (
            "ix_landing_standing",
            "landing",
            ["settled", "state", "published_at"],
            "ix_landing_unsettled",
        ),
        ("ix_outbox_standing", "outbox", ["state", "connection", "published_at"], "ix_outbox_open"),
    ):
        op.create_index(name, table, columns, unique=False)
        op.drop_index(instead, table_name=table)
    op.drop_index("ix_outbox_sequence", table_name="outbox")
    op.create_index(
        "ix_outbox_sequence", "outbox", ["connection", "entity_key", "seq"], unique=False
    )
