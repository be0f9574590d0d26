"""The bid form between the browser and the market: what was typed, kept as it was typed.

Fields have flat names (`title`, `a1-offer`, `a1-i2-units`), so that the same form works with and
without a script; rows come and go by named submit buttons. Nothing here knows a rule of the market:
only what cannot be read as a number or a day is said here, everything else by the services.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from allocation.problem import Tier
from broker.bids.drafts import BidDraft, DraftAlternative, DraftItem
from broker.bids.findings import Finding

MOST_ALTERNATIVES, MOST_ITEMS = 12, 20
"""How many rows one form carries."""
ALTERNATIVE_FIELD = re.compile(r"a([1-9]\d?)-\w+")
POOL_FIELD = re.compile(r"a([1-9]\d?)-i([1-9]\d?)-pool")
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s,_'](?=\d{3}(?!\d))")
BID_FIELDS = ("title", "theme", "owner", "measure", "ends_on", "purpose")
ALTERNATIVE_FIELDS = ("tier", "offer", "min_lots", "max_lots", "earliest", "latest")
ITEM_FIELDS = ("pool", "units", "days", "offset")
FIELDS: Mapping[str, str] = {
    "owner_after_award": "owner",
    "success_measure": "measure",
    "theme_key": "theme",
    "offer_credits_per_lot": "offer",
    "earliest_start": "earliest",
    "latest_start": "latest",
    "pool_key": "pool",
    "units_per_lot": "units",
    "offset_days": "offset",
}
"""What the form calls a draft's field, where it has another name for it."""
PATH = re.compile(r"alternatives\.(?P<place>\d+)(?:\.items\.(?P<position>\d+))?\.(?P<name>\w+)")


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """A sentence about a field of the form; `field` is its name, empty for the whole bid."""

    field: str
    sentence: str

    @property
    def words(self) -> str:
        """The sentence without the field's name, for the place beside the field."""
        said = self.sentence.rpartition(": ")[2] if self.field else self.sentence
        return said[:1].upper() + said[1:]

    @property
    def whole(self) -> str:
        """The sentence with the field's name, for the summary."""
        return self.sentence[:1].upper() + self.sentence[1:]


@dataclass(frozen=True, slots=True)
class TypedItem:
    """One pool of an alternative, as it was typed."""

    pool: str = ""
    units: str = ""
    days: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True)
