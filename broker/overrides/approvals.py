"""Approving an override: the second person publishes the next revision, in one transaction.

The revision before stays as it was published. Awards, declines and prices of the new one are
written, payments are taken back and made anew, and the teams whose bids are decided otherwise are
told. What is published was solved and judged before; nothing is solved here.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import update
from sqlmodel import Session, col

from allocation.outcome import Outcome
from allocation.wire import outcome_sha256
from broker.access import Action, Actor, require
from broker.audit import ActorId, Change
from broker.errors import Refused
from broker.ledger.overriding import Superseded
from broker.notices.causes import settle_override
from broker.overrides.proposals import lock_override, overridable_run, record_override
from broker.overrides.tables import OverrideRow, OverrideState
from broker.publications import publish_outcome
from broker.run_outcomes import kept_outcome
from broker.states import RoundState, RunState, changes_one
from broker.tables import BidRow, RoundRow, RunRow

SOLVE_AGAIN = "Have it solved again, and look at its price anew."


def approve_override(session: Session, actor: Actor, override_id: str, at: dt.datetime) -> None:
    """Publish what an override makes of a round, as the second person.

    Raises: NotFound; NotAllowed, for the bid's own team as well; Refused for whoever proposed it,
    before it is solved, and where the round has moved on since.
    """
    row, proposed = lock_override(session, override_id)
    bid = session.get_one(BidRow, proposed.bid_id)
    require(actor, Action.APPROVE_OVERRIDE, team_id=bid.team_id)
    if proposed.proposed_by == actor.id:
        raise Refused(
            "Who proposed an override cannot approve it as well.", hint="Ask a second person."
        )
    run, before = _solved_run(session, row, proposed), overridable_run(session, row)
    outcome = _kept(session, run)
    _hold_fast(session, row, run, before, proposed)
    change = Change(actor.id, at)
    proposed.state, proposed.decided_by, proposed.decided_at = OverrideState.APPROVED, actor.id, at
    session.flush()
    superseded = Superseded(before, proposed.reason, ActorId(proposed.proposed_by))
    publish_outcome(session, row, run, outcome, change, superseded)
    settle_override(session, proposed.id, at)
    told = outcome.report.override
    record_override(
        session,
        row,
        proposed,
        "approved",
        change,
        run_id=run.id,
        price=(told.before_value if told else 0) - outcome.report.value,
    )


def _solved_run(session: Session, row: RoundRow, proposed: OverrideRow) -> RunRow:
    run = session.get(RunRow, proposed.run_id) if proposed.run_id else None
    if run is None or run.state != RunState.CHECKED:
        raise Refused(
            f"The override of round {row.key} is not solved yet, so that nobody knows its price.",
            hint="Wait for the worker, or have it solved again if it failed.",
            round_key=row.key,
        )
    return run


def _kept(session: Session, run: RunRow) -> Outcome:
    """Return the outcome that was judged; it is the one that its hash names."""
    outcome = kept_outcome(session, run.id)
    if outcome is None or run.outcome_sha256 != outcome_sha256(
        outcome.awards, outcome.declines, outcome.prices
    ):
        raise Refused(f"The outcome of run {run.id} is not there as it was judged.")
    return outcome


def _hold_fast(
    session: Session, row: RoundRow, run: RunRow, before: RunRow, proposed: OverrideRow
) -> None:
    """Make sure that the round is as it was when the override was solved."""
    unchanged = update(RoundRow).where(
        col(RoundRow.id) == row.id,
        col(RoundRow.state) == RoundState.PUBLISHED,
        col(RoundRow.fence) == run.fence,
    )
    is_held = changes_one(session, unchanged.values(fence=col(RoundRow.fence)))
    if not is_held or before.id != proposed.before_run_id:
        raise Refused(
            f"Round {row.key} has changed since the override was solved.",
            hint=SOLVE_AGAIN,
            round_key=row.key,
        )
