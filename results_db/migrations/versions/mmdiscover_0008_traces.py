"""Traces: walks say after how many flips they came to which rank."""

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0008"
down_revision = "mmdiscover_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trials", sa.Column("trace", sa.JSON(), nullable=True))
