"""Where credits come from: the sprint's endowment, what teams carry over, what an import names.

The formula is public. A sprint's supply is the sum of the credits that its round announces for its
teams. At the change of periods a team keeps `KEPT_PERCENT` of what it has left, at most what is
announced for it; the rest expires. What the supply has more than all teams then hold is shared in
proportion to what is announced for each, whole credits by largest remainder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlmodel import Session, col

from broker.audit import ActorId, Change
from broker.errors import InvalidInput, NotFound
from broker.ledger.accounts import balances
from broker.ledger.journals import ISSUE, Journal, Transfer, account_id, post_journal
from broker.ledger.periods import begin_period, latest_period
from broker.ledger.tables import AccountKind, JournalKind
from broker.tables import RoundRow, RoundTeamRow, TeamRow
from broker.texts import findings_in_number, findings_in_text

KEPT_PERCENT = 75
"""How much of what a team has left at the change of periods it carries over, before the cap."""

Credits = Mapping[str, int]
"""Whole credits by the key of a team."""


@dataclass(frozen=True, slots=True)
class EndowmentByHand:
    """Credits that one person proposes for a team, outside the formula; a second one approves."""

    key: str
    team_key: str
    amount_credits: int
    reason: str
    proposed_by: ActorId


@dataclass(frozen=True, slots=True)
class _Bidders:
    """The teams of a round: their ids by key, and the credits that the round announces."""

    ids: Mapping[str, str]
    announced: Credits

    def by_key(self, amounts: Mapping[str, int]) -> Credits:
        """Return amounts that are known by id by the keys of these teams."""
        return {key: amounts.get(team_id, 0) for key, team_id in self.ids.items()}


# --- the formula -----------------------------------------------------------------------------


def carried_over(left: Credits, announced: Credits) -> Credits:
    """Return what each team keeps: a part of what it has left, at most one endowment."""
    return {
        team: min(left.get(team, 0) * KEPT_PERCENT // 100, cap) for team, cap in announced.items()
    }


def endowments(announced: Credits, held: Credits) -> Credits:
    """Share what the supply has more than teams hold, in proportion to what is announced.

    Whole credits: each team gets its share rounded down, and the credits that remain go one each to
    the largest remainders, ties by the key of the team.
    """
    supply = sum(announced.values())
    pot = max(0, supply - sum(held.get(team, 0) for team in announced))
    if not supply:
        return dict.fromkeys(announced, 0)
    shares = {team: divmod(pot * weight, supply) for team, weight in announced.items()}
    by_remainder = sorted(shares, key=lambda team: (-shares[team][1], team))
    extra = set(by_remainder[: pot - sum(whole for whole, _ in shares.values())])
    return {team: whole + (team in extra) for team, (whole, _) in shares.items()}


# --- what is posted --------------------------------------------------------------------------


def endow_round(session: Session, row: RoundRow, change: Change) -> None:
    """Give a round's teams their credits as it opens. An imported round names its own."""
    is_later = begin_period(session, row.key, row.starts_on, change)
    bidders = _bidders(session, row)
    if row.imported_sha256 is not None:
        named = {bidders.ids[team]: amount for team, amount in bidders.announced.items()}
        top_up(session, row, named, "open", change)
        return
    if is_later:
        _let_expire(session, row, bidders, change)
    _endow(session, row, bidders, change)


def ensure_endowed(session: Session, row: RoundRow, change: Change) -> None:
    """Endow a round that opened before there was a ledger."""
    if latest_period(session) is None:
        endow_round(session, row, change)


def top_up(
    session: Session, row: RoundRow, wanted: Mapping[str, int], moment: str, change: Change
) -> None:
    """Bring teams, by id, up to the credits that a round names for them, where they have less."""
    available = balances(session, AccountKind.AVAILABLE)
    missing = {team: amount - available.get(team, 0) for team, amount in wanted.items()}
    journal = Journal(
        JournalKind.ROUND_ENDOWMENT,
        f"round-endowment/{row.key}/{moment}",
        _issued(missing),
        round_id=row.id,
    )
    post_journal(session, journal, change)


