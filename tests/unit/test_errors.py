"""Every error is a sentence that names what it is about, and leaves with one exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from allocation.errors import AllocationError, BrokenOutcome, InvalidProblem, NoOutcome, Violation
from allocation.files.findings import Finding, InvalidFolder
from allocation.results import OccupiedFolder
from broker.cli import COMMANDS
from broker.commands.exits import EXITS, exit_code, explain, lines_of
from broker.errors import (
    BrokerError,
    Busy,
    InvalidBid,
    InvalidPerson,
    InvalidRound,
    InvalidSettings,
    NotAllowed,
    NotChecked,
    NotFound,
    Refused,
    SignInNeeded,
    StorageFailed,
    TooManyAttempts,
    UnusableDatabase,
    UnusablePlace,
    WrongSchema,
    WrongSignIn,
)

FINDING = Finding("bids.csv", 3, "title", "is too long", "shorten it")
VIOLATION = Violation("C2", "Awards exceed gpu on 2026-03-02.")
CODES = [
    (InvalidFolder(Path("round"), [FINDING]), 2),
    (InvalidProblem("Bid b1 needs an alternative."), 2),
    (InvalidBid("b1", ["title: holds a line break; remove it."]), 2),
    (InvalidRound("sprint-1", ["days: 0 is out of range; use 1 to 366."]), 2),
    (InvalidSettings("There is no setting BROKER_X."), 2),
    (NotFound("There is no round sprint-9."), 2),
    (NotAllowed("None of your roles may close round here."), 3),
    (SignInNeeded("Sign in first."), 3),
    (WrongSignIn("Name and password do not belong together."), 3),
    (TooManyAttempts("Signing in failed too often in a row."), 3),
    (InvalidPerson("ada", ["name: is empty; say who it is."]), 2),
    (OccupiedFolder(Path("out"), "not empty", "name another folder"), 3),
    (Refused("Round sprint-1 is open."), 3),
    (Busy("The database broker.db stayed locked by others."), 3),
    (NoOutcome("No stage found an outcome for sprint-1."), 4),
    (BrokenOutcome("sprint-1", [VIOLATION]), 5),
    (StorageFailed("The database broker.db failed: disk full."), 3),
    (UnusableDatabase("broker.db cannot be the database: it is not a file."), 2),
    (UnusablePlace("Nothing was written to out: File name too long."), 2),
    (WrongSchema("The database broker.db has schema 0001; this version needs 0002."), 78),
    (NotChecked("There is no key in audit-key.pem."), 7),
    (KeyboardInterrupt(), 130),
    (OSError(28, "No space left on device"), 3),
    (BrokenPipeError(32, "Broken pipe"), 141),
    (ZeroDivisionError("division by zero"), 3),
]


def subclasses_of(base: type[BaseException]) -> set[type[BaseException]]:
    found = set(base.__subclasses__())
    return found.union(*(subclasses_of(kind) for kind in found))


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda part: type(part).__name__)
def test_every_error_leaves_with_the_code_of_the_contract(error: BaseException, code: int) -> None:
    assert exit_code(error, "import") == code


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_what_nobody_foresaw_never_looks_like_a_violation(command: str) -> None:
    codes = {"allocate": 4, "run": 4, "check": 7, "verify": 7}
    assert exit_code(ZeroDivisionError(), command) == codes.get(command, 3)
    assert {exit_code(kind(), command) for kind in (OSError, MemoryError)} <= {3, 4, 7}


def test_no_error_of_the_market_is_without_a_code() -> None:
    kinds = subclasses_of(BrokerError) | subclasses_of(AllocationError)
    ours = {kind for kind in kinds if kind.__module__.startswith(("broker.", "allocation."))}
    ours = {kind for kind in ours if "dashboards" not in kind.__module__}  # no command asks them
    assert len(ours) > 10
    assert [kind for kind in ours if not any(base in EXITS for base in kind.__mro__)] == []


def test_every_error_of_the_market_has_a_stable_code_of_its_own() -> None:
    codes = [BrokerError.code, *(kind.code for kind in subclasses_of(BrokerError))]  # type: ignore[attr-defined]
    assert len(set(codes)) == len(codes)


def test_every_finding_and_every_violation_is_said_on_a_line_of_its_own() -> None:
    findings = [FINDING, Finding("bids.csv", 4, "-", "has a cell too many", "remove it")]
    assert list(lines_of(InvalidFolder(Path("round"), findings))) == [
        "bids.csv:3: title: is too long; shorten it",
        "bids.csv:4: -: has a cell too many; remove it",
    ]
    assert list(lines_of(BrokenOutcome("sprint-1", [VIOLATION])))[1:] == [str(VIOLATION)]


def test_a_sentence_ends_with_its_hint() -> None:
    error = Refused("Round sprint-1 is open.", hint="Close it.", round_key="sprint-1")
    assert str(error) == "Round sprint-1 is open. Close it."
    assert error.facts == {"round_key": "sprint-1"}


def test_what_nobody_foresaw_is_one_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0
    assert explain(caught.value, ["import"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError in test_errors.py" in said
    assert "Traceback" not in said


def test_too_little_memory_is_no_outcome_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert explain(MemoryError(), ["allocate"]) == 4
    assert "not enough memory" in capsys.readouterr().err


def test_a_check_that_could_not_be_made_never_looks_like_a_violation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0
    assert explain(caught.value, ["check"]) == 7
    assert explain(FileNotFoundError(2, "No such file", "x.csv"), ["check"]) == 7
    assert "x.csv cannot be read or written: No such file." in capsys.readouterr().err
