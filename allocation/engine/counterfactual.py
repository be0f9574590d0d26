"""What would have won: the minimum winning offer and other changes, each verified by solving.

The search goes up from the current offer. At every offer it tries, the rest of the round is
decided anew with the bid forced in; what that is worth says below which offer the bid cannot win,
so that nothing is skipped. Source: MODEL.md, Counterfactuals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from allocation.columns import Columns, Whole
from allocation.counterfactuals import (
    WINNABLE,
    Answer,
    Change,
    ChangeKind,
    Standing,
    Tried,
    Verdict,
    WhatIf,
    WinningOffer,
    changed,
    first_offer,
    most_offer,
    offer_worth,
    raised,
)
from allocation.engine.counterfactual_round import DecidedRound, Forced, narrowed, weights_of
from allocation.engine.question import Effort
from allocation.outcome import Decline
from allocation.problem import Alternative, Bid, Tier

MOST_STEPS = 60
"""How many offers are tried before an interval is given; credits that run short take many."""
MOST_TRIES = 6
"""How many starts, and how many sizes, are tried one by one, the smallest change first."""


def answer(decided: DecidedRound, decline: Decline, effort: Effort) -> Answer:
    """Say what would have won: the minimum winning offer, another start, fewer lots, the tier.

    Where the round is not proven the offer is an interval, and a change counts only if it wins
    whatever the best outcome without it may be.
    """
    bid, alternative = _named(decided, decline)
    offer = winning_offer(decided, decline, effort)
    if decided.problem.floor_ratio:
        return Answer(bid.key, alternative.number, offer)
    changes = tuple(_Search(decided, bid, alternative, effort).changes())
    return Answer(bid.key, alternative.number, offer, changes)


def winning_offer(decided: DecidedRound, decline: Decline, effort: Effort) -> WinningOffer | None:
    """Return the minimum winning offer, or between which bounds it lies.

    None in a round with floors, where a higher offer changes what the team's floor is.
    """
    if decided.problem.floor_ratio:
        return None
    bid, alternative = _named(decided, decline)
    if decline.reason not in WINNABLE:
        return WinningOffer(Standing.EXACT, None, None)
    return _Search(decided, bid, alternative, effort).offer()


def try_change(decided: DecidedRound, decline: Decline, asked: WhatIf, effort: Effort) -> Tried:
    """Say whether the declined alternative would have won as somebody asks for it.

    Unknown where that is not proven, and in a round with floors.
    """
    if decided.problem.floor_ratio:
        return Tried(Verdict.UNKNOWN, is_best=False)
    bid, alternative = _named(decided, decline)
    other = changed(alternative, asked)
    if other.offer_credits_per_lot > most_offer(decided.problem, bid, other):
        return Tried(Verdict.LOSES)
    return _Search(decided, bid, other, effort).tried()


def _named(decided: DecidedRound, decline: Decline) -> tuple[Bid, Alternative]:
    bid = decided.problem.bids[decided.bid_index[decline.bid_key]]
    return bid, next(a for a in bid.alternatives if a.number == decline.alternative)


@dataclass(frozen=True)
class _Search:
    """The questions about one bid in one alternative."""

    decided: DecidedRound
    bid: Bid
    alternative: Alternative
    effort: Effort

    # --- the minimum winning offer -----------------------------------------------------------

    def offer(self) -> WinningOffer:
        """Go up from the current offer to the first at which the bid is awarded."""
        offer, forced = first_offer(self.decided.problem, self.alternative), None
        most = most_offer(self.decided.problem, self.bid, self.alternative)
        for _ in range(MOST_STEPS):
            forced = self._forced_at(offer, forced) if offer <= most else None
            if forced is None:
                return WinningOffer(Standing.EXACT, None, None)
            verdict = self._verdict(forced) if self.decided.is_proven else Verdict.UNKNOWN
            if verdict is Verdict.WINS:
                displaced = self.decided.displaced_by(forced)
                return WinningOffer(Standing.EXACT, offer, offer, displaced)
            if verdict is Verdict.UNKNOWN:
                return self._interval(offer, forced)
            offer = self._next(offer, forced)
        return WinningOffer(Standing.INTERVAL, offer, None)

    def _forced_at(self, offer: int, before: Forced | None) -> Forced | None:
        """Force the alternative in at an offer, beginning with what a lower one led to."""
        return self.decided.force(
            self.bid,
            self._own(offer),
            self.effort,
            known=before,
            enough=self.decided.bound + 1,
            at_most=self._at_most(before, offer) if before else None,
        )

    def _own(self, offer: int, value: int | None = None) -> Columns:
        """List the placements at an offer; `value` is another value score per lot."""
        alternative = raised(self.alternative, offer)
        if value is not None:
            alternative = replace(alternative, value_score_per_lot=value)
        return self.decided.place(self.bid, alternative)

    def _at_most(self, before: Forced, offer: int) -> int:
        """Bound the forced value at an offer by what it was at a lower one."""
        more = raised(self.alternative, offer).value_score_per_lot - before.own_value_per_lot
        return before.upper + more * before.most_own_lots

    def _next(self, offer: int, forced: Forced) -> int:
        """Return the first higher offer that may win; no offer between wins.

        The forced value grows with the value score, and only shrinks as the offer takes credits.
        """
        if forced.upper == self.decided.value:
            return offer_worth(self.alternative, forced.own_value_per_lot + 1)
        least = self._least_value(forced, self.decided.value)
        if forced.is_exact and not forced.has_one_size:
            least = self._least_value_of_any_size(offer, forced, least)
        return max(offer + 1, offer_worth(self.alternative, least))

    def _least_value(self, forced: Forced, enough: int) -> int:
        """Return a value score per lot below which the forced value stays below enough."""
        missing = max(0, enough - forced.upper)
        return forced.own_value_per_lot - (-missing // forced.most_own_lots)

    def _least_value_of_any_size(self, offer: int, forced: Forced, least: int) -> int:
        """Return the smallest value score per lot that is enough with the credits at an offer.

        From above: each step asks one point below what is known to be enough.
        """
        enough = self._value_enough(forced, self.decided.value)
        while enough > least:
            own = self._own(offer, enough - 1)
            below = self.decided.force(self.bid, own, self.effort, known=forced)
            if below is None or below.value < self.decided.value:
                is_known = below is not None and below.upper < self.decided.value
                return enough if is_known else least
            enough, forced = self._value_enough(below, self.decided.value), below
        return enough

    def _value_enough(self, forced: Forced, value: int) -> int:
        """Return the value score per lot with which this very outcome is worth so much."""
        return forced.own_value_per_lot - ((forced.value - value) // forced.own_lots)

    def _interval(self, offer: int, forced: Forced) -> WinningOffer:
        """Say below which offer the bid cannot win, and with which it certainly does."""
        least = self._least_value(forced, self.decided.value)
        lower = max(offer, offer_worth(self.alternative, least))
        enough = self._value_enough(forced, self.decided.bound + 1)
        upper = max(lower, offer_worth(self.alternative, enough))
        most = most_offer(self.decided.problem, self.bid, self.alternative)
        if lower > most:
            return WinningOffer(Standing.EXACT, None, None)
        own = self._own(upper)
        if upper > most or not own.count:
            return WinningOffer(Standing.INTERVAL, lower, None)
        won = self.decided.guess(self.bid, own, forced)
        if won.value <= self.decided.bound:
            return WinningOffer(Standing.INTERVAL, lower, None)
        displaced = self.decided.displaced_by(won)
        return WinningOffer(Standing.INTERVAL, lower, upper, displaced)

    # --- does it win? ------------------------------------------------------------------------

    def tried(self) -> Tried:
        """Decide the round again with the alternative as it stands, to the end."""
        own = self.decided.place(self.bid, self.alternative)
        forced = self.decided.force(self.bid, own, self.effort)
        if forced is None:
            return Tried(Verdict.LOSES)
        verdict = self._verdict(forced)
        if verdict is not Verdict.WINS:
            return Tried(verdict, is_best=forced.is_exact)
        start = self.decided.problem.starts_on + dt.timedelta(days=forced.own_start)
        displaced = self.decided.displaced_by(forced)
        return Tried(verdict, start, forced.own_lots, displaced, forced.is_exact)

    def _wins(self, own: Columns) -> Forced | None:
        """Return the outcome with which some placements of the bid win; None if they do not."""
        enough = self.decided.bound + 1
        forced = self.decided.force(self.bid, own, self.effort, enough=enough)
        is_won = forced is not None and self._verdict(forced) is Verdict.WINS
        return forced if is_won else None

    def _verdict(self, forced: Forced) -> Verdict:
        """Say whether the bid is awarded: by value, then by the written tie-break."""
        value = self.decided.value
        if forced.value > self.decided.bound:
            return Verdict.WINS
        if forced.upper < value:
            return Verdict.LOSES
        is_tie = forced.upper == forced.value == value and self.decided.is_unique
        return self._verdict_of_tie(forced) if is_tie else Verdict.UNKNOWN

    def _verdict_of_tie(self, forced: Forced) -> Verdict:
        """Compare the heaviest outcome with the bid to the heaviest one without it."""
        base = self.decided.weights
        if forced.most_weight is None:
            forced = self.decided.solved(forced, self.effort)
        if weights_of(forced.columns, forced.lots) > base:
            return Verdict.WINS
        if forced.most_weight is not None and forced.most_weight < base[0]:
            return Verdict.LOSES
        return self._verdict_of_close_tie(forced)

    def _verdict_of_close_tie(self, forced: Forced) -> Verdict:
        """Ask for the largest Σ w alone, in whole numbers if need be."""
        base = self.decided.weights
        open_ = np.flatnonzero(forced.bound.can_reach(forced.columns, self.decided.value))
        question = narrowed(forced, open_)
        columns = question.model.columns
        points = question.variables.objective(columns.value)
        weigh = question.variables.weighing(columns.tie_break_weight)
        question = question.requiring(points, self.decided.value).about(weigh, forced.lots[open_])
        for ask in (self.decided.ask, self.decided.ask_exactly):
            heaviest = ask(question, self.effort)
            if heaviest.lots is None or not question.accepts(heaviest.lots):
                continue
            if weights_of(columns, heaviest.lots) > base:
                return Verdict.WINS
            if heaviest.bound is not None and heaviest.bound < base[0]:
                return Verdict.LOSES
        return Verdict.UNKNOWN

    # --- other changes -----------------------------------------------------------------------

    def changes(self) -> Iterator[Change]:
        """Yield the smallest change of each kind with which the bid would have won."""
        yield from self._another_start()
        yield from self._fewer_lots()
        yield from self._other_tier()

    def _another_start(self) -> Iterator[Change]:
        """Try the starts of the sprint outside the window, the nearest first."""
        own, distance = self._starts_outside()
        if not own.count or not (any_start := self._wins(own)):
            return
        nearest = np.lexsort((own.start, distance))[:MOST_TRIES].tolist()
        known = np.flatnonzero(own.start == any_start.own_start).tolist()
        for k in (*nearest, *known):
            if forced := self._wins(own.only(np.array([k]))):
                displaced = self.decided.displaced_by(forced)
                yield Change(ChangeKind.START, start=own.start_day(k), displaced=displaced)
                return

    def _starts_outside(self) -> tuple[Columns, Whole]:
        """List the placements outside the window, and how many days each is away from it."""
        first, last = self.alternative.earliest_start, self.alternative.latest_start
        problem = self.decided.problem
        end = problem.starts_on + dt.timedelta(days=problem.days - self.alternative.span_days)
        any_day = replace(self.alternative, earliest_start=problem.starts_on, latest_start=end)
        own = self.decided.place(self.bid, any_day)
        too_early = (first - problem.starts_on).days - own.start
        too_late = own.start - (last - problem.starts_on).days
        distance = np.maximum(too_early, too_late)
        outside = np.flatnonzero(distance > 0)
        return own.only(outside), distance[outside]

    def _fewer_lots(self) -> Iterator[Change]:
        """Try fewer lots than the bid would take, the most first."""
        least = self.alternative.min_lots
        fewer = replace(self.alternative, min_lots=1, max_lots=max(1, least - 1))
        if least == 1 or not (any_lots := self._wins(self.decided.place(self.bid, fewer))):
            return
        tried = range(least - 1, max(0, least - 1 - MOST_TRIES), -1)
        for lots in (*tried, any_lots.own_lots):
            only = replace(self.alternative, min_lots=lots, max_lots=lots)
            if forced := self._wins(self.decided.place(self.bid, only)):
                yield Change(
                    ChangeKind.LOTS, lots=lots, displaced=self.decided.displaced_by(forced)
                )
                return

    def _other_tier(self) -> Iterator[Change]:
        tier = Tier.SPOT if self.alternative.tier is Tier.RESERVED else Tier.RESERVED
        other = replace(self.alternative, tier=tier)
        if forced := self._wins(self.decided.place(self.bid, other)):
            yield Change(ChangeKind.TIER, tier=tier, displaced=self.decided.displaced_by(forced))
