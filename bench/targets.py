"""What the engine is meant to reach, each target with its measure and whether it was met.

A target speaks only of rounds that have been measured. Read findings.py for the measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bench.findings import Finding, ratio
from bench.tasks import TAMPERINGS

Measured = list[float]


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `is_met` is None where nothing was measured that could say."""

    sentence: str
    measured: str
    is_met: bool | None

    @property
    def verdict(self) -> str:
        """Say in a word whether the target was met."""
        return {True: "met", False: "missed", None: "not measured"}[self.is_met]


def judge_targets(findings: Sequence[Finding]) -> list[Target]:
    """Hold the findings against every target."""
    return [
        *_small_coarse(_named(findings, "coarse-200-")),
        *_coarse("500 coarse bids", _named(findings, "coarse-500-")),
        *_coarse("2,000 coarse bids", _named(findings, "coarse-2000-")),
        _gap("2,000 granular bids: gap at most 1 %", _named(findings, "granular-2000-"), 0.01),
        _share("10,000 bids", _named(findings, "granular-10000-", "bundle-heavy-10000-"), 0.995),
        _share("20,000 bids", _named(findings, "granular-20000-"), 0.997),
        _memory(_named(findings, "granular-20000-")),
        _gap("philly-medium 1 and 3: gap at most 0.3 %", _named(findings, *_PHILLY), 0.003),
        *_against_peers(findings),
        _first_good_outcome(_named(findings, "granular-")),
        _rule("density-greedy", 1.3, [f for f in findings if _is_tight(f)]),
        _rule("first-come", 1.6, [f for f in findings if _is_tight(f)]),
        _judge_time(findings),
        _tamperings(_named(findings, TAMPERINGS)),
    ]


_PHILLY = ("philly-medium/round-1", "philly-medium/round-3")


def _named(findings: Sequence[Finding], *beginnings: str) -> list[Finding]:
    return [f for f in findings if f.round_name.startswith(beginnings)]


def _is_tight(finding: Finding) -> bool:
    """Tell generated rounds, with demand of twice the capacity, from those of folders."""
    return "/" not in finding.round_name and finding.round_name != TAMPERINGS


def _known(numbers: Iterable[float | None]) -> Measured:
    return [number for number in numbers if number is not None]


def _worst(sentence: str, numbers: Measured, limit: float, write: Callable[[float], str]) -> Target:
    """Hold the largest of some numbers against a limit."""
    if not numbers:
        return Target(sentence, "not measured", None)
    worst = max(numbers)
    return Target(sentence, f"at most {write(worst)} in {len(numbers)}", worst <= limit)


def _least(sentence: str, numbers: Measured, limit: float) -> Target:
    """Hold the smallest of some ratios against a limit."""
    if not numbers:
        return Target(sentence, "not measured", None)
    least = min(numbers)
    return Target(sentence, f"at least {least:.4f} in {len(numbers)}", least >= limit)


def _seconds(number: float) -> str:
    return f"{number:.1f} s"


def _times(number: float) -> str:
    return f"{number:.2f} ×"


def _percent(number: float) -> str:
    return f"{100 * number:.3f} %"


def _small_coarse(findings: Sequence[Finding]) -> list[Target]:
    """200 coarse bids: proven, soon, and no slower than the fastest peer."""
    measured = [f for f in findings if f.gap is not None]
    sentence = "200 coarse bids: all proven optimal within 30 s, whole run"
    in_time = [f for f in measured if f.gap == 0 and f.fact("seconds") <= 30]
    all_proven = Target(
        sentence, f"{len(in_time)} of {len(measured)}", len(in_time) == len(measured)
    )
    return [
        all_proven if measured else Target(sentence, "not measured", None),
        _no_slower("proof against the fastest peer's", measured, lambda f: f.proof_seconds),
        _no_slower("whole run against it", measured, lambda f: f.fact("seconds")),
    ]


def _no_slower(
    what: str, findings: Sequence[Finding], seconds: Callable[[Finding], float | None]
) -> Target:
    """Compare medians; who did not prove took the whole limit."""
    sentence = f"200 coarse bids: in the median no slower than the fastest raw peer ({what})"
    if not findings:
        return Target(sentence, "not measured", None)
    ours = median(seconds(f) or _limit(f) for f in findings)
    theirs = median(_peer_proof_seconds(f) for f in findings)
    return Target(sentence, f"{ours:.1f} s, peer {theirs:.1f} s", ours <= theirs)


