"""The matrix of decision rights: which request passes by rule, and who decides about the others.

A document with a strict schema, whole numbers only. Three things are looked at: how the pool is
classified, how risky the purpose is, and how many credits a bid may offer; the strictest of the
three decides. Nothing here knows a database or a clock. versions.py keeps the versions.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from allocation.wire import Document, canonical_json, sha256_of
from broker.errors import InvalidInput
from broker.policy.documents import MOST_ENTRIES, Key, Part, Words
from broker.policy.reading import read_document
from broker.texts import LARGEST_NUMBER

LONGEST_STEP_HOURS = 24 * 90
LONGEST_PERIOD_DAYS = 366 * 3


class InvalidMatrix(InvalidInput):
    """A matrix of decision rights says what none may say."""

    code = "invalid-decision-rights"
    what = "matrix of decision rights"


class Lane(StrEnum):
    """Who decides about a request, the least strict first."""

    RULE = "rule"
    POOL_OWNER = "pool-owner"
    REVIEW_BOARD = "review-board"


class Risk(StrEnum):
    """How risky a purpose is."""

    LOW = "low"
    ELEVATED = "elevated"
    HIGH = "high"


class Step(StrEnum):
    """For whom a request waits; what nobody answers goes on to the next one."""

    POOL_OWNER = "pool-owner"
    REVIEW_BOARD = "review-board"
    ALL_ADMINS = "all-admins"


STEPS = tuple(Step)
LaneWord = Literal["rule", "pool-owner", "review-board"]
RiskWord = Literal["low", "elevated", "high"]
Hours = Annotated[int, Field(ge=1, le=LONGEST_STEP_HOURS)]


class ClassificationRight(Part):
    """Who decides about pools of a classification."""

    classification: Words
    decided_by: LaneWord


class Purpose(Part):
    """A purpose that a team may name, and how risky it is."""

    key: Key
    name: Words
    risk: RiskWord


class RiskRights(Part):
    """Who decides about purposes of each risk."""

    low: LaneWord
    elevated: LaneWord
    high: LaneWord


class CreditsRight(Part):
    """Who decides once a bid may offer so many credits or more."""

    from_credits: Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
    decided_by: LaneWord


class Deadlines(Part):
    """How long a step may take before a request goes on to the next one."""

    pool_owner_hours: Hours
    review_board_hours: Hours


def _unlike(keys: list[str], what: str) -> None:
    twice = next((key for n, key in enumerate(keys) if key in keys[:n]), None)
    if twice is not None:
        raise ValueError(f"has {what} {twice!r} twice; keep one of them")


def _unlike_classes(rights: tuple[ClassificationRight, ...]) -> tuple[ClassificationRight, ...]:
    _unlike([one.classification for one in rights], "the classification")
    return rights


def _unlike_purposes(purposes: tuple[Purpose, ...]) -> tuple[Purpose, ...]:
    _unlike([one.key for one in purposes], "the purpose")
    return purposes


class Matrix(Part):
    """One version of the decision rights.

    `board` are the keys of the platform admins who are the review board; empty means all of them.
    """

    format: Literal[1]
    classifications: Annotated[
        tuple[ClassificationRight, ...],
        Field(max_length=MOST_ENTRIES),
        AfterValidator(_unlike_classes),
    ]
    unclassified: LaneWord
    other_classifications: LaneWord
    purposes: Annotated[
        tuple[Purpose, ...],
        Field(min_length=1, max_length=MOST_ENTRIES),
        AfterValidator(_unlike_purposes),
    ]
    risks: RiskRights
    credits: Annotated[tuple[CreditsRight, ...], Field(max_length=MOST_ENTRIES)]
    deadlines: Deadlines
    board: Annotated[tuple[Key, ...], Field(max_length=MOST_ENTRIES)]
    longest_period_days: Annotated[int, Field(ge=1, le=LONGEST_PERIOD_DAYS)]

    @model_validator(mode="after")
    def _more_is_never_laxer(self) -> Self:
        risks = (self.risks.low, self.risks.elevated, self.risks.high)
        steps = [one.from_credits for one in self.credits]
        if steps != sorted(set(steps)):
            raise ValueError("has credits out of order; list each threshold once, smallest first")
        for what, words in (("risks", risks), ("credits", [c.decided_by for c in self.credits])):
            lanes = [LANES.index(Lane(word)) for word in words]
            if lanes != sorted(lanes):
                raise ValueError(f"decides more {what} less strictly; never loosen upwards")
        return self

    def purpose(self, key: str) -> Purpose | None:
        """Return a purpose by its key; None if nobody may name it."""
        return next((one for one in self.purposes if one.key == key), None)

    def hours_of(self, step: Step) -> int | None:
        """Return how long a step may take; None for the last one, which waits for an answer."""
        return {
            Step.POOL_OWNER: self.deadlines.pool_owner_hours,
            Step.REVIEW_BOARD: self.deadlines.review_board_hours,
            Step.ALL_ADMINS: None,
        }[step]


LANES = tuple(Lane)


def lane_of(matrix: Matrix, classification: str, purpose: Purpose, most_credits: int) -> Lane:
    """Return who decides about a request: the strictest of all that the matrix looks at."""
    found = [
        _lane_of_class(matrix, classification),
        Lane(getattr(matrix.risks, purpose.risk)),
        *(Lane(one.decided_by) for one in matrix.credits if most_credits >= one.from_credits),
    ]
    return max(found, key=LANES.index)


def due_after(matrix: Matrix, step: Step, begun_at: dt.datetime) -> dt.datetime | None:
    """Return until when a step may take; None where it waits for as long as it takes."""
    hours = matrix.hours_of(step)
    return None if hours is None else begun_at + dt.timedelta(hours=hours)


def read_matrix(content: bytes, name: str = "matrix") -> Matrix:
    """Return the matrix that a text says. Raises: InvalidMatrix with every finding."""
    return read_document(content, name, Matrix, InvalidMatrix)


def matrix_document(matrix: Matrix) -> Document:
    """Return a matrix as the document that the table of versions holds."""
    return matrix.model_dump(mode="json")


def matrix_text(matrix: Matrix) -> str:
    """Return the one way to write a matrix: canonical JSON."""
    return canonical_json(matrix_document(matrix)).decode()


def matrix_sha256(matrix: Matrix) -> str:
    """Return the hex SHA-256 of a matrix's canonical JSON."""
    return sha256_of(matrix_document(matrix))


