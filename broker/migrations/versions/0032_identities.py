"""Accounts that are linked to a subject of the company's sign-in.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op

from broker.migrations import identity_guards

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
IDENTITY = "person_identity"
RULES = {
    "identity_has_an_issuer": "issuer <> ''",
    "subject_is_short": "length(subject) BETWEEN 1 AND 255",
}


def upgrade() -> None:
    op.create_table(
        IDENTITY,
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "issuer", "subject", "person_id")
        ),
        sa.Column("linked_at", INSTANT, nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{IDENTITY}_{name}"))
            for name, rule in RULES.items()
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f(f"fk_{IDENTITY}_person_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{IDENTITY}")),
        sa.UniqueConstraint("issuer", "subject", name=op.f(f"uq_{IDENTITY}_issuer_subject")),
        sa.UniqueConstraint("person_id", "issuer", name=op.f(f"uq_{IDENTITY}_person_id_issuer")),
        sqlite_strict=True,
    )
    for statement in identity_guards.RAISED[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in identity_guards.TAKEN_DOWN[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))
    op.drop_table(IDENTITY)
