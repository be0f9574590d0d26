"""Check a run bundle of the capacity broker with nothing but Python's standard library.

    python verify_bundle.py BUNDLE [--key PUBLIC_KEY]

A bundle holds a published round whole: the problem, the policy, the outcome, prices, certificate
and report, and the events of the audit log that speak of it, with proofs. This program shares no
code with the product that wrote it. It recomputes, in whole numbers and without a solver: every
hash, that the awards fit, their value, the list prices, every payment, the reserve prices, the
reasons as far as they follow from the outcome, the bound from the certificate, and that the events
lie in the log under a signed checkpoint. Where people overrode a result, the bundle holds the
outcome before as well: that is checked likewise, and that the later one is what they set, keeps the
other awards that it says it keeps, moves no price, and was approved by a second person at the price
that the two values make. PUBLIC_KEY is the checkpoint's key as you know it from elsewhere, in 64
hex digits; without it the bundle's own key is taken, which proves only that all is of one hand.

Exit codes: 0 all holds, in one line; 1 every violation, one a line; 2 usage; 7 not a bundle.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

HOLDS, VIOLATED, USAGE, NO_BUNDLE = 0, 1, 2, 7
UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    struct.error,
)
FORMAT = 1
MILLION = 10**6
PROGRAM = "verify_bundle.py"
REQUIRED = (
    *("audit.json", "build.json", "certificate.json", "outcome.json", "policy.json"),
    *("problem.json", "report.json", PROGRAM),
)
OPTIONAL = ("before.json", "snapshot.json")
HEX_64 = re.compile(r"[0-9a-f]{64}")
Document = dict[str, Any]
Files = dict[str, bytes]
Units = dict[str, list[int]]


class NotABundle(Exception):  # noqa: N818  # what the file is not
    """The file cannot be read as a bundle at all."""


# --- the archive -----------------------------------------------------------------------------


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """Return the one way to pack files: names in order, nothing compressed, no times, no modes.

    Source: the ZIP format, version 2.0; local headers with contents, directory, end record.
    """
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        content, written = files[name], name.encode()
        size = len(content)
        facts = (20, 0, 0, 0, 33, zlib.crc32(content), size, size, len(written), 0)
        head = struct.pack("<I6H3I5H2I", 0x02014B50, 788, *facts, 0, 0, 0, MODE, len(body))
        directory += head + written
        body += struct.pack("<I5H3I2H", 0x04034B50, *facts) + written + content
    count = len(files)
    end = (0x06054B50, 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + struct.pack("<I4H2IH", *end))


MODE = 0o100644 << 16
"""An ordinary file that its owner may write and all may read."""


def unpack(data: bytes) -> Files:
    """Return the files of an archive that is packed in exactly that way. Raises: NotABundle."""
    files: Files = {}
    place = 0
    while data[place : place + 4] == b"PK\x03\x04":
        head = data[place : place + 30]
        if len(head) < 30:  # noqa: PLR2004  # the length of a local header
            raise NotABundle("the archive ends in the middle of a header")
        size, name_length = struct.unpack("<I", head[22:26])[0], struct.unpack("<H", head[26:28])[0]
        begin = place + 30 + name_length
        name = data[place + 30 : begin].decode("ascii", "replace")
        files[name] = data[begin : begin + size]
        place = begin + size
    if "manifest.json" not in files:
        raise NotABundle("it is no archive with a manifest.json in it")
    return files


# --- JSON ------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """Return the one way to write a value as JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_of(value: object) -> str:
    """Return the hex SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def parsed(content: bytes, name: str) -> Any:
    """Return what a JSON file says. Raises: ValueError if it is not written canonically."""
    value = json.loads(content)
    if canonical(value) != content:
        raise ValueError(f"{name} is not canonical JSON")
    return value


class Bundle(NamedTuple):
    """A bundle, read."""

    manifest: Document
    problem: Document
    snapshot: Document
    policy: Document
    outcome: Document
    certificate: Document
    report: Document
    build: Document
    audit: Document
    is_amended: bool
    before: Document | None = None


def read_bundle(files: Files) -> Bundle:
    """Return what the files of a bundle say. Raises: ValueError, KeyError if one cannot be read."""
    said = {name.partition(".")[0]: parsed(files[name], name) for name in files if name != PROGRAM}
    is_amended = "snapshot" in said
    return Bundle(
        **{name: said[name] for name in Bundle._fields if name in said and name not in APART},
        snapshot=said["snapshot"] if is_amended else said["problem"],
        is_amended=is_amended,
        before=said.get("before"),
    )


APART = frozenset({"before", "snapshot"})
"""What not every bundle holds."""


def check_manifest(data: bytes, files: Files, program: bytes) -> Iterator[str]:
    """Find files that are missing, strange or changed, and an archive packed in another way."""
    if archive_of(files) != data:
        yield "manifest: the archive is not packed as bundles are, byte for byte"
    manifest = parsed(files["manifest.json"], "manifest.json")
    if manifest["format"] != FORMAT or manifest["kind"] != "run-bundle":
        yield "manifest: it is not that of a run bundle of format 1"
    there = sorted(set(files) - {"manifest.json"})
    if set(REQUIRED) - set(there) or set(there) - set(REQUIRED) - set(OPTIONAL):
        yield f"manifest: the bundle holds {', '.join(there)}, which is not what a bundle holds"
    listed = [[name, len(files[name]), hashlib.sha256(files[name]).hexdigest()] for name in there]
    if manifest["files"] != listed:
        yield "manifest: it does not list these files with these lengths and hashes"
    if files.get(PROGRAM) != program:
        yield f"program: the bundle carries another {PROGRAM} than the one that runs"


# --- the round -------------------------------------------------------------------------------


class Way(NamedTuple):
    """One way to serve a bid. Days count from the first of the sprint; all but lots is per lot.

    Shape: parts are pool, first day after the start, day after the last, units; none overlap.
    """

    bid: str
    team: str
    number: int
    tier: str
    offer: int
    score: int
    fewest: int
    most: int
    starts: range
    parts: tuple[tuple[str, int, int, int], ...]
    reserve_cost: int

    @property
    def pools(self) -> frozenset[str]:
        """Every pool that it uses."""
        return frozenset(pool for pool, _, _, _ in self.parts)


class Round:
    """What was asked: ways by bid, units net of commitments, credits."""

    def __init__(self, document: Document) -> None:
        problem = document["problem"]
        self.key: str = document["round_key"]
        self.problem: Document = problem
        self.first_day = dt.date.fromisoformat(problem["starts_on"]).toordinal()
        self.days: int = problem["days"]
        self.nonce: str = problem["nonce"]
        self.reserve_prices: dict[str, int] = dict(problem["pools"])
        self.credits: dict[str, int] = dict(problem["teams"])
        self.floor_ratio = Fraction(*problem["floor_ratio"])
        self.submitted_at: dict[str, str] = document["submitted_at"]
        self.reserved, self.total = self.blank(), self.blank()
        self._add_units(problem["capacity"], 1)
        self._add_units(problem["commitments"], -1)
        self.ways = {
            bid: [self._way(bid, team, row) for row in rows] for bid, team, rows in problem["bids"]
        }
        self.placements = {
            (way.bid, way.number): list(self._placements(way))
            for ways in self.ways.values()
            for way in ways
        }

    def blank(self, number: int = 0) -> Units:
        """Return a number for each pool and day."""
        return {pool: [number] * self.days for pool in self.reserve_prices}

    def day(self, text: str) -> int:
        """Return the number of a day."""
        return dt.date.fromisoformat(text).toordinal() - self.first_day

    def date(self, number: int) -> str:
        """Return the day of a number."""
        return dt.date.fromordinal(self.first_day + number).isoformat()

    def open_to(self, way: Way, reserved: Units, total: Units) -> Units:
        """Return the units that a way may take of what is there."""
        if way.tier == "spot":
            return total
        return {
            pool: [min(pair) for pair in zip(reserved[pool], total[pool], strict=True)]
            for pool in way.pools
        }

    def _add_units(self, rows: Iterable[Any], sign: int) -> None:
        for pool, day, reserved, spot in rows:
            self.reserved[pool][self.day(day)] += sign * reserved
            self.total[pool][self.day(day)] += sign * (reserved + spot)

    def _way(self, bid: str, team: str, row: Any) -> Way:
        number, tier, offer, score, fewest, most, earliest, latest, items = row
        cost = sum(self.reserve_prices[pool] * days * units for pool, _, days, units in items)
        starts = range(self.day(earliest), self.day(latest) + 1)
        return Way(
            *(bid, team, number, tier, offer, score, fewest, most, starts, parts_of(items), cost)
        )

    def _placements(self, way: Way) -> Iterator[tuple[int, int]]:
        """Yield the starts at which a way could win, each with the most lots that fit alone."""
        affordable = min(way.most, self.credits[way.team] // way.offer)
        if way.offer < way.reserve_cost or affordable < way.fewest:
            return
        there = self.open_to(way, self.reserved, self.total)
        for start in way.starts:
            lots = min(affordable, lots_that_fit(way, there, start))
            if lots >= way.fewest:
                yield start, lots


def parts_of(items: Sequence[Any]) -> tuple[tuple[str, int, int, int], ...]:
    """Return what one lot uses, day by day where items of one pool may meet."""
    if len({pool for pool, _, _, _ in items}) == len(items):
        return tuple((pool, first, first + days, units) for pool, first, days, units in items)
    use: Counter[tuple[str, int]] = Counter()
    for pool, first, days, units in items:
        for day in range(first, first + days):
            use[pool, day] += units
    return tuple((pool, day, day + 1, units) for (pool, day), units in use.items())


def lots_that_fit(way: Way, there: Units, start: int) -> int:
    """Return how many lots of a way fit into units from a day on."""
    return min(
        min(there[pool][start + first : start + end]) // units
        for pool, first, end, units in way.parts
    )


def sums_of(numbers: Units) -> Units:
    """Return sums from the first day on."""
    summed: Units = {}
    for pool, days in numbers.items():
        line = [0]
        for number in days:
            line.append(line[-1] + number)
        summed[pool] = line
    return summed


def cost_of(way: Way, sums: Units, start: int) -> int:
    """Return what a lot costs at prices that are given as sums."""
    return sum(
        units * (sums[pool][start + end] - sums[pool][start + first])
        for pool, first, end, units in way.parts
    )


# --- the outcome beside its round ------------------------------------------------------------


class Held(NamedTuple):
    """An award with the way that it grants."""

    way: Way
    start: int
    lots: int
    value: int
    payment: int


class Case:
    """A round, its outcome, and what is left after the awards."""

    def __init__(self, bundle: Bundle) -> None:
        self.round = Round(bundle.problem)
        self.report, self.certificate = bundle.report, bundle.certificate
        self.awards: list[Any] = bundle.outcome["awards"]
        self.declines: list[Any] = bundle.outcome["declines"]
        self.prices: list[Any] = bundle.outcome["prices"]
        self.scale: int = bundle.certificate["scale"]
        self.held = [held for row in self.awards for held in self._held(row)]
        self.reserved_left = {pool: list(days) for pool, days in self.round.reserved.items()}
        self.total_left = {pool: list(days) for pool, days in self.round.total.items()}
        self.credits_left = dict(self.round.credits)
        for held in self.held:
            self._take(held)
        self.is_proven = bundle.report["status"] == "optimal"
        self.contest: Document | None = bundle.problem["problem"].get("contest")
        self.is_settled = self.is_proven or bundle.report.get("contest", {}).get("is_best", False)
        self.reserved_prices = self._prices("reserved_prices")
        self.total_prices = self._prices("total_prices")
        self.credit_prices = dict.fromkeys(self.round.credits, 0) | dict(
            bundle.certificate["credit_prices"]
        )
        self.list_prices = self._list_prices()
        self.list_sums = {tier: sums_of(prices) for tier, prices in self.list_prices.items()}

    def _held(self, row: Any) -> Iterator[Held]:
        bid, number, start, lots, value, payment = row
        for way in self.round.ways.get(bid, []):
            if way.number == number and self.round.day(start) in way.starts:
                yield Held(way, self.round.day(start), lots, value, payment)

    def _take(self, held: Held) -> None:
        self.credits_left[held.way.team] -= held.way.offer * held.lots
        for pool, first, end, units in held.way.parts:
            for day in range(held.start + first, held.start + end):
                self.total_left[pool][day] -= units * held.lots
                if held.way.tier == "reserved":
                    self.reserved_left[pool][day] -= units * held.lots

    def _prices(self, name: str) -> Units:
        found = self.round.blank()
        for pool, day, n in self.certificate[name]:
            found[pool][self.round.day(day)] = n
        return found

    def _list_prices(self) -> dict[str, Units]:
        reserve = {pool: price * MILLION for pool, price in self.round.reserve_prices.items()}
        found = {
            tier: {pool: [price] * self.round.days for pool, price in reserve.items()}
            for tier in ("reserved", "spot")
        }
        for pool, day, tier, price in self.prices:
            found[tier][pool][self.round.day(day)] = price
        return found

    @property
    def value(self) -> int:
        """What the awards are worth, by the scores of the problem."""
        return sum(held.way.score * held.lots for held in self.held)


def check_decisions(case: Case) -> Iterator[str]:
    """Find bids that are decided twice or never, and rows out of order."""
    awarded, declined = [row[0] for row in case.awards], [row[0] for row in case.declines]
    if sorted(awarded + declined) != sorted(case.round.ways):
        yield "decisions: not every bid of the problem has exactly one decision"
    for name, keys in (
        ("awards", awarded),
        ("declines", declined),
        ("prices", [tuple(row[:3]) for row in case.prices]),
    ):
        if keys != sorted(set(keys)):
            yield f"decisions: the {name} are not in the order of their keys"


def check_awards(case: Case) -> Iterator[str]:
    """Find awards of what was not asked for, with wrong lots or worth, or below the reserve."""
    if len(case.held) != len(case.awards):
        yield "awards: one grants an alternative or a start that its bid does not ask for"
    for held in case.held:
        way = held.way
        if not way.fewest <= held.lots <= way.most:
            yield f"awards: bid {way.bid} gets {held.lots} lots, not {way.fewest} to {way.most}"
        if held.value != way.score * held.lots:
            yield f"awards: bid {way.bid} is worth {way.score * held.lots}, not {held.value}"
        if way.offer < way.reserve_cost:
            yield f"awards: bid {way.bid} offers less than its reserve cost {way.reserve_cost}"


def check_room(case: Case) -> Iterator[str]:
    """Find days on which awards take more than there is, and teams that offer more than theirs."""
    for name, left in (("reserved", case.reserved_left), ("all", case.total_left)):
        for pool, days in left.items():
            for number, units in enumerate(days):
                if units < 0:
                    day = case.round.date(number)
                    yield f"capacity: {-units} {name} units of {pool} on {day} are not there"
    for team, left_credits in case.credits_left.items():
        if left_credits < 0:
            yield f"credits: the awards of team {team} exceed its credits by {-left_credits}"


def check_certificate(case: Case) -> Iterator[str]:
    """Find a certificate that proves nothing, and a bound that does not follow from it."""
    if not re.fullmatch(r"10{6,}", str(case.scale)):
        yield f"certificate: its scale {case.scale} is no power of ten from a million on"
        return
    for name in ("reserved_prices", "total_prices", "credit_prices"):
        rows = case.certificate[name]
        keys = [tuple(row[:-1]) for row in rows]
        if keys != sorted(set(keys)) or any(row[-1] < 0 for row in rows):
            yield f"certificate: its {name} are out of order or below 0"
    bound = scaled_bound(case) // case.scale
    if case.report["certified_bound"] != bound:
        said = case.report["certified_bound"]
        yield f"bound: the certificate proves {bound}, the report says {said}"


def scaled_bound(case: Case) -> int:
    """Return what no outcome can be worth more than, times the scale. Source: weak duality."""
    units = sum(
        price * there
        for prices, room in (
            (case.reserved_prices, case.round.reserved),
            (case.total_prices, case.round.total),
        )
        for pool, days in prices.items()
        for price, there in zip(days, room[pool], strict=True)
    )
    purses = sum(case.credit_prices[team] * has for team, has in case.round.credits.items())
    sums = price_sums(case)
    kept = (
        max([0, *(gain for way in ways for gain in gains_of(case, sums, way))])
        for ways in case.round.ways.values()
    )
    bound: int = units + purses + sum(kept)
    return bound


def price_sums(case: Case) -> dict[str, Units]:
    """Return the certificate's prices as sums: reserved use pays both, spot the total price."""
    both = {
        pool: [a + b for a, b in zip(case.reserved_prices[pool], days, strict=True)]
        for pool, days in case.total_prices.items()
    }
    return {"reserved": sums_of(both), "spot": sums_of(case.total_prices)}


