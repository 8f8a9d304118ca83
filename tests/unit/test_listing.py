"""Questions about what is in a source, and how many requests they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import anyio

from ci.listing import Listing
from tests.unit.onboarding.folders import Folder

if TYPE_CHECKING:
    from pathlib import Path

    import dagger
    import pytest


@dataclass(frozen=True)
class Counted(Folder):
    """A folder that records what is asked of it."""

    asked: list[str] = field(default_factory=list)

    async def entries(self) -> list[str]:
        self.asked.append(f"entries of {self.path.name}")
        return await super().entries()

    async def exists(self, path: str, *, expected_type: dagger.ExistsType | None = None) -> bool:
        self.asked.append(f"exists {path}")
        return await super().exists(path, expected_type=expected_type)

    def directory(self, path: str) -> Counted:
        return replace(self, path=self.path / path)


def listing(folder: Path) -> tuple[Listing, list[str]]:
    source = Counted(folder)
    return Listing(cast("dagger.Directory", source)), source.asked


def made(folder: Path) -> Path:
    root = folder / "root"
    (root / "services/web/tests").mkdir(parents=True)
    (root / "services/web/Dockerfile").write_text("FROM scratch\n")
    (root / "linked").symlink_to("services/web")
    (root / "settings.toml").write_text("a = 1\n")
    (root / "nowhere").symlink_to("missing")
    return root


def test_each_folder_is_requested_once(tmp_path: Path) -> None:
    names, asked = listing(made(tmp_path))

    async def ask() -> None:
        async with anyio.create_task_group() as tasks:
            for path in ("services/web/Dockerfile", "services/web/missing", "services/web/tests", "x"):
                tasks.start_soon(names.has, path)

    anyio.run(ask)
    listings = ["entries of root", "entries of services", "entries of web"]
    assert sorted(asked) == [*listings, "exists services/web/Dockerfile"]


def test_what_exists_is_found(tmp_path: Path) -> None:
    names, _ = listing(made(tmp_path))
    there = {
        path: anyio.run(names.has, path) for path in (".", "services", "./services/web/Dockerfile", "linked")
    }
    assert all(there.values()), there
    for path in ("nowhere", "missing", "missing/file", "settings.toml/file", "../root", "/settings.toml"):
        assert not anyio.run(names.has, path), path


def test_a_folder_is_no_file_and_a_link_to_one_is_a_folder(tmp_path: Path) -> None:
    names, _ = listing(made(tmp_path))
    folders = {path: anyio.run(names.has_folder, path) for path in (".", "services/web/tests", "linked")}
    assert all(folders.values()), folders
    assert not anyio.run(names.has_folder, "settings.toml")
    assert not anyio.run(names.has_folder, "services/none")
    assert anyio.run(names.names, "linked") == {"Dockerfile", "tests/"}
    assert anyio.run(names.names, "settings.toml") == frozenset()


def test_a_text_is_read_once_and_is_empty_without_the_file(tmp_path: Path) -> None:
    root = made(tmp_path)
    names, _ = listing(root)
    assert anyio.run(names.text, "settings.toml") == "a = 1\n"
    (root / "settings.toml").write_text("changed")
    assert anyio.run(names.text, "settings.toml") == "a = 1\n"
    assert anyio.run(names.text, "missing.toml") == ""


def test_a_failed_request_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, asked = listing(made(tmp_path))

    async def failing(_self: Counted) -> list[str]:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(Counted, "entries", failing)
        try:
            anyio.run(names.names, ".")
        except OSError:
            asked.append("failed")
    assert anyio.run(names.has, "settings.toml")
    assert asked == ["failed", "entries of root", "exists settings.toml"]
