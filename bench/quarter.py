"""What the market during a sprint is worth: `python -m bench.quarter [SEED ...]`.

A quarter is played on a market of its own, day by day: rounds of many teams, awards that are given
back, bids that wait, capacity that breaks, all by chance from a seed. Nothing is taken from the
market's word: every day it is checked that no unit is held twice and that the ledger balances, at
the end of each sprint everything that `broker verify` checks, and that every cut was refunded once.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.engine.contests import contest_outcome
from allocation.engine.portfolio import allocate
from allocation.folders import PoolLabel, RoundFolder
from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import (
    Alternative,
    DayUnits,
    Item,
    Pool,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    TeamKey,
    Tier,
)
from bench.machine import describe_machine, load_average
from bench.parts import rewrite_part
from broker.access import Actor, Role, TeamRole, service
from broker.audit import ActorId, Change
from broker.bids.placing import PlaceBid, place_bid
from broker.dashboards.use import use_per_day
from broker.db import Database, connect, reading, transact
from broker.errors import BrokerError
from broker.holdings.awards import cuts_of, find_award, lots_left
from broker.holdings.releases import ReleaseAward, release_award
from broker.holdings.shares import unit_days
from broker.holdings.tables import HoldingCutRow
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.tables import JournalKind, JournalRow
from broker.policy.documents import Policy
from broker.policy.pledges import Pledge
from broker.policy.versions import Adoption, adopt_policy
from broker.proofs.verifying import Evidence, collect, verify
from broker.rounds import close_round, create_round, find_round, open_round
from broker.schema import migrate
from broker.spot.first_places import BROKEN
from broker.spot.losses import InvalidLoss, LossWish, report_loss
from broker.spot.promises import chance_of, exposures, together
from broker.spot.tables import DailyRoundRow, WaitlistWish
from broker.spot.waitlists import wish_for
from broker.states import RunState
from broker.tables import (
    AlternativeRow,
    AwardRow,
    BidRow,
    DeclineRow,
    ItemRow,
    RoundRow,
    RunRow,
)
from broker.ticking import Ticker, tick

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.quarter"
SEEDS = (1, 2, 3, 4, 5)
FIRST_DAY = dt.date(2026, 1, 5)
HOST = ActorId("host")
POOLS = {"gpu": (24, 8), "cpu": (40, 12), "lab": (12, 4)}
"""Reserved and spot units of every day, by pool; how often each breaks stands in `LOSS_PERCENT`."""
LOSS_PERCENT = {"gpu": 4, "cpu": 1, "lab": 10}
RELEASE_PERCENT, WAIT_PERCENT = 4, 80
TIME_LIMIT_SECONDS = 5.0
READY = Pledge(None, "Head of Care", "Readmissions fall", dt.date(2027, 12, 31))
FACT = {"present_percent": 100, "missing_percent": 100, "is_required": False}
POLICY = {
    "format": 1,
    "themes": [],
    "readiness": {"owner_after_award": FACT, "success_measure": FACT, "end": FACT},
    "calibration": {"least_percent": 100, "most_percent": 100, "prior_weight": 1000},
    "multiplier": {"least_percent": 50, "most_percent": 200},
    "floor_percent": 0,
    "pricing": "clearing",
    "approvals": [],
    "eligibility": [],
    "spot": {
        "minimum_runtime_days": 2,
        "notice_days": 1,
        "broken_promise_percent": 10,
        "release_refunds": [{"days_ahead": 1, "refund_percent": 50}],
    },
}
TEXT = """## A simulated quarter

