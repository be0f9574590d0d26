"""Charges as rows of FOCUS 1.2, exact to the last decimal: pure, no database and no clock.

Credits are the pricing currency, a national currency is the billing currency. An award is charged
per pool and day: reserved use is the used part of the pool's capacity reservation, spot is priced
dynamically. Reserved units that nobody took are the unused part and cost nothing. What else moved
spent credits, such as a refund, is an adjustment. The rows add up to what the ledger says, exactly:
where no unit price can bear the rest of an award, a row of its own holds it.

Units: microcredits are millionths of a credit; a rate is in millionths of a unit of currency per
credit. Source: FOCUS specification 1.2, Cost and Usage; tests/unit/test_focus.py cites its rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import mul

from allocation.outcome import PRICE_SCALE
from allocation.problem import Tier

COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType"),
    *("BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId"),
    *("CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity"),
    *("ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingCurrency"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost"),
    *("PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName"),
    *("PublisherName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory"),
    *("ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId"),
    *("SubAccountId", "SubAccountName", "SubAccountType"),
)
NUMBERS = frozenset(
    {
        *("BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice"),
        *("EffectiveCost", "ListCost", "ListUnitPrice", "PricingCurrencyContractedUnitPrice"),
        *("PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity"),
    }
)
"""The columns that hold numbers."""
Row = dict[str, str | None]
"""One charge, by column; None is null."""

MARKET = "Capacity market"
PRICING_CURRENCY = "Credits"
CATEGORIES: Mapping[str, tuple[str, str]] = {
    "compute": ("Compute", "Other (Compute)"),
    "data": ("Analytics", "Other (Analytics)"),
    "expert": ("Other", "Other (Other)"),
}
"""Service category and subcategory of each kind of pool."""
MICRO_PLACES, BILLED_PLACES = 6, 12


@dataclass(frozen=True, slots=True)
class Billing:
    """A period with the rate that holds for it. Shape: `ends_on` is the day after the last."""

    period_key: str
    starts_on: dt.date
    ends_on: dt.date
    currency: str
    micros_per_credit: int


@dataclass(frozen=True, slots=True)
class Use:
    """Units of a pool on a day, at the list price of a unit. Units: units; microcredits."""

    round_key: str
    pool_key: str
    pool_name: str
    kind: str
    unit: str
    day: dt.date
    units: int
    list_price_microcredits: int


@dataclass(frozen=True, slots=True)
class Payer:
    """The team that bears a charge."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class AwardCharge:
    """An award that was settled in the period, with all that it uses."""

    payer: Payer
    bid_key: str
    tier: Tier
    payment_credits: int
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """Spent credits that moved otherwise: a refund is below zero.

    `is_of_earlier` says whether it concerns what an earlier period was charged.
    """

    payer: Payer
    journal: int
    kind: str
    posted_at: dt.datetime
    round_key: str | None
    bid_key: str | None
    amount_credits: int
    is_of_earlier: bool


def focus_rows(
    billing: Billing,
    awards: Iterable[AwardCharge],
    movements: Iterable[Movement],
    unused: Iterable[Use],
) -> Iterator[Row]:
    """Yield the charges of a period: awards, then what else moved, then what nobody reserved."""
    writer = _Writer(billing)
    for award in awards:
        yield from writer.award(award)
    for movement in movements:
        yield writer.movement(movement)
    for use in unused:
        yield writer.unused(use)


def exact(number: int, places: int) -> str:
    """Write a whole number of small parts as a decimal, without a zero that says nothing."""
    whole, part = divmod(abs(number), 10**places)
    decimals = f"{part:0{places}}".rstrip("0")
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


