"""Our engine with a stage left out: what its functions would do is not done, in this process only.

The product has no switch for it. A stage is left out by putting something that finds nothing in
the place of the function that does its work, wherever the engine holds that function. Names that
the engine no longer has are an error, so that no ablation silently leaves out nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from allocation.columns import Whole
from allocation.engine import (
    cleaning,
    components,
    constraint_search,
    dominance,
    finding,
    rounding,
    settling,
)
from allocation.engine.cutting import Cutting
from allocation.engine.draws import Draws
from allocation.engine.prover import Prover
from allocation.engine.question import Answer
from allocation.engine.variables import Cut
from allocation.model import Model

Function = Callable[..., Any]
NOTHING = Answer(None, None, is_proven=False, stopped_by_clock=False)
"""What a solver says that was not asked."""


@contextmanager
def left_out(side: str) -> Iterator[None]:
    """Leave a stage out of the engine until the end of the block. Any other side: leave nothing."""
    with ExitStack() as undo:
        for original, replacement in _REPLACED.get(side, ()):
            _replace(original, replacement, undo)
        for owner, name, member in _REPLACED_MEMBERS.get(side, ()):
            _set(owner, name, member, undo)
        yield


def _replace(original: Function, replacement: Function, undo: ExitStack) -> None:
    """Put one function in the place of another in every module of the engine."""
    for module in [m for name, m in sys.modules.items() if name.startswith("allocation.engine")]:
        for name in [n for n, held in vars(module).items() if held is original]:
            _set(module, name, replacement, undo)


def _set(owner: object, name: str, replacement: object, undo: ExitStack) -> None:
    undo.callback(setattr, owner, name, vars(owner)[name])
    setattr(owner, name, replacement)


# --- what is done instead ----------------------------------------------------------------------


def _do_nothing(*_: object) -> None:
    """Leave everything as it is."""


def _same(model: Model) -> Model:
    return model


def _itself(model: Model) -> Whole:
    return np.arange(model.columns.count)


def _in_one(model: Model, *_: object) -> list[Whole]:
    return [np.arange(model.columns.count)]


def _no_orders(*_: object) -> list[list[int]]:
    return []


def _no_answer(*_: object) -> Answer:
    return NOTHING


def _no_cuts(*_: object) -> tuple[Cut, ...]:
    return ()


def _all_kinds_but(name: str) -> property:
    every, left = vars(Draws)["kinds"].fget, vars(Draws)[name]
    return property(lambda draws: tuple(k for k in every(draws) if k.__func__ is not left))


_REPLACED: dict[str, tuple[tuple[Function, Function], ...]] = {
    "without-cleaning": ((cleaning.without_slack_rows, _same), (dominance.find_stand_ins, _itself)),
    "without-components": ((components.split, _in_one),),
    "without-price-guided-rounding": ((rounding.price_guided_orders, _no_orders),),
    "without-shaken-orders": ((rounding.shaken_orders, _no_orders),),
    "without-diving": ((finding.dive_whole, _do_nothing),),
    "without-branch-and-bound": ((finding.branch_and_bound, _do_nothing),),
    "without-neighbourhoods": ((finding.search_neighbourhoods, _do_nothing),),
    "without-cp-sat": ((constraint_search.ask_cpsat, _no_answer),),
    "without-tie-break": ((settling.break_ties, _do_nothing),),
}
_REPLACED_MEMBERS: dict[str, tuple[tuple[type, str, object], ...]] = {
    "without-close-neighbourhoods": ((Draws, "kinds", _all_kinds_but("close")),),
    "without-neighbourhoods-that-meet": ((Draws, "kinds", _all_kinds_but("together")),),
    "without-neighbourhoods-of-any-bids": ((Draws, "kinds", _all_kinds_but("anywhere")),),
    "without-proof": ((Prover, "ask", _do_nothing),),
    "without-cuts": ((Cutting, "go_on", _no_cuts),),
}
STAGES = (*_REPLACED, *_REPLACED_MEMBERS)
"""Every stage that can be left out."""
