"""Logs: JSON lines, without what must not be there."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aip_common import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before, level, configured = (
        logging.getLogger().handlers,
        logging.getLogger().level,
        structlog.get_config(),
    )
    stream = io.StringIO()
    logs.configure("test", "1.2.3", "INFO", stream)
    yield stream
    logging.getLogger().handlers = before
    logging.getLogger().setLevel(level)
    structlog.configure(**configured)


def _read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_kinds_of_loggers_write_the_same_form(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger().info("one", status=200)
    logging.getLogger("library").warning("two %s", "things")
    structlog.get_logger().debug("nothing")
    structlog.contextvars.clear_contextvars()
    first, second = _read(lines)
    assert first.pop("ts") < second.pop("ts")
    common = {"service": "test", "version": "1.2.3", "request_id": "r-1"}
    assert first == {"event": "one", "status": 200, "level": "info", **common}
    assert second == {"event": "two things", "level": "warning", **common}


def test_redaction(lines: io.StringIO) -> None:
    names = (
        "api_key",
        "Authorization",
        "password",
        "internal_token",
        "prompt",
        "messages",
        "content",
        "client_secret",
    )
    structlog.get_logger().info("x", **dict.fromkeys(names, "do not show"), input_tokens=3)
    assert "do not show" not in lines.getvalue()
    assert _read(lines)[0]["input_tokens"] == 3


def test_tracebacks_have_no_variables(lines: io.StringIO) -> None:
    key = "do not show"
    try:
        [][len(key)]
    except IndexError:
        structlog.get_logger().exception("failed")
    (line,) = _read(lines)
    assert "IndexError: list index out of range" in line["exception"]
    assert "do not show" not in line["exception"]
