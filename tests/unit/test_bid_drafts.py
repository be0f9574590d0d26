"""Drafts say the same as the bids they become, as documents too, and move with their sprint."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.problem import Alternative, PoolKey, Tier
from allocation.wire import canonical_json
from broker.bids.desks import Desk, OfferedPool
from broker.bids.drafts import (
    BidDraft,
    DraftAlternative,
    DraftItem,
    alternatives_of,
    draft_document,
    draft_from,
    draft_of,
    latest_start_that_fits,
    moved,
    renumbered,
)
from broker.bids.findings import MOST_ALTERNATIVES, findings_in_draft, findings_in_shape
from broker.policy.pledges import Pledge
from broker.policy.rules import AskedPool
from broker.tables import RoundRow
from tests import strategies
from tests.bid_markets import a_draft
from tests.builders import FIRST_DAY, day

POOLS = [PoolKey("gpu"), PoolKey("expert")]
DAYS = st.dates(dt.date(1, 1, 1), dt.date.max)
MAYBE = st.none() | st.integers(-3, 10**13)
ITEMS = st.builds(DraftItem, st.sampled_from(["", "gpu", "expert", "tpu"]), MAYBE, MAYBE, MAYBE)
ALTERNATIVES = st.builds(
    DraftAlternative,
    tier=st.none() | st.sampled_from(Tier),
    earliest_start=st.none() | DAYS,
    latest_start=st.none() | DAYS,
    min_lots=MAYBE,
    max_lots=MAYBE,
    offer_credits_per_lot=MAYBE,
    items=st.lists(ITEMS, max_size=3).map(tuple),
    number=MAYBE,
)
DRAFTS = st.builds(
    BidDraft,
    title=st.text(max_size=20),
    alternatives=st.lists(ALTERNATIVES, max_size=3).map(tuple),
    theme_key=st.none() | st.text(max_size=5),
    owner_after_award=st.text(max_size=5),
    success_measure=st.text(max_size=5),
    ends_on=st.none() | DAYS,
)


def a_desk(days: int = 5) -> Desk:
    row = RoundRow(id="r", key="sprint-1", name="", state="open", starts_on=FIRST_DAY, days=days)
    pools = {key: OfferedPool(key, AskedPool(key, key, ""), 0) for key in POOLS}
    return Desk(
        round=row,
        team_id="t",
        team_key="red",
        is_bidder=True,
        pools=pools,
        policy=None,
        policy_version=None,
        share_points=2**52,
        other_points=0,
        available_credits=0,
        committed_credits=0,
    )


def paths(draft: BidDraft) -> list[str]:
    return [finding.path for finding in findings_in_draft(draft, a_desk())]


@given(ways=st.lists(strategies.alternatives(1, POOLS, 5), min_size=1, max_size=1))
def test_a_bid_becomes_a_draft_and_the_same_bid_again(ways: list[Alternative]) -> None:
    unscored = [replace(way, value_score_per_lot=way.offer_credits_per_lot) for way in ways]
    pledge = Pledge("theme", "Ada", "It works", day(9))
    draft = draft_of("Train", ways, pledge)
    assert list(alternatives_of(draft)) == unscored
    assert draft.pledge == pledge
    assert not paths(replace(draft, theme_key=None))


@given(draft=DRAFTS)
def test_any_draft_is_read_back_from_its_document(draft: BidDraft) -> None:
    document = json.loads(canonical_json(draft_document(draft)))
    assert draft_from(document) == draft


@given(draft=DRAFTS)
def test_any_draft_has_findings_or_becomes_a_bid(draft: BidDraft) -> None:
    if not paths(draft):
        assert len(alternatives_of(draft)) == len(draft.alternatives)


@given(draft=DRAFTS, to=DAYS, days=st.integers(1, 366))
def test_a_draft_moves_to_any_sprint_and_keeps_all_but_its_days(
    draft: BidDraft, to: dt.date, days: int
) -> None:
    there = moved(draft, FIRST_DAY, to, days)
    nowhere = [replace(one, earliest_start=None, latest_start=None) for one in there.alternatives]
    assert nowhere == [
        replace(one, earliest_start=None, latest_start=None) for one in draft.alternatives
    ]


def test_a_bid_keeps_its_place_in_the_next_sprint_or_starts_where_it_still_fits() -> None:
    next_start = FIRST_DAY + dt.timedelta(days=14)
    [same] = moved(a_draft(), FIRST_DAY, next_start, 5).alternatives
    assert (same.earliest_start, same.latest_start) == (day(14), day(15))
    [short] = moved(a_draft(), FIRST_DAY, next_start, 2).alternatives
    assert (short.earliest_start, short.latest_start) == (day(14), day(14))
    [too_long] = moved(a_draft(), FIRST_DAY, next_start, 1).alternatives
    assert (too_long.earliest_start, too_long.latest_start) == (day(14), day(15))


@pytest.mark.parametrize(("days", "last"), [(1, None), (2, day(0)), (5, day(3))])
def test_the_latest_start_leaves_room_for_every_item(days: int, last: dt.date | None) -> None:
    assert latest_start_that_fits(a_draft().alternatives[0], FIRST_DAY, days) == last


WRONG = {
    "title": a_draft(title=" "),
    "alternatives": BidDraft(title="Train"),
    "theme_key": replace(a_draft(), theme_key="growth"),
    "ends_on": replace(a_draft(), ends_on=day(-1)),
    "owner_after_award": replace(a_draft(), owner_after_award="a\nb"),
    "success_measure": replace(a_draft(), success_measure="x" * 1001),
    "alternatives.0.tier": a_draft(tier=None),
    "alternatives.0.min_lots": a_draft(min_lots=None),
    "alternatives.0.max_lots": a_draft(max_lots=0),
    "alternatives.0.offer_credits_per_lot": a_draft(offer_credits_per_lot=None),
    "alternatives.0.earliest_start": a_draft(earliest_start=day(-1)),
    "alternatives.0.latest_start": a_draft(latest_start=day(4)),
    "alternatives.0.items": a_draft(items=()),
    "alternatives.0.items.0.pool_key": a_draft(items=(DraftItem("", 0, 1, 1),)),
    "alternatives.0.items.0.offset_days": a_draft(items=(DraftItem("gpu", None, 1, 1),)),
    "alternatives.0.items.0.days": a_draft(items=(DraftItem("gpu", 0, None, 1),)),
    "alternatives.0.items.1.units_per_lot": a_draft(
        items=(DraftItem("gpu", 0, 1, 1), DraftItem("gpu", 0, 1, 0))
    ),
    "alternatives.1.number": replace(
        a_draft(),
        alternatives=(a_draft().alternatives[0], replace(a_draft().alternatives[0], number=-1)),
    ),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_finding_names_the_field_that_is_wrong_and_no_other(path: str) -> None:
    assert paths(WRONG[path]) == [path]


def test_sentences_count_alternatives_as_people_do() -> None:
    [finding] = findings_in_draft(WRONG["alternatives.0.items.1.units_per_lot"], a_desk())
    assert finding.sentence.startswith("alternative 1, gpu, units per lot: 0 is out of range")


def test_a_draft_that_is_kept_may_lack_anything_and_has_an_end() -> None:
    assert not list(findings_in_shape(BidDraft()))
    endless = BidDraft(alternatives=(DraftAlternative(),) * (MOST_ALTERNATIVES + 1))
    assert [one.path for one in findings_in_shape(endless)] == ["alternatives"]


def test_renumbering_counts_alternatives_by_their_places() -> None:
    draft = replace(a_draft(), alternatives=(replace(a_draft().alternatives[0], number=7),))
    assert [way.number for way in alternatives_of(draft)] == [7]
    assert [way.number for way in alternatives_of(renumbered(draft))] == [1]
