"""Indices that hold everything that two sums need: classes of a format, trials of a campaign."""

from alembic import op

revision = "mmdiscover_0006"
down_revision = "mmdiscover_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_schemes_sorted_format_rank_orbit_class_additions_id_ring"),
        "schemes",
        ["sorted_format", "rank", "orbit_class", "additions", "id", "ring"],
    )
    op.create_index(
        op.f("ix_trials_target_id_state_status_cpu_seconds"), "trials", ["target_id", "state", "status", "cpu_seconds"]
    )