def gains_of(case: Case, sums: Mapping[str, Units], way: Way) -> Iterator[int]:
    """Yield what a way gains beyond the prices at each of its placements, with the most lots."""
    before = case.scale * way.score - case.credit_prices[way.team] * way.offer
    for start, lots in case.round.placements[way.bid, way.number]:
        yield lots * (before - cost_of(way, sums[way.tier], start))


def check_prices(case: Case) -> Iterator[str]:
    """Find list prices that are not the larger of reserve price and certificate price."""
    right = []
    for pool, day, reserved, spot in case.round.problem["capacity"]:
        number, least = case.round.day(day), case.round.reserve_prices[pool] * MILLION
        total = case.total_prices[pool][number]
        both = total + case.reserved_prices[pool][number]
        if reserved:
            right.append([pool, day, "reserved", max(least, both * MILLION // case.scale)])
        if reserved or spot:
            right.append([pool, day, "spot", max(least, total * MILLION // case.scale)])
    wrong = [row for row in case.prices if row not in right] if case.prices != right else []
    if case.prices != right:
        yield f"prices: they do not follow from the certificate and the reserve prices {wrong[:1]}"


def check_payments(case: Case) -> Iterator[str]:
    """Find awards that pay something else than the list prices and the multiplier make."""
    for held in case.held:
        way, offer = held.way, held.way.offer * held.lots
        cost = held.lots * cost_of(way, case.list_sums[way.tier], held.start)
        at_list = min(offer, cost * way.offer // (MILLION * way.score))
        right = max(way.reserve_cost * held.lots, at_list)
        if case.report["pricing"] == "pay-as-bid":
            right = offer
        if held.payment != right:
            yield f"payments: bid {way.bid} pays {held.payment}, by its rule {right}"


# --- reasons ---------------------------------------------------------------------------------

NEVER = ("exceeds-pool", "below-reserve-price", "insufficient-credits")


class Lacking(NamedTuple):
    """A way at the start where it lacks the fewest units. Shape: pool, day, units."""

    way: Way
    places: tuple[tuple[str, int, int], ...]

    @property
    def units(self) -> int:
        """How many units it lacks, over pools and days."""
        return sum(units for _, _, units in self.places)


def lacking(case: Case, way: Way, reserved: Units, total: Units) -> Lacking:
    """Return what a way lacks at its smallest lots, at its best and earliest start."""
    there = case.round.open_to(way, reserved, total)
    best: Lacking | None = None
    for start in way.starts:
        places = tuple(
            (pool, day, units * way.fewest - there[pool][day])
            for pool, first, end, units in way.parts
            for day in range(start + first, start + end)
            if there[pool][day] < units * way.fewest
        )
        found = Lacking(way, places)
        if best is None or found.units < best.units:
            best = found
        if not places:
            break
    if best is None:
        raise ValueError(f"alternative {way.number} of bid {way.bid} has no start")
    return best


def never_codes(case: Case, way: Way) -> list[str]:
    """Return the codes that hold of a way whatever the outcome is."""
    there = case.round.open_to(way, case.round.reserved, case.round.total)
    fits = any(lots_that_fit(way, there, start) >= way.fewest for start in way.starts)
    is_poor = way.offer * way.fewest > case.round.credits[way.team]
    holds = (not fits, way.offer < way.reserve_cost, is_poor)
    return [code for code, is_so in zip(NEVER, holds, strict=True) if is_so]


def check_declines(case: Case) -> Iterator[str]:
    """Find declines of bids that would fit, and reasons that the facts deny."""
    for row in case.declines:
        bid, reason, number, pool, day, offer, _ = row
        ways = case.round.ways[bid]
        short = [lacking(case, way, case.reserved_left, case.total_left) for way in ways]
        if any(fits_still(case, one) for one in short):
            yield f"reasons: bid {bid} is declined and would still fit"
            continue
        reasons, right, place = verdict(case, short)
        if reason not in reasons:
            yield f"reasons: bid {bid} is declined as {reason}, not as {' or '.join(reasons)}"
        said = (pool, case.round.day(day)) if day is not None else (pool, None)
        if number != right.number or said != place:
            yield f"reasons: the decline of bid {bid} names another alternative, pool or day"
        if offer is not None and not could_win(case, right, offer):
            yield f"reasons: {offer} cannot be the minimum winning offer of bid {bid}"


def fits_still(case: Case, one: Lacking) -> bool:
    """Say whether a way lacks nothing after the awards."""
    way = one.way
    is_payable = way.offer * way.fewest <= case.credits_left[way.team]
    return not one.places and way.offer >= way.reserve_cost and is_payable


Place = tuple[str | None, int | None]


def verdict(case: Case, short: list[Lacking]) -> tuple[Sequence[str], Way, Place]:
    """Return what a decline may say: reasons, the alternative, pool and day."""
    free = [one for one in short if case.round.placements[one.way.bid, one.way.number]]
    if not free:
        return verdict_of_never(case, [one.way for one in short])
    nearest = min(free, key=lambda one: (one.units, one.way.number))
    if not case.is_settled:
        reasons = [unproven_reason(case, nearest)]
    else:
        reasons = [scarcity_reason(nearest), "tie-break"]
    return reasons, nearest.way, worst_place(case, nearest)


def verdict_of_never(case: Case, ways: list[Way]) -> tuple[Sequence[str], Way, Place]:
    """Return the verdict on a bid that could never win."""
    codes = [never_codes(case, way) for way in ways]
    empty = [lacking(case, way, case.round.reserved, case.round.total) for way in ways]
    nearest = min(empty, key=lambda one: (one.units, one.way.number))
    shared = [code for code in NEVER if all(code in of_way for of_way in codes)]
    reason = shared[0] if shared else never_codes(case, nearest.way)[0]
    if reason == "exceeds-pool":
        return [reason], nearest.way, worst_place(case, nearest)
    return [reason], ways[0] if shared else nearest.way, (None, None)


def scarcity_reason(nearest: Lacking) -> str:
    """Return why a bid lost that could have won."""
    if not nearest.places:
        return "credits-spent"
    is_partner = len({pool for pool, _, _ in nearest.places}) == 1 and len(nearest.way.pools) > 1
    return "bundle-partner-unavailable" if is_partner else "outbid"


def unproven_reason(case: Case, nearest: Lacking) -> str:
    """Return why a bid lost in a round whose search was stopped."""
    way = nearest.way
    start = best_start(case, way, nearest)
    cost = cost_of(way, case.list_sums[way.tier], start)
    return "outbid" if way.score * MILLION < cost else "not-proven"


def best_start(case: Case, way: Way, nearest: Lacking) -> int:
    """Return the earliest start at which a way lacks as little as it does at best."""
    for start in way.starts:
        alone = way._replace(starts=range(start, start + 1))
        if lacking(case, alone, case.reserved_left, case.total_left).units == nearest.units:
            return start
    raise ValueError(f"alternative {way.number} of bid {way.bid} has no best start")


def worst_place(case: Case, nearest: Lacking) -> Place:
    """Return the pool and day with the largest list price times missing units."""
    prices = case.list_prices[nearest.way.tier]
    places = ((-prices[pool][day] * units, pool, day) for pool, day, units in nearest.places)
    worst = min(places, default=None)
    return (worst[1], worst[2]) if worst else (None, None)


def could_win(case: Case, way: Way, offer: int) -> bool:
    """Say whether an offer may be the smallest that wins, as far as no solver is needed."""
    has = case.round.credits[way.team]
    is_possible = way.reserve_cost <= offer and offer * way.fewest <= has
    is_higher = case.is_proven and offer > way.offer
    return is_higher and is_possible and "exceeds-pool" not in never_codes(case, way)


# --- the report ------------------------------------------------------------------------------


def check_report(case: Case) -> Iterator[str]:
    """Find a value, bounds, counts or claims that are not those of this outcome."""
    report = case.report
    value, bound, certified = report["value"], report["bound"], report["certified_bound"]
    if value != case.value:
        yield f"objective: the awards are worth {case.value}, the report says {value}"
    if not value <= bound <= certified:
        yield f"bound: {value}, {bound} and {certified}, value to certified bound, are not in order"
    gap = Fraction(bound - value, bound) if bound else Fraction(0)
    if abs(Fraction(report["gap_ratio"]) - gap) > Fraction(1, 10**12):
        yield "report: its gap is not that of its value and bound"
    yield from check_claims(report)
    right = {
        "bids": len(case.round.ways),
        "awarded": len(case.awards),
        "declined": len(case.declines),
        "placements": sum(map(len, case.round.placements.values())),
    }
    if report["counts"] != right:
        yield f"report: it counts {report['counts']}; there are {right}"
    yield from check_baselines(case)
    yield from check_contest(case)


def check_contest(case: Case) -> Iterator[str]:
    """Find a contest that is not told, or not truly: who came first, and who kept everything."""
    contest, told = case.contest, case.report.get("contest")
    if contest is None or told is None:
        if contest is not told:
            yield "contest: the report and the problem do not agree whether there is one"
        return
    won = {held.way.bid: held for held in case.held}
    first = sum(won[b].way.score * won[b].lots for b in contest["first"] if b in won)
    if told["first_value"] != first:
        yield f"contest: {first} came first, the report says {told['first_value']}"
    whole = [b for b in contest["holders"] if b in won and won[b].lots == won[b].way.most]
    if told["kept"] != len(whole):
        yield f"contest: {len(whole)} holders are kept whole, the report says {told['kept']}"


def check_claims(report: Document) -> Iterator[str]:
    """Find claims of a proof that value and bounds do not allow."""
    is_fairest = "floors" not in report or report["floors"]["proven"]
    is_optimal = report["value"] == report["bound"] and is_fairest
    proofs: tuple[str, ...] = ("none",)
    if is_optimal:
        is_certified = report["value"] == report["certified_bound"]
        proofs = ("certified",) if is_certified else ("two-solvers", "one-solver")
    if report["status"] != ("optimal" if is_optimal else "feasible"):
        yield f"report: its bounds do not make it {report['status']}"
    if report["proof"] not in proofs:
        yield f"report: {report['proof']} cannot be what stands behind its bound"
    is_settled = is_optimal and report["tie_break"] == "unique"
    is_by_proof = report["stopped_by"] == "proof"
    is_best = "override" in report and report["override"]["best"]
    is_best = is_best or report.get("contest", {}).get("is_best", False)
    if (is_by_proof and not (is_optimal or is_best)) or (is_settled and not is_by_proof):
        yield f"report: such an outcome cannot be stopped by {report['stopped_by']}"
    if not is_optimal and report["tie_break"] != "incomplete":
        yield "report: an outcome that is not proven has no unique tie-break"


def check_baselines(case: Case) -> Iterator[str]:
    """Find values of the two simple rules that are wrong, or better than the outcome."""
    for name, order in (("first_come", arrival_of(case)), ("density_greedy", density_of(case))):
        worth = served_in(case, sorted(case.round.ways, key=order))
        said = case.report["baselines"][name]
        if said != worth:
            yield f"report: {name} is worth {worth}, the report says {said}"
        is_free = "floors" not in case.report and "override" not in case.report
        is_free = is_free and not (case.contest and case.contest["first"])
        if is_free and worth > case.report["value"]:
            yield f"objective: {name} is worth {worth}, more than the outcome"


def arrival_of(case: Case) -> Callable[[str], Any]:
    """Return the order in which bids came in; those without a time come last."""

    def arrival(bid: str) -> Any:
        text = case.round.submitted_at.get(bid)
        late = dt.datetime.max.replace(tzinfo=dt.UTC)
        return text is None, dt.datetime.fromisoformat(text) if text else late, bid

    return arrival


def density_of(case: Case) -> Callable[[str], Any]:
    """Return the order of falling value score per unit and day of the first alternative."""

    def density(bid: str) -> Any:
        way = case.round.ways[bid][0]
        unit_days = sum((end - first) * units for _, first, end, units in way.parts)
        return -Fraction(way.score, unit_days), bid

    return density


def served_in(case: Case, bids: Iterable[str]) -> int:
    """Return the worth of serving bids in an order, each with its first way that fits."""
    reserved = {pool: list(days) for pool, days in case.round.reserved.items()}
    total = {pool: list(days) for pool, days in case.round.total.items()}
    purses = dict(case.round.credits)
    worth = 0
    for bid in bids:
        for way in case.round.ways[bid]:
            lots = serve(case, way, reserved, total, purses[way.team])
            if lots:
                purses[way.team] -= lots * way.offer
                worth += lots * way.score
                break
    return worth


def serve(case: Case, way: Way, reserved: Units, total: Units, purse: int) -> int:
    """Take the most lots of a way that fit at its earliest start; return how many."""
    affordable = min(way.most, purse // way.offer)
    if way.offer < way.reserve_cost or affordable < way.fewest:
        return 0
    there = case.round.open_to(way, reserved, total)
    for start, _ in case.round.placements[way.bid, way.number]:
        lots = min(affordable, lots_that_fit(way, there, start))
        if lots >= way.fewest:
            for pool, first, end, units in way.parts:
                for day in range(start + first, start + end):
                    total[pool][day] -= lots * units
                    if way.tier == "reserved":
                        reserved[pool][day] -= lots * units
            return lots
    return 0


def check_floors(case: Case) -> Iterator[str]:
    """Find fairness floors that the policy does not have, and sums about them that are wrong."""
    floors, ratio = case.report.get("floors"), case.round.floor_ratio
    if (floors is None) != (not ratio):
        yield "floors: the report and the policy do not agree whether there are any"
        return
    if floors is None:
        return
    worth: Counter[str] = Counter()
    for held in case.held:
        worth[held.way.team] += held.way.score * held.lots
    bidding = sorted({ways[0].team for ways in case.round.ways.values()})
    if [team["team_key"] for team in floors["teams"]] != bidding:
        yield "floors: not every team that bids has one"
    for team in floors["teams"]:
        missing = max(0, team["floor"] - worth[team["team_key"]])
        if (team["value"], team["shortfall"]) != (worth[team["team_key"]], missing):
            yield f"floors: value and shortfall of team {team['team_key']} are not its awards'"
    without = floors["value_without_floors"]
    if floors["price_of_fairness"] != without - case.report["value"]:
        yield "floors: the price of fairness is not the difference of the two values"
    if not case.report["value"] <= without <= case.report["certified_bound"]:
        yield "floors: the value without them lies outside value and certified bound"


# --- what people overrode --------------------------------------------------------------------


def check_override(case: Case, before: Document) -> Iterator[str]:
    """Find an override that is not what people set, or that does not say truly what it changed."""
    told, earlier = case.report["override"], before["outcome"]
    placed = [row[:4] for row in earlier["awards"]]
    right = {
        "before_awards": placed,
        "before_sha256": sha256_of(decided(earlier)),
        "before_value": before["report"]["value"],
    }
    for name, value in right.items():
        if told[name] != value:
            yield f"override: its {name} is not that of the outcome before"
    for name in ("bound", "certified_bound", "pricing", "baselines"):
        if case.report[name] != before["report"][name]:
            yield f"override: its {name} is not that of the outcome before"
    if case.prices != earlier["prices"]:
        yield "override: it moves prices, which no hand does"
    now = [row[:4] for row in case.awards]
    yield from check_set(told, now)
    kept = [row for row in placed if row[0] not in decided_bids(told)]
    stay = sum(row in now for row in kept)
    if (told["kept"], told["changed"]) != (stay, len(kept) - stay):
        yield f"override: it says that {told['kept']} other awards stay; {stay} do"
    yield from check_payable(case, told)
    yield from check_told_why(case, before)


def decided_bids(told: Document) -> frozenset[str]:
    """Return the bids that people decided."""
    return frozenset([*told["excluded"], *(row[0] for row in told["pinned"])])


def check_set(told: Document, now: Sequence[Any]) -> Iterator[str]:
    """Find what people set and the awards do not have."""
    awarded = {row[0] for row in now}
    if len(decided_bids(told)) != len(told["excluded"]) + len(told["pinned"]):
        yield "override: a bid is set more than once"
    for row in told["pinned"]:
        if row not in now:
            yield f"override: bid {row[0]} is not awarded what was set for it"
    for bid in told["excluded"]:
        if bid in awarded:
            yield f"override: bid {bid} is awarded although it is excluded"


def check_payable(case: Case, told: Document) -> Iterator[str]:
    """Find teams that pay more than they could."""
    left = dict(case.round.credits) | dict(told["payable"])
    for held in case.held:
        left[held.way.team] -= held.payment
    for team, remains in left.items():
        if remains < 0:
            yield f"override: team {team} pays {-remains} more than it could"


def check_told_why(case: Case, before: Document) -> Iterator[str]:
    """Find declines that are not those of the outcome before, or do not say who lost by it."""
    had = {row[0]: row for row in before["outcome"]["awards"]}
    said = {row[0]: row for row in before["outcome"]["declines"]}
    for row in case.declines:
        bid = row[0]
        lost = [bid, "override", had[bid][1], None, None, None, ""] if bid in had else None
        if row != (lost or said.get(bid)):
            yield f"reasons: bid {bid} is declined otherwise than before, or than overridden"


# --- names, hashes, policy, build ------------------------------------------------------------


KEYS: Mapping[str, frozenset[str]] = {
    "manifest": frozenset({"files", "format", "kind", "round_key", "run_id"}),
    "outcome": frozenset({"awards", "declines", "prices"}),
    "policy": frozenset({"document", "scores", "version"}),
    "build": frozenset({"build", "solver"}),
    "audit": frozenset({"checkpoint", "events"}),
    "before": frozenset({"outcome", "override", "report", "revision", "run_id"}),
}
"""What the documents hold that no hash covers whole: neither less nor more."""


def check_keys(bundle: Bundle) -> Iterator[str]:
    """Find documents that hold something that nobody would check."""
    for name, keys in KEYS.items():
        there = getattr(bundle, name)
        if there is not None and set(there) != keys:
            yield f"{name}: it holds {', '.join(there)}, not {', '.join(keys)}"
    if bundle.before is not None and set(bundle.before["outcome"]) != KEYS["outcome"]:
        yield "before: its outcome holds something else than awards, declines and prices"
    if any(set(entry) != {"event", "path"} for entry in bundle.audit["events"]):
        yield "audit: an event comes with something else than its proof"


WHOLE_IN_REPORTS = ("value", "bound", "certified_bound", "baselines", "counts")


def check_numbers(bundle: Bundle) -> Iterator[str]:
    """Find numbers with a fraction, and truth values, where only whole numbers stand."""
    report = {name: bundle.report[name] for name in WHOLE_IN_REPORTS}
    earlier = None if bundle.before is None else bundle.before["outcome"]
    for name, document in (
        *(("problem", bundle.problem), ("outcome", bundle.outcome), ("before", earlier)),
        *(("certificate", bundle.certificate), ("report", report)),
    ):
        if not is_whole_throughout(document):
            yield f"numbers: {name} has a number that is not whole"


def is_whole_throughout(value: object) -> bool:
    """Say whether a document holds texts, whole numbers and nothing else."""
    if isinstance(value, dict):
        return all(map(is_whole_throughout, value.values()))
    if isinstance(value, list):
        return all(map(is_whole_throughout, value))
    return value is None or (isinstance(value, int | str) and not isinstance(value, bool))


def decided(outcome: Document) -> Document:
    """Return of an outcome what its hash is of: no alternatives, places and details of declines."""
    return {
        "format": FORMAT,
        "awards": outcome["awards"],
        "declines": [row[:2] for row in outcome["declines"]],
        "prices": outcome["prices"],
    }


def check_hashes(bundle: Bundle) -> Iterator[str]:
    """Find a report that belongs to another problem, outcome or round."""
    report, key = bundle.report, bundle.problem["round_key"]
    if report["problem_sha256"] != sha256_of(bundle.problem["problem"]):
        yield "hashes: the report's problem hash is not that of the problem"
    if report["outcome_sha256"] != sha256_of(decided(bundle.outcome)):
        yield "hashes: the report's outcome hash is not that of the outcome"
    if not report["round_key"] == key == bundle.manifest["round_key"]:
        yield "hashes: problem, report and manifest do not name the same round"
    if bundle.build["solver"] != report["solver"]:
        yield "hashes: build and report do not name the same solver"
    if bundle.before is None:
        return
    earlier, outcome = bundle.before["report"], bundle.before["outcome"]
    if earlier["outcome_sha256"] != sha256_of(decided(outcome)):
        yield "hashes: the hash of the outcome before is not that of its report"
    if (earlier["problem_sha256"], earlier["round_key"]) != (report["problem_sha256"], key):
        yield "hashes: the outcome before is not of the same problem"


def check_policy(bundle: Bundle) -> Iterator[str]:
    """Find value scores and floors that do not follow from the policy that was frozen."""
    document, scores = bundle.policy["document"], bundle.policy["scores"]
    if scores["policy_sha256"] != (None if document is None else sha256_of(document)):
        yield "policy: the scores are of another policy than the one in the bundle"
    barred = {(bid, row[0]) for bid, one in scores["bids"].items() for row in one["bars"]}
    for bid, _, rows in bundle.problem["problem"]["bids"]:
        percent = scores["bids"].get(bid, {}).get("multiplier_percent")
        for number, _, offer, score, *_ in rows:
            if percent is not None and score != max(1, offer * percent // 100):
                yield f"policy: {percent} % of {offer} is not the value score {score} of bid {bid}"
            if (bid, number) in barred:
                yield f"policy: alternative {number} of bid {bid} is barred, yet in the problem"


def check_amendment(bundle: Bundle) -> Iterator[str]:
    """Find a problem that differs from what was frozen at the close in more than its capacity."""
    if not bundle.is_amended:
        return
    amended = bundle.snapshot | {
        "problem": bundle.snapshot["problem"] | {"capacity": bundle.problem["problem"]["capacity"]}
    }
    if amended != bundle.problem:
        yield "problem: it differs from the snapshot of the close in more than its capacity"


# --- Ed25519 (RFC 8032, section 5.1.7) --------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
"""X, Y, Z, T in extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z."""


def added(one: Point, other: Point) -> Point:
    """Return the sum of two points."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * CURVE_D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiplied(number: int, point: Point) -> Point:
    """Return a point added to itself some times."""
    total: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = added(total, point)
        point = added(point, point)
        number >>= 1
    return total


def point_of(written: bytes) -> Point | None:
    """Return the point that 32 bytes write; None if they write none."""
    number = int.from_bytes(written, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (not x and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def base_point() -> Point:
    """Return the point of the curve that everybody starts from."""
    point = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if point is None:
        raise ArithmeticError("the base point is on the curve")
    return point


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    """Say whether a key signed a message."""
    if len(signature) != 64 or len(key) != 32:  # noqa: PLR2004  # the lengths of RFC 8032
        return False
    signer, nonce = point_of(key), point_of(signature[:32])
    number = int.from_bytes(signature[32:], "little")
    if signer is None or nonce is None or number >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    right = added(nonce, multiplied(int.from_bytes(digest, "little") % ORDER, signer))
    left = multiplied(number, base_point())
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    same_y = (left[1] * right[2] - right[1] * left[2]) % P == 0
    return same_x and same_y


# --- the audit log ---------------------------------------------------------------------------

SIGNED_AS = b"capacity-broker checkpoint 1\n"
EVENT_FIELDS = frozenset(
    {"sequence", "happened_at", "actor", "kind", "subject", "facts", "changes"}
)
About = tuple[str, str]
"""The kind of an event and its subject."""
Facts = dict[About, Document]
"""What each event says."""


def check_checkpoint(bundle: Bundle, key: str | None) -> Iterator[str]:
    """Find a checkpoint that its key, or the key that is known from elsewhere, did not sign."""
    checkpoint = bundle.audit["checkpoint"]
    claim = {name: value for name, value in checkpoint.items() if name != "signature"}
    signature, signer = checkpoint["signature"], checkpoint["key"]
    if key is not None and signer != key.lower():
        yield f"signature: the checkpoint names key {signer}, not {key.lower()}"
    if set(claim) != {"format", "size", "root", "taken_at", "key"}:
        yield "signature: the checkpoint does not say what a checkpoint says"
    is_hex = HEX_64.fullmatch(signer) and re.fullmatch(r"[0-9a-f]{128}", signature)
    message = SIGNED_AS + canonical(claim)
    if not is_hex or not is_signed(message, bytes.fromhex(signature), bytes.fromhex(signer)):
        yield "signature: the checkpoint is not signed by the key that it names"


def check_inclusion(bundle: Bundle) -> Iterator[str]:
    """Find events that are not in the log whose root was signed."""
    checkpoint = bundle.audit["checkpoint"]
    for entry in bundle.audit["events"]:
        event, path = entry["event"], entry["path"]
        is_written = set(event) == EVENT_FIELDS and all(map(HEX_64.fullmatch, path))
        content = b"\x00" + canonical(event)
        place, steps = event["sequence"] - 1, [bytes.fromhex(step) for step in path]
        root = climbed(hashlib.sha256(content).digest(), place, checkpoint["size"], steps)
        if not is_written or root is None or root.hex() != checkpoint["root"]:
            yield f"inclusion: event {event['sequence']} ({event['kind']}) is not in the signed log"


def climbed(leaf: bytes, place: int, size: int, path: Iterable[bytes]) -> bytes | None:
    """Return the root that a proof comes to; None if it is none. Source: RFC 9162, 2.1.3.2."""
    if not 0 <= place < size:
        return None
    inner, last, root = place, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if inner % 2 or inner == last:
            root = hashlib.sha256(b"\x01" + step + root).digest()
            while inner and inner % 2 == 0:
                inner, last = inner // 2, last // 2
        else:
            root = hashlib.sha256(b"\x01" + root + step).digest()
        inner, last = inner // 2, last // 2
    return root if last == 0 else None


def check_events(bundle: Bundle) -> Iterator[str]:
    """Find events that are missing, strange or out of order, or that tell another story."""
    run, key = bundle.manifest["run_id"], bundle.manifest["round_key"]
    events = [entry["event"] for entry in bundle.audit["events"]]
    told = [(event["kind"], event["subject"]) for event in events]
    if told != list(story_of(bundle, run, key)):
        yield "events: they are not those of the close, the run and the publication, in order"
        return
    sequences = [event["sequence"] for event in events]
    if sequences != sorted(set(sequences)):
        yield "events: they do not follow each other"
    facts = {(event["kind"], event["subject"]): json.loads(event["facts"]) for event in events}
    for about, name, right in facts_of(bundle, run, key, facts):
        if facts[about].get(name) != right:
            said = facts[about].get(name)
            yield f"events: {about[0]} says {name} {said}, the bundle makes {right}"
    yield from check_persons(events)


def check_persons(events: Iterable[Document]) -> Iterator[str]:
    """Find an override that the same person proposed and approved."""
    actors = {event["kind"]: event["actor"] for event in events}
    proposer = actors.get("override.proposed")
    if proposer is not None and proposer == actors["override.approved"]:
        yield "events: who proposed the override approved it as well"


def story_of(bundle: Bundle, run: str, key: str) -> Iterator[About]:
    """Yield which events a bundle must hold: kind and subject, in the order of the log."""
    before = bundle.before
    yield "round.open", f"round:{key}"
    yield "round.closed", f"round:{key}"
    if bundle.is_amended:
        yield "round.capacity-amended", f"round:{key}"
    if before is not None:
        yield "run.checked", f"run:{before['run_id']}"
        yield "run.published", f"run:{before['run_id']}"
        yield "override.proposed", f"override:{before['override']}"
    yield "run.solving", f"run:{run}"
    yield "run.checked", f"run:{run}"
    if before is None:
        yield "round.published", f"round:{key}"
    held = (bundle.problem["problem"].get("contest") or {"holders": []})["holders"]
    if any(row[5] for row in bundle.outcome["awards"] if row[0] not in held):
        yield "ledger.settlement", f"journal:settlement/{run}"
    yield "run.published", f"run:{run}"
    if before is not None:
        yield "override.approved", f"override:{before['override']}"


def facts_of(bundle: Bundle, run: str, key: str, said: Facts) -> Iterator[tuple[About, str, Any]]:
    """Yield what the events must say: which event, name, and what the bundle makes of it."""
    outcome = sha256_of(decided(bundle.outcome))
    document, scores = bundle.policy["document"], bundle.policy["scores"]
    opened, closed = ("round.open", f"round:{key}"), ("round.closed", f"round:{key}")
    nonce: str = bundle.problem["problem"]["nonce"]
    if "nonce_sha256" in said[opened]:
        yield opened, "nonce_sha256", hashlib.sha256(nonce.encode()).hexdigest()
        yield closed, "nonce", nonce
    yield closed, "problem_sha256", sha256_of(bundle.snapshot["problem"])
    yield closed, "snapshot_sha256", sha256_of(bundle.snapshot)
    yield closed, "policy_version", bundle.policy["version"]
    yield closed, "policy_sha256", None if document is None else sha256_of(document)
    yield closed, "scores_sha256", sha256_of(scores)
    solving, published = ("run.solving", f"run:{run}"), ("run.published", f"run:{run}")
    yield solving, "problem_sha256", sha256_of(bundle.problem["problem"])
    yield solving, "round_key", key
    yield solving, "purpose", "publication"
    yield solving, "build", bundle.build["build"]
    yield from checked_facts(run, bundle.outcome, bundle.certificate, bundle.report, said)
    yield published, "outcome_sha256", outcome
    if bundle.before is None:
        yield ("round.published", f"round:{key}"), "run_id", run
        yield ("round.published", f"round:{key}"), "outcome_sha256", outcome
    else:
        yield from override_facts(bundle, bundle.before, run, said)


def checked_facts(
    run: str, outcome: Document, certificate: Document, report: Document, said: Facts
) -> Iterator[tuple[About, str, Any]]:
    """Yield what the event of a check must say of an outcome and of what proves it."""
    about = ("run.checked", f"run:{run}")
    yield about, "outcome_sha256", sha256_of(decided(outcome))
    if "evidence_sha256" in said[about]:
        evidence = {"certificate": certificate, "report": report, **outcome}
        yield about, "evidence_sha256", sha256_of(evidence)


def override_facts(
    bundle: Bundle, before: Document, run: str, said: Facts
) -> Iterator[tuple[About, str, Any]]:
    """Yield what the events of an override must say, and those of the outcome before."""
    key, earlier = bundle.manifest["round_key"], before["run_id"]
    yield from checked_facts(earlier, before["outcome"], bundle.certificate, before["report"], said)
    published = ("run.published", f"run:{earlier}")
    yield published, "outcome_sha256", sha256_of(decided(before["outcome"]))
    yield published, "revision", before["revision"]
    yield ("run.published", f"run:{run}"), "revision", before["revision"] + 1
    for kind in ("override.proposed", "override.approved"):
        about = (kind, f"override:{before['override']}")
        yield about, "round_key", key
        yield about, "before_run_id", earlier
    approved = ("override.approved", f"override:{before['override']}")
    yield approved, "run_id", run
    yield approved, "price", before["report"]["value"] - bundle.report["value"]
    yield ("run.solving", f"run:{run}"), "override", before["override"]


# --- the verdict -----------------------------------------------------------------------------


def violations_of(data: bytes, program: bytes, key: str | None = None) -> list[str]:
    """Return everything that does not hold of a bundle. Raises: NotABundle."""
    files = unpack(data)
    bundles: list[Bundle] = []
    found = tried("manifest", check_manifest, data, files, program)
    found += tried("bundle", opened, files, bundles)
    for bundle in bundles:
        for part in (
            check_keys,
            check_numbers,
            check_hashes,
            check_amendment,
            check_policy,
            check_inclusion,
        ):
            found += tried(part.__name__, part, bundle)
        found += tried("signature", check_checkpoint, bundle, key)
        found += tried("events", check_events, bundle)
        found += tried("outcome", judged, bundle)
    return found


def tried(part: str, check: Callable[..., Iterator[str]], *given: object) -> list[str]:
    """Return what a check finds; what it cannot even read is a finding."""
    found: list[str] = []
    try:
        found.extend(check(*given))
    except UNREADABLE as error:
        found.append(f"{part}: it cannot be read: {type(error).__name__} {error}")
    return found


def opened(files: Files, bundles: list[Bundle]) -> Iterator[str]:
    """Read a bundle into a list; it finds nothing but what it cannot read."""
    bundles.append(read_bundle(files))
    yield from ()


def judged(bundle: Bundle) -> Iterator[str]:
    """Yield what does not hold of the outcome, and of the one before where there is one."""
    before = bundle.before
    if (before is None) != ("override" not in bundle.report):
        yield "override: the report and the bundle do not agree whether there is one"
        return
    yield from judged_alone(bundle)
    if before is not None:
        yield from tried("check_override", check_override, Case(bundle), before)
        earlier = bundle._replace(outcome=before["outcome"], report=before["report"])
        yield from (f"before: {line}" for line in judged_alone(earlier))


def judged_alone(bundle: Bundle) -> Iterator[str]:
    """Yield what does not hold of an outcome beside its round.

    Reasons of an override are those of the outcome before, which check_override compares.
    """
    case = Case(bundle)
    reasons = () if "override" in bundle.report else (check_declines,)
    for check in (
        *(check_decisions, check_awards, check_room, check_certificate, check_prices),
        *(check_payments, *reasons, check_report, check_floors),
    ):
        yield from tried(check.__name__, check, case)


def main(arguments: Sequence[str]) -> int:
    """Check the bundle that the arguments name, and say what came of it."""
    wanted = list(arguments)
    key = None
    if "--key" in wanted[:-1]:
        place = wanted.index("--key")
        key = wanted[place + 1]
        del wanted[place : place + 2]
    if len(wanted) != 1 or wanted[0].startswith("-") or not (key is None or is_key(key)):
        print(f"usage: python {PROGRAM} BUNDLE [--key PUBLIC_KEY]", file=sys.stderr)
        return USAGE
    try:
        data = Path(wanted[0]).read_bytes()
        found = violations_of(data, Path(__file__).read_bytes(), key)
    except (OSError, NotABundle) as error:
        print(f"{wanted[0]} is no bundle that can be read: {error}", file=sys.stderr)
        return NO_BUNDLE
    for line in found:
        print(line)
    if not found:
        print(verdict_line(read_bundle(unpack(data)), key))
    return VIOLATED if found else HOLDS


def is_key(text: str) -> bool:
    """Say whether a text is a public key in hex."""
    return HEX_64.fullmatch(text.lower()) is not None


def verdict_line(bundle: Bundle, key: str | None) -> str:
    """Return in one line what was found to hold."""
    report, checkpoint, before = bundle.report, bundle.audit["checkpoint"], bundle.before
    by = "the key that you gave" if key else f"the bundle's own key {checkpoint['key']}"
    which = f" as overridden in revision {before['revision'] + 1}" if before else ""
    return (
        f"holds: round {report['round_key']}{which}, value {report['value']} of at most "
        f"{report['certified_bound']}, {len(bundle.outcome['awards'])} awards; signed by {by}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
