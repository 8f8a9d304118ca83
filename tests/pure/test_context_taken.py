"""What the program takes out of a folder for a build."""

from __future__ import annotations

import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from ci.inside import context

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for path in ("app/main.py", "app/deep/data.txt", "other/secret.txt", "Dockerfile"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "app/main.py").chmod(0o755)
    return root


def taken(folder: Path, *paths: str) -> list[str]:
    return [str(path) for path in context.take(folder, list(paths))]


def test_a_folder_is_taken_whole_and_what_is_missing_is_not(folder: Path) -> None:
    assert taken(folder, "app", "Dockerfile", "missing") == [
        "Dockerfile",
        "app",
        "app/deep",
        "app/deep/data.txt",
        "app/main.py",
    ]


def test_a_link_that_stays_inside_is_taken_as_it_is(folder: Path) -> None:
    (folder / "app/link").symlink_to("main.py")
    assert "app/link" in taken(folder, "app")
    assert "other" not in taken(folder, "app")


@pytest.mark.parametrize("target", ["../other/secret.txt", "/etc/hostname"])
def test_a_link_that_leads_out_takes_everything(target: str, folder: Path) -> None:
    (folder / "app/link").symlink_to(target)
    assert "other/secret.txt" in taken(folder, "app")


def test_a_path_through_a_link_takes_everything(folder: Path) -> None:
    (folder / "alias").symlink_to("app")
    assert "other/secret.txt" in taken(folder, "alias/deep")


def test_the_tar_depends_on_content_mode_and_name_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "paths.json").write_text(json.dumps(["app"]))
    seen = []
    for number in range(2):
        for path in (folder / "app").rglob("*"):
            os.utime(path, (1000 * number, 1000 * number))
        target = tmp_path / "taken" / f"{number}.tar"
        context.main(["take", str(folder), str(tmp_path / "paths.json"), str(target)])
        seen.append(target.read_bytes())
        (folder / "other" / "secret.txt").write_text("changed")
    assert seen[0] == seen[1]
    (folder / "app/main.py").write_text("changed")
    target = tmp_path / "taken" / "2.tar"
    context.main(["take", str(folder), str(tmp_path / "paths.json"), str(target)])
    assert target.read_bytes() != seen[0]
    with tarfile.open(target) as tar:
        assert {member.name: member.mode & 0o777 for member in tar if member.isreg()} == {
            "app/deep/data.txt": 0o644,
            "app/main.py": 0o755,
        }


def test_wrong_use_prints_the_usage() -> None:
    with pytest.raises(SystemExit, match=r"context\.py take"):
        context.main(["unknown"])
