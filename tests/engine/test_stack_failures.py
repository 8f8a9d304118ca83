"""Error messages of stacks that do not come up: one run for each kind of failure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

IMAGE = "python:3.13-slim-trixie"
ENDLESS = {"image": IMAGE, "command": ["sleep", "inf"]}

# The service to run, the one that fails, its unmet condition, the reason, and the shown output.
FAILURES = {
    "after-one-shot": (
        "one-shot",
        "complete",
        r"it ended with exit code 3; after-one-shot waited",
        "why it failed",
    ),
    "after-never-good": (
        "never-good",
        "become healthy",
        r"its healthcheck failed to the end of its retries; after-never-good waited",
        "never-good: output of the last healthcheck\nnot yet",
    ),
    "after-hangs": (
        "hangs",
        "become healthy",
        r"its healthcheck failed to the end of its retries; after-hangs waited",
        "hangs: output of the last healthcheck\n",
    ),
    "after-late": (
        "late",
        "become healthy",
        r"not within the 4 s of --start-timeout; after-late waited",
        "late: end of its log\n(no output)",
    ),
    "after-unknown-program": ("unknown-program", "start", r"Docker says: .*/no/such/program", "(no output)"),
    "exits-at-once": ("exits-at-once", "stay up", r"it ended with exit code 4", "last words"),
    "after-exits": (
        "exits-before-it-is-good",
        "become healthy",
        r"it ended with exit code 0; after-exits waited",
        "early",
    ),
    "killed": ("killed", "stay up", r"it ended with exit code 137", "(no output)"),
    "again-and-again": (
        "again-and-again",
        "complete|become healthy|start|stay up",
        r"not within the 4 s of --start-timeout, it was started \d+ times",
        "once more",
    ),
}


def check(dagger: Dagger, folder: Path, *words: str) -> Called:
    called = dagger.call("--source", str(folder), "stack", "--start-timeout", "4", *words, "check")
    assert called.code == 1, called.stdout
    assert "Traceback" not in called.stderr
    return called


@pytest.mark.parametrize("only", FAILURES)
def test_a_failure_names_the_service_the_condition_and_why(dagger: Dagger, only: str) -> None:
    service, condition, why, shown = FAILURES[only]
    called = check(dagger, FIXTURES / "stack" / "failing", "--only", only)
    assert re.search(rf"service '{service}' did not ({condition}) after \d+\.\d s: {why}", called.error)
    assert shown in called.error
    assert "service 'after-" not in called.error


@pytest.mark.parametrize(
    ("services", "value"),
    [
        ({"a": {**ENDLESS, "post_start": [{"command": ["sh", "-c", "exit 5"]}]}}, "5"),
        (
            {"a": ENDLESS, "b": {**ENDLESS, "depends_on": {"a": {"condition": "service_healthy"}}}},
            "healthcheck",
        ),
        ({n: {**ENDLESS, "ports": ["18765:80"]} for n in ("a", "b")}, "18765"),
        ({"a": {**ENDLESS, "networks": {"default": {"ipv4_address": "300.1.1.1"}}}}, "300.1.1.1"),
    ],
)
def test_what_docker_refuses_is_told_in_its_own_words_at_once(
    dagger: Dagger, tmp_path: Path, services: dict[str, Any], value: str
) -> None:
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    assert value in check(dagger, tmp_path).error


def test_an_image_that_cannot_be_pulled_is_named_with_its_service(dagger: Dagger, tmp_path: Path) -> None:
    services = {"a": ENDLESS, "b": {"image": "127.0.0.1:5000/nobody/has-it:1"}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    error = check(dagger, tmp_path).error
    assert "service 'b'" in error
    assert "127.0.0.1:5000/nobody/has-it:1" in error


def test_logs_come_out_of_a_stack_that_fails(dagger: Dagger, tmp_path: Path) -> None:
    words = ("stack", "--only", "after-one-shot", "logs", "export", "--path", str(tmp_path))
    called = dagger.call("--source", str(FIXTURES / "stack" / "failing"), *words)
    assert called.code == 0, called.error
    assert "one-shot" in (tmp_path / "error.txt").read_text()
    assert (tmp_path / "one-shot.log").read_text() == "why it failed\n"
    found = {each["Service"]: each["ExitCode"] for each in json.loads((tmp_path / "ps.json").read_text())}
    assert found == {"one-shot": 3, "after-one-shot": 0}
    inspected = json.loads((tmp_path / "inspect.json").read_text())
    assert {each["State"]["Status"] for each in inspected} == {"exited", "created"}
    events = json.loads((tmp_path / "events.json").read_text())
    assert {each["Action"] for each in events} >= {"create", "start", "die"}
