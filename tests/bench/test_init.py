"""What the init adds to a start: with which configuration, and when that is too much."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bench import init, written

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = {
    "User": "10001:10001",
    "Env": ["PATH=/usr/bin"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000},
}


def test_more_than_50_ms_are_named() -> None:
    def rows(start: float) -> dict[str, dict[str, float]]:
        return {"plain": {"median": 0.002}, "init": {"median": start}}

    assert init.exceeded(rows(0.052)) == []
    assert init.exceeded(rows(0.0625)) == ["the init adds 60 ms to a service's start, at most are 50"]


def test_it_is_measured_with_what_the_pipeline_writes_for_our_own_service(tmp_path: Path) -> None:
    outcome = init.outcome_of(init.ROOT, tmp_path).read_text()
    found = written.written(outcome, IMAGE, init.SERVICE)
    expected = {
        "enforce": True,
        "read_only": True,
        "capabilities": [],
        "no_new_privileges": True,
        "memory": 512 << 20,
        "pids": 256,
        "cpus": 1.0,
        "user": "10001:10001",
        "restart": "always",
        "state": "/.ci-state",
    }
    config = found["config"]
    assert {key: config[key] for key in expected} == expected
    assert "/tmp" in [item["target"] for item in config["tmpfs"]]  # noqa: S108 - what compose.yaml says
    assert config["health"]["test"] == ["true"]
    assert set(found["environment"]) < set(config["environment"])
    assert "PATH" in config["environment"]


@pytest.mark.engine
def test_both_starts_are_measured_in_turns_on_the_engine() -> None:
    if "CI_ENGINE_CHOSEN" not in os.environ:
        pytest.fail('no engine is chosen: run `make test`, or eval "$(python3 -m airgap env --auto)" first')
    said: list[str] = []
    seen = init.measure(1, said.append)
    assert seen["starts"] == init.LEAST
    assert 0 < seen["rows"]["plain"]["median"] < seen["rows"]["init"]["median"]
    assert seen["added"] > 0
    assert len(said) == 3
