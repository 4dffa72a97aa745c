"""Which fields each topic of each connection has had, so that a new one is told once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "fields",
        sa.Column("connection", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=128), nullable=False),
        sa.Column("field", sa.String(length=255), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("landing_id", sa.String(length=64), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("payloads", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "topic", "field", name=op.f("pk_fields")),
    )
    op.create_index("ix_fields_told", "fields", ["told", "at"], unique=False)
