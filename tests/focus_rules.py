"""What FOCUS 1.2 demands of every row: its rules by id, each said in our words and checked.

Ids are those of the specification's requirements model, version 1.2, dataset Cost and Usage. Rules
about what this market does not have (regions, commitment discounts, taxes, purchases, tags) are
listed with the reason. Composite rules are the sum of their parts and not listed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.books.focus import COLUMNS, Row

Holds = Callable[[Row], bool]


@dataclass(frozen=True)
class Rule:
    """A rule of the specification and whether a row keeps it."""

    ids: str
    words: str
    holds: Holds


def number(row: Row, column: str) -> Decimal:
    return Decimal(str(row[column]))


def is_decimal(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def is_instant(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        return False
    return dt.datetime.fromisoformat(text).tzinfo is not None


def is_plain_text(text: str) -> bool:
    return bool(text) and text.isprintable() and text == text.strip() and len(text) <= 1200


def given(column: str) -> Holds:
    return lambda row: row[column] is not None


def where(condition: Holds, holds: Holds) -> Holds:
    return lambda row: not condition(row) or holds(row)


def both(*conditions: Holds) -> Holds:
    return lambda row: all(condition(row) for condition in conditions)


def either_given_or_not(column: str, other: str) -> Holds:
    return lambda row: (row[column] is None) == (row[other] is None)


def says(column: str, *words: str | None) -> Holds:
    return lambda row: row[column] in words


def is_product(cost: str, price: str, quantity: str = "PricingQuantity") -> Holds:
    return lambda row: number(row, cost) == number(row, price) * number(row, quantity)


def not_negative(column: str) -> Holds:
    return where(given(column), lambda row: number(row, column) >= 0)


CORRECTION = says("ChargeClass", "Correction")
PRICED = both(says("ChargeCategory", "Usage"), lambda row: not CORRECTION(row))
"""Usage that is no correction: what must have prices and quantities."""

DECIMALS: Mapping[str, str] = {
    "BilledCost": "BilledCost-C-002-M BilledCost-C-003-M",
    "ConsumedQuantity": "ConsumedQuantity-C-001-M ConsumedQuantity-C-002-M",
    "ContractedCost": "ContractedCost-C-001-M ContractedCost-C-002-M",
    "ContractedUnitPrice": "ContractedUnitPrice-C-002-M ContractedUnitPrice-C-003-M",
    "EffectiveCost": "EffectiveCost-C-001-M EffectiveCost-C-002-M",
    "ListCost": "ListCost-C-001-M ListCost-C-002-M",
    "ListUnitPrice": "ListUnitPrice-C-001-M ListUnitPrice-C-002-M",
    "PricingCurrencyContractedUnitPrice": (
        "PricingCurrencyContractedUnitPrice-C-001-M PricingCurrencyContractedUnitPrice-C-002-M"
    ),
    "PricingCurrencyEffectiveCost": (
        "PricingCurrencyEffectiveCost-C-001-M PricingCurrencyEffectiveCost-C-002-M "
        "PricingCurrencyEffectiveCost-C-004-M"
    ),
    "PricingCurrencyListUnitPrice": (
        "PricingCurrencyListUnitPrice-C-001-M PricingCurrencyListUnitPrice-C-002-M"
    ),
    "PricingQuantity": "PricingQuantity-C-001-M PricingQuantity-C-002-M PricingQuantity-C-008-M",
}
INSTANTS: Mapping[str, str] = {
    name: f"{name}-C-001-M {name}-C-002-M {name}-C-003-M"
    for name in ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
}
NEVER_NULL: Mapping[str, str] = {
    "BilledCost": "BilledCost-C-001-M",
    "BillingAccountId": "BillingAccountId-C-001-M",
    "BillingAccountName": "BillingAccountName-C-003-C",
    "BillingAccountType": "BillingAccountType-C-005-C",
    "BillingCurrency": "BillingCurrency-C-004-M",
    "ChargeCategory": "ChargeCategory-C-002-M",
    "ChargeFrequency": "ChargeFrequency-C-002-M",
    "ContractedCost": "ContractedCost-C-003-M ContractedCost-C-004-M",
    "EffectiveCost": "EffectiveCost-C-003-M",
    "InvoiceIssuerName": "InvoiceIssuerName-C-003-M",
    "ListCost": "ListCost-C-003-M ListCost-C-004-M",
    "PricingCurrency": "PricingCurrency-C-004-M",
    "PricingCurrencyEffectiveCost": "PricingCurrencyEffectiveCost-C-003-M",
    "ProviderName": "ProviderName-C-003-M",
    "PublisherName": "PublisherName-C-003-M",
    "ServiceCategory": "ServiceCategory-C-002-M",
    "ServiceName": "ServiceName-C-003-M",
    "ServiceSubcategory": "ServiceSubcategory-C-002-M",
}
TEXTS: Mapping[str, str] = {
    "BillingAccountId": "BillingAccountId-C-002-M BillingAccountId-C-003-M",
    "BillingAccountName": "BillingAccountName-C-001-M BillingAccountName-C-002-M",
    "BillingAccountType": "BillingAccountType-C-001-M BillingAccountType-C-002-M",
    "BillingCurrency": "BillingCurrency-C-001-M BillingCurrency-C-002-M",
    "CapacityReservationId": "CapacityReservationId-C-001-M CapacityReservationId-C-002-M",
    "CapacityReservationStatus": "CapacityReservationStatus-C-001-M",
    "ChargeCategory": "ChargeCategory-C-001-M",
    "ChargeClass": "ChargeClass-C-001-M",
    "ChargeDescription": "ChargeDescription-C-001-M ChargeDescription-C-002-M",
    "ChargeFrequency": "ChargeFrequency-C-001-M",
    "ConsumedUnit": "ConsumedUnit-C-001-M ConsumedUnit-C-002-M",
    "InvoiceIssuerName": "InvoiceIssuerName-C-001-M InvoiceIssuerName-C-002-M",
    "PricingCategory": "PricingCategory-C-001-M",
    "PricingCurrency": "PricingCurrency-C-001-M PricingCurrency-C-002-M PricingCurrency-C-003-M",
    "PricingUnit": "PricingUnit-C-001-M PricingUnit-C-002-M",
    "ProviderName": "ProviderName-C-001-M ProviderName-C-002-M",
    "PublisherName": "PublisherName-C-001-M PublisherName-C-002-M",
    "ResourceId": "ResourceId-C-001-M ResourceId-C-002-M",
    "ResourceName": "ResourceName-C-001-M ResourceName-C-002-M",
    "ResourceType": "ResourceType-C-001-M ResourceType-C-002-M",
    "ServiceCategory": "ServiceCategory-C-001-M",
    "ServiceName": "ServiceName-C-001-M ServiceName-C-002-M",
    "ServiceSubcategory": "ServiceSubcategory-C-001-M",
    "SkuId": "SkuId-C-001-M SkuId-C-002-M",
    "SkuMeter": "SkuMeter-C-001-M SkuMeter-C-002-M",
    "SkuPriceId": "SkuPriceId-C-001-M SkuPriceId-C-002-M",
    "SubAccountId": "SubAccountId-C-001-M SubAccountId-C-002-M",
    "SubAccountName": "SubAccountName-C-001-M SubAccountName-C-002-M",
    "SubAccountType": "SubAccountType-C-001-M SubAccountType-C-002-M",
}
PRICED_HAS: Mapping[str, str] = {
    "ConsumedQuantity": "ConsumedQuantity-C-006-C",
    "ContractedUnitPrice": "ContractedUnitPrice-C-006-C",
    "ListUnitPrice": "ListUnitPrice-C-005-C",
    "PricingCategory": "PricingCategory-C-004-C",
    "PricingCurrencyContractedUnitPrice": "PricingCurrencyContractedUnitPrice-C-005-C",
    "PricingCurrencyListUnitPrice": "PricingCurrencyListUnitPrice-C-005-C",
    "PricingQuantity": "PricingQuantity-C-005-C",
    "SkuId": "SkuId-C-005-C",
    "SkuPriceId": "SkuPriceId-C-005-C",
}
SERVICES: Mapping[str, tuple[str, ...]] = {
    "Compute": ("Other (Compute)",),
    "Analytics": ("Other (Analytics)",),
    "Other": ("Other (Other)",),
}
"""Of the categories and subcategories that the specification allows, those that we use."""
NATIONAL = ("EUR", "USD", "GBP", "CHF", "JPY")


def _texts(column: str) -> Holds:
    return where(given(column), lambda row: is_plain_text(str(row[column])))


def _decimals(column: str) -> Holds:
    return where(given(column), lambda row: is_decimal(str(row[column])))


RULES: tuple[Rule, ...] = (
    *(Rule(ids, f"{c} is never null", given(c)) for c, ids in NEVER_NULL.items()),
    *(Rule(ids, f"{c} is a number in plain digits", _decimals(c)) for c, ids in DECIMALS.items()),
    *(
        Rule(ids, f"{c} is an instant in UTC", lambda row, c=c: is_instant(str(row[c])))
        for c, ids in INSTANTS.items()
    ),
    *(Rule(ids, f"{c} is a text on one line", _texts(c)) for c, ids in TEXTS.items()),
    *(
        Rule(ids, f"{c} is there for usage that is no correction", where(PRICED, given(c)))
        for c, ids in PRICED_HAS.items()
    ),
    Rule(
        "BilledCost-C-004-C",
        "what somebody else would invoice costs nothing; we invoice ourselves",
        lambda row: row["ProviderName"] == row["InvoiceIssuerName"],
    ),
    Rule(
        "BillingCurrency-C-003-M BillingCurrency-C-006-M",
        "what is billed is in a national currency",
        says("BillingCurrency", *NATIONAL),
    ),
    Rule(
        "BillingPeriodEnd-C-004-M BillingPeriodStart-C-004-M",
        "a billing period ends after it begins, and its end is not part of it",
        lambda row: str(row["BillingPeriodStart"]) < str(row["BillingPeriodEnd"]),
    ),
    Rule(
        "ChargePeriodEnd-C-004-M ChargePeriodStart-C-004-M",
        "a charge period is a day, and its end is not part of it",
        lambda row: str(row["ChargePeriodStart"]) < str(row["ChargePeriodEnd"]),
    ),
    Rule(
        "CapacityReservationId-C-005-C",
        "what is unused is of a reservation",
        where(says("CapacityReservationStatus", "Unused"), given("CapacityReservationId")),
    ),
    Rule(
        "CapacityReservationStatus-C-003-C CapacityReservationStatus-C-004-C",
        "usage of a reservation says whether it is used, anything else says nothing",
        either_given_or_not("CapacityReservationStatus", "CapacityReservationId"),
    ),
    Rule(
        "CapacityReservationStatus-C-006-M",
        "used or unused",
        says("CapacityReservationStatus", None, "Used", "Unused"),
    ),
    Rule(
        "CapacityReservationStatus-C-007-C",
        "unused is what nobody holds",
        where(says("CapacityReservationStatus", "Unused"), says("ResourceId", None)),
    ),
    Rule(
        "CapacityReservationStatus-C-008-C",
        "used is what an award holds",
        where(says("CapacityReservationStatus", "Used"), given("ResourceId")),
    ),
    Rule(
        "ChargeCategory-C-003-M",
        "a charge is usage or an adjustment; there are no purchases, taxes or vouchers here",
        says("ChargeCategory", "Usage", "Adjustment"),
    ),
    Rule(
        "ChargeClass-C-005-C",
        "a class says that an earlier period is corrected, or nothing",
        says("ChargeClass", None, "Correction"),
    ),
    Rule(
        "ChargeFrequency-C-003-M",
        "usage recurs with use, an adjustment comes once",
        says("ChargeFrequency", "Usage-Based", "One-Time", "Recurring"),
    ),
    Rule(
        "ConsumedQuantity-C-004-C",
        "only usage consumes",
        where(lambda row: row["ChargeCategory"] != "Usage", says("ConsumedQuantity", None)),
    ),
    Rule(
        "ConsumedUnit-C-004-C ConsumedUnit-C-005-C",
        "a quantity that is consumed has a unit",
        either_given_or_not("ConsumedUnit", "ConsumedQuantity"),
    ),
    Rule(
        "ContractedCost-C-009-C ContractedUnitPrice-C-011-C",
        "contracted cost is unit price times quantity, exactly",
        where(
            both(given("ContractedUnitPrice"), given("PricingQuantity")),
            is_product("ContractedCost", "ContractedUnitPrice"),
        ),
    ),
    Rule(
        "ContractedUnitPrice-C-009-C", "no unit price below 0", not_negative("ContractedUnitPrice")
    ),
    Rule(
        "EffectiveCost-C-010-C",
        "what is neither usage nor purchase costs what is billed",
        where(
            lambda row: row["ChargeCategory"] not in {"Usage", "Purchase"},
            lambda row: row["EffectiveCost"] == row["BilledCost"],
        ),
    ),
    Rule(
        "ListCost-C-009-C ListUnitPrice-C-010-C PricingQuantity-C-009-C",
        "list cost is list price times quantity, exactly",
        where(
            both(given("ListUnitPrice"), given("PricingQuantity"), lambda r: not CORRECTION(r)),
            is_product("ListCost", "ListUnitPrice"),
        ),
    ),
    Rule("ListUnitPrice-C-008-M", "no list price below 0", not_negative("ListUnitPrice")),
    Rule(
        "PricingCategory-C-007-M",
        "one of the four categories, or none",
        says("PricingCategory", None, "Standard", "Committed", "Dynamic", "Other"),
    ),
    Rule(
        "PricingCategory-C-008-C",
        "reserved units have an agreed price",
        where(given("CapacityReservationId"), says("PricingCategory", "Standard")),
    ),
    Rule(
        "PricingCategory-C-010-C",
        "spot units have a price that varies",
        where(
            both(says("ChargeCategory", "Usage"), says("CapacityReservationId", None)),
            says("PricingCategory", "Dynamic"),
        ),
    ),
    Rule(
        "PricingCurrencyListUnitPrice-C-008-M",
        "no list price in credits below 0",
        not_negative("PricingCurrencyListUnitPrice"),
    ),
    Rule(
        "PricingCurrencyContractedUnitPrice-C-008-C",
        "no unit price in credits below 0",
        not_negative("PricingCurrencyContractedUnitPrice"),
    ),
    Rule(
        "PricingCurrencyContractedUnitPrice-C-009-C PricingCurrencyEffectiveCost-C-005-M",
        "in credits too, cost is unit price times quantity",
        where(
            given("PricingCurrencyContractedUnitPrice"),
            is_product("PricingCurrencyEffectiveCost", "PricingCurrencyContractedUnitPrice"),
        ),
    ),
    Rule(
        "PricingUnit-C-005-C PricingUnit-C-006-C",
        "a quantity that is priced has a unit",
        either_given_or_not("PricingUnit", "PricingQuantity"),
    ),
    Rule(
        "ResourceType-C-004-C ResourceType-C-005-C",
        "a resource has a type",
        either_given_or_not("ResourceType", "ResourceId"),
    ),
    Rule("ServiceCategory-C-003-M", "an allowed category", says("ServiceCategory", *SERVICES)),
    Rule(
        "ServiceSubcategory-C-003-M ServiceSubcategory-C-004-M",
        "an allowed subcategory of its category",
        lambda row: row["ServiceSubcategory"] in SERVICES[str(row["ServiceCategory"])],
    ),
    Rule(
        "SkuMeter-C-004-C SkuMeter-C-005-C",
        "what has a SKU has a meter",
        either_given_or_not("SkuMeter", "SkuId"),
    ),
    Rule(
        "SkuPriceDetails-C-004-C",
        "no details without a price",
        where(says("SkuPriceId", None), says("SkuPriceDetails", None)),
    ),
    Rule(
        "SubAccountName-C-003-C SubAccountName-C-004-C",
        "a sub account has a name",
        either_given_or_not("SubAccountName", "SubAccountId"),
    ),
    Rule(
        "SubAccountType-C-004-C SubAccountType-C-005-C",
        "a sub account has a type",
        either_given_or_not("SubAccountType", "SubAccountId"),
    ),
    Rule(
        "SubAccountId-C-004-C SubAccountId-C-005-C",
        "a charge of a team names it, units that nobody took name none",
        lambda row: (row["SubAccountId"] is None) == (row["CapacityReservationStatus"] == "Unused"),
    ),
)

ONE_TO_ONE: Mapping[str, tuple[str, str]] = {
    "ServiceName-C-005-C": ("ServiceName", "ServiceCategory"),
    "ServiceName-C-008-C": ("ServiceName", "ServiceSubcategory"),
    "SkuPriceId-C-008-M": ("SkuPriceId", "SkuId"),
    "BillingAccountId-C-004-M": ("BillingAccountName", "BillingAccountId"),
}
"""Columns of which each value goes with one value of another column."""

PRESENT: Mapping[str, str] = {
    "D-004-C": "ListUnitPrice",
    "D-005-M": "BillingAccountName",
    "D-006-M": "BilledCost",
    "D-007-M": "BillingAccountType",
    "D-008-M": "ChargeCategory",
    "D-009-M": "BillingPeriodStart",
    "D-010-M": "BillingPeriodEnd",
    "D-011-C": "ConsumedQuantity",
    "D-019-C": "SubAccountId",
    "D-020-C": "CapacityReservationStatus",
    "D-021-M": "PublisherName",
    "D-022-C": "PricingCategory",
    "D-023-M": "InvoiceIssuerName",
    "D-024-M": "BillingAccountId",
    "D-025-M": "ChargeDescription",
    "D-026-M": "ChargeClass",
    "D-028-M": "ChargePeriodEnd",
    "D-029-C": "SubAccountName",
    "D-030-M": "ContractedCost",
    "D-031-M": "EffectiveCost",
    "D-032-M": "ListCost",
    "D-034-C": "ContractedUnitPrice",
    "D-035-M": "BillingCurrency",
    "D-036-M": "PricingQuantity",
    "D-037-M": "ChargePeriodStart",
    "D-038-M": "ProviderName",
    "D-039-C": "ResourceType",
    "D-040-M": "ServiceCategory",
    "D-041-M": "ServiceName",
    "D-043-C": "ResourceId",
    "D-044-C": "ResourceName",
    "D-045-C": "PricingCurrency",
    "D-047-C": "PricingCurrencyContractedUnitPrice",
    "D-050-C": "PricingCurrencyEffectiveCost",
    "D-053-C": "PricingCurrencyListUnitPrice",
    "D-055-C": "SkuPriceId",
    "D-056-C": "SkuMeter",
    "D-057-C": "SkuId",
    "D-058-C": "SkuPriceDetails",
    "D-062-C": "CapacityReservationId",
    "D-063-C": "ConsumedUnit",
    "D-064-C": "SubAccountType",
    "D-065-M": "PricingUnit",
}
"""Which columns must be there, by the rule CostAndUsage-… that says so."""

NOT_OURS: Mapping[str, str] = {
    "CostAndUsage-D-003-C": "pools have no availability zones",
    "CostAndUsage-D-012-C to D-018-C": "there are no commitment discounts",
    "CostAndUsage-D-059-C, D-060-C": "pools have no regions",
    "CostAndUsage-D-061-C": "charges have no tags",
    "*-C-004-C of prices and quantities": "there are no taxes",
    "EffectiveCost-C-005-C, ChargeFrequency-C-004-C": "there are no purchases",
    "ContractedCost-C-006-C to C-008-C, ListCost-C-006-C to C-008-C": "of taxes and vouchers only",
    "EffectiveCost-C-004-M": "wants consumption never null, against ConsumedQuantity-C-004-C",
}
"""MUST rules that speak of what this market does not have, each with the reason."""


def keeps(rule: Rule, row: Row) -> bool:
    """Say whether a row keeps a rule; one that cannot be read does not."""
    try:
        return rule.holds(row)
    except (ArithmeticError, KeyError):
        return False


def broken_rules(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Return every rule that rows break, with what breaks it."""
    every = list(rows)
    found: dict[str, list[str]] = defaultdict(list)
    for rule in RULES:
        for row in every:
            if not keeps(rule, row):
                found[rule.ids].append(f"{rule.words}: {row['ChargeDescription']}")
    for rule_id, (column, other) in ONE_TO_ONE.items():
        pairs = {(row[column], row[other]) for row in every if row[column] is not None}
        if len(pairs) != len({one for one, _ in pairs}):
            found[rule_id].append(f"a {column} goes with several values of {other}")
    for number_, column in PRESENT.items():
        if column not in COLUMNS or any(column not in row for row in every):
            found[f"CostAndUsage-{number_}"].append(f"{column} is missing")
    return dict(found)


def total_credits(rows: Iterable[Row]) -> Decimal:
    """Return what rows cost together, in credits."""
    return sum((number(row, "PricingCurrencyEffectiveCost") for row in rows), Decimal(0))
