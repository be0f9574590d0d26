"""What people have decided about a round's bids, and what each team can pay for it.

Earlier overrides stay in force: a later one is solved with all of them, the newest decision on each
bid counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.outcome import Override, Placed
from allocation.problem import BidKey, TeamKey
from broker.ledger.accounts import balances
from broker.ledger.overriding import settled_credits
from broker.ledger.tables import AccountKind
from broker.overrides.tables import OverrideKind, OverrideRow, OverrideState
from broker.tables import BidRow, RoundRow, RoundTeamRow, RunRow, TeamRow

Decided = tuple[OverrideRow, str]
"""An override with the key of its bid."""


def override_of(session: Session, row: RoundRow, before: RunRow, proposed: OverrideRow) -> Override:
    """Return all that people decide about a round with one more override, and who can pay what."""
    in_force = [*approved_overrides(session, row), (proposed, _bid_key(session, proposed))]
    newest = {key: one for one, key in in_force}
    return Override(
        pinned=tuple(pins(newest.items())),
        excluded=tuple(
            BidKey(key) for key, one in newest.items() if one.kind == OverrideKind.EXCLUDE
        ),
        payable=payable_credits(session, row, before),
    )


def approved_overrides(session: Session, row: RoundRow) -> tuple[Decided, ...]:
    """Return the overrides of a round that are in force, in the order of their approval."""
    rows = session.execute(
        select(OverrideRow, col(BidRow.key))
        .join(BidRow, col(BidRow.id) == col(OverrideRow.bid_id))
        .where(
            col(OverrideRow.round_id) == row.id,
            col(OverrideRow.state) == OverrideState.APPROVED,
        )
        .order_by(col(OverrideRow.decided_at), col(OverrideRow.id))
    )
    return tuple((one, key) for one, key in rows)


def pins(decided: Iterable[tuple[str, OverrideRow]]) -> Iterable[Placed]:
    """Return the awards that some overrides set."""
    for key, one in decided:
        if one.alternative is not None and one.start is not None and one.lots is not None:
            yield Placed(BidKey(key), one.alternative, one.start, one.lots)


def payable_credits(
    session: Session, row: RoundRow, before: RunRow
) -> tuple[tuple[TeamKey, int], ...]:
    """Say what every team of a round can pay: what it paid for the run, and what it has left."""
    paid = Counter(settled_credits(session, before))
    paid.update(balances(session, AccountKind.AVAILABLE))
    teams = (
        select(col(TeamRow.id), col(TeamRow.key))
        .join(RoundTeamRow, col(RoundTeamRow.team_id) == col(TeamRow.id))
        .where(col(RoundTeamRow.round_id) == row.id)
        .order_by(col(TeamRow.key))
    )
    return tuple((TeamKey(key), paid[team_id]) for team_id, key in session.execute(teams))


def _bid_key(session: Session, proposed: OverrideRow) -> str:
    return session.get_one(BidRow, proposed.bid_id).key
