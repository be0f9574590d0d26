"""A line of the log is JSON, says what it is about, and holds no secret."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from broker.logs import about, configure_logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream, before = io.StringIO(), structlog.get_config()
    structlog.contextvars.clear_contextvars()
    configure_logs(stream, is_quiet=False)
    yield stream
    structlog.configure(**before)


def test_a_line_says_when_what_and_about_which_run(written: io.StringIO) -> None:
    with about(run_id="r1", round_key="sprint-1"):
        structlog.get_logger().info("run.solving", fence=3)
    structlog.get_logger().warning("mail.not-sent")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert first.pop("at").endswith("Z")
    assert first == {
        "event": "run.solving",
        "level": "info",
        "fence": 3,
        "run_id": "r1",
        "round_key": "sprint-1",
    }
    assert "run_id" not in second


@pytest.mark.parametrize(
    "facts",
    [
        {"password": "hunter2"},
        {"session_token": "hunter2"},
        {"Authorization": "Bearer hunter2"},
        {"why": "smtp://market:hunter2@mail.example.org failed"},
        {"why": "postgresql+psycopg://market:hunter2@db/market"},
    ],
)
def test_no_secret_is_written(written: io.StringIO, facts: dict[str, str]) -> None:
    structlog.get_logger().warning("something", **facts)
    assert "***" in written.getvalue()
    assert "hunter2" not in written.getvalue()


def test_an_error_is_written_without_the_variables_of_its_functions(written: io.StringIO) -> None:
    try:
        count_signs_of("hunter" + "2")
    except ValueError as error:
        structlog.get_logger().error("web.error", exc_info=error)
    line = json.loads(written.getvalue())
    assert "ValueError: 7 signs" in line["exception"]
    assert "hunter2" not in written.getvalue()


def count_signs_of(hidden: str) -> None:
    raise ValueError(f"{len(hidden)} signs")


def test_what_is_quiet_says_only_what_somebody_should_look_after() -> None:
    stream = io.StringIO()
    configure_logs(stream, is_quiet=True)
    structlog.get_logger().info("run.solving")
    structlog.get_logger().warning("lease.lost")
    structlog.reset_defaults()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["lease.lost"]
