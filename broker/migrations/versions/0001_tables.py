"""The tables of the market.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = (
    "pool",
    "team",
    "installation",
    "round",
    "round_pool",
    "round_team",
    "capacity",
    "commitment",
    "bid",
    "alternative",
    "item",
    "snapshot",
    "run",
    "run_stage",
    "award",
    "decline",
    "list_price",
    "audit_event",
)
"""In the order in which they refer to each other."""


def upgrade() -> None:
    create_market()
    create_rounds()
    create_bids()
    create_runs()
    create_results()
    create_audit()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_market() -> None:
    op.create_table(
        "pool",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('compute', 'expert', 'data')", name=op.f("ck_pool_kind_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool")),
        sa.UniqueConstraint("key", name=op.f("uq_pool_key")),
        **STRICT,
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("key", name=op.f("uq_team_key")),
        **STRICT,
    )
    op.create_table(
        "installation",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_installation")),
        **STRICT,
    )


def create_rounds() -> None:
    op.create_table(
        "round",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("starts_on", DAY, nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("floor_ratio", sa.Text(), nullable=False),
        sa.Column("imported_sha256", sa.Text(), nullable=True),
        sa.Column("opens_at", INSTANT, nullable=True),
        sa.Column("closes_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('published', 'finished')) = (published_at IS NOT NULL)",
            name=op.f("ck_round_published_says_when"),
        ),
        sa.CheckConstraint(
            "state IN ('scheduled', 'open', 'closed', 'published', 'finished', 'cancelled')",
            name=op.f("ck_round_state_known"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('closed', 'published', 'finished') OR closed_at IS NOT NULL",
            name=op.f("ck_round_closed_says_when"),
        ),
        sa.CheckConstraint(
            "(lease_holder IS NULL) = (lease_until IS NULL)", name=op.f("ck_round_lease_is_whole")
        ),
        sa.CheckConstraint("days BETWEEN 1 AND 366", name=op.f("ck_round_days_of_a_sprint")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_round_fence_at_least_0")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_round_opens_before_it_closes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
        sa.UniqueConstraint("key", name=op.f("uq_round_key")),
        **STRICT,
    )
    op.create_index(op.f("ix_round_starts_on"), "round", ["starts_on"], unique=False)
    op.create_table(
        "round_pool",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("reserve_price_credits", WHOLE, nullable=False),
        sa.CheckConstraint(
            "kind IN ('compute', 'expert', 'data')", name=op.f("ck_round_pool_kind_known")
        ),
        sa.CheckConstraint(
            "reserve_price_credits >= 0",
            name=op.f("ck_round_pool_reserve_price_credits_at_least_0"),
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_round_pool_pool_id")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_round_pool_round_id")),
        sa.PrimaryKeyConstraint("round_id", "pool_id", name=op.f("pk_round_pool")),
        **STRICT,
    )
    op.create_table(
        "round_team",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("credits", WHOLE, nullable=False),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_round_team_credits_at_least_0")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_round_team_round_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_round_team_team_id")),
        sa.PrimaryKeyConstraint("round_id", "team_id", name=op.f("pk_round_team")),
        **STRICT,
    )
    op.create_table(
        "capacity",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.Column("reserved_units", WHOLE, nullable=False),
        sa.Column("spot_units", WHOLE, nullable=False),
        sa.CheckConstraint(
            "reserved_units >= 0 AND spot_units >= 0",
            name=op.f("ck_capacity_reserved_units_at_least_0"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "pool_id"],
            ["round_pool.round_id", "round_pool.pool_id"],
            name=op.f("fk_capacity_round_id_pool_id"),
        ),
        sa.PrimaryKeyConstraint("round_id", "pool_id", "day", name=op.f("pk_capacity")),
        **STRICT,
    )
    op.create_table(
        "commitment",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.Column("reserved_units", WHOLE, nullable=False),
        sa.Column("spot_units", WHOLE, nullable=False),
        sa.CheckConstraint(
            "reserved_units >= 0 AND spot_units >= 0",
            name=op.f("ck_commitment_reserved_units_at_least_0"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "pool_id"],
            ["round_pool.round_id", "round_pool.pool_id"],
            name=op.f("fk_commitment_round_id_pool_id"),
        ),
        sa.PrimaryKeyConstraint("round_id", "pool_id", "day", name=op.f("pk_commitment")),
        **STRICT,
    )


def create_bids() -> None:
    op.create_table(
        "bid",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("submitted_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["round_id", "team_id"],
            ["round_team.round_id", "round_team.team_id"],
            name=op.f("fk_bid_round_id_team_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bid")),
        sa.UniqueConstraint("round_id", "key", name=op.f("uq_bid_round_id_key")),
        **STRICT,
    )
    op.create_table(
        "alternative",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("offer_credits_per_lot", WHOLE, nullable=False),
        sa.Column("value_score_per_lot", WHOLE, nullable=False),
        sa.Column("min_lots", WHOLE, nullable=False),
        sa.Column("max_lots", WHOLE, nullable=False),
        sa.Column("earliest_start", DAY, nullable=False),
        sa.Column("latest_start", DAY, nullable=False),
        sa.CheckConstraint("tier IN ('reserved', 'spot')", name=op.f("ck_alternative_tier_known")),
        sa.CheckConstraint(
            "earliest_start <= latest_start", name=op.f("ck_alternative_window_in_order")
        ),
        sa.CheckConstraint("min_lots <= max_lots", name=op.f("ck_alternative_lots_in_order")),
        sa.CheckConstraint(
            "number >= 1 AND offer_credits_per_lot >= 1 AND value_score_per_lot >= 1 "
            "AND min_lots >= 1",
            name=op.f("ck_alternative_number_at_least_1"),
        ),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_alternative_bid_id")),
        sa.PrimaryKeyConstraint("bid_id", "number", name=op.f("pk_alternative")),
        **STRICT,
    )
    op.create_table(
        "item",
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("offset_days", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("units_per_lot", WHOLE, nullable=False),
        sa.CheckConstraint(
            "days >= 1 AND units_per_lot >= 1", name=op.f("ck_item_days_at_least_1")
        ),
        sa.CheckConstraint("offset_days >= 0", name=op.f("ck_item_offset_days_at_least_0")),
        sa.ForeignKeyConstraint(
            ["bid_id", "number"],
            ["alternative.bid_id", "alternative.number"],
            name=op.f("fk_item_bid_id_number"),
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_item_pool_id")),
        sa.PrimaryKeyConstraint("bid_id", "number", "position", name=op.f("pk_item")),
        **STRICT,
    )


def create_runs() -> None:
    op.create_table(
        "snapshot",
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_sha256", sa.Text(), nullable=False),
        sa.Column("problem_sha256", sa.Text(), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_snapshot_round_id")),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_snapshot")),
        **STRICT,
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("problem_sha256", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("outcome_sha256", sa.Text(), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_run_failed_says_why")
        ),
        sa.CheckConstraint(
            "(state = 'solving') = (finished_at IS NULL)", name=op.f("ck_run_over_says_when")
        ),
        sa.CheckConstraint(
            "purpose IN ('publication', 'rehearsal')", name=op.f("ck_run_purpose_known")
        ),
        sa.CheckConstraint(
            "state <> 'published' OR purpose = 'publication'",
            name=op.f("ck_run_rehearsals_stay_unpublished"),
        ),
        sa.CheckConstraint(
            "state IN ('solving', 'checked', 'published', 'failed', 'stale')",
            name=op.f("ck_run_state_known"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('checked', 'published') OR "
            "(outcome_sha256 IS NOT NULL AND report IS NOT NULL AND certificate IS NOT NULL)",
            name=op.f("ck_run_checked_has_an_outcome"),
        ),
        sa.CheckConstraint("revision >= 1 AND fence >= 1", name=op.f("ck_run_revision_at_least_1")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_run_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        **STRICT,
    )
    op.create_index(op.f("ix_run_round_id"), "run", ["round_id"], unique=False)
    op.create_index(
        "uq_run_published",
        "run",
        ["round_id", "revision"],
        unique=True,
        sqlite_where=sa.text("state = 'published'"),
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_table(
        "run_stage",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("value", WHOLE, nullable=True),
        sa.Column("bound", WHOLE, nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_stage_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_run_stage")),
        **STRICT,
    )


def create_results() -> None:
    op.create_table(
        "award",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("alternative", WHOLE, nullable=False),
        sa.Column("start", DAY, nullable=False),
        sa.Column("lots", WHOLE, nullable=False),
        sa.Column("value_score", WHOLE, nullable=False),
        sa.Column("payment_credits", WHOLE, nullable=False),
        sa.CheckConstraint("lots >= 1 AND value_score >= 1", name=op.f("ck_award_lots_at_least_1")),
        sa.CheckConstraint(
            "payment_credits >= 0", name=op.f("ck_award_payment_credits_at_least_0")
        ),
        sa.ForeignKeyConstraint(
            ["bid_id", "alternative"],
            ["alternative.bid_id", "alternative.number"],
            name=op.f("fk_award_bid_id_alternative"),
        ),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_award_bid_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_award_run_id")),
        sa.PrimaryKeyConstraint("run_id", "bid_id", name=op.f("pk_award")),
        **STRICT,
    )
    op.create_index(op.f("ix_award_bid_id"), "award", ["bid_id"], unique=False)
    op.create_table(
        "decline",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("bid_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("alternative", WHOLE, nullable=True),
        sa.Column("pool_id", sa.Text(), nullable=True),
        sa.Column("day", DAY, nullable=True),
        sa.Column("minimum_winning_offer_credits", WHOLE, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('ineligible', 'approval-missing', 'policy', 'exceeds-pool', "
            "'insufficient-credits', 'below-reserve-price', 'credits-spent', 'outbid', "
            "'bundle-partner-unavailable', 'tie-break', "
            "'not-proven', 'override')",
            name=op.f("ck_decline_reason_known"),
        ),
        sa.ForeignKeyConstraint(["bid_id"], ["bid.id"], name=op.f("fk_decline_bid_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_decline_pool_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_decline_run_id")),
        sa.PrimaryKeyConstraint("run_id", "bid_id", name=op.f("pk_decline")),
        **STRICT,
    )
    op.create_index(op.f("ix_decline_bid_id"), "decline", ["bid_id"], unique=False)
    op.create_table(
        "list_price",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("pool_id", sa.Text(), nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("list_price_microcredits", WHOLE, nullable=False),
        sa.CheckConstraint("tier IN ('reserved', 'spot')", name=op.f("ck_list_price_tier_known")),
        sa.CheckConstraint(
            "list_price_microcredits >= 0",
            name=op.f("ck_list_price_list_price_microcredits_at_least_0"),
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_list_price_pool_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_list_price_run_id")),
        sa.PrimaryKeyConstraint("run_id", "pool_id", "day", "tier", name=op.f("pk_list_price")),
        **STRICT,
    )


def create_audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_event")),
        **STRICT,
    )
    op.create_index(op.f("ix_audit_event_subject"), "audit_event", ["subject"], unique=False)
