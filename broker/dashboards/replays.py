"""Read models of replays: how far a policy's replays are, and what would have been different."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.dashboards.comparisons import BidLabel, ChangedBid, changed_bid
from broker.dashboards.disclosures import is_nameless, shown_team
from broker.dashboards.sources import BID, ROUND
from broker.errors import NotFound
from broker.policy.comparing import Comparison, comparison_from_document
from broker.policy.tables import PolicyProposalRow, PolicyReplayRow, PolicyVersionRow
from broker.tables import BidRow, RoundRow, TeamRow

Found = Mapping[str, Comparison | None]
Rows = Sequence[Row[PolicyReplayRow, RoundRow]]


@dataclass(frozen=True, slots=True)
class Share:
    """A team's part of the awarded value, really and in the replay, as ratios."""

    team: str
    real_ratio: float
    replayed_ratio: float


@dataclass(frozen=True, slots=True)
class Replay:
    """A past round under the policy; `found` is there once it is solved.

    A round that does not name its teams has no shares.
    """

    round_key: str
    round_name: str
    state: str
    stage: str
    failure: str | None
    seconds: float | None
    found: Comparison | None
    bids: tuple[ChangedBid, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class ReplayScreen:
    """The replays of a policy, the newest sprint first. `version` is its number, if it has one."""

    policy_sha256: str
    version: int | None
    replays: tuple[Replay, ...]
    may_replay: bool

    @property
    def over(self) -> int:
        """How many replays are done or have failed."""
        return sum(one.state in {"done", "failed"} for one in self.replays)

    @property
    def failed(self) -> int:
        """How many replays have failed."""
        return sum(one.state == "failed" for one in self.replays)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.over == len(self.replays)


def replay_screen(session: Session, actor: Actor, sha256: str) -> ReplayScreen:
    """Return the replays of a policy by its hash; none yet where nobody asked.

    Raises: NotFound if no version and no proposal has this hash.
    """
    version = _version(session, sha256)
    rows = session.execute(
        select(PolicyReplayRow, RoundRow)
        .join(RoundRow, col(RoundRow.id) == col(PolicyReplayRow.round_id))
        .where(col(PolicyReplayRow.policy_sha256) == sha256)
        .order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
    ).all()
    if version is None and not rows and not _is_proposed(session, sha256):
        raise NotFound("There is no policy with this hash.")
    found = {replay.id: _comparison(replay) for replay, _ in rows}
    bids, teams = _bids(session, found, rows), _team_names(session)
    nameless = _nameless(session, [row.id for _, row in rows])
    replays = tuple(
        _replay(replay, row, found[replay.id], bids, {} if row.id in nameless else teams)
        for replay, row in rows
    )
    return ReplayScreen(sha256, version, replays, may(actor, Action.REPLAY_POLICY))


def _version(session: Session, sha256: str) -> int | None:
    same = select(col(PolicyVersionRow.version)).where(
        col(PolicyVersionRow.document_sha256) == sha256
    )
    return session.scalars(same.order_by(col(PolicyVersionRow.version).desc())).first()


def _is_proposed(session: Session, sha256: str) -> bool:
    same = select(col(PolicyProposalRow.id)).where(col(PolicyProposalRow.document_sha256) == sha256)
    return session.scalars(same).first() is not None


def _comparison(replay: PolicyReplayRow) -> Comparison | None:
    return comparison_from_document(json.loads(replay.result)) if replay.result else None


def _bids(session: Session, found: Found, rows: Rows) -> dict[tuple[str, str], BidLabel]:
    """Return the labels of bids that are decided in another way, by round and key."""
    keys = {
        one.bid_key for comparison in found.values() if comparison for one in comparison.winners
    }
    ids = [row.id for _, row in rows]
    labels = (
        select(col(BidRow.round_id), col(BidRow.key), col(BidRow.id), col(BidRow.title))
        .add_columns(shown_team(BID.c.round_id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(col(BidRow.round_id).in_(ids), col(BidRow.key).in_(keys))
    )
    return {
        (round_id, key): (bid_id, title, team)
        for round_id, key, bid_id, title, team in session.execute(labels)
    }


def _nameless(session: Session, round_ids: Sequence[str]) -> frozenset[str]:
    """Return which rounds keep the names of their teams to themselves."""
    named = select(col(RoundRow.id)).where(col(RoundRow.id).in_(round_ids), is_nameless(ROUND.c.id))
    return frozenset(session.scalars(named))


def _team_names(session: Session) -> dict[str, str]:
    return dict(session.execute(select(col(TeamRow.key), col(TeamRow.name))).all())


def _replay(
    replay: PolicyReplayRow,
    row: RoundRow,
    found: Comparison | None,
    bids: dict[tuple[str, str], BidLabel],
    teams: dict[str, str],
) -> Replay:
    changed = tuple(_changed(row, found, bids)) if found else ()
    shares = tuple(_shares(found, teams)) if found and teams else ()
    return Replay(
        round_key=row.key,
        round_name=row.name,
        state=replay.state,
        stage=replay.stage,
        failure=replay.failure,
        seconds=_seconds(replay.started_at, replay.finished_at),
        found=found,
        bids=changed,
        shares=shares,
    )


def _seconds(began: dt.datetime | None, ended: dt.datetime | None) -> float | None:
    return (ended - began).total_seconds() if began and ended else None


def _changed(
    row: RoundRow, found: Comparison, bids: dict[tuple[str, str], BidLabel]
) -> Iterator[ChangedBid]:
    for one in found.winners:
        yield changed_bid(one, bids[row.id, one.bid_key])


def _shares(found: Comparison, teams: dict[str, str]) -> Iterator[Share]:
    real, replayed = found.real.value or 1, found.replayed.value or 1
    for one in found.teams:
        name = teams.get(one.team_key, one.team_key)
        yield Share(name, one.real_value / real, one.replayed_value / replayed)
