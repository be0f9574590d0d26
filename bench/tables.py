"""The tables of docs/BENCHMARKS.md: findings in, lines of Markdown out. A dash is: not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.findings import Finding, gap_of, ratio
from bench.tasks import ABLATIONS, ENGINE, RELAXATIONS, SIDES, TAMPERINGS

NOTHING = "–"
Column = tuple[str, Callable[[Finding], str]]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out a table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (heads, rule, *rows)] + [""]


def whole(number: float | None) -> str:
    """Write a whole number with its thousands apart."""
    return NOTHING if number is None else f"{round(number):,}"


def times(number: float | None) -> str:
    """Write a ratio of values."""
    return NOTHING if number is None else f"{number:.4f}"


def multiple(number: float | None) -> str:
    """Write a ratio of times."""
    return NOTHING if number is None else f"{number:.2f}"


def percent(number: float | None) -> str:
    """Write a ratio as a percentage."""
    return NOTHING if number is None else f"{100 * number:.3f} %"


def seconds(number: float | None) -> str:
    """Write seconds."""
    return NOTHING if number is None else f"{number:.2f}"


def text(words: object) -> str:
    """Write words as they are, on one line of a table."""
    return NOTHING if words is None else str(words).replace("|", "/").replace("\n", " ")


def value_table(findings: Sequence[Finding]) -> list[str]:
    """Compare values: our engine's as a multiple of everybody else's."""
    return _by_round(
        findings,
        (
            ("bids", lambda f: whole(f.fact("bids"))),
            ("placements", lambda f: whole(f.fact("placements"))),
            ("our value", lambda f: whole(f.fact("value"))),
            ("÷ best peer", lambda f: times(f.best_peer_ratio)),
            ("best peer", lambda f: text(f.best_peer)),
            ("÷ LP bound", lambda f: times(ratio(f.fact("value"), f.relaxed_value))),
            ("÷ density greedy", lambda f: times(f.value_ratio("density-greedy"))),
            ("÷ first come", lambda f: times(f.value_ratio("first-come"))),
        ),
    )


def proof_table(findings: Sequence[Finding]) -> list[str]:
    """Compare proven gaps."""
    return _by_round(
        findings,
        (
            ("our gap", lambda f: percent(f.gap)),
            ("best peer's gap", lambda f: percent(f.best_peer_gap)),
            ("all peers' gap", lambda f: percent(f.peers_gap)),
            ("ours ÷ best peer's", lambda f: multiple(ratio(f.gap, f.best_peer_gap))),
            ("ours ÷ all peers'", lambda f: multiple(ratio(f.gap, f.peers_gap))),
            ("status", lambda f: text(f.fact("status"))),
            ("proof", lambda f: text(f.fact("proof"))),
            ("tie-break", lambda f: text(f.fact("tie_break"))),
            ("stopped by", lambda f: text(f.fact("stopped_by"))),
        ),
    )


def time_table(findings: Sequence[Finding]) -> list[str]:
    """Say when our engine had what, beside the fastest peer that proved its outcome."""
    return _by_round(
        findings,
        (
            ("first outcome s", lambda f: seconds(f.fact("first_outcome_seconds"))),
            ("proof s", lambda f: seconds(f.proof_seconds)),
            ("outcome s", lambda f: seconds(f.fact("seconds"))),
            ("judge s", lambda f: seconds(f.fact("judge_seconds"))),
            ("judged s", lambda f: seconds(_judged_seconds(f))),
            ("fastest peer's proof s", lambda f: seconds(_peer_seconds(f, f.fastest_proof))),
            ("by", lambda f: text(f.fastest_proof)),
            ("peak MB", lambda f: whole(f.fact("peak_mb"))),
        ),
    )


def _judged_seconds(finding: Finding) -> float | None:
    took, judging = finding.fact("seconds"), finding.fact("judge_seconds")
    return None if took is None or judging is None else took + judging


def _peer_seconds(finding: Finding, side: str | None) -> float | None:
    return finding.facts(side)["seconds"] if side else None


def relaxation_table(findings: Sequence[Finding]) -> list[str]:
    """Compare the time to a good value with the time of the LP solvers."""
    solvers: list[Column] = [(f"{side} s", _relaxation_column(side)) for side in RELAXATIONS]
    return _by_round(
        findings,
        (
            *solvers,
            ("97 % s", lambda f: seconds(f.seconds_to(0.97))),
            ("÷ LP", lambda f: multiple(f.relaxations_to(0.97))),
            ("99.5 % s", lambda f: seconds(f.seconds_to(0.995))),
            ("÷ LP", lambda f: multiple(f.relaxations_to(0.995))),
            ("99.7 % s", lambda f: seconds(f.seconds_to(0.997))),
            ("÷ LP", lambda f: multiple(f.relaxations_to(0.997))),
        ),
    )


def _relaxation_column(side: str) -> Callable[[Finding], str]:
    def show(finding: Finding) -> str:
        facts = finding.facts(side)
        if facts and facts.get("relaxed_value") is None:
            return text(facts.get("status"))
        return seconds(facts.get("seconds"))

    return show


def stage_table(findings: Sequence[Finding]) -> list[str]:
    """List our engine's seconds per stage."""
    spent = [(f.round_name, f.fact("stage_seconds") or {}) for f in _rounds(findings)]
    stages = _in_order(stage for _, stages in spent for stage in stages if stage != "total")
    heads = ("round", *stages, "total")
    return table(
        heads, ([name, *(seconds(took.get(s)) for s in heads[1:])] for name, took in spent)
    )


