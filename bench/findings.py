"""What the measurements of one round say together: ratios to the best peer, times to a good value.

A `Finding` is one round with the records of all its sides. Whatever has not been measured, or has
no value, is None, and so is everything that would follow from it. Read tables.py next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.records import Record
from bench.tasks import ENGINE, PEERS, RELAXATIONS, SOLVERS, Facts


@dataclass(frozen=True)
class Finding:
    """One round, measured. Shape: a record per side that has been measured."""

    round_name: str
    records: Mapping[str, Record]

    def facts(self, side: str) -> Facts:
        """Return what was found on one side; nothing if it has not been measured."""
        return self.records[side].facts if side in self.records else {}

    def fact(self, name: str) -> Any:
        """Return one fact of our engine, or None."""
        return self.facts(ENGINE).get(name)

    # --- values and bounds -----------------------------------------------------------------

    @property
    def best_peer(self) -> str | None:
        """The peer with the largest value."""
        values = {side: self.facts(side).get("value") for side in PEERS}
        known = {side: value for side, value in values.items() if value is not None}
        return max(known, key=lambda side: known[side], default=None)

    @property
    def best_peer_value(self) -> int | None:
        """The largest value that any peer found."""
        value: int | None = self.facts(self.best_peer).get("value") if self.best_peer else None
        return value

    @property
    def peers_bound(self) -> int | None:
        """The best bound of all peers together."""
        bound: int | None = _least(self.facts(side).get("bound") for side in SOLVERS)
        return bound

    @property
    def peers_gap(self) -> float | None:
        """What all peers leave between their best value and their best bound."""
        return gap_ratio(self.best_peer_value, self.peers_bound)

    @property
    def best_peer_gap(self) -> float | None:
        """The smallest gap that one peer proved alone."""
        gap: float | None = _least(gap_of(self.facts(side)) for side in SOLVERS)
        return gap

    @property
    def gap(self) -> float | None:
        """The gap that our engine proved."""
        return gap_of(self.facts(ENGINE))

    def value_ratio(self, side: str) -> float | None:
        """Say what our value is, as a multiple of one peer's."""
        return ratio(self.fact("value"), self.facts(side).get("value"))

    @property
    def best_peer_ratio(self) -> float | None:
        """Our value as a multiple of the best peer's."""
        return ratio(self.fact("value"), self.best_peer_value)

    # --- times -----------------------------------------------------------------------------

    @property
    def relaxed_value(self) -> float | None:
        """The optimum of the LP relaxation; a simplex' word before that of a first-order method."""
        exact = [self.facts(side).get("relaxed_value") for side in RELAXATIONS if side != "pdlp"]
        value: float | None = _least(exact) or self.facts("pdlp").get("relaxed_value")
        return value

    @property
    def fastest_relaxation(self) -> str | None:
        """The solver that was first with the optimum of the LP relaxation."""
        solved = [s for s in RELAXATIONS if self.facts(s).get("relaxed_value") is not None]
        return min(solved, key=lambda side: self.facts(side)["seconds"], default=None)

    @property
    def relaxation_seconds(self) -> float | None:
        """How long the fastest LP solver took."""
        side = self.fastest_relaxation
        return float(self.facts(side)["seconds"]) if side else None

    def seconds_to(self, share: float) -> float | None:
        """Say when our engine had so much of the LP bound, checked for feasibility by the judge."""
        goal = self.relaxed_value
        for step in self.fact("progress") or ():
            if goal and step["value"] is not None and step["value"] >= share * goal:
                return float(step["seconds"]) + float(self.fact("feasibility_seconds") or 0)
        return None

    def relaxations_to(self, share: float) -> float | None:
        """Say the same in multiples of the time of the fastest LP solver."""
        return ratio(self.seconds_to(share), self.relaxation_seconds)

    @property
    def proof_seconds(self) -> float | None:
        """When our engine knew that nothing better exists; None if it does not."""
        for step in self.fact("progress") or ():
            if step["value"] is not None and step["value"] == step["bound"]:
                return float(step["seconds"])
        return None

    @property
    def whole_seconds(self) -> float | None:
        """What a run takes from the problem to checked and written files."""
        parts = [self.fact(name) for name in ("seconds", "judge_seconds", "writing_seconds")]
        return None if None in parts else float(sum(parts))

    @property
    def outside_seconds(self) -> float | None:
        """The part of it in which no solver works."""
        whole, inside = self.whole_seconds, self.fact("solver_seconds")
        return None if whole is None or inside is None else whole - float(inside)

    @property
    def fastest_proof(self) -> str | None:
        """The peer that was first with a proven optimum."""
        proven = [side for side in SOLVERS if gap_of(self.facts(side)) == 0]
        return min(proven, key=lambda side: self.facts(side)["seconds"], default=None)


def gap_of(facts: Facts) -> float | None:
    """Return the gap between the value and the bound of one side."""
    return gap_ratio(facts.get("value"), facts.get("bound"))


def gap_ratio(value: int | None, bound: int | None) -> float | None:
    """Return the part of a bound that is not reached."""
    if value is None or bound is None:
        return None
    return max(0.0, (bound - value) / bound) if bound else 0.0


def ratio(part: float | None, whole: float | None) -> float | None:
    """Divide, where there is something to divide by."""
    return part / whole if part is not None and whole else None


def _least(numbers: Iterable[Any]) -> Any:
    return min((number for number in numbers if number is not None), default=None)
