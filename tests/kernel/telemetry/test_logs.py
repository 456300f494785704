import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from locutory.kernel.settings import Settings
from locutory.kernel.telemetry import logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers, root.level
    stream = io.StringIO()
    logs.configure(Settings(log_level="info"), stream)
    yield stream
    structlog.reset_defaults()
    root.handlers, root.level = before


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_and_level(out: io.StringIO) -> None:
    logs.get_logger(stage="fetch").info("stage done", attempt=2)

    (line,) = lines(out)
    assert (line["event"], line["level"], line["stage"], line["attempt"]) == (
        "stage done",
        "info",
        "fetch",
        2,
    )
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_dropped(out: io.StringIO) -> None:
    logs.get_logger().debug("detail")

    assert lines(out) == []


def test_bound_fields_hold_inside_and_end_outside(out: io.StringIO) -> None:
    with logs.bound(correlation_id="c1", tenant=None):
        logs.get_logger().info("inside")
        inside = logs.correlation_id()
    logs.get_logger().info("outside")

    first, second = lines(out)
    assert (first["correlation_id"], inside) == ("c1", "c1")
    assert "tenant" not in first
    assert "correlation_id" not in second
    assert logs.correlation_id() is None


async def test_concurrent_tasks_keep_their_own_fields(out: io.StringIO) -> None:
    barrier = asyncio.Barrier(3)

    async def work(job_id: str) -> None:
        with logs.bound(job_id=job_id):
            await barrier.wait()
            logs.get_logger().info(f"work {job_id}")

    await asyncio.gather(*(work(f"j{number}") for number in range(3)))

    assert all(line["event"] == f"work {line['job_id']}" for line in lines(out))
    assert len(lines(out)) == 3


def test_planted_secrets_and_phones_do_not_reach_the_output(out: io.StringIO) -> None:
    log = logs.get_logger()
    planted = ["hunter2", "sk-live-123", "98000 11111", "ana@example.org", "9800022222"]

    log.info("called 98000 11111", password="hunter2", to={"email": "ana@example.org"})
    log.info("reply", headers={"Authorization": "Bearer sk-live-123"}, detail="at 9800022222")
    try:
        raise ValueError("no account ana@example.org")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("token=%s for %s", "sk-live-123", "9800022222")

    assert len(lines(out)) == 4
    assert [text for text in planted if text in out.getvalue()] == []


def test_a_librarys_line_has_the_same_form(out: io.StringIO) -> None:
    with logs.bound(correlation_id="c1"):
        logging.getLogger("library").warning("slow %s", "query")

    (line,) = lines(out)
    assert (line["event"], line["logger"], line["level"]) == ("slow query", "library", "warning")
    assert line["correlation_id"] == "c1"


def test_an_error_is_one_line_with_its_trace(out: io.StringIO) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logs.get_logger().exception("failed")

    (line,) = lines(out)
    assert "KeyError" in line["exception"]


def test_values_that_are_no_json_are_written_as_text(out: io.StringIO) -> None:
    logs.get_logger().info("odd", thing={1: {"a"}, "when": object})

    assert lines(out)[0]["thing"]["1"] == ["a"]


def test_a_person_gets_lines_to_read(out: io.StringIO) -> None:
    stream = io.StringIO()
    logs.configure(Settings(log_format="console"), stream)

    logs.get_logger().info("stage done", password="hunter2")

    assert "stage done" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert not stream.getvalue().startswith("{")
