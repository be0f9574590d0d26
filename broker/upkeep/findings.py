"""What an examination says: a subject, how bad it is, a sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad something is; only a problem makes an installation unsafe to run."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    sentence: str
    hint: str = ""


def good(subject: str, sentence: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(subject, Level.OK, sentence)


def warning(subject: str, sentence: str, hint: str = "") -> Finding:
    """Return that something should be looked at."""
    return Finding(subject, Level.WARNING, sentence, hint)


def problem(subject: str, sentence: str, hint: str = "") -> Finding:
    """Return that something makes the installation unsafe to run."""
    return Finding(subject, Level.PROBLEM, sentence, hint)


def serious(subject: str, sentence: str, hint: str = "", *, is_production: bool) -> Finding:
    """Return what is a problem in production, and elsewhere only a warning."""
    return (problem if is_production else warning)(subject, sentence, hint)
