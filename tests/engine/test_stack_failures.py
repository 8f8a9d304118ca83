"""What a user is told of a stack that does not come up: one run with every way to fail."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import FIXTURES
from tests.engine.stacks import logs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

IMAGE = "python:3.13-slim-trixie"

# The service, what it did not do, and why.
FAILURES = {
    "one-shot": ("complete", r"it ended with exit code 3; after-one-shot waited for it"),
    "never-good": (
        "become healthy",
        r"its healthcheck failed to the end of its retries; after-never-good waited",
    ),
    "hangs": ("become healthy", r"its healthcheck failed to the end of its retries; after-hangs waited"),
    "late": ("become healthy", r"not within the 8 s of --start-timeout; after-late waited"),
    "unknown-program": (
        "start",
        r"/no/such/program: no such program.* \(exit code 127\); after-unknown-program",
    ),
    "exits-at-once": ("stay up", r"it ended with exit code 4"),
    "exits-before-it-is-good": ("become healthy", r"it ended with exit code 0; after-exits waited"),
    "bad-hook": (
        "start",
        r"its post_start hook ended with exit code 5: of the hook.*; after-bad-hook waited",
    ),
    "killed": ("stay up", r"it ended with exit code 137"),
}


@pytest.fixture(scope="module")
def failed(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Called:
    output = tmp_path_factory.mktemp("failing")
    called = logs(dagger, FIXTURES / "stack" / "failing", output, "--start-timeout", "8")
    assert called.code == 1
    return called


@pytest.mark.parametrize("service", FAILURES)
def test_a_failure_names_the_service_the_condition_and_why(failed: Called, service: str) -> None:
    condition, why = FAILURES[service]
    assert re.search(rf"service '{service}' did not {condition} after \d+\.\d s: {why}", failed.error)


@pytest.mark.parametrize(
    "lines",
    [
        ("one-shot: its last lines", "why it failed"),
        ("never-good: the last healthcheck said", "not yet"),
        ("exits-at-once: its last lines", "last words"),
        ("exits-before-it-is-good: its last lines", "early"),
        ("late: its last lines", "(no output)"),
    ],
)
def test_a_failure_shows_the_last_lines_of_the_service_and_its_healthcheck(
    failed: Called, lines: tuple[str, str]
) -> None:
    assert "--- " + "\n".join(lines) in failed.error


def test_a_probe_that_hangs_is_ended_and_told(failed: Called) -> None:
    assert "the probe took longer than its 200ms" in failed.error


def test_who_only_waited_is_not_blamed_and_no_traceback_is_shown(failed: Called) -> None:
    assert "service 'after-" not in failed.error
    assert "Traceback" not in failed.stderr


def test_to_wait_for_the_health_of_what_has_none_is_refused_at_once(dagger: Dagger, tmp_path: Path) -> None:
    app = {
        "image": IMAGE,
        "command": ["sleep", "inf"],
        "depends_on": {"db": {"condition": "service_healthy"}},
    }
    services = {"db": {"image": IMAGE, "command": ["sleep", "inf"]}, "app": app}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    called = logs(dagger, tmp_path, tmp_path / "out")
    assert called.code != 0
    assert "service 'app' waits until 'db' is healthy, which has no healthcheck" in called.error
