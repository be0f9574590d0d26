"""The demo's deliveries: some days after a sprint its leads report, and others look at it.

What they say stands in company/deliveries.py; it is played through the services of real use. The
moments at which this happens stand in demo.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import TeamKey
from broker.access import Actor, TeamRole
from broker.audit import ActorId
from broker.company.deliveries import CompanyDelivery, Say, delivery_of
from broker.company.teams import TEAMS
from broker.deliveries.reports import ReportDelivery, report_delivery
from broker.deliveries.verdicts import GiveVerdict, Verdict, give_verdict
from broker.people.standing import in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.rounds import find_round
from broker.runs import published_run
from broker.tables import AwardRow, BidRow, TeamRow

SayOfAwards = Callable[[Session, int, str, dt.datetime], None]
"""Plays what is said about a round's awards at a moment, by the seed of the story."""


@dataclass(frozen=True, slots=True)
class _Said:
    """An award, its lead, and what is said about it by whom."""

    bid_id: str
    lead: Actor
    decider: Actor
    delivery: CompanyDelivery


def report_all(session: Session, seed: int, round_key: str, at: dt.datetime) -> None:
    """Let the leads of a sprint report what their awards delivered; some of them forget."""
    for said in _all_said(session, seed, round_key):
        _report(session, said, said.delivery.report, at)


def decide_all(session: Session, seed: int, round_key: str, at: dt.datetime) -> None:
    """Let leads of other teams confirm reports, and dispute a few."""
    for said in _all_said(session, seed, round_key):
        if said.delivery.dispute is not None:
            _decide(session, said, Verdict.DISPUTED, at, note=said.delivery.dispute)
        elif said.delivery.is_confirmed:
            _decide(session, said, Verdict.CONFIRMED, at)


def correct_all(session: Session, seed: int, round_key: str, at: dt.datetime) -> None:
    """Let some of those who were disputed correct what they said."""
    for said in _all_said(session, seed, round_key):
        if said.delivery.correction is not None:
            reason, less = said.delivery.correction
            _report(session, said, less, at, follows=1, correction=reason)


def confirm_all(session: Session, seed: int, round_key: str, at: dt.datetime) -> None:
    """Let those who disputed confirm what was corrected."""
    for said in _all_said(session, seed, round_key):
        if said.delivery.correction is not None:
            _decide(session, said, Verdict.CONFIRMED, at, version=2)


SAID_AFTER: Mapping[dt.timedelta, SayOfAwards] = {
    dt.timedelta(days=1, hours=15): report_all,
    dt.timedelta(days=3, hours=10): decide_all,
    dt.timedelta(days=4, hours=9): correct_all,
    dt.timedelta(days=4, hours=16): confirm_all,
}
"""What is said about the awards of a sprint, by how long after its end."""


def _report(
    session: Session,
    said: _Said,
    say: Say,
    at: dt.datetime,
    *,
    follows: int = 0,
    correction: str = "",
) -> None:
    texts = say.evidence, say.link
    wish = ReportDelivery(said.bid_id, say.delivered_percent, *texts, follows, correction)
    report_delivery(session, said.lead, wish, at)


def _decide(
    session: Session,
    said: _Said,
    verdict: Verdict,
    at: dt.datetime,
    *,
    version: int = 1,
    note: str = "",
) -> None:
    give_verdict(session, said.decider, GiveVerdict(said.bid_id, version, verdict, note), at)


def _all_said(session: Session, seed: int, round_key: str) -> Iterator[_Said]:
    """Say what is said about every award of a round, in the order of the bids' keys."""
    leads = _leads(session)
    for bid_id, bid_key, team_key in _awards(session, round_key):
        delivery = delivery_of(seed, round_key, bid_key, TEAMS[TeamKey(team_key)].role)
        if delivery is not None:
            others = [lead for key, lead in leads.items() if key != team_key]
            decider = others[delivery.decider % len(others)]
            yield _Said(bid_id, leads[team_key], decider, delivery)


def _awards(session: Session, round_key: str) -> Sequence[tuple[str, str, str]]:
    run = published_run(session, find_round(session, round_key))
    if run is None:
        return ()
    rows = session.execute(
        select(col(BidRow.id), col(BidRow.key), col(TeamRow.key))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(col(AwardRow.run_id) == run.id)
        .order_by(col(BidRow.key))
    )
    return [(bid_id, bid_key, team_key) for bid_id, bid_key, team_key in rows]


def _leads(session: Session) -> dict[str, Actor]:
    """Return the lead of every team: the person who signs in, where the demo has one."""
    known = (
        select(col(RoleGrantRow.team_id), PersonRow)
        .join(PersonRow, col(PersonRow.id) == col(RoleGrantRow.person_id))
        .where(col(RoleGrantRow.role) == TeamRole.TEAM_LEAD, in_force())
    )
    people = dict(session.execute(known).all())
    teams = session.scalars(select(TeamRow).order_by(col(TeamRow.key)))
    return {team.key: _lead(team, people.get(team.id)) for team in teams}


def _lead(team: TeamRow, person: PersonRow | None) -> Actor:
    actor_id = person.id if person else f"team:{team.key}"
    name, person_id = (person.name, person.id) if person else (f"Lead of {team.name}", None)
    return Actor(ActorId(actor_id), person_id, name, teams={team.id: TeamRole.TEAM_LEAD})
