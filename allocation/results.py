"""The OUT folder: an outcome as files, complete or not there at all, and the way back.

Columns stand as FORMATS lists them, rows as the outcome has them: sorted by their keys. Reading
says everything that keeps the files from being an outcome; whether it is a good one is the judge's
question. Read files/reports.py for the two JSON files.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from allocation.errors import AllocationError
from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, InvalidFolder, named, quoted
from allocation.files.reports import read_certificate, read_report, write_certificate, write_report
from allocation.files.rows import Keys, Row
from allocation.files.tables import Layout, read_table, write_table
from allocation.outcome import PRICE_SCALE, Award, Decline, ListPrice, Outcome, Reason
from allocation.problem import BidKey, PoolKey, Tier

AWARDS = Layout(
    "awards.csv",
    ("bid_key", "alternative", "start", "lots", "value_score", "payment_credits"),
)
DECLINES = Layout(
    "declines.csv",
    (
        *("bid_key", "reason", "alternative", "pool_key", "day"),
        *("minimum_winning_offer_credits", "detail"),
    ),
)
PRICES = Layout("prices.csv", ("pool_key", "day", "tier", "list_price_credits"))
_PRICE = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,6}))?")
_ANY_KEY = Keys("the round", frozenset(), is_whole=False)
"""Whether the round has such a key is the judge's question."""
_Part = TypeVar("_Part")


class OccupiedFolder(AllocationError):  # noqa: N818  # the market's word; every subclass is an error
    """Something stands where an outcome was to be written, and nobody said to replace it."""

    def __init__(self, out: Path, what: str, hint: str) -> None:
        self.out = out
        super().__init__(f"{named(str(out))} is {what}, and nothing was written; {hint}.")


class UnreadableOutcome(InvalidFolder):
    """The files of an OUT folder are no outcome, so there is nothing to judge."""


# --- writing -------------------------------------------------------------------------------


def write_outcome(out: Path, outcome: Outcome, *, force: bool) -> None:
    """Write an outcome as a folder that appears complete, under its name, in one step.

    With `force` a folder that has something in it is replaced once the new one is complete.

    Raises: OccupiedFolder, with nothing changed; OSError if the disk refuses.
    """
    place = Path(os.path.realpath(out))
    _refuse_occupied(place, force=force)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".broker-") as workshop:
        new = Path(workshop) / "new"
        new.mkdir()
        _write_files(new, outcome)
        _refuse_occupied(place, force=force)
        _put_in_place(new, place, Path(workshop) / "old")
        _flush(place.parent)


def _refuse_occupied(place: Path, *, force: bool) -> None:
    if place.exists() and not place.is_dir():
        raise OccupiedFolder(place, "no folder", "name one")
    if place.exists() and any(place.iterdir()) and not force:
        raise OccupiedFolder(
            place, "not empty", "name another folder, or say --force to replace it"
        )


def _write_files(folder: Path, outcome: Outcome) -> None:
    write_table(folder, AWARDS, [_award_cells(award) for award in outcome.awards])
    write_table(folder, DECLINES, [_decline_cells(decline) for decline in outcome.declines])
    write_table(folder, PRICES, [_price_cells(price) for price in outcome.prices])
    write_certificate(folder, outcome.certificate)
    write_report(folder, outcome.report)
    for file in folder.iterdir():
        _flush(file)
    _flush(folder)


