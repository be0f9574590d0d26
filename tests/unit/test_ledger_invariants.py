"""Each invariant finds the defect that is planted for it, and nothing in a sound ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.ledger.invariants import LedgerState, PaidAward, Posted, ledger_violations
from broker.ledger.journals import AccountId, Transfer, transfers_sha256

ISSUE, AVAILABLE = AccountId("issue"), AccountId("available/t")
HELD, SPENT = AccountId("held/t"), AccountId("spent/t")
TRANSFERS = {
    1: (Transfer(ISSUE, AVAILABLE, 100),),
    2: (Transfer(AVAILABLE, HELD, 60),),
    3: (Transfer(HELD, SPENT, 40, "b1"),),
}
KINDS = {1: "endowment", 2: "hold", 3: "settlement"}


def posted(number: int) -> Posted:
    transfers = TRANSFERS[number]
    return Posted(
        number=number,
        key=f"k{number}",
        kind=KINDS[number],
        run_id="run",
        corrects=None,
        transfer_count=len(transfers),
        amount_credits=sum(transfer.amount_credits for transfer in transfers),
        transfers_sha256=transfers_sha256(transfers),
    )


SOUND = LedgerState(
    balances={"issue": -100, "available/t": 40, "held/t": 20, "spent/t": 40},
    journals=tuple(posted(number) for number in TRANSFERS),
    transfers=TRANSFERS,
    awards=(PaidAward("run", "b1", "t", 40, 60),),
    events={number: f"ledger.{kind} journal:k{number}" for number, kind in KINDS.items()},
)


def balance(**changed: int) -> dict[str, int]:
    return {**SOUND.balances, **{f"{kind}/t": amount for kind, amount in changed.items()}}


def settled(*transfers: Transfer) -> dict[int, tuple[Transfer, ...]]:
    return {**TRANSFERS, 3: transfers}


DEFECTS: dict[str, tuple[str, Callable[[LedgerState], LedgerState]]] = {
    "a balance that its transfers do not make": (
        "I1",
        lambda state: replace(state, balances=balance(available=41)),
    ),
    "balances that do not sum to zero": (
        "I1",
        lambda state: replace(state, balances={**state.balances, "spent/x": 1}),
    ),
    "an account that is gone": (
        "I1",
        lambda state: replace(state, balances={"issue": -100, "available/t": 40, "held/t": 20}),
    ),
    "a team below zero": ("I2", lambda state: replace(state, balances=balance(available=-1))),
    "an award that was not settled": (
        "I5",
        lambda state: replace(state, awards=(*state.awards, PaidAward("run", "b2", "t", 1, 1))),
    ),
    "a settlement without an award": ("I5", lambda state: replace(state, awards=())),
    "a settlement of another amount": (
        "I5",
        lambda state: replace(state, transfers=settled(Transfer(HELD, SPENT, 39, "b1"))),
    ),
    "a settlement made twice": (
        "I5",
        lambda state: replace(state, transfers=settled(*TRANSFERS[3], *TRANSFERS[3])),
    ),
    "a payment above the offer": (
        "I5",
        lambda state: replace(state, awards=(PaidAward("run", "b1", "t", 40, 39),)),
    ),
    "one key for two journals": (
        "I9",
        lambda state: replace(
            state, journals=(*state.journals[:2], replace(state.journals[2], key="k1"))
        ),
    ),
    "a journal whose transfer was changed": (
        "I9",
        lambda state: replace(state, transfers={**TRANSFERS, 2: (Transfer(AVAILABLE, HELD, 59),)}),
    ),
    "a transfer whose journal is gone": (
        "I9",
        lambda state: replace(state, journals=state.journals[1:]),
    ),
    "a journal without its event": ("I9", lambda state: replace(state, events={})),
    "an event without its journal": (
        "I9",
        lambda state: replace(state, events={**state.events, 4: "ledger.hold journal:k4"}),
    ),
}


def test_a_sound_ledger_has_no_violations() -> None:
    assert ledger_violations(SOUND) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_invariant_finds(defect: str) -> None:
    code, plant = DEFECTS[defect]
    assert code in {violation.code for violation in ledger_violations(plant(SOUND))}


def test_a_settlement_that_was_taken_back_is_neither_due_nor_paid() -> None:
    back = tuple(transfer.reversed for transfer in TRANSFERS[3])
    correction = replace(
        posted(3),
        number=4,
        key="k4",
        kind="correction",
        corrects=3,
        transfers_sha256=transfers_sha256(back),
    )
    state = replace(
        SOUND,
        balances=balance(held=60, spent=0),
        journals=(*SOUND.journals, correction),
        transfers={**TRANSFERS, 4: back},
        events={**SOUND.events, 4: "ledger.correction journal:k4"},
    )
    assert ledger_violations(state) == []
