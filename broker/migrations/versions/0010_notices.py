"""Notices to people, who wants none, and at most one mail per person and day.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DAY = sa.Date().with_variant(sa.Text(), "sqlite")
STRICT = {"sqlite_strict": True}
TABLES = ("digest", "notice", "notice_opt_out")
"""In the order in which they refer to each other."""
KIND_KNOWN = (
    "kind IN ('deadline-near', 'result-published', 'to-approve', 'delivery-to-report', "
    "'delivery-to-confirm', 'round-opened', 'round-changed')"
)


def upgrade() -> None:
    create_digests()
    create_notices()
    create_opt_outs()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_digests() -> None:
    rules = {
        "state_known": "state IN ('pending', 'sent', 'merged')",
        "attempts_at_least_1": "attempts >= 1",
        "sent_says_when": "(state = 'sent') = (sent_at IS NOT NULL)",
        "nobody_sends_what_is_over": "state = 'pending' OR sending_until IS NULL",
    }
    op.create_table(
        "digest",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("sending_until", INSTANT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        *checks("digest", rules),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("person_id", "day", name=op.f("uq_digest_person_id_day")),
        sa.UniqueConstraint("id", "person_id", name=op.f("uq_digest_id_person_id")),
        **STRICT,
    )
    op.create_index("ix_digest_state_next_try_at", "digest", ["state", "next_try_at"])


def create_notices() -> None:
    rules = {
        "kind_known": KIND_KNOWN,
        "channels_are_yes_or_no": "in_app IN (0, 1) AND by_mail IN (0, 1)",
        "told_somehow": "in_app + by_mail >= 1",
        "mailed_only_if_by_mail": "by_mail = 1 OR digest_id IS NULL",
        "says_something": "sentence <> ''",
        "leads_to_ourselves": "path LIKE '/%' AND path NOT LIKE '//%'",
    }
    op.create_table(
        "notice",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("in_app", sa.Integer(), nullable=False),
        sa.Column("by_mail", sa.Integer(), nullable=False),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("digest_id", sa.Text(), nullable=True),
        *checks("notice", rules),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id")),
        sa.ForeignKeyConstraint(
            ["digest_id", "person_id"],
            ["digest.id", "digest.person_id"],
            name=op.f("fk_notice_digest_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("person_id", "key", name=op.f("uq_notice_person_id_key")),
        **STRICT,
    )
    op.create_index("ix_notice_person_id_written_at", "notice", ["person_id", "written_at"])
    op.create_index("ix_notice_digest_id", "notice", ["digest_id"])
    op.create_index("ix_notice_key", "notice", ["key"])


def create_opt_outs() -> None:
    rules = {"kind_known": KIND_KNOWN, "channel_known": "channel IN ('in-app', 'mail')"}
    op.create_table(
        "notice_opt_out",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        *checks("notice_opt_out", rules),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notice_opt_out_person_id")
        ),
        sa.PrimaryKeyConstraint("person_id", "kind", "channel", name=op.f("pk_notice_opt_out")),
        **STRICT,
    )


def checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]
