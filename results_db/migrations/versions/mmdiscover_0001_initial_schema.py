"""Initial schema."""

import sqlalchemy as sa
from alembic import op

revision = "mmdiscover_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'finished', 'stopped')", name=op.f("ck_campaigns_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("name", name=op.f("uq_campaigns_name")),
    )
    op.create_table(
        "schemes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("m", sa.Integer(), nullable=False),
        sa.Column("p", sa.Integer(), nullable=False),
        sa.Column("sorted_format", sa.String(length=40), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("ring", sa.String(length=8), nullable=False),
        sa.Column("nonzeros", sa.Integer(), nullable=False),
        sa.Column("additions", sa.Integer(), nullable=False),
        sa.Column("growth_factor", sa.Double(), nullable=True),
        sa.Column("orbit_class", sa.String(length=8), nullable=False),
        sa.Column("factors", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schemes")),
        sa.UniqueConstraint("hash", name=op.f("uq_schemes_hash")),
    )
    op.create_index(op.f("ix_schemes_additions"), "schemes", ["additions"])
    op.create_index(op.f("ix_schemes_found_at"), "schemes", ["found_at"])
    op.create_index(op.f("ix_schemes_nonzeros"), "schemes", ["nonzeros"])
    op.create_index(op.f("ix_schemes_orbit_class"), "schemes", ["orbit_class"])
    op.create_index(op.f("ix_schemes_rank_additions"), "schemes", ["rank", "additions"])
    op.create_index(op.f("ix_schemes_ring_rank_additions"), "schemes", ["ring", "rank", "additions"])
    op.create_index(op.f("ix_schemes_sorted_format_ring_rank"), "schemes", ["sorted_format", "ring", "rank"])
    op.create_index(op.f("ix_schemes_sorted_format_rank_additions"), "schemes", ["sorted_format", "rank", "additions"])
    op.create_table(
        "certificates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scheme_id", sa.Integer(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["scheme_id"], ["schemes.id"], name=op.f("fk_certificates_scheme_id_schemes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
    )
    op.create_index(op.f("ix_certificates_scheme_id"), "certificates", ["scheme_id"])
    op.create_table(
        "targets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("m", sa.Integer(), nullable=False),
        sa.Column("p", sa.Integer(), nullable=False),
        sa.Column("sorted_format", sa.String(length=40), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_targets_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
        sa.UniqueConstraint("campaign_id", "position", name=op.f("uq_targets_campaign_id_position")),
    )
    op.create_index(op.f("ix_targets_sorted_format_rank"), "targets", ["sorted_format", "rank"])
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("trial_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("claimed_by", sa.String(length=200), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seed", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=True),
        sa.Column("residual", sa.Double(), nullable=True),
        sa.Column("squared_norm", sa.Double(), nullable=True),
        sa.Column("iterations", sa.Integer(), nullable=True),
        sa.Column("search_seconds", sa.Double(), nullable=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.Column("refine_status", sa.String(length=40), nullable=True),
        sa.Column("refine_detail", sa.Text(), nullable=True),
        sa.Column("refine_seconds", sa.Double(), nullable=True),
        sa.CheckConstraint("state IN ('claimed', 'finished')", name=op.f("ck_trials_state")),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name=op.f("fk_trials_target_id_targets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("target_id", "trial_index", name=op.f("uq_trials_target_id_trial_index")),
    )
    op.create_index(op.f("ix_trials_state_heartbeat_at"), "trials", ["state", "heartbeat_at"])
    op.create_table(
        "discoveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scheme_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["scheme_id"], ["schemes.id"], name=op.f("fk_discoveries_scheme_id_schemes")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_discoveries_trial_id_trials")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discoveries")),
        sa.UniqueConstraint("trial_id", "scheme_id", name=op.f("uq_discoveries_trial_id_scheme_id")),
    )
    op.create_index(op.f("ix_discoveries_kind_scheme_id"), "discoveries", ["kind", "scheme_id"])
    op.create_index(op.f("ix_discoveries_scheme_id"), "discoveries", ["scheme_id"])
    op.create_table(
        "fits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("m", sa.Integer(), nullable=False),
        sa.Column("p", sa.Integer(), nullable=False),
        sa.Column("sorted_format", sa.String(length=40), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("u", sa.LargeBinary(), nullable=False),
        sa.Column("v", sa.LargeBinary(), nullable=False),
        sa.Column("w", sa.LargeBinary(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'refined')", name=op.f("ck_fits_state")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_fits_trial_id_trials")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fits")),
        sa.UniqueConstraint("trial_id", name=op.f("uq_fits_trial_id")),
    )
    op.create_index(op.f("ix_fits_state_sorted_format_rank"), "fits", ["state", "sorted_format", "rank"])
