"""What teams ask for, as CSV files: bids, their alternatives, and the items of each.

Each file is read whole, then the rules between them are checked: who belongs to whom, lots and
windows, what a placement needs of the sprint, and how large a product may grow. What a round hands
out is read before, by files/supply.py. Read folders.py for the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, quoted
from allocation.files.rows import LARGEST_NUMBER, Keys, Row
from allocation.files.supply import Sprint
from allocation.files.tables import Layout, Table, is_there, read_table
from allocation.problem import Alternative, Bid, BidKey, Contest, Item, PoolKey, TeamKey, Tier

TIERS = tuple(Tier)
LARGEST_UNITS = 10**9
LARGEST_VALUE = 2**53

BIDS = Layout("bids.csv", ("bid_key", "team_key", "title"), ("submitted_at",))
ALTERNATIVES = Layout(
    "alternatives.csv",
    (
        "bid_key",
        "alternative",
        "tier",
        "offer_credits_per_lot",
        "min_lots",
        "max_lots",
        "earliest_start",
        "latest_start",
    ),
    ("value_score_per_lot",),
)
ITEMS = Layout(
    "items.csv",
    ("bid_key", "alternative", "pool_key", "offset_days", "days", "units_per_lot"),
)

CONTEST = Layout("contest.csv", ("bid_key", "comes_first", "is_held"))
YES, NO = "yes", "no"

Name = tuple[str, int]
"""What an alternative is called: the key of its bid as it is written, and its number."""


@dataclass(frozen=True, slots=True)
class _ItemLine:
    """A row of `items.csv` and what it says."""

    row: Row
    bid_key: str
    number: int
    item: Item


@dataclass(frozen=True, slots=True)
class _AlternativeLine:
    """A row of `alternatives.csv` and what it says, with the rows of its items."""

    row: Row
    bid_key: str
    alternative: Alternative
    items: list[_ItemLine]
    is_numbered: bool

    @property
    def largest_value(self) -> int:
        return self.alternative.value_score_per_lot * self.alternative.max_lots


@dataclass(frozen=True, slots=True)
class _Owners:
    """What is known of the alternatives that items may belong to.

    `doubtful` are bids of which a row could not be read: what is missing there is reported there.
    """

    bids: Keys
    bids_with_alternatives: Keys
    names: frozenset[Name]
    doubtful: frozenset[str]


def read_contest(folder: Path, bids: Iterable[Bid], findings: list[Finding]) -> Contest | None:
    """Read `contest.csv`, if it is there: who comes first, and who holds something already."""
    if not is_there(folder / CONTEST.file):
        return None
    known = {bid.key: bid for bid in bids}
    keys, lines = Keys(BIDS.file, frozenset(known), is_whole=True), dict[str, int]()
    first, holders = [], []
    for row in read_table(folder, CONTEST, findings).rows:
        row.reference("bid_key", keys)
        key = BidKey(row.key("bid_key", lines))
        if row.choice("comes_first", YES, NO) == YES:
            first.append(key)
        if row.choice("is_held", YES, NO) == YES:
            holders.append(key)
            _check_holder(row, known.get(key))
    return Contest(tuple(first), tuple(holders))


def _check_holder(row: Row, bid: Bid | None) -> None:
    """Check that what is held is one award."""
    if bid and (len(bid.alternatives) > 1 or len(bid.alternatives[0].starts) > 1):
        wrong = f"{quoted(bid.key)} has more than one alternative or start"
        row.refuse("is_held", wrong, "hold one alternative with one start")


def read_bids(
    folder: Path, teams: Keys, pools: Keys, sprint: Sprint | None, findings: list[Finding]
) -> tuple[tuple[Bid, ...], dict[BidKey, str]]:
    """Read the three files of bids: the bids with their alternatives, and their titles."""
    bids, alternatives, items = (
        read_table(folder, layout, findings) for layout in (BIDS, ALTERNATIVES, ITEMS)
    )
    bid_keys, owner_keys = bids.keys("bid_key"), alternatives.keys("bid_key")
    item_lines = _read_items(items, pools)
    lines = _read_alternatives(alternatives, bid_keys, item_lines)
    _check_owners(item_lines, _owners(bid_keys, owner_keys, alternatives.lost, lines))
    _check_items_are_there(lines, items, item_lines)
    for line in lines:
        _check_limits(line)
        _check_window(line.row, line.alternative, sprint)
        _check_placements(line, sprint)
    _check_sum_of_values(lines, findings)
    return _read_bid_rows(bids, teams, lines, owner_keys)


# --- one file at a time --------------------------------------------------------------------


def _read_items(table: Table, pools: Keys) -> list[_ItemLine]:
    return [
        _ItemLine(row, row.raw("bid_key"), row.whole("alternative", 1), _read_item(row, pools))
        for row in table.rows
    ]


def _read_item(row: Row, pools: Keys) -> Item:
    return Item(
        PoolKey(row.reference("pool_key", pools)),
        row.whole("offset_days"),
        row.whole("days", 1),
        row.whole("units_per_lot", 1, LARGEST_UNITS),
    )


def _read_alternatives(
    table: Table, bids: Keys, item_lines: Iterable[_ItemLine]
) -> list[_AlternativeLine]:
    items_of: defaultdict[Name, list[_ItemLine]] = defaultdict(list)
    for line in item_lines:
        if line.row.is_sound("alternative"):
            items_of[line.bid_key, line.number].append(line)
    first_lines: dict[Name, int] = {}
    return [_read_alternative(row, bids, items_of, first_lines) for row in table.rows]


def _read_alternative(
    row: Row,
    bids: Keys,
    items_of: Mapping[Name, list[_ItemLine]],
    first_lines: dict[Name, int],
) -> _AlternativeLine:
    name = row.reference("bid_key", bids), row.whole("alternative", 1)
    is_numbered = row.is_sound("alternative") and name[0] != ""
    is_first = is_numbered and _is_first(row, name, first_lines)
    items = items_of.get(name, []) if is_first else []
    offer = row.whole("offer_credits_per_lot", 1)
    value = "value_score_per_lot"
    alternative = Alternative(
        number=name[1],
        tier=Tier(row.choice("tier", *TIERS)),
        offer_credits_per_lot=offer,
        value_score_per_lot=row.whole(value, 1) if row.has(value) else offer,
        min_lots=row.whole("min_lots", 1),
        max_lots=row.whole("max_lots", 1),
        earliest_start=row.day("earliest_start"),
        latest_start=row.day("latest_start"),
        items=tuple(line.item for line in items),
    )
    return _AlternativeLine(row, name[0], alternative, items, is_numbered)


def _is_first(row: Row, name: Name, first_lines: dict[Name, int]) -> bool:
    """Say whether a row is the first with its bid and number, and refuse it if it is not."""
    first_line = first_lines.setdefault(name, row.line)
    if first_line != row.line:
        wrong = (
            f"alternative {name[1]} of bid {quoted(name[0])} already stands in line {first_line}"
        )
        row.refuse("alternative", wrong, "give every alternative of a bid a number of its own")
    return first_line == row.line


def _read_bid_rows(
    table: Table, teams: Keys, lines: Iterable[_AlternativeLine], owners: Keys
) -> tuple[tuple[Bid, ...], dict[BidKey, str]]:
    alternatives_of: defaultdict[str, list[Alternative]] = defaultdict(list)
    for line in lines:
        alternatives_of[line.bid_key].append(line.alternative)
    first_lines: dict[str, int] = {}
    bids, titles = [], {}
    for row in table.rows:
        key = BidKey(row.key("bid_key", first_lines))
        team = TeamKey(row.reference("team_key", teams))
        bids.append(Bid(key, team, tuple(alternatives_of[key]), row.instant("submitted_at")))
        titles[key] = row.text("title")
        if row.is_sound("bid_key") and owners.is_whole and key not in owners.texts:
            row.refuse_whole(f"bid {quoted(key)} has no alternative", "add one to alternatives.csv")
    return tuple(bids), titles


# --- between the files ---------------------------------------------------------------------


def _owners(bids: Keys, owners: Keys, lost: set[str], lines: Iterable[_AlternativeLine]) -> _Owners:
    doubtful = {line.bid_key for line in lines if not line.is_numbered}
    names = ((line.bid_key, line.alternative.number) for line in lines if line.is_numbered)
    return _Owners(
        bids=bids,
        bids_with_alternatives=owners,
        names=frozenset(names),
        doubtful=frozenset(doubtful | lost),
    )


def _check_owners(lines: Iterable[_ItemLine], owners: _Owners) -> None:
    """Check that every item belongs to an alternative."""
    for line in lines:
        if not line.bid_key or not owners.bids_with_alternatives.is_whole:
            line.row.reference("bid_key", owners.bids)
        elif (line.bid_key, line.number) not in owners.names:
            _refuse_orphan(line, owners)


def _refuse_orphan(line: _ItemLine, owners: _Owners) -> None:
    known = line.bid_key in owners.bids.texts or line.bid_key in owners.bids_with_alternatives.texts
    if not known and owners.bids.is_whole:
        line.row.reference("bid_key", owners.bids)
    elif line.bid_key not in owners.doubtful and line.row.is_sound("alternative"):
        wrong = f"bid {quoted(line.bid_key)} has no alternative {line.number}"
        line.row.refuse("alternative", wrong, "use a number of alternatives.csv, or add it there")


def _check_items_are_there(
    lines: Iterable[_AlternativeLine], items: Table, item_lines: Iterable[_ItemLine]
) -> None:
    """Check that every alternative of a known bid has an item."""
    if not items.has("bid_key", "alternative"):
        return
    doubtful = {line.bid_key for line in item_lines if not line.row.is_sound("alternative")}
    doubtful |= items.lost
    for line in lines:
        is_sound = line.row.is_sound("bid_key", "alternative")
        if is_sound and not line.items and line.bid_key not in doubtful:
            name = f"alternative {line.alternative.number} of bid {quoted(line.bid_key)}"
            line.row.refuse_whole(f"{name} has no item", "add at least one to items.csv")


def _check_limits(line: _AlternativeLine) -> None:
    """Check the lots, and what they make of the offer, the value score and the units."""
    row, alternative = line.row, line.alternative
    if not row.is_sound("max_lots"):
        return
    lots = alternative.max_lots
    _check_product(row, "offer_credits_per_lot", alternative.offer_credits_per_lot, lots)
    if row.has("value_score_per_lot"):
        _check_product(row, "value_score_per_lot", alternative.value_score_per_lot, lots)
    for item in line.items:
        _check_product(item.row, "units_per_lot", item.item.units_per_lot, lots, LARGEST_UNITS)
    if row.is_sound("min_lots") and alternative.min_lots > lots:
        wrong = f"{lots} is below min_lots, {alternative.min_lots}"
        row.refuse("max_lots", wrong, "raise max_lots or lower min_lots")


def _check_product(
    row: Row, column: str, number: int, lots: int, most: int = LARGEST_NUMBER
) -> None:
    if row.is_sound(column) and number * lots > most:
        wrong = f"{number} for each of {lots} lots is more than {most} in all"
        row.refuse(column, wrong, "lower it, or lower max_lots in alternatives.csv")


def _check_window(row: Row, alternative: Alternative, sprint: Sprint | None) -> None:
    """Check that a start window is the right way round and inside the sprint."""
    earliest, latest = alternative.earliest_start, alternative.latest_start
    if row.is_sound("earliest_start", "latest_start") and latest < earliest:
        wrong = f"{latest} is before earliest_start, {earliest}"
        row.refuse("latest_start", wrong, "swap them, or write the same day twice")
    for column, day in (("earliest_start", earliest), ("latest_start", latest)):
        if sprint and row.is_sound(column) and not sprint.has(day):
            row.refuse(column, f"{day} is outside {sprint}", "use a day of the sprint")


def _check_placements(line: _AlternativeLine, sprint: Sprint | None) -> None:
    """Check that the items still fit in the sprint when the latest start is taken."""
    if not sprint or not line.row.is_sound("latest_start"):
        return
    days_left = (sprint.ends_on - line.alternative.latest_start).days + 1
    for row, item in ((item.row, item.item) for item in line.items):
        if row.is_sound("offset_days", "days") and item.offset_days + item.days > days_left:
            column = "days" if item.offset_days < days_left else "offset_days"
            needed = f"{item.offset_days} + {item.days} days"
            wrong = f"{needed} from {line.alternative.latest_start} end after {sprint}"
            row.refuse(column, wrong, "need fewer days, or start earlier")


def _check_sum_of_values(lines: Iterable[_AlternativeLine], findings: list[Finding]) -> None:
    largest_of: dict[str, int] = {}
    for line in lines:
        if line.row.is_sound("offer_credits_per_lot", "value_score_per_lot", "max_lots"):
            largest = max(line.largest_value, largest_of.get(line.bid_key, 0))
            largest_of[line.bid_key] = largest
    total = sum(largest_of.values())
    if total > LARGEST_VALUE:
        wrong = f"the bids' largest values add up to {total}, more than {LARGEST_VALUE}"
        hint = "write smaller value scores or offers, for instance in a larger unit"
        findings.append(Finding(ALTERNATIVES.file, WHOLE_FILE, WHOLE_ROW, wrong, hint))
