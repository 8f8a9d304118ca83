"""Every mistake ends with one error that says what, where and what to do, without a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

GOOD = "services: {a: {image: 'python:3.13-slim-trixie'}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty compose file"),
        ("services: [", "go-yaml load error"),
        ("services: {a: {imag: x}}", "compose.yaml: services.a.imag"),
        ("services: {a: {image: x, ports: ['x:y']}}", "invalid containerPort"),
    ],
)
def test_compose_s_own_message_is_passed_on(dagger: Dagger, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    called = dagger.call("--source", str(tmp_path), "services")
    assert called.code == 1
    assert "Code: compose.invalid" in called.error
    assert expected in called.error
    assert "Next: " in called.error
    assert "Traceback" not in called.stderr


def test_compose_files_elsewhere_are_named(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / ".devcontainer").mkdir()
    (tmp_path / ".devcontainer" / "docker-compose.yml").write_text(GOOD)
    called = dagger.call("--source", str(tmp_path), "services")
    assert called.code == 1
    assert "Code: compose.no-file" in called.error
    assert "--project-directory .devcontainer" in called.error


def test_an_unknown_service_lists_the_valid_ones(dagger: Dagger) -> None:
    called = dagger.call("build", "--only", "gatewy")
    assert called.code == 1
    assert "Code: project.unknown-service" in called.error
    assert "'gatewy'" in called.error
    assert "assistant-service" in called.error
    assert "Traceback" not in called.stderr


def test_an_images_map_of_another_form_is_named(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD)
    (tmp_path / "map.json").write_text('{"redis": 7}')
    called = dagger.call("--source", str(tmp_path), "--images", str(tmp_path / "map.json"), "services")
    assert called.code == 1
    assert "Code: images-map.not-a-reference" in called.error
    assert all(value in called.error for value in ("'redis'", "7", "--images"))


@pytest.mark.parametrize("words", [["gate"], ["posture"]], ids=["gate", "posture"])
def test_a_waiver_with_a_slip_is_refused_before_anything_is_built(
    dagger: Dagger, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nNONSENSE\n")
    (tmp_path / ".ci.toml").write_text(
        'services-without-tests = ["web"]\nintegration = ""\n[[waivers]]\nrule = "non-root"\n'
        'service = "web"\nreason = "x"\nuntil = 2099-01-01\n'
    )
    called = dagger.call("--source", str(tmp_path), *words)
    assert called.code != 0
    assert "Code: posture.unknown-rule" in called.error