_OUTSIDE = ("build", "baselines", "rounding", "shaking", "prices-and-reasons")
"""Stages that ask no solver, or hardly."""


def outside_table(findings: Sequence[Finding]) -> list[str]:
    """Say how long a run works outside the solvers, and at what."""
    stages: list[Column] = [(f"{stage} s", _stage_column(stage)) for stage in _OUTSIDE]
    return _by_round(
        findings,
        (
            *stages,
            ("judge s", lambda f: seconds(f.fact("judge_seconds"))),
            ("writing s", lambda f: seconds(f.fact("writing_seconds"))),
            ("outside in all s", lambda f: seconds(f.outside_seconds)),
            ("whole run s", lambda f: seconds(f.whole_seconds)),
            ("share", lambda f: percent(ratio(f.outside_seconds, f.whole_seconds))),
        ),
    )


def _stage_column(stage: str) -> Callable[[Finding], str]:
    return lambda finding: seconds((finding.fact("stage_seconds") or {}).get(stage))


def left_out_table(findings: Sequence[Finding]) -> list[str]:
    """Compare the whole engine with itself without one stage."""
    heads = ("round", "engine", "value", "÷ whole", "bound", "÷ whole", "gap", "seconds", "status")
    return table(heads, [row for finding in findings for row in _left_out_rows(finding)])


def _left_out_rows(finding: Finding) -> list[list[str]]:
    engine = finding.facts(ENGINE)
    return [
        [
            finding.round_name,
            "**whole**" if side == ENGINE else side,
            whole(facts.get("value")),
            times(ratio(facts.get("value"), engine.get("value"))),
            whole(facts.get("bound")),
            times(ratio(facts.get("bound"), engine.get("bound"))),
            percent(gap_of(facts)),
            seconds(facts.get("seconds")),
            text(facts.get("status")),
        ]
        for side in (ENGINE, *ABLATIONS)
        if (facts := finding.facts(side))
    ]


def ablation_table(findings: Sequence[Finding]) -> list[str]:
    """Say what each stage adds: after it, the value as a part of the last one, and the gap."""
    steps = [(f, f.fact("progress") or []) for f in _rounds(findings)]
    stages = _in_order(step["stage"] for _, progress in steps for step in progress)
    return table(("round", *stages), (_ablation_row(f, p, stages) for f, p in steps))


def _ablation_row(finding: Finding, progress: list[Any], stages: Sequence[str]) -> list[str]:
    last = {step["stage"]: step for step in progress}
    cells = [_ablation_cell(last.get(stage), finding.fact("value")) for stage in stages]
    return [finding.round_name, *cells]


def _ablation_cell(step: Any, final_value: int | None) -> str:
    if step is None or step["value"] is None:
        return NOTHING
    share = ratio(step["value"], final_value)
    return f"{percent(share)}, gap {percent(gap_of(step))}"


def side_table(findings: Sequence[Finding]) -> list[str]:
    """List every measurement: what each side found, how long it took, how much memory it held."""
    rows = [
        _side_row(finding, side)
        for finding in findings
        for side in (*SIDES, *ABLATIONS, TAMPERINGS)
        if side in finding.records
    ]
    heads = (
        "round",
        "side",
        "value",
        "÷ best peer",
        "bound",
        "gap",
        "seconds",
        "peak MB",
        "load before",
        "other cores",
        "status",
    )
    return table(heads, rows)


def _side_row(finding: Finding, side: str) -> list[str]:
    record, facts = finding.records[side], finding.facts(side)
    return [
        finding.round_name,
        f"**{side}**" if side == ENGINE else side,
        whole(facts.get("value")),
        times(ratio(facts.get("value"), finding.best_peer_value)),
        whole(facts.get("bound", facts.get("relaxed_value"))),
        percent(gap_of(facts)),
        seconds(facts.get("seconds")),
        whole(facts.get("peak_mb")),
        seconds(record.load_average),
        seconds(record.other_cores),
        text(facts.get("status")),
    ]


def _by_round(findings: Sequence[Finding], columns: Sequence[Column]) -> list[str]:
    heads = ("round", *(head for head, _ in columns))
    rows = ([f.round_name, *(show(f) for _, show in columns)] for f in _rounds(findings))
    return table(heads, rows)


def _rounds(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out what was measured without a round."""
    return [finding for finding in findings if finding.round_name != TAMPERINGS]


def _in_order(names: Iterable[str]) -> list[str]:
    """Return each name once, as it comes first."""
    return list(dict.fromkeys(names))