class _Writer:
    """Writes rows of one period."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing

    def award(self, award: AwardCharge) -> Iterator[Row]:
        """Yield a row for each pool and day of an award, and one for what their prices leave."""
        rest = award.payment_credits * PRICE_SCALE
        for use, price in zip(award.uses, unit_prices(award), strict=True):
            rest -= price * use.units
            yield self._use(award, use, price)
        if rest:
            yield self._rest(award, rest)

    def movement(self, movement: Movement) -> Row:
        """Return the row of what else moved spent credits."""
        about = f" for bid {movement.bid_key} of round {movement.round_key}"
        what = f"Journal {movement.journal}, {movement.kind}{about if movement.bid_key else ''}"
        row = self._adjustment(movement.payer, movement.amount_credits * PRICE_SCALE, what)
        row["ChargeClass"] = "Correction" if movement.is_of_earlier else None
        return row | _charged_on(movement.posted_at.date()) | _resource(movement)

    def unused(self, use: Use) -> Row:
        """Return the row of reserved units that nobody took: they cost nothing."""
        what = f"{use.units} reserved {use.unit} of {use.pool_key} on {use.day}, taken by nobody"
        row = self._usage(use, 0, f"{what}, round {use.round_key}")
        return row | {
            "CapacityReservationId": _reservation(use),
            "CapacityReservationStatus": "Unused",
            "ConsumedQuantity": "0",
            "PricingCategory": "Standard",
            "SkuPriceId": _price_id(use, Tier.RESERVED),
        }

    def _use(self, award: AwardCharge, use: Use, price: int) -> Row:
        is_reserved = award.tier is Tier.RESERVED
        what = f"{use.units} {award.tier} {use.unit} of {use.pool_key} on {use.day}"
        row = self._usage(use, price, f"{what}, bid {award.bid_key} of round {use.round_key}")
        return row | {
            "CapacityReservationId": _reservation(use) if is_reserved else None,
            "CapacityReservationStatus": "Used" if is_reserved else None,
            "PricingCategory": "Standard" if is_reserved else "Dynamic",
            "ResourceId": f"{use.round_key}/{award.bid_key}",
            "ResourceName": award.bid_key,
            "ResourceType": "Award",
            "SkuPriceId": _price_id(use, award.tier),
            **_sub_account(award.payer),
        }

    def _usage(self, use: Use, price: int, what: str) -> Row:
        """Return the row of units of a pool and day at a price. Units: microcredits per unit."""
        category, subcategory = CATEGORIES[use.kind]
        unit = f"{use.unit}-days"
        return self._blank(what, "Usage", price * use.units) | {
            **_charged_on(use.day),
            "ChargeFrequency": "Usage-Based",
            "ConsumedQuantity": str(use.units),
            "ConsumedUnit": unit,
            "ContractedUnitPrice": self._billed(price),
            "ListCost": self._billed(use.list_price_microcredits * use.units),
            "ListUnitPrice": self._billed(use.list_price_microcredits),
            "PricingCurrencyContractedUnitPrice": exact(price, MICRO_PLACES),
            "PricingCurrencyListUnitPrice": exact(use.list_price_microcredits, MICRO_PLACES),
            "PricingQuantity": str(use.units),
            "PricingUnit": unit,
            "ServiceCategory": category,
            "ServiceName": use.pool_name,
            "ServiceSubcategory": subcategory,
            "SkuId": use.pool_key,
            "SkuMeter": unit,
        }

    def _rest(self, award: AwardCharge, rest: int) -> Row:
        """Return the row of what the unit prices of an award leave of its payment."""
        use = award.uses[0]
        what = f"Rest of unit prices, bid {award.bid_key} of round {use.round_key}"
        resource: Row = {
            "ResourceId": f"{use.round_key}/{award.bid_key}",
            "ResourceName": award.bid_key,
            "ResourceType": "Award",
        }
        return self._adjustment(award.payer, rest, what) | _charged_on(use.day) | resource

    def _adjustment(self, payer: Payer, microcredits: int, what: str) -> Row:
        return self._blank(what, "Adjustment", microcredits) | {
            "ChargeFrequency": "One-Time",
            "ServiceCategory": "Other",
            "ServiceName": MARKET,
            "ServiceSubcategory": "Other (Other)",
            **_sub_account(payer),
        }

    def _blank(self, what: str, category: str, microcredits: int) -> Row:
        """Return a row that costs something, with what every row of the period says."""
        cost = self._billed(microcredits)
        return dict.fromkeys(COLUMNS) | {
            **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
            **dict.fromkeys(("InvoiceIssuerName", "ProviderName", "PublisherName"), MARKET),
            "BillingAccountId": "market",
            "BillingAccountName": MARKET,
            "BillingAccountType": "Market",
            "BillingCurrency": self.billing.currency,
            "BillingPeriodEnd": _midnight(self.billing.ends_on),
            "BillingPeriodStart": _midnight(self.billing.starts_on),
            "ChargeCategory": category,
            "ChargeDescription": what,
            "PricingCurrency": PRICING_CURRENCY,
            "PricingCurrencyEffectiveCost": exact(microcredits, MICRO_PLACES),
        }

    def _billed(self, microcredits: int) -> str:
        return exact(microcredits * self.billing.micros_per_credit, BILLED_PLACES)


def unit_prices(award: AwardCharge) -> tuple[int, ...]:
    """Return what a unit of each use is charged: the payment in proportion to list prices.

    Rounded down, so that the uses never cost more than the award; the first use whose units can
    bear what then is left does. Where all list prices are zero, every unit costs the same. Units:
    microcredits.
    """
    payment = award.payment_credits * PRICE_SCALE
    weights = [use.list_price_microcredits for use in award.uses]
    if not any(weights):
        weights = [1] * len(weights)
    units = [use.units for use in award.uses]
    whole = sum(map(mul, weights, units))
    prices = [payment * weight // whole for weight in weights]
    rest = payment - sum(map(mul, prices, units))
    bearer = next((n for n, count in enumerate(units) if rest % count == 0), None)
    if bearer is not None:
        prices[bearer] += rest // units[bearer]
    return tuple(prices)


def _charged_on(day: dt.date) -> Row:
    following = day + dt.timedelta(days=1)
    return {"ChargePeriodStart": _midnight(day), "ChargePeriodEnd": _midnight(following)}


def _midnight(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _reservation(use: Use) -> str:
    return f"{use.round_key}/{use.pool_key}"


def _price_id(use: Use, tier: Tier) -> str:
    return f"{use.round_key}/{use.pool_key}/{use.day.isoformat()}/{tier}"


def _sub_account(payer: Payer) -> Row:
    return {"SubAccountId": payer.key, "SubAccountName": payer.name, "SubAccountType": "Team"}


def _resource(movement: Movement) -> Row:
    if movement.bid_key is None:
        return {}
    return {
        "ResourceId": f"{movement.round_key}/{movement.bid_key}",
        "ResourceName": movement.bid_key,
        "ResourceType": "Award",
    }
