"""Evidence of single calls on this engine: found, ignored, unreachable, and divided among machines.

What an empty engine does with it is in test_evidence.py, which takes long.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import registry
from tests.engine.shops import Shop, shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def mine(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(dagger, tmp_path_factory.mktemp("evidence") / "shop")


@pytest.fixture(scope="module")
def repository(mine: Shop) -> str:
    """A repository with the evidence of a build."""
    name = f"{registry()}/tests/evidence-{secrets.token_hex(6)}"
    called = mine.call("--evidence", name, "--cache-write", "--run-url", "https://ci.example.com/7", "build")
    assert called.code == 0, called.error
    assert f"evidence {name}: 0 of 1 results known; 1 written" in called.stdout
    return name


def test_a_build_is_known_with_its_run(mine: Shop, repository: str) -> None:
    called = mine.call("--evidence", repository, "build")
    assert f"evidence {repository}: 1 of 1 results known" in called.stdout
    assert "from https://ci.example.com/7, " in called.stdout


def test_fresh_ignores_it(mine: Shop, repository: str) -> None:
    called = mine.call("--evidence", repository, "--fresh", "build")
    assert f"evidence {repository}: 0 of 1 results known" in called.stdout


def test_another_source_is_not_known(mine: Shop, repository: str, dagger: Dagger, tmp_path: Path) -> None:
    other = shop(dagger, tmp_path / "shop", "certifi==2024.8.30")
    called = other.call("--evidence", repository, "build")
    assert f"evidence {repository}: 0 of 1 results known" in called.stdout
    assert mine.call("--evidence", repository, "build").stdout != called.stdout


def test_a_repository_that_does_not_answer_is_no_error(mine: Shop) -> None:
    called = mine.call("--evidence", "127.0.0.1:1/team/evidence", "build")
    assert called.code == 0, called.error
    assert "0 of 1 results known; it cannot be read: " in called.stdout


def test_a_name_that_is_no_repository_is_refused(mine: Shop) -> None:
    called = mine.call("--evidence", "evidence", "build")
    assert called.code != 0
    assert "Code: cache.repository-invalid" in called.error


def test_shards_are_a_matrix(mine: Shop, repository: str) -> None:
    called = mine.call("--evidence", repository, "shards", "--count", "2")
    parts = json.loads(called.stdout)
    assert [part["name"] for part in parts] == ["1 of 2", "2 of 2"]
    assert "shop" in ",".join(part["only"] for part in parts).split(",")


def test_an_unknown_part_is_refused_before_anything_is_built(mine: Shop) -> None:
    called = mine.call("gate", "--only", "nobody")
    assert called.code != 0
    assert "Code: gate.unknown-part" in called.error
