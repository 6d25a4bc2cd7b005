"""Orbits: another label for the class, made of more than ranks; dimensions of the family of solutions.

Both are left empty here. They are computed when all migrations are done, in the same transaction.
"""

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0004"
down_revision = "mmdiscover_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_schemes_orbit_class"), "schemes")
    op.drop_column("schemes", "orbit_class")
    op.add_column("schemes", sa.Column("orbit_class", sa.String(length=12), nullable=True))
    op.add_column("schemes", sa.Column("null_space", sa.Integer(), nullable=True))
    op.add_column("schemes", sa.Column("orbit_dimension", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_schemes_orbit_class"), "schemes", ["orbit_class"])
