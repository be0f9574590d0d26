"""FOCUS rows keep every rule of the specification, and add up to the payments, exactly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.problem import Tier
from broker.books.focus import (
    COLUMNS,
    AwardCharge,
    Billing,
    Movement,
    Payer,
    Row,
    Use,
    exact,
    focus_rows,
)
from tests.focus_rules import RULES, broken_rules, total_credits

MONDAY = dt.date(2026, 3, 2)
BILLING = Billing("sprint-1", MONDAY, MONDAY + dt.timedelta(days=14), "EUR", 853_217)
RED, BLUE = Payer("red", "Red team"), Payer("blue", "Blue team")
POSTED = dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC)


def a_use(
    pool: str = "gpu", on: int = 0, units: int = 2, price: int = 3_456_789, kind: str = "compute"
) -> Use:
    day = MONDAY + dt.timedelta(days=on)
    return Use("sprint-1", pool, f"Pool {pool}", kind, pool, day, units, price)


def an_award(
    *uses: Use, payment: int = 17, tier: Tier = Tier.RESERVED, payer: Payer = RED
) -> AwardCharge:
    return AwardCharge(payer, "b1", tier, payment, uses or (a_use(),))


def a_movement(amount: int = -5, *, is_of_earlier: bool = False) -> Movement:
    return Movement(RED, 7, "refund", POSTED, "sprint-1", "b1", amount, is_of_earlier)


AWARDS = (
    an_award(),
    an_award(a_use(units=3), a_use("expert", 1, 5, 1, "expert"), payment=1000, payer=BLUE),
    an_award(a_use("seat", 2, 7, 0, "data"), payment=3, tier=Tier.SPOT),
    an_award(a_use(on=3, units=7), a_use(on=4, units=7), payment=10, tier=Tier.SPOT, payer=BLUE),
    an_award(payment=0),
)
MOVEMENTS = (
    a_movement(),
    a_movement(-3, is_of_earlier=True),
    Movement(BLUE, 9, "correction", POSTED, None, None, 4, is_of_earlier=True),
)
UNUSED = (a_use(on=5, units=4), a_use("expert", 6, 1, 2_000_000, "expert"))


def all_rows() -> list[Row]:
    return list(focus_rows(BILLING, AWARDS, MOVEMENTS, UNUSED))


def test_rows_of_every_kind_keep_every_rule() -> None:
    assert broken_rules(all_rows()) == {}


def test_every_row_has_every_column_and_no_other() -> None:
    assert all(tuple(row) == COLUMNS for row in all_rows())


def test_the_rows_add_up_to_payments_and_movements() -> None:
    paid = sum(award.payment_credits for award in AWARDS)
    moved = sum(movement.amount_credits for movement in MOVEMENTS)
    assert total_credits(all_rows()) == paid + moved


def test_what_is_billed_is_the_credits_at_the_rate() -> None:
    billed = sum((Decimal(str(row["BilledCost"])) for row in all_rows()), Decimal(0))
    assert billed == total_credits(all_rows()) * Decimal("0.853217")


USES = st.builds(
    a_use,
    on=st.integers(0, 13),
    units=st.integers(1, 40),
    price=st.one_of(st.just(0), st.integers(1, 10**9)),
)


@given(
    st.lists(USES, min_size=1, max_size=8),
    st.integers(0, 10**6),
    st.sampled_from(Tier),
    st.integers(1, 10**9),
)
def test_any_award_costs_what_it_paid(
    uses: list[Use], payment: int, tier: Tier, micros: int
) -> None:
    billing = Billing("sprint-1", MONDAY, MONDAY + dt.timedelta(days=14), "EUR", micros)
    rows = list(focus_rows(billing, [an_award(*uses, payment=payment, tier=tier)], (), ()))
    assert total_credits(rows) == payment
    assert broken_rules(rows) == {}


def test_reserved_use_is_the_used_part_and_spot_is_dynamic() -> None:
    used, spot = focus_rows(BILLING, [AWARDS[0], an_award(tier=Tier.SPOT)], (), ())
    assert (used["CapacityReservationStatus"], used["PricingCategory"]) == ("Used", "Standard")
    assert (spot["CapacityReservationId"], spot["PricingCategory"]) == (None, "Dynamic")


def test_a_refund_of_an_earlier_period_is_a_correction() -> None:
    classes = [row["ChargeClass"] for row in focus_rows(BILLING, (), MOVEMENTS, ())]
    assert classes == [None, "Correction", "Correction"]


DEFECTS: Mapping[str, tuple[str, str | None]] = {
    "a cost in words": ("BilledCost", "one"),
    "a cost with an exponent": ("ListCost", "1e3"),
    "no currency": ("BillingCurrency", None),
    "credits as the billing currency": ("BillingCurrency", "Credits"),
    "a day without a time": ("ChargePeriodStart", "2026-03-02"),
    "another category": ("ChargeCategory", "Used"),
    "another class": ("ChargeClass", "Refund"),
    "a status without a reservation": ("CapacityReservationId", None),
    "another status": ("CapacityReservationStatus", "Free"),
    "no unit": ("PricingUnit", None),
    "no quantity": ("PricingQuantity", None),
    "another unit price": ("ContractedUnitPrice", "1"),
    "another list price": ("ListUnitPrice", "1"),
    "a list price below 0": ("PricingCurrencyListUnitPrice", "-1"),
    "no SKU": ("SkuId", None),
    "no meter": ("SkuMeter", None),
    "another service category": ("ServiceCategory", "Networking"),
    "a resource without a type": ("ResourceType", None),
    "a team without a name": ("SubAccountName", None),
    "a consumed quantity without its unit": ("ConsumedUnit", None),
    "somebody else's invoice": ("InvoiceIssuerName", "Somebody else"),
    "a period that ends before it begins": ("BillingPeriodEnd", "2026-03-01T00:00:00Z"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_row_is_seen(defect: str) -> None:
    column, value = DEFECTS[defect]
    row = next(focus_rows(BILLING, AWARDS, (), ()))
    assert broken_rules([row | {column: value}])


def test_no_rule_is_cited_twice_and_every_id_is_one_of_the_specification() -> None:
    ids = [rule_id for rule in RULES for rule_id in rule.ids.split()]
    assert len(ids) == len(set(ids))
    assert all(rule_id.rpartition("-C-")[0] in COLUMNS for rule_id in ids)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [(0, 6, "0"), (1, 6, "0.000001"), (-1_500_000, 6, "-1.5"), (10**12, 12, "1"), (-3, 0, "-3")],
)
def test_decimals_are_written_exactly(number: int, places: int, text: str) -> None:
    assert exact(number, places) == text
