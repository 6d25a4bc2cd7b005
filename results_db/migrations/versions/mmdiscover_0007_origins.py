"""Origins: trials that began at other schemes say at which."""

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0007"
down_revision = "mmdiscover_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trials", sa.Column("origin", sa.JSON(), nullable=True))