def fix_credits(session: Session, row: RoundRow) -> None:
    """Say in a round what each of its teams can spend in it: what is available at the close."""
    available = balances(session, AccountKind.AVAILABLE)
    for team_id in _bidders(session, row).ids.values():
        session.execute(
            update(RoundTeamRow)
            .where(col(RoundTeamRow.round_id) == row.id, col(RoundTeamRow.team_id) == team_id)
            .values(credits=available.get(team_id, 0)),
            execution_options={"synchronize_session": False},
        )


def endow_by_hand(session: Session, wish: EndowmentByHand, change: Change) -> int | None:
    """Give a team credits outside the formula; whoever does it is the second person.

    Raises: InvalidInput with every finding; NotFound; Refused if one person would be both.
    """
    findings = [
        *findings_in_number("amount", wish.amount_credits, 1),
        *findings_in_text("reason", wish.reason),
        *([] if wish.reason.strip() else ["reason: is empty; say why."]),
    ]
    if findings:
        raise InvalidInput(wish.key[:64], findings)
    journal = Journal(
        JournalKind.ENDOWMENT_BY_HAND,
        f"endowment-by-hand/{wish.key}",
        _issued({_team_id(session, wish.team_key): wish.amount_credits}),
        reason=wish.reason,
        proposed_by=wish.proposed_by,
    )
    return post_journal(session, journal, change, proposed_by=wish.proposed_by)


def _let_expire(session: Session, row: RoundRow, bidders: _Bidders, change: Change) -> None:
    left = bidders.by_key(balances(session, AccountKind.AVAILABLE))
    kept = carried_over(left, bidders.announced)
    transfers = tuple(
        Transfer(account_id(AccountKind.AVAILABLE, bidders.ids[team]), ISSUE, left[team] - amount)
        for team, amount in sorted(kept.items())
        if left[team] > amount
    )
    journal = Journal(JournalKind.CARRY_OVER, f"carry-over/{row.key}", transfers, round_id=row.id)
    announced = dict(bidders.announced)
    post_journal(session, journal, change, kept_percent=KEPT_PERCENT, announced=announced)


def _endow(session: Session, row: RoundRow, bidders: _Bidders, change: Change) -> None:
    available = bidders.by_key(balances(session, AccountKind.AVAILABLE))
    held = bidders.by_key(balances(session, AccountKind.HELD))
    both = {team: available[team] + held[team] for team in bidders.announced}
    shares = endowments(bidders.announced, both)
    journal = Journal(
        JournalKind.ENDOWMENT,
        f"endowment/{row.key}",
        _issued({bidders.ids[team]: amount for team, amount in sorted(shares.items())}),
        round_id=row.id,
    )
    post_journal(session, journal, change, announced=dict(bidders.announced))


def _issued(amounts: Mapping[str, int]) -> tuple[Transfer, ...]:
    """Return the transfers that give teams credits, by team id."""
    return tuple(
        Transfer(ISSUE, account_id(AccountKind.AVAILABLE, team_id), amount)
        for team_id, amount in amounts.items()
        if amount > 0
    )


def _bidders(session: Session, row: RoundRow) -> _Bidders:
    teams = (
        select(col(TeamRow.key), col(TeamRow.id), col(RoundTeamRow.credits))
        .join(RoundTeamRow, col(RoundTeamRow.team_id) == col(TeamRow.id))
        .where(col(RoundTeamRow.round_id) == row.id)
        .order_by(col(TeamRow.key))
    )
    rows = session.execute(teams).all()
    ids = {key: team_id for key, team_id, _ in rows}
    return _Bidders(ids, {key: credits_ for key, _, credits_ in rows})


def _team_id(session: Session, key: str) -> str:
    found = session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == key)).first()
    if found is None:
        raise NotFound(f"There is no team {key[:64]}.", team_key=key)
    return found
