"""Cuts: inequalities that every outcome obeys and the relaxation does not.

Of a few choices that meet in a few rows all packings can be listed. They span a shape with flat
sides; where what the relaxation awards lies outside of it, the side that it is farthest beyond is a
cut. It is then *lifted*: every other choice of those rows gets the largest coefficient with which
the cut still holds. The relaxation, in floating point, only proposes; the coefficients and the
limit of a cut are whole, and hold by counting packings. Source: MODEL.md, Cuts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from ortools.math_opt.python import mathopt

from allocation.columns import Whole
from allocation.engine import mathopt_models
from allocation.engine.packings import (
    Option,
    Prized,
    Room,
    largest_prize,
    listed_packings,
    room_of,
)
from allocation.engine.relaxation import Floats
from allocation.engine.variables import Cut, Terms, Variables
from allocation.model import Model

MOST_LISTED_NODES = 20_000
MOST_LIFTING_NODES = 2_000
"""How long packings are listed, and a packing is looked for, before it is given up."""
FEWEST_ROW_MEMBERS = 2
"""A cut looks only at rows in which so many of its choices meet."""
LEAST_BEYOND = 1e-3
"""What the relaxation awards must be beyond a cut by this part of its limit."""
NOTHING = 1e-6
LARGEST_SCALE = 120
COARSE_SCALE = 1_000
"""Coefficients are multiplied by the first number that makes all of them whole, else by this one
and rounded down."""
MOST_RESTS = 50
"""So many packings that reach the limit are tried before one is looked for."""
MOST_SIDES_ASKED = 60
SIDES_A_TIME = 6
FEW_PACKINGS = 100


@dataclass(frozen=True)
class Row:
    """A row of units or credits. Shape: the choices in it, and how much each of them uses."""

    most: int
    choices: list[int]
    uses: list[int]


@dataclass(frozen=True)
class Ground:
    """The choices and rows of a model, to be looked up by either.

    Lots that are variables of their own are left out: a cut of the other choices holds with them.
    """

    rows: list[Row]
    bid: list[int]
    rows_of: list[list[int]]
    choices_of: dict[int, list[int]]


def ground_of(model: Model, variables: Variables) -> Ground:
    """List who meets in which row of C2, C3 and C4."""
    count = len(variables.choice)
    rows: list[Row] = []
    rows_of: list[list[int]] = [[] for _ in range(count)]
    for block in (model.reserved, model.total, model.credits):
        written = variables.rows_of(block)
        is_choice = written.terms.variable < count
        row, terms = written.row[is_choice], written.terms
        choices, uses = terms.variable[is_choice], terms.coefficient[is_choice]
        ends = np.searchsorted(row, np.arange(len(written.upper) + 1))
        for n, most in enumerate(written.upper.tolist()):
            part = slice(ends[n], ends[n + 1])
            for choice in choices[part].tolist():
                rows_of[choice].append(len(rows))
            rows.append(Row(most, choices[part].tolist(), uses[part].tolist()))
    bid = model.columns.bid[variables.choice].tolist()
    choices_of: dict[int, list[int]] = defaultdict(list)
    for choice in np.flatnonzero(variables.size).tolist():
        choices_of[bid[choice]].append(choice)
    return Ground(rows, bid, rows_of, dict(choices_of))


@dataclass
class _Corner:
    """The rows in which some choices meet, and everything that competes there.

    Shape: `choices` has for every option the choices that are alike here, `awarded` what the
    relaxation awards of them together; `prizes` are the coefficients so far.
    """

    room: Room
    choices: dict[Option, list[int]]
    awarded: dict[Option, float]
    prizes: dict[Option, int] = field(default_factory=dict)


def find_cut(ground: Ground, cluster: Sequence[int], awarded: list[float]) -> Cut | None:
    """Return a cut that what the relaxation awards is beyond, if the cluster shows one.

    Shape: `cluster` lists choices of which something is awarded, `awarded` has an entry per
    variable.
    """
    corner = _corner(ground, cluster, awarded)
    members = {ground.bid[choice] for choice in cluster}
    inside = set(cluster)
    options = sorted(
        option
        for option, alike in corner.choices.items()
        if option.bid in members
        and corner.awarded[option] > NOTHING
        and not inside.isdisjoint(alike)
    )
    packings = listed_packings(options, corner.room, MOST_LISTED_NODES)
    if not packings:
        return None
    side = _side(options, packings, np.array([corner.awarded[option] for option in options]))
    if side is None:
        return None
    prizes, most, tight = side
    corner.prizes.update((o, p) for o, p in zip(options, prizes, strict=True) if p)
    _lift(corner, most, [_rest_of(options, packing, corner) for packing in tight[:MOST_RESTS]])
    return _cut(corner, most)


def _corner(ground: Ground, cluster: Sequence[int], awarded: list[float]) -> _Corner:
    """Lay out the rows in which several of some choices meet, and who else is there."""
    meetings = Counter(row for choice in cluster for row in ground.rows_of[choice])
    rows = [ground.rows[n] for n, meet in sorted(meetings.items()) if meet >= FEWEST_ROW_MEMBERS]
    room, begins = room_of([(row.most, max(row.uses)) for row in rows])
    use: dict[int, int] = defaultdict(int)
    for row, begin in zip(rows, begins, strict=True):
        for choice, units in zip(row.choices, row.uses, strict=True):
            use[choice] += units << begin
    for bid in {ground.bid[choice] for choice in cluster}:
        for choice in ground.choices_of[bid]:
            use[choice] += 0
    choices: dict[Option, list[int]] = defaultdict(list)
    for choice, units in use.items():
        choices[Option(ground.bid[choice], units)].append(choice)
    together = {option: sum(awarded[c] for c in alike) for option, alike in choices.items()}
    return _Corner(room, dict(choices), together)


# --- the side that the relaxation is farthest beyond -----------------------------------------


def _side(
    options: Sequence[Option], packings: Sequence[tuple[int, ...]], awarded: Floats
) -> tuple[list[int], int, list[tuple[int, ...]]] | None:
    """Return whole prizes of options, the largest sum of a packing, and the packings that reach it.

    None where what is awarded is not beyond.
    """
    holds = np.zeros((len(packings), len(options)))
    for n, packing in enumerate(packings):
        holds[n, list(packing)] = 1
    proposed = _proposed(holds, awarded)
    if proposed is None:
        return None
    prizes = _whole(proposed)
    sums = holds @ prizes
    most = int(sums.max())
    if float(prizes @ awarded) <= most * (1 + LEAST_BEYOND):
        return None
    tight = [packings[n] for n in np.flatnonzero(sums == most).tolist()]
    return prizes.tolist(), most, tight


def _proposed(holds: Floats, awarded: Floats) -> Floats | None:
    """Let prizes of what is awarded be as large as can be, where no packing may exceed 1.

    The best prizes are a side of the shape that the packings span. Packings are added to the
    program as they are exceeded.
    """
    worth = holds @ awarded
    listed = [int(np.argmax(np.where(column > 0, worth, -1.0))) for column in holds.T]
    listed = sorted({int(np.argmax(worth)), *listed})
    if len(holds) <= FEW_PACKINGS:
        listed = list(range(len(holds)))
    for _ in range(MOST_SIDES_ASKED):
        prizes = _best_prizes(holds[listed], awarded)
        if prizes is None or float(prizes @ awarded) <= 1 + LEAST_BEYOND:
            return None
        sums = holds @ prizes
        largest = np.argsort(-sums, kind="stable")[:SIDES_A_TIME].tolist()
        exceeded = [n for n in largest if sums[n] > 1 + NOTHING]
        if not exceeded:
            return prizes
        listed += exceeded
    return None


def _best_prizes(holds: Floats, awarded: Floats) -> Floats | None:
    program = mathopt_models.packing_program(holds, awarded)
    try:
        result = mathopt.solve(program, mathopt.SolverType.GLOP)
    except Exception:  # noqa: BLE001  # MathOpt raises what comes; then there is no cut
        return None
    if result.termination.reason is not mathopt.TerminationReason.OPTIMAL:
        return None
    return np.array(result.variable_values(list(program.variables())))


def _whole(prizes: Floats) -> Whole:
    """Multiply prizes by the first number that makes all of them whole."""
    for scale in range(1, LARGEST_SCALE + 1):
        near = np.rint(scale * prizes)
        if np.abs(scale * prizes - near).max() < NOTHING * LARGEST_SCALE:
            return np.asarray(near, np.int64)
    return np.floor(COARSE_SCALE * prizes + NOTHING).astype(np.int64)


# --- lifting ---------------------------------------------------------------------------------


def _rest_of(
    options: Sequence[Option], packing: tuple[int, ...], corner: _Corner
) -> tuple[int, set[int]]:
    """Return what the options of a packing that have a prize leave, and the bids they serve."""
    counted = [options[n] for n in packing if options[n] in corner.prizes]
    return corner.room.left - sum(use for _, use in counted), {bid for bid, _ in counted}


def _lift(corner: _Corner, most: int, rests: list[tuple[int, set[int]]]) -> None:
    """Give every other option the largest prize with which no packing exceeds the limit.

    One after the other, what is awarded most first: if the best packing beside an option is worth
    less than the limit, what is missing is its prize. `rests` are what packings that reach the
    limit leave: an option that fits there gets none.
    """
    room = corner.room
    others = [option for option in corner.choices if option not in corner.prizes]
    others.sort(key=lambda o: (-corner.awarded[o], o.use.bit_count(), o))
    by_prize = _by_prize(corner.prizes)
    for option in others:
        bid, use = option
        if not room.fits(room.left, use):
            continue
        if any(bid not in bids and room.fits(left, use) for left, bids in rests):
            continue
        beside = [each for each in by_prize if each.bid != bid]
        largest = largest_prize(beside, room, room.left - use, most, MOST_LIFTING_NODES)
        if largest is not None and largest < most:
            corner.prizes[option] = most - largest
            by_prize = _by_prize(corner.prizes)


def _by_prize(prizes: dict[Option, int]) -> list[Prized]:
    """Return every bid with its options that have a prize, the bid of the largest first."""
    of_bid: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for option, prize in prizes.items():
        of_bid[option.bid].append((prize, option.use))
    bids = [Prized(bid, tuple(sorted(o)), max(o)[0]) for bid, o in of_bid.items()]
    return sorted(bids, key=lambda each: -each.largest)


def _cut(corner: _Corner, most: int) -> Cut:
    pairs: Iterable[tuple[int, int]] = sorted(
        (choice, prize)
        for option, prize in corner.prizes.items()
        for choice in corner.choices[option]
    )
    variable, coefficient = np.array(list(pairs), np.int64).T
    return Cut(Terms(variable, coefficient), most)
