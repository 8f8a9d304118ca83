"""Unit tests for a platform that the engine does not run."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from ci.testing import emulation
from tests.raised import raises
from tests.unit.test_mistakes import give, workspace

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Project:
    workspace: Any


@dataclass(frozen=True)
class Image:
    platform: str = ""
    emulator: Any = None
    service: Any = field(default_factory=lambda: SimpleNamespace(name="web"))


PROJECT: Any = Project(workspace())
ARM: Any = Image("linux/arm64")


def test_an_image_for_the_engines_own_platform_is_left_as_it_is() -> None:
    own: Any = Image()
    assert anyio.run(emulation.of, PROJECT, own) == (PROJECT, own)


def test_another_one_gets_an_emulator_and_a_project_for_its_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "emulator", give("service"))
    project, image = anyio.run(emulation.of, PROJECT, ARM)
    assert project.workspace.platform == "linux/arm64"
    assert image.emulator == "service"


def test_without_an_emulator_the_tests_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "emulator", give(None))
    with raises("test.not-emulated", "'web'", "linux/arm64", "--emulate-tests"):
        anyio.run(emulation.of, PROJECT, ARM)


def test_what_emulates_is_stopped() -> None:
    stopped = []

    async def stop() -> None:
        await anyio.lowlevel.checkpoint()
        stopped.append(True)

    images: Any = [Image(), Image("linux/arm64", SimpleNamespace(stop=stop))]
    anyio.run(emulation.ended, images)
    assert stopped == [True]