def _flush(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(new: Path, place: Path, old: Path) -> None:
    """Give the new folder its name; whatever had it moves aside, and back if that fails."""
    if not place.exists():
        new.rename(place)
        return
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise


def _award_cells(award: Award) -> tuple[object, ...]:
    place = award.bid_key, award.alternative, award.start, award.lots
    return (*place, award.value_score, award.payment_credits)


def _decline_cells(decline: Decline) -> tuple[object, ...]:
    place = decline.alternative, decline.pool_key, decline.day
    offer = decline.minimum_winning_offer_credits
    return (decline.bid_key, decline.reason.value, *place, offer, decline.detail)


def _price_cells(price: ListPrice) -> tuple[object, ...]:
    credits_ = decimal_credits(price.list_price_microcredits)
    return price.pool_key, price.day, price.tier.value, credits_


def decimal_credits(microcredits: int) -> str:
    """Return millionths of a credit as credits, in plain digits with no more than it needs."""
    whole, part = divmod(microcredits, PRICE_SCALE)
    return f"{whole}.{part:06}".rstrip("0").rstrip(".")


# --- reading -------------------------------------------------------------------------------


def read_outcome(out: Path) -> Outcome:
    """Read an outcome, or say everything that keeps its files from being one.

    Raises: UnreadableOutcome, with every finding, sorted by file and line.
    """
    findings: list[Finding] = []
    outcome = _read_files(out, findings) if _is_folder(out, findings) else None
    if findings or outcome is None:
        raise UnreadableOutcome(out, findings)
    return outcome


def _is_folder(out: Path, findings: list[Finding]) -> bool:
    if out.is_dir():
        return True
    hint = "name the folder that an allocation wrote"
    findings.append(Finding(named(str(out)), WHOLE_FILE, WHOLE_ROW, "is not a folder", hint))
    return False


def _read_files(out: Path, findings: list[Finding]) -> Outcome | None:
    """Read every file, whatever is wrong with the others; an outcome only if they all are there."""
    awards = _read_rows(out, AWARDS, _read_award, findings)
    declines = _read_rows(out, DECLINES, _read_decline, findings)
    prices = _read_rows(out, PRICES, _read_price, findings)
    certificate = read_certificate(out, findings)
    report = read_report(out, findings)
    if certificate is None or report is None:
        return None
    return Outcome(awards, declines, prices, certificate, report)


def _read_rows(
    out: Path, layout: Layout, read: Callable[[Row], _Part], findings: list[Finding]
) -> tuple[_Part, ...]:
    table = read_table(out, layout, findings)
    return tuple(read(row) for row in table.rows) if table.has(*layout.columns) else ()


def _read_award(row: Row) -> Award:
    return Award(
        bid_key=BidKey(row.reference("bid_key", _ANY_KEY)),
        alternative=row.whole("alternative"),
        start=row.day("start"),
        lots=row.whole("lots"),
        value_score=row.whole("value_score"),
        payment_credits=row.whole("payment_credits"),
    )


def _read_decline(row: Row) -> Decline:
    return Decline(
        bid_key=BidKey(row.reference("bid_key", _ANY_KEY)),
        reason=Reason(row.choice("reason", *(reason.value for reason in Reason))),
        alternative=_if_there(row, "alternative", row.whole),
        pool_key=_if_there(row, "pool_key", _read_pool_key(row)),
        day=_if_there(row, "day", row.day),
        minimum_winning_offer_credits=_if_there(row, "minimum_winning_offer_credits", row.whole),
        detail=row.text("detail"),
    )


def _read_price(row: Row) -> ListPrice:
    return ListPrice(
        pool_key=_read_pool_key(row)("pool_key"),
        day=row.day("day"),
        tier=Tier(row.choice("tier", *(tier.value for tier in Tier))),
        list_price_microcredits=_read_microcredits(row, "list_price_credits"),
    )


def _if_there(row: Row, column: str, read: Callable[[str], _Part]) -> _Part | None:
    return read(column) if row.has(column) else None


def _read_pool_key(row: Row) -> Callable[[str], PoolKey]:
    return lambda column: PoolKey(row.reference(column, _ANY_KEY))


def _read_microcredits(row: Row, column: str) -> int:
    match = _PRICE.fullmatch(row.raw(column))
    if match is None:
        wrong = f"{quoted(row.raw(column))} is not a price"
        row.refuse(column, wrong, "write plain digits with at most 6 decimals, such as 12.5")
        return 0
    whole, part = match.groups(default="")
    return int(whole) * PRICE_SCALE + int(part.ljust(6, "0"))