class TypedAlternative:
    """One way to serve the bid, as it was typed."""

    tier: str = ""
    offer: str = ""
    min_lots: str = ""
    max_lots: str = ""
    earliest: str = ""
    latest: str = ""
    items: tuple[TypedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class TypedBid:
    """A bid as it was typed."""

    title: str = ""
    theme: str = ""
    owner: str = ""
    measure: str = ""
    ends_on: str = ""
    purpose: str = ""
    alternatives: tuple[TypedAlternative, ...] = ()

    def fields(self) -> Iterator[tuple[str, str]]:
        """Return every field with its name in the form, so that another page can carry it on."""
        yield from ((name, getattr(self, name)) for name in BID_FIELDS)
        for number, one in enumerate(self.alternatives, 1):
            yield from ((f"a{number}-{name}", getattr(one, name)) for name in ALTERNATIVE_FIELDS)
            for position, item in enumerate(one.items, 1):
                prefix = f"a{number}-i{position}-"
                yield from ((prefix + name, getattr(item, name)) for name in ITEM_FIELDS)


# --- reading what was sent -----------------------------------------------------------------


def typed_bid(sent: Mapping[str, str]) -> TypedBid:
    """Return a bid as a form sent it; rows keep their order and lose their gaps."""
    numbers = sorted({int(found[1]) for name in sent if (found := ALTERNATIVE_FIELD.match(name))})
    rows = tuple(_alternative(sent, number) for number in numbers[:MOST_ALTERNATIVES])
    return TypedBid(**_texts(sent, "", BID_FIELDS), alternatives=rows)


def _alternative(sent: Mapping[str, str], number: int) -> TypedAlternative:
    found = (POOL_FIELD.fullmatch(name) for name in sent)
    positions = sorted(int(one[2]) for one in found if one and int(one[1]) == number)
    items = tuple(
        TypedItem(**_texts(sent, f"a{number}-i{position}-", ITEM_FIELDS))
        for position in positions[:MOST_ITEMS]
    )
    return TypedAlternative(**_texts(sent, f"a{number}-", ALTERNATIVE_FIELDS), items=items)


def _texts(sent: Mapping[str, str], prefix: str, names: tuple[str, ...]) -> dict[str, str]:
    return {name: sent.get(prefix + name, "").strip() for name in names}


# --- between what was typed and a draft -----------------------------------------------------


def read_typed(typed: TypedBid) -> tuple[BidDraft, tuple[FieldFinding, ...]]:
    """Return what was typed as a draft, and what of it is no number or no day."""
    reader = _Reader([])
    draft = BidDraft(
        title=typed.title,
        alternatives=tuple(
            reader.alternative(f"a{number}", one)
            for number, one in enumerate(typed.alternatives, 1)
        ),
        theme_key=typed.theme or None,
        owner_after_award=typed.owner,
        success_measure=typed.measure,
        ends_on=reader.day("ends_on", typed.ends_on),
        purpose=typed.purpose,
    )
    return draft, tuple(reader.findings)


def field_finding(finding: Finding) -> FieldFinding:
    """Return what the market says about a part of a draft, with the field that it is about."""
    return FieldFinding(_field_of(finding.path), finding.sentence)


def _field_of(path: str) -> str:
    found = PATH.fullmatch(path)
    if found is None:
        name = FIELDS.get(path, path)
        return name if name in BID_FIELDS else ""
    prefix = f"a{int(found['place']) + 1}-"
    if found["position"] is not None:
        prefix += f"i{int(found['position']) + 1}-"
    name = FIELDS.get(found["name"], found["name"])
    return prefix + ("i1-pool" if name == "items" else "tier" if name == "number" else name)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads texts one by one, and notes which of them mean nothing."""

    findings: list[FieldFinding]

    def alternative(self, prefix: str, one: TypedAlternative) -> DraftAlternative:
        return DraftAlternative(
            tier=Tier(one.tier) if one.tier in set(Tier) else None,
            earliest_start=self.day(f"{prefix}-earliest", one.earliest),
            latest_start=self.day(f"{prefix}-latest", one.latest),
            min_lots=self.number(f"{prefix}-min_lots", one.min_lots),
            max_lots=self.number(f"{prefix}-max_lots", one.max_lots),
            offer_credits_per_lot=self.number(f"{prefix}-offer", one.offer),
            items=tuple(
                self.item(f"{prefix}-i{position}", item)
                for position, item in enumerate(one.items, 1)
            ),
        )

    def item(self, prefix: str, item: TypedItem) -> DraftItem:
        return DraftItem(
            pool_key=item.pool,
            offset_days=self.number(f"{prefix}-offset", item.offset),
            days=self.number(f"{prefix}-days", item.days),
            units_per_lot=self.number(f"{prefix}-units", item.units),
        )

    def number(self, name: str, text: str) -> int | None:
        plain = BETWEEN_DIGITS.sub("", text)
        if plain and not WHOLE_NUMBER.fullmatch(plain):
            self.findings.append(
                FieldFinding(name, f"“{text[:40]}” is no whole number, such as 8.")
            )
            return None
        return int(plain) if plain else None

    def day(self, name: str, text: str) -> dt.date | None:
        try:
            return dt.date.fromisoformat(text) if text else None
        except ValueError:
            sentence = f"“{text[:40]}” is no day, such as 2026-12-07."
            self.findings.append(FieldFinding(name, sentence))
            return None


def typed_of(draft: BidDraft) -> TypedBid:
    """Return a draft as somebody would type it."""
    return TypedBid(
        title=draft.title,
        theme=draft.theme_key or "",
        owner=draft.owner_after_award,
        measure=draft.success_measure,
        ends_on=_text(draft.ends_on),
        purpose=draft.purpose,
        alternatives=tuple(map(_typed_alternative, draft.alternatives)),
    )


def with_offers(typed: TypedBid, draft: BidDraft) -> TypedBid:
    """Return what was typed with the offers of a draft where none was."""
    pairs = zip(typed.alternatives, draft.alternatives, strict=True)
    offered = tuple(
        replace(one, offer=one.offer or _text(drafted.offer_credits_per_lot))
        for one, drafted in pairs
    )
    return replace(typed, alternatives=offered)


def _typed_alternative(one: DraftAlternative) -> TypedAlternative:
    return TypedAlternative(
        tier=_text(one.tier),
        offer=_text(one.offer_credits_per_lot),
        min_lots=_text(one.min_lots),
        max_lots=_text(one.max_lots),
        earliest=_text(one.earliest_start),
        latest=_text(one.latest_start),
        items=tuple(
            TypedItem(
                item.pool_key, _text(item.units_per_lot), _text(item.days), _text(item.offset_days)
            )
            for item in one.items
        ),
    )


def _text(value: object | None) -> str:
    return "" if value is None else str(value)


# --- rows come and go ----------------------------------------------------------------------


def reshaped(typed: TypedBid, wish: str) -> TypedBid:
    """Return the bid with a row more or less: `add-item-1`, `remove-alternative-2` and the like.

    A wish that means nothing, or for a row that is not there, changes nothing.
    """
    found = RESHAPING.fullmatch(wish)
    if found is None:
        return typed
    number, position = int(found["number"] or 0), int(found["position"] or 0)
    return RESHAPINGS[found["what"]](typed, number, position)


def _add_item(typed: TypedBid, number: int, _position: int) -> TypedBid:
    """Add a pool for as many days as the pool before it."""

    def longer(one: TypedAlternative) -> TypedAlternative:
        days = one.items[-1].days if one.items else ""
        return replace(one, items=(*one.items, TypedItem(days=days, offset="0"))[:MOST_ITEMS])

    return _changed(typed, number, longer)


def _remove_item(typed: TypedBid, number: int, position: int) -> TypedBid:
    def shorter(one: TypedAlternative) -> TypedAlternative:
        kept = one.items[: position - 1] + one.items[position:]
        return replace(one, items=kept or one.items)

    return _changed(typed, number, shorter) if position else typed


def _add_alternative(typed: TypedBid, _number: int, _position: int) -> TypedBid:
    """Add what the last alternative asks for, in the other tier; its offer is suggested anew."""
    last = typed.alternatives[-1]
    other = Tier.SPOT if last.tier == Tier.RESERVED else Tier.RESERVED
    copy = replace(last, tier=other.value, offer="")
    return replace(typed, alternatives=(*typed.alternatives, copy)[:MOST_ALTERNATIVES])


def _remove_alternative(typed: TypedBid, number: int, _position: int) -> TypedBid:
    kept = typed.alternatives[: number - 1] + typed.alternatives[number:]
    return replace(typed, alternatives=kept or typed.alternatives) if number else typed


def _changed(
    typed: TypedBid, number: int, change: Callable[[TypedAlternative], TypedAlternative]
) -> TypedBid:
    return replace(
        typed,
        alternatives=tuple(
            change(one) if n == number else one for n, one in enumerate(typed.alternatives, 1)
        ),
    )


RESHAPING = re.compile(
    r"(?P<what>(?:add|remove)-(?:item|alternative))"
    r"(?:-(?P<number>[1-9][0-9]?))?(?:-(?P<position>[1-9][0-9]?))?"
)
RESHAPINGS: Mapping[str, Callable[[TypedBid, int, int], TypedBid]] = {
    "add-item": _add_item,
    "remove-item": _remove_item,
    "add-alternative": _add_alternative,
    "remove-alternative": _remove_alternative,
}
