"""Identity: campaigns are told apart across databases; PostgreSQL counts iterations beyond 2³¹, as SQLite does."""

import json
import uuid

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0005"
down_revision = "mmdiscover_0004"
branch_labels = None
depends_on = None

_NAMESPACE = uuid.UUID("b8a3f3a6-6f0c-4d8b-9a55-0d7b4f4f2c51")


def upgrade() -> None:
    # SQLite cannot add a column without a default that is never null, short of making the table anew.
    op.add_column("campaigns", sa.Column("uuid", sa.String(length=36), nullable=True))
    names = ("id", "name", "kind", "seed", "created_at", "uuid")
    campaigns = sa.table("campaigns", *map(sa.column, names))
    created = sa.func.strftime("%Y-%m-%d %H:%M:%S", campaigns.c.created_at)
    if op.get_context().dialect.name == "postgresql":
        created = sa.func.to_char(sa.func.timezone("UTC", campaigns.c.created_at), "YYYY-MM-DD HH24:MI:SS")
        op.alter_column("trials", "iterations", type_=sa.BigInteger())
    connection = op.get_bind()
    rows = connection.execute(sa.select(*(campaigns.c[name] for name in names[:4]), created)).all()
    for number, *facts in rows:
        # Two copies of a database that are upgraded apart from one another give a campaign the same one.
        derived = uuid.uuid5(_NAMESPACE, json.dumps(facts, default=str))
        connection.execute(sa.update(campaigns).where(campaigns.c.id == number).values(uuid=str(derived)))
    op.create_index(op.f("ix_campaigns_uuid"), "campaigns", ["uuid"], unique=True)
