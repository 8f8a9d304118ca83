from __future__ import annotations

from typing import Any

import pytest

from ci.errors import PipelineError
from ci.stack import values


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("10s", 10), (None, 7), ("", 7)]
)
def test_durations(text: str | None, seconds: float) -> None:
    assert values.duration(text, 7) == seconds


def test_a_healthcheck_is_the_file_s_field_by_field_over_the_image_s() -> None:
    image = {
        "Healthcheck": {"Test": ["CMD", "probe"], "Interval": 5_000_000_000, "StartInterval": 500_000_000}
    }
    assert values.health({"healthcheck": {"retries": 9, "timeout": "2s"}}, image) == {
        "test": ["probe"],
        "interval": 5,
        "timeout": 2,
        "start_period": 0,
        "start_interval": 0.5,
        "retries": 9,
    }


def test_a_shell_healthcheck_runs_in_a_shell_with_docker_s_defaults() -> None:
    health = values.health({"healthcheck": {"test": ["CMD-SHELL", "curl -f x"]}}, {})
    assert health is not None
    assert health["test"] == ["/bin/sh", "-c", "curl -f x"]
    assert (health["interval"], health["timeout"], health["retries"]) == (30, 30, 3)


@pytest.mark.parametrize(
    "service",
    [{}, {"healthcheck": {"disable": True, "test": ["CMD", "x"]}}, {"healthcheck": {"test": ["NONE"]}}],
)
def test_no_healthcheck(service: dict[str, Any]) -> None:
    assert values.health(service, {}) is None


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, None),
        ({"cap_drop": ["ALL"]}, []),
        ({"cap_drop": ["all"], "cap_add": ["cap_net_admin", "CHOWN"]}, ["CHOWN", "NET_ADMIN"]),
    ],
)
def test_capabilities(service: dict[str, Any], expected: list[str] | None) -> None:
    assert values.capabilities(service) == expected


def test_all_capabilities_but_one() -> None:
    left = values.capabilities({"cap_add": ["ALL"], "cap_drop": ["NET_RAW"]})
    assert left is not None
    assert len(left) == 40
    assert "NET_RAW" not in left


def test_a_time_of_0_is_the_image_s_own() -> None:
    image = {"Healthcheck": {"Test": ["CMD", "x"], "Interval": 2_000_000_000}}
    health = values.health({"healthcheck": {"interval": "0s", "timeout": "0s"}}, image)
    assert health is not None
    assert (health["interval"], health["timeout"]) == (2.0, 30.0)


def test_an_added_capability_joins_docker_s_default_set() -> None:
    added = values.capabilities({"cap_add": ["SYS_TIME"]})
    assert added is not None
    assert len(added) == 15
    assert "SYS_TIME" in added


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, ("no", 0)),
        ({"restart": "unless-stopped"}, ("always", 0)),
        ({"restart": "on-failure:2"}, ("on-failure", 2)),
        ({"deploy": {"restart_policy": {"condition": "any", "max_attempts": 3}}}, ("always", 3)),
        ({"deploy": {"restart_policy": {"condition": "none"}}, "restart": "always"}, ("no", 0)),
    ],
)
def test_restart_policies(service: dict[str, Any], expected: tuple[str, int]) -> None:
    assert values.restart(service) == expected


def test_ulimits() -> None:
    limits = {"nofile": {"soft": 10, "hard": 20}, "nproc": {"single": 5}, "core": {}}
    assert values.ulimits({"ulimits": limits}) == {
        "nofile": {"soft": 10, "hard": 20},
        "nproc": {"soft": 5, "hard": 5},
        "core": {"soft": 0, "hard": 0},
    }


IMAGE = {"Entrypoint": ["/entry"], "Cmd": ["serve"]}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({}, ["/entry", "serve"]),
        ({"command": ["other"]}, ["/entry", "other"]),
        ({"command": []}, ["/entry", "serve"]),
        ({"entrypoint": ["sh"]}, ["sh"]),
        ({"entrypoint": [], "command": ["true"]}, ["true"]),
    ],
)
def test_entrypoint_and_command_are_combined_as_compose_does(
    service: dict[str, Any], words: list[str]
) -> None:
    assert values.command("web", service, IMAGE) == words


def test_a_service_with_nothing_to_run_is_named() -> None:
    with pytest.raises(PipelineError, match="service 'web': neither the file nor the image"):
        values.command("web", {"entrypoint": []}, IMAGE)
