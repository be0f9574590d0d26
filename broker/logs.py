"""What programs write about themselves: one JSON object a line, on standard error.

Every line has an instant, a level and an event; whatever is bound to the request or the run at hand
is on it as well. What could be a secret is crossed out, and no line holds the values of a question
to the database or the variables of a function.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog

CROSSED_OUT = "***"
SECRET = re.compile(r"password|secret|token|cookie|authorization|signature", re.IGNORECASE)
CREDENTIALS = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")
"""A password in an address, with what comes before it."""

Line = MutableMapping[str, Any]


def configure_logs(stream: TextIO, *, is_quiet: bool) -> None:
    """Write lines to a stream: all of them, or only what somebody should look after."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            cross_out,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.WARNING if is_quiet else logging.INFO
        ),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def configure_for_command(arguments: list[str]) -> None:
    """Write lines as suits a command: a person at a terminal wants answers, no log."""
    configure_logs(sys.stderr, is_quiet="--quiet" in arguments or sys.stderr.isatty())


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Put facts, such as the run at hand, on every line that is written meanwhile."""
    with structlog.contextvars.bound_contextvars(**facts):
        yield


def cross_out(_logger: Any, _method: str, line: Line) -> Line:
    """Cross out what could be a secret: by the name of a fact, or as a password in an address."""
    for name, value in line.items():
        if SECRET.search(name):
            line[name] = CROSSED_OUT
        elif isinstance(value, str):
            line[name] = CREDENTIALS.sub(rf"\1{CROSSED_OUT}@", value)
    return line