def _lane_of_class(matrix: Matrix, classification: str) -> Lane:
    if not classification:
        return Lane(matrix.unclassified)
    named = {one.classification: one.decided_by for one in matrix.classifications}
    return Lane(named.get(classification, matrix.other_classifications))


DEFAULT = Matrix(
    format=1,
    classifications=(
        ClassificationRight(classification="public", decided_by="rule"),
        ClassificationRight(classification="internal", decided_by="rule"),
        ClassificationRight(classification="confidential", decided_by="pool-owner"),
        ClassificationRight(classification="restricted", decided_by="pool-owner"),
        ClassificationRight(classification="secret", decided_by="review-board"),
    ),
    unclassified="rule",
    other_classifications="pool-owner",
    purposes=(
        Purpose(key="operations", name="Running what exists", risk="low"),
        Purpose(key="development", name="Building and testing", risk="low"),
        Purpose(key="analysis", name="Analysing data about people", risk="elevated"),
        Purpose(key="training", name="Training a model on data about people", risk="elevated"),
        Purpose(key="decisions", name="Deciding about people without a person", risk="high"),
    ),
    risks=RiskRights(low="rule", elevated="pool-owner", high="review-board"),
    credits=(
        CreditsRight(from_credits=10_000, decided_by="pool-owner"),
        CreditsRight(from_credits=50_000, decided_by="review-board"),
    ),
    deadlines=Deadlines(pool_owner_hours=48, review_board_hours=72),
    board=(),
    longest_period_days=366,
)
"""The matrix that holds before anybody put another one in force: version 0."""