def _limit(finding: Finding) -> float:
    return max(record.limit_seconds for record in finding.records.values())


def _peer_proof_seconds(finding: Finding) -> float:
    side = finding.fastest_proof
    return float(finding.facts(side)["seconds"]) if side else _limit(finding)


def _coarse(what: str, findings: Sequence[Finding]) -> list[Target]:
    gaps = _known(ratio(f.gap, f.peers_gap) for f in findings)
    values = _known(f.best_peer_ratio for f in findings)
    return [
        _worst(f"{what}: gap at most 0.6 of what all peers leave", gaps, 0.6, _times),
        _least(f"{what}: value at least 1.01 of the best peer's", values, 1.01),
    ]


def _gap(sentence: str, findings: Sequence[Finding], limit: float) -> Target:
    return _worst(sentence, _known(f.gap for f in findings), limit, _percent)


def _share(what: str, findings: Sequence[Finding], share: float) -> Target:
    """Ask for a share of the LP bound in 2.5 times the LP's time; never reached is endless."""
    sentence = f"{what}: {100 * share:.1f} % of the LP bound within 2.5 × the fastest LP's time"
    measured = [f for f in findings if f.fact("value") and f.relaxation_seconds]
    reached = [f.relaxations_to(share) or float("inf") for f in measured]
    return _worst(sentence, reached, 2.5, _times)


def _memory(findings: Sequence[Finding]) -> Target:
    held = _known(f.fact("peak_mb") for f in findings)
    return _worst("20,000 bids: peak memory at most 1,500 MB", held, 1500, lambda n: f"{n:.0f} MB")


def _against_peers(findings: Sequence[Finding]) -> list[Target]:
    values = _known(f.best_peer_ratio for f in findings)
    gaps = [(f.gap, f.best_peer_gap) for f in findings]
    pairs = [(ours, best) for ours, best in gaps if ours is not None and best is not None]
    return [
        _most("value at least the best raw peer's on 95 % of all rounds", [v >= 1 for v in values]),
        _least("value nowhere more than 0.2 % below the best raw peer's", values, 0.998),
        _most("gap at most the best raw peer's on 95 % of all rounds", [a <= b for a, b in pairs]),
    ]


def _most(sentence: str, answers: Sequence[bool]) -> Target:
    if not answers:
        return Target(sentence, "not measured", None)
    yes = sum(answers)
    return Target(sentence, f"{yes} of {len(answers)}", yes >= 0.95 * len(answers))


def _first_good_outcome(findings: Sequence[Finding]) -> Target:
    sentence = "granular rounds: 97 % of the LP bound within 2 × the fastest LP's time"
    measured = [f for f in findings if f.fact("value") and f.relaxation_seconds]
    reached = [f.relaxations_to(0.97) or float("inf") for f in measured]
    return _worst(sentence, reached, 2.0, _times)


def _rule(side: str, limit: float, findings: Sequence[Finding]) -> Target:
    sentence = f"tight rounds: value in the mean at least {limit} × {side}"
    ratios = _known(f.value_ratio(side) for f in findings)
    if not ratios:
        return Target(sentence, "not measured", None)
    mean = fmean(ratios)
    return Target(sentence, f"{mean:.3f} in {len(ratios)}", mean >= limit)


def _judge_time(findings: Sequence[Finding]) -> Target:
    rounds = [f for f in findings if (f.fact("bids") or 0) == 10_000]
    took = _known(f.fact("judge_seconds") for f in rounds)
    return _worst("the judge: at most 2 s on 10,000 bids", took, 2.0, _seconds)


def _tamperings(findings: Sequence[Finding]) -> Target:
    sentence = "the judge catches every one of at least 500 random tamperings (by its tests)"
    runs = [f.facts(TAMPERINGS) for f in findings]
    if not runs:
        return Target(sentence, "not measured", None)
    return Target(sentence, runs[0]["status"], all(run.get("is_caught") for run in runs))
