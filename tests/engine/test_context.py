"""What a build reads of the project: as BuildKit reads it, and a change of anything else builds nothing."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

CONTEXTS = 24
NAMES = ("src", "docs", "deep", ".git", "node_modules", "a.py", "b.pyc", ".env", "x y", "LICENSE", "*star")
FOLDERS = NAMES[:5]
PATTERNS = (
    *("*", "**", "src", "docs/", "/docs", "./src", "src/*", "src/../docs", "*/src", "**/src/**", "deep/src"),
    *(
        "*.py",
        "**/*.pyc",
        ".env*",
        "a?py",
        "[ab].py",
        "[^a]*",
        "de*",
        "x y",
        "\\*star",
        "node_modules",
        ".git",
    ),
    *("LICENSE", "absent", "Dockerfile", ".dockerignore", "empty", "empty/*"),
)


def write(folder: Path, services: dict[str, Any], name: str = "compose.yaml") -> None:
    (folder / name).write_text(json.dumps({"services": services}))


def tree(folder: Path, chance: random.Random, depth: int = 0) -> None:
    folder.mkdir()
    for name in NAMES:
        if chance.random() < 0.25:
            continue
        if name not in FOLDERS:
            (folder / name).write_text(name)
        elif depth < 2:
            tree(folder / name, chance, depth + 1)
    if chance.random() < 0.3:
        (folder / "link").symlink_to("src/a.py")
        (folder / "empty").mkdir()


def ignoring(folder: Path, chance: random.Random) -> None:
    """Write an ignore file with up to five patterns, some of which include again."""
    lines = [chance.choice(("", "", "!")) + chance.choice(PATTERNS) for _ in range(chance.randint(1, 5))]
    name = chance.choice((".dockerignore", ".dockerignore", "Dockerfile.dockerignore"))
    (folder / name).write_text(chance.choice(("\n", "\r\n")).join(lines))


def digests(dagger: Dagger, folder: Path, *options: str) -> list[list[str]]:
    called = dagger.call("--source", str(folder), *options, "build")
    assert called.code == 0, called.error
    return [line.split()[:2] for line in called.stdout.splitlines()[1:]]


def test_images_are_those_that_buildkit_builds_of_the_whole_project(dagger: Dagger, tmp_path: Path) -> None:
    chance = random.Random(27)  # noqa: S311 - always the same files
    services: dict[str, Any] = {}
    for number in range(CONTEXTS):
        folder = tmp_path / f"c{number}"
        tree(folder, chance)
        (folder / "Dockerfile").write_text('FROM scratch\nCOPY . /copied/\nCMD ["/none"]\n')
        ignoring(folder, chance)
        services[f"s{number}"] = {"build": {"context": f"c{number}"}}
    write(tmp_path, services)
    # A named context that is all of the project: builds could read everything, and these do not.
    for service in services.values():
        service["build"]["additional_contexts"] = {"everything": "."}
    write(tmp_path, services, "whole.yaml")
    part = digests(dagger, tmp_path)
    assert len({digest for _, digest in part}) > CONTEXTS // 2
    assert part == digests(dagger, tmp_path, "--files", "whole.yaml")


def test_only_a_file_that_is_read_builds_again(dagger: Dagger, tmp_path: Path) -> None:
    api, key = tmp_path / "api", tmp_path / "keys" / "key"
    for folder in (api, tmp_path / "docker", key.parent, tmp_path / "lib"):
        folder.mkdir()
    (tmp_path / "docker" / "api").write_text(
        'FROM scratch\nCOPY . /api/\nCOPY --from=lib . /lib/\nCMD ["/none"]\n'
    )
    files = {
        api / ".dockerignore": "notes\n",
        api / "main": f"{time.time()}",
        tmp_path / "lib" / "lib": "1",
        key: "1",
    }
    for path, text in files.items():
        path.write_text(text)
    build = {
        "context": "api",
        "dockerfile": "../docker/api",
        "secrets": ["key"],
        "additional_contexts": {"lib": "lib"},
    }
    model = {"services": {"api": {"build": build}}, "secrets": {"key": {"file": "keys/key"}}}
    (tmp_path / "compose.yaml").write_text(json.dumps(model))

    def runs() -> bool:
        called = dagger.call("--source", str(tmp_path), "build")
        assert called.code == 0, called.error
        assert any("compose_config" in command for command in called.executed()), "what is executed is seen"
        return any("bake.sh" in command for command in called.executed())

    assert runs()
    for path in (api / "notes", tmp_path / "README.md", tmp_path / "docker" / "other", key.parent / "other"):
        path.write_text(f"{time.time()}\n")
        assert not runs(), path
    for path, text in files.items():
        path.write_text(f"{text}{time.time()}\n")
        assert runs(), path


@pytest.mark.parametrize("link", ["dockerfile", "context"])
def test_a_link_is_followed_as_by_buildkit(dagger: Dagger, tmp_path: Path, link: str) -> None:
    place = tmp_path / "real"
    place.mkdir()
    (place / "main").write_text("1")
    (place / ".dockerignore").write_text("notes\n")
    (place / "Dockerfile").write_text('FROM scratch\nCOPY main /\nCMD ["/none"]\n')
    if link == "context":
        (tmp_path / "api").symlink_to("real")
    else:
        (place / "Dockerfile").rename(place / "shared")
        (place / "Dockerfile").symlink_to("shared")
    write(tmp_path, {"api": {"build": {"context": "api" if link == "context" else "real"}}})
    assert digests(dagger, tmp_path)[0][0] == "api"


def test_a_wrong_pattern_is_named(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / ".dockerignore").write_text("*.pyc\na[\n")
    write(tmp_path, {"api": {"build": "."}})
    called = dagger.call("--source", str(tmp_path), "build")
    assert called.code == 1
    assert "Code: build.ignore-pattern-invalid" in called.error
    assert ".dockerignore: 'a['" in called.error
