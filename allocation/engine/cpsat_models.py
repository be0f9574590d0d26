"""The model for CP-SAT, in whole numbers throughout. Importing this module costs half a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from allocation.columns import Whole
from allocation.engine.variables import Rows, Terms, Variables
from allocation.model import Model


@dataclass(frozen=True)
class CpModel:
    """A CP-SAT model with its variables in the order of `Variables`."""

    model: cp_model.CpModel
    variables: list[cp_model.IntVar]

    def sum_of(self, terms: Terms) -> cp_model.LinearExprT:
        """Return Σ coefficient × variable."""
        chosen = [self.variables[n] for n in terms.variable.tolist()]
        return cp_model.LinearExpr.weighted_sum(chosen, terms.coefficient.tolist())


def write_model(model: Model, variables: Variables) -> CpModel:
    """Return the rows of C1 to C5 without an objective."""
    cp = cp_model.CpModel()
    choices = [cp.new_bool_var("") for _ in range(model.columns.count)]
    most = model.columns.max_lots[variables.varying].tolist()
    lots = [cp.new_int_var(0, lots, "") for lots in most]
    written = CpModel(cp, [*choices, *lots])
    for block in (*map(variables.rows_of, model.blocks), variables.add_lots_ranges()):
        _add_rows(written, block)
    return written


def _add_rows(written: CpModel, rows: Rows) -> None:
    ends = np.searchsorted(rows.row, np.arange(len(rows.upper) + 1)).tolist()
    for n, upper in enumerate(rows.upper.tolist()):
        part = slice(ends[n], ends[n + 1])
        terms = Terms(rows.terms.variable[part], rows.terms.coefficient[part])
        written.model.add(written.sum_of(terms) <= upper)


def hint(written: CpModel, values: Whole) -> None:
    """Replace the hint by the given values of the first variables."""
    unhint(written)
    for variable, value in zip(written.variables, values.tolist(), strict=False):
        written.model.add_hint(variable, value)


def unhint(written: CpModel) -> None:
    """Take every hint away."""
    written.model.clear_hints()  # type: ignore[no-untyped-call]  # OR-Tools leaves it untyped