Six sprints of 14 days, 40 teams, three pools that break at different rates, releases and waiting
bids by chance from a seed. Every day it is checked that no unit is held twice and that the ledger
balances (I1, I2, I5, I9); at the end of each sprint all that `broker verify` checks (I1 to I7, I9
to I11), and that every cut has exactly one refund. A sprint's worth is the value of its awards,
that of cuts taken off by unit-days: with the daily rounds, and of the main round's awards alone.
The chance of interruption is what the history of a spot award's pools says on its publication day;
the base rate is the part of all these awards that was interrupted, known only afterwards. The
market draws its tie-breaks by chance of its own, so two plays of one seed differ a little."""


@dataclass(frozen=True)
class Size:
    """How large a quarter is played."""

    sprints: int = 6
    days: int = 14
    teams: int = 40
    bids: int = 70


@dataclass
class Played:
    """What a quarter came to. Units: value points, unit-days."""

    main_value: int = 0
    value: int = 0
    main_use: int = 0
    use: int = 0
    capacity: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    recoveries: int = 0
    daily_rounds: int = 0
    findings: list[str] = field(default_factory=list)
    forecasts: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def brier(self) -> float:
        """Return the mean squared error of the chances that were shown."""
        return _mean((chance - came) ** 2 for chance, came in self.forecasts)

    @property
    def base_brier(self) -> float:
        """Return the same for the part of all these awards that was interrupted."""
        rate = _mean(float(came) for _, came in self.forecasts)
        return _mean((rate - came) ** 2 for _, came in self.forecasts)


def main(arguments: Sequence[str]) -> None:
    """Play a quarter per seed; all of them rewrite the part of the document."""
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    seeds = tuple(map(int, arguments)) or SEEDS
    before, played = load_average(), {}
    for seed in seeds:
        began = time.monotonic()
        played[seed] = play_seed(seed, Size())
        print(_line(seed, played[seed]), f"{time.monotonic() - began:.0f} s", flush=True)
        print(*played[seed].findings[:9], sep="\n", end="\n" if played[seed].findings else "")
    lines = [*_table(played), "", *_reliability(list(played.values()))]
    print("\n".join(lines))
    if seeds == SEEDS:
        said = f"{describe_machine()}; load before {before}."
        rewrite_part(DOCUMENT, COMMAND, [TEXT, "", f"Command: `{COMMAND}`", "", said, "", *lines])


def play_seed(seed: int, size: Size) -> Played:
    """Play a quarter on a market of its own."""
    with tempfile.TemporaryDirectory() as folder:
        db = connect(f"sqlite:///{Path(folder) / 'broker.db'}")
        migrate(db)
        played = play(db, random.Random(seed), size)  # noqa: S311  # a game, not a secret
        db.dispose()
    return played


def play(db: Database, draw: random.Random, size: Size) -> Played:
    """Play a quarter, and return what it came to."""
    played = Played()
    at = _morning(FIRST_DAY - dt.timedelta(days=3))
    _do(
        db, at, adopt_policy, Adoption(Policy.model_validate_json(json.dumps(POLICY)), "A quarter.")
    )
    for number in range(size.sprints):
        sprint = _Sprint(db, draw, size, number, played)
        sprint.begin()
        for day in range(-1, size.days + 1):
            sprint.play_day(day)
        sprint.end()
    return played


@dataclass
class _Sprint:
    """One sprint of a quarter while it is played."""

    db: Database
    draw: random.Random
    size: Size
    number: int
    played: Played
    told: dict[str, float] = field(default_factory=dict)
    """The chance that was shown for every spot award, by bid."""

    @property
    def key(self) -> str:
        """The key of its round."""
        return f"s{self.number + 1}"

    @property
    def starts_on(self) -> dt.date:
        """Its first day."""
        return FIRST_DAY + dt.timedelta(days=self.number * (self.size.days + 2))

    def begin(self) -> None:
        """Announce a round, let teams bid, close and publish it two days before its first day."""
        at = _morning(self.starts_on - dt.timedelta(days=2))
        _do(self.db, at, create_round, self._offer())
        _do(self.db, at, open_round, self.key)
        for n in range(self.size.bids):
            self._try(partial(_place, wish=self._bid(n), at=at))
        _do(self.db, at, close_round, self.key)
        self._tick(at)

    def play_day(self, day: int) -> None:
        """Let a day's chances happen, have everything done that is due, and check the market."""
        at = _morning(self.starts_on + dt.timedelta(days=day))
        self._tick(at)
        if day == -1:
            self._wait(at)
        self._release(at)
        self._lose(at)
        self._tick(at)
        self._tick(at)
        self._check()

    def end(self) -> None:
        """Check everything, and add up what the sprint came to."""
        with reading(self.db) as session:
            found = collect(verify(session, Evidence(""))).findings
            self.played.findings += [f"{one.code}: {one.sentence}" for one in found]
            self._count(session)

    # --- what happens ------------------------------------------------------------------------

    def _tick(self, at: dt.datetime) -> None:
        ticker = Ticker(self.db, lambda: at, HOST, Options(TIME_LIMIT_SECONDS), solve, _ignore)
        for one in tick(ticker):
            if one.error:
                self.played.findings.append(one.sentence)
        self._foretell(at)

    def _wait(self, at: dt.datetime) -> None:
        with reading(self.db) as session:
            rows = session.execute(
                select(col(BidRow.id), col(BidRow.team_id))
                .join(DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id))
                .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
                .where(col(RoundRow.key) == self.key)
                .order_by(col(BidRow.key))
            ).all()
        for bid_id, team_id in rows:
            if self.draw.randrange(100) < WAIT_PERCENT:
                lead = _lead(team_id)
                self._try(lambda s, b=bid_id, a=lead: wish_for(s, a, b, WaitlistWish.TAKE, at))

    def _release(self, at: dt.datetime) -> None:
        for bid in self._winners():
            if self.draw.randrange(100) >= RELEASE_PERCENT:
                continue
            with reading(self.db) as session:
                award = find_award(session, bid.id)
                cuts = cuts_of(session, award.row)
                left, last = lots_left(award.row, cuts), award.paid.last_day
                day = max(award.paid.first_day, at.date() + dt.timedelta(days=1))
            if left and day <= last:
                wish = ReleaseAward(bid.id, self.draw.randint(1, left), day, len(cuts))
                lead = _lead(bid.team_id)
                self._try(lambda s, a=lead, w=wish: release_award(s, a, w, at))

    def _lose(self, at: dt.datetime) -> None:
        admin = Actor(HOST, None, "Host", frozenset({Role.PLATFORM_ADMIN}))
        last = self.starts_on + dt.timedelta(days=self.size.days - 1)
        first = max(at.date(), self.starts_on)
        for pool, percent in LOSS_PERCENT.items():
            if self.draw.randrange(100) < percent and first <= last:
                units = self.draw.randint(1, sum(POOLS[pool]) // 2)
                until = min(last, first + dt.timedelta(days=self.draw.randint(0, 3)))
                wish = LossWish(pool, units, first, until, f"It broke on {at.date()}")
                self._try(lambda s, w=wish: report_loss(s, admin, w, at))

    def _try(self, work: object) -> None:
        try:
            transact(self.db, work)  # type: ignore[arg-type]
        except (BrokerError, InvalidLoss):
            return

    def _foretell(self, at: dt.datetime) -> None:
        """Note the chance of interruption of every spot award that is new."""
        with reading(self.db) as session:
            new = [one for one in self._spot_awards(session) if one[0] not in self.told]
            if not new:
                return
            past = exposures(session, at.date())
            every = together(past.values())
            for bid_id, pools, days in new:
                own = together(past[pool] for pool in pools if pool in past)
                chance = chance_of(own, every, days)
                self.told[bid_id] = chance.percent / 100 if chance else -1.0

    # --- what is checked and counted ---------------------------------------------------------

    def _check(self) -> None:
        with reading(self.db) as session:
            use = use_per_day(find_round(session, self.key).id)
            over = session.execute(
                select(func.count()).select_from(use).where(use.c.free_units < 0)
            )
            if over.scalar():
                self.played.findings.append(f"{self.key}: more is held than there is")
            for one in ledger_violations(read_ledger(session)):
                self.played.findings.append(f"{one.code}: {one.sentence}")

    def _count(self, session: Session) -> None:
        sprint = find_round(session, self.key)
        daily = set(
            session.scalars(
                select(col(DailyRoundRow.round_id)).where(
                    col(DailyRoundRow.sprint_round_id) == sprint.id
                )
            )
        )
        self.played.daily_rounds += len(daily)
        for bid in self._winners():
            value, used = _kept(session, bid.id)
            self.played.value += value
            self.played.use += used
            if bid.round_id == sprint.id:
                self.played.main_value += value
                self.played.main_use += used
        use = use_per_day(sprint.id)
        every = func.sum(use.c.reserved_units + use.c.spot_units - use.c.lost_units)
        self.played.capacity += int(session.scalar(select(every)) or 0)
        self._count_cuts(session, sprint)
        broken = set(
            session.scalars(
                select(col(HoldingCutRow.bid_id)).where(col(HoldingCutRow.cause).in_(BROKEN))
            )
        )
        self.played.forecasts += [
            (chance, bid_id in broken) for bid_id, chance in self.told.items() if chance >= 0
        ]

    def _count_cuts(self, session: Session, sprint: RoundRow) -> None:
        """Count cuts by cause, and make sure that each is refunded once, by its own journal."""
        ids = {bid.id for bid in self._winners()}
        cuts = [one for one in session.scalars(select(HoldingCutRow)) if one.bid_id in ids]
        journals = Counter(
            session.scalars(
                select(col(JournalRow.idempotency_key)).where(
                    col(JournalRow.kind) == JournalKind.REFUND
                )
            )
        )
        for cut in cuts:
            self.played.cuts[cut.cause] += 1
            times = journals[f"refund/{cut.run_id}/{cut.bid_id}/{cut.number}"]
            if times != (1 if cut.refund_credits else 0):
                self.played.findings.append(f"{sprint.key}: a cut is refunded {times} times")
        self.played.recoveries += int(
            session.scalar(
                select(func.count())
                .select_from(RoundRow)
                .where(col(RoundRow.key).startswith(f"{sprint.key}-recovery-"))
            )
            or 0
        )

    def _winners(self) -> list[BidRow]:
        """Return the bids of this sprint that won, in its round and in its daily rounds."""
        with reading(self.db) as session:
            sprint = find_round(session, self.key)
            daily = select(col(DailyRoundRow.round_id)).where(
                col(DailyRoundRow.sprint_round_id) == sprint.id
            )
            won = (
                select(BidRow)
                .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
                .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
                .where(
                    col(RunRow.state) == RunState.PUBLISHED,
                    (col(BidRow.round_id) == sprint.id) | col(BidRow.round_id).in_(daily),
                )
                .order_by(col(BidRow.key), col(BidRow.round_id))
            )
            found = list(session.scalars(won))
            session.expunge_all()
            return found

    def _spot_awards(self, session: Session) -> list[tuple[str, tuple[str, ...], int]]:
        """Return the spot awards of this sprint: bid, pools, and days until the award's end."""
        ids = [bid.id for bid in self._winners()]
        rows = session.execute(
            select(
                col(AwardRow.bid_id),
                col(ItemRow.pool_id),
                col(ItemRow.offset_days),
                col(ItemRow.days),
            )
            .join(
                AlternativeRow,
                (col(AlternativeRow.bid_id) == col(AwardRow.bid_id))
                & (col(AlternativeRow.number) == col(AwardRow.alternative)),
            )
            .join(
                ItemRow,
                (col(ItemRow.bid_id) == col(AwardRow.bid_id))
                & (col(ItemRow.number) == col(AwardRow.alternative)),
            )
            .where(col(AwardRow.bid_id).in_(ids), col(AlternativeRow.tier) == Tier.SPOT)
        )
        found: dict[str, tuple[tuple[str, ...], int]] = {}
        for bid_id, pool_id, offset, days in rows:
            pools, longest = found.get(bid_id, ((), 0))
            found[bid_id] = ((*pools, pool_id), max(longest, offset + days))
        return [(bid_id, pools, days) for bid_id, (pools, days) in sorted(found.items())]

    # --- what is asked for -------------------------------------------------------------------

    def _offer(self) -> RoundFolder:
        teams = [f"team-{n}" for n in range(self.size.teams)]
        days = [self.starts_on + dt.timedelta(days=n) for n in range(self.size.days)]
        problem = Problem(
            round_key=RoundKey(self.key),
            starts_on=self.starts_on,
            days=self.size.days,
            pools=tuple(Pool(PoolKey(key), 1) for key in POOLS),
            capacity=tuple(DayUnits(PoolKey(k), d, *POOLS[k]) for k in POOLS for d in days),
            teams=tuple(Team(TeamKey(key), 4_000) for key in teams),
        )
        return RoundFolder(
            problem=problem,
            name=f"Sprint {self.number + 1}",
            pools={PoolKey(k): PoolLabel(k, "compute", "unit", "host") for k in POOLS},
            teams={TeamKey(key): key for key in teams},
            titles={},
        )

    def _bid(self, n: int) -> PlaceBid:
        """Draw a bid of one pool: bids are worth what they ask for, more or less."""
        draw = self.draw
        pool = draw.choice(list(POOLS))
        days, units = (
            draw.randint(2, min(8, self.size.days)),
            draw.randint(1, max(2, POOLS[pool][0] // 6)),
        )
        start = draw.randint(0, self.size.days - days)
        last = draw.randint(start, self.size.days - days)
        tier = draw.choice([Tier.RESERVED, Tier.RESERVED, Tier.SPOT])
        worth = max(units * days, round(units * days * draw.lognormvariate(2.0, 0.6)))
        way = Alternative(
            number=1,
            tier=tier,
            offer_credits_per_lot=worth,
            value_score_per_lot=worth,
            min_lots=1,
            max_lots=draw.randint(1, 3),
            earliest_start=self.starts_on + dt.timedelta(days=start),
            latest_start=self.starts_on + dt.timedelta(days=last),
            items=(Item(PoolKey(pool), 0, days, units),),
        )
        team = f"team-{draw.randrange(self.size.teams)}"
        return PlaceBid(self.key, f"{self.key}-b{n}", team, f"Bid {n}", (way,), READY)


def _place(session: Session, wish: PlaceBid, at: dt.datetime) -> None:
    place_bid(session, service(HOST), wish, at)


def solve(problem: Problem, options: Options, report: object) -> Outcome:
    """Decide a round in this process."""
    if problem.contest is not None:
        return contest_outcome(problem, options, time.monotonic, report)  # type: ignore[arg-type]
    return allocate(problem, options, time.monotonic, report, _ignore)  # type: ignore[arg-type]


def _kept(session: Session, bid_id: str) -> tuple[int, int]:
    """Return the value and the unit-days of an award, without those of its cuts."""
    award = find_award(session, bid_id)
    whole = unit_days(award.paid.stretches) * award.row.lots
    lost = sum(
        unit_days(award.paid.stretches, cut.from_day) * cut.lots
        for cut in cuts_of(session, award.row)
    )
    return award.row.value_score * (whole - lost) // whole, whole - lost


def _lead(team_id: str) -> Actor:
    return Actor(ActorId(f"lead-{team_id}"), None, "Lead", teams={team_id: TeamRole.TEAM_LEAD})


def _do(db: Database, at: dt.datetime, service_: object, *arguments: object) -> None:
    transact(db, lambda session: service_(session, *arguments, Change(HOST, at)))  # type: ignore[operator]


def _ignore(_: object) -> None:
    """Tell nobody."""


def _morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(9), dt.UTC)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


# --- what is told --------------------------------------------------------------------------------


def _line(seed: int, one: Played) -> str:
    cells = (
        str(seed),
        f"{one.value / one.main_value:.3f}",
        f"{one.main_use / one.capacity:.1%} → {one.use / one.capacity:.1%}",
        f"{one.daily_rounds}",
        f"{one.recoveries}",
        ", ".join(f"{count} {cause}" for cause, count in sorted(one.cuts.items())),
        f"{len(one.forecasts)}",
        f"{one.brier:.4f}",
        f"{one.base_brier:.4f}",
        f"{len(one.findings)}",
    )
    return f"| {' | '.join(cells)} |"


def _table(played: dict[int, Played]) -> Iterator[str]:
    yield (
        "| seed | value, times the main round alone | units in use, main alone → with daily rounds "
        "| daily rounds | recovery rounds | cuts | chances shown | Brier | of the base rate "
        "| findings |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |"
    for seed, one in played.items():
        yield _line(seed, one)


def _reliability(played: list[Played]) -> Iterator[str]:
    """Tell what came of awards with about the same chance, over all seeds."""
    yield "| chance shown | awards | mean of the chances | interrupted |"
    yield "| --- | ---: | ---: | ---: |"
    every = [pair for one in played for pair in one.forecasts]
    for low, high in ((0, 5), (5, 10), (10, 20), (20, 40), (40, 101)):
        within = [(c, came) for c, came in every if low <= round(100 * c) < high]
        if within:
            mean = _mean(chance for chance, _ in within)
            came = _mean(float(one) for _, one in within)
            shown = f"{low} to {min(high, 101) - 1} %"
            yield f"| {shown} | {len(within)} | {mean:.1%} | {came:.1%} |"


if __name__ == "__main__":
    main(sys.argv[1:])
