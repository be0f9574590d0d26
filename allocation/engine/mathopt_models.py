"""The model as MathOpt protos: its LP relaxation, and the whole mixed-integer program.

The relaxation has one variable per placement, the fraction of its most lots: with f in [0, 1] and
lots = max · f, the choices and the ranges of lots add nothing to it. Built from arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from allocation.columns import Whole
from allocation.engine.variables import Cut, Rows, Terms, Variables
from allocation.model import Block, Model

Floats = npt.NDArray[np.float64]


def relaxation(model: Model) -> mathopt.Model:
    """Return the LP relaxation: a fraction per placement, the rows of every block in order."""
    return mathopt.Model.from_model_proto(_relaxation(model))


def slice_relaxation(model: Model, share: Fraction) -> mathopt.Model:
    """Return the LP relaxation with so much of every pool and day, and all credits."""
    proto = _relaxation(model)
    units = [*model.reserved.upper.tolist(), *model.total.upper.tolist()]
    for row, amount in enumerate(units, len(model.bids.upper)):
        proto.linear_constraints.upper_bounds[row] = float(amount * share)
    return mathopt.Model.from_model_proto(proto)


def _relaxation(model: Model) -> model_pb2.ModelProto:
    count = model.columns.count
    proto = _new_model(np.ones(count, np.int64), is_integer=False)
    _set_objective(proto, Terms(np.arange(count), model.largest_value))
    _add_rows(proto, [_in_fractions(model, block) for block in model.blocks])
    return proto


def _in_fractions(model: Model, block: Block) -> Rows:
    scale = model.columns.max_lots[block.column] if block.of_lots else 1
    return Rows(block.names, block.upper, block.row, Terms(block.column, block.coefficient * scale))


def packing_program(holds: Floats, awarded: Floats) -> mathopt.Model:
    """Return the LP for the prizes of some options, worth most for what is awarded.

    Shape: `holds` has a row per packing and a column per option; no packing is worth more than 1.
    """
    row, option = np.nonzero(holds)
    one = np.ones_like(row)
    proto = _new_model(np.ones(len(awarded), np.int64), is_integer=False)
    proto.objective.maximize = True
    proto.objective.linear_coefficients.ids.extend(range(len(awarded)))
    proto.objective.linear_coefficients.values.extend(awarded.tolist())
    upper, names = np.ones(len(holds), np.int64), ("",) * len(holds)
    _add_rows(proto, [Rows(names, upper, row, Terms(option, one))])
    return mathopt.Model.from_model_proto(proto)


def mixed_integer_program(
    model: Model, variables: Variables, *, is_integer: bool = True
) -> mathopt.Model:
    """Return the whole model or its relaxation: choices and lots, rows of all blocks and of C5."""
    proto = _new_model(variables.upper, is_integer=is_integer)
    _set_objective(proto, variables.objective(model.columns.value))
    rows = [variables.rows_of(block) for block in model.blocks]
    _add_rows(proto, [*rows, variables.add_lots_ranges()])
    return mathopt.Model.from_model_proto(proto)


def add_cut(
    program: mathopt.Model, variables: list[mathopt.Variable], cut: Cut
) -> mathopt.LinearConstraint:
    """Add a cut to a program whose first variables are those of the model."""
    terms = cut.terms
    pairs = zip(terms.variable.tolist(), terms.coefficient.tolist(), strict=True)
    total = mathopt.fast_sum([float(c) * variables[n] for n, c in pairs])
    return program.add_linear_constraint(total <= float(cut.most))


def _new_model(upper: Whole, *, is_integer: bool) -> model_pb2.ModelProto:
    proto = model_pb2.ModelProto()
    proto.variables.ids.extend(range(len(upper)))
    proto.variables.lower_bounds.extend([0.0] * len(upper))
    proto.variables.upper_bounds.extend(upper.astype(float).tolist())
    proto.variables.integers.extend([is_integer] * len(upper))
    return proto


def _set_objective(proto: model_pb2.ModelProto, terms: Terms) -> None:
    order = np.argsort(terms.variable)
    proto.objective.maximize = True
    proto.objective.linear_coefficients.ids.extend(terms.variable[order].tolist())
    values = terms.coefficient[order].astype(float).tolist()
    proto.objective.linear_coefficients.values.extend(values)


def _add_rows(proto: model_pb2.ModelProto, blocks: Iterable[Rows]) -> None:
    """Append blocks of rows, numbered one after the other, each row's terms by variable."""
    constraints, matrix = proto.linear_constraints, proto.linear_constraint_matrix
    first = 0
    for block in blocks:
        count = len(block.upper)
        constraints.ids.extend(range(first, first + count))
        constraints.names.extend(block.names)
        constraints.lower_bounds.extend([-np.inf] * count)
        constraints.upper_bounds.extend(block.upper.astype(float).tolist())
        order = np.argsort(block.row * len(proto.variables.ids) + block.terms.variable)
        matrix.row_ids.extend((block.row[order] + first).tolist())
        matrix.column_ids.extend(block.terms.variable[order].tolist())
        matrix.coefficients.extend(block.terms.coefficient[order].astype(float).tolist())
        first += count
