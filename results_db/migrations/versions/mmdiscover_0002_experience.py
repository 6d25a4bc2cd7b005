"""Experience: sums over the finished trials, by sorted format, rank and settings."""

import json

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0002"
down_revision = "mmdiscover_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    experience = op.create_table(
        "experience",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sorted_format", sa.String(length=40), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("fits", sa.Integer(), nullable=False),
        sa.Column("iterations", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experience")),
        sa.UniqueConstraint(
            "sorted_format", "rank", "settings", name=op.f("uq_experience_sorted_format_rank_settings")
        ),
    )
    # The same settings may be stored as several texts, so the database's sums by text are added up here.
    sums: dict[tuple[str, int, str], list[float]] = {}
    for fmt, rank, settings, starts, fits, iterations, seconds in op.get_bind().execute(_sums_by_text()):
        canonical = json.dumps(json.loads(settings), sort_keys=True, separators=(",", ":"))
        known = sums.get((fmt, rank, canonical), [0, 0, 0, 0.0])
        sums[fmt, rank, canonical] = [a + b for a, b in zip(known, (starts, fits, iterations, seconds), strict=True)]
    names = [column.name for column in experience.columns][1:]
    op.bulk_insert(experience, [dict(zip(names, (*key, *sums[key]), strict=True)) for key in sorted(sums)])


def _sums_by_text() -> sa.Executable:
    targets = sa.table("targets", sa.column("id"), sa.column("sorted_format"), sa.column("rank"))
    names = ("target_id", "state", "settings", "status", "iterations", "search_seconds")
    trials = sa.table("trials", *map(sa.column, names))
    group = (targets.c.sorted_format, targets.c.rank, sa.cast(trials.c.settings, sa.Text))
    return (
        sa.select(
            *group,
            sa.func.count(),
            sa.func.sum(sa.case((trials.c.status == "exact", 1), else_=0)),
            sa.func.sum(trials.c.iterations),
            sa.func.coalesce(sa.func.sum(trials.c.search_seconds), 0.0),
        )
        .join_from(trials, targets, targets.c.id == trials.c.target_id)
        .where(trials.c.state == "finished", trials.c.status != "failed", trials.c.iterations.is_not(None))
        .group_by(*group)
    )
