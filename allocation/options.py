"""What a run is asked for, and what it tells while it works. No clock and no solver in here."""

from __future__ import annotations

from dataclasses import dataclass

from allocation.outcome import Pricing


@dataclass(frozen=True, slots=True)
class Options:
    """How to allocate. Units: the time limit is in seconds of wall clock, for the whole run."""

    time_limit_seconds: float = 60.0
    seed: int = 0
    workers: int = 2
    pricing: Pricing = Pricing.CLEARING


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of progress: the best value and bound known after a stage, in value points."""

    stage: str
    value: int | None
    bound: int | None
    seconds: float

    @property
    def gap_ratio(self) -> float | None:
        """The part of the bound that is not reached yet; None while either is unknown."""
        if self.value is None or self.bound is None:
            return None
        return (self.bound - self.value) / self.bound if self.bound else 0.0
