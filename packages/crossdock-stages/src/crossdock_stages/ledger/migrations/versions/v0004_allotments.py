"""Pieces allotted to one channel each, so that none is on offer in two places."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "allotments",
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=255), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("most", sa.String(length=64), nullable=False),
        sa.Column("least", sa.String(length=64), nullable=False),
        sa.Column("bound", sa.String(length=64), nullable=False),
        sa.Column("demand", sa.Float(), nullable=False),
        sa.Column("demand_at", sa.Float(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "sku", "location", name=op.f("pk_allotments")),
    )
    op.create_index("ix_allotments_due", "allotments", ["due"], unique=False)
    op.create_index("ix_allotments_demand", "allotments", ["demand_at"], unique=False)
