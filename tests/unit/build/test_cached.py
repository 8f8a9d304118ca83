"""What a build is given to read and write a layer cache, and what is printed about it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from ci.build import cached
from ci.layer_cache import LayerCache
from tests.unit.build.plans import override, plan, project

if TYPE_CHECKING:
    from pathlib import Path

    from ci.build.bake import Bake

CACHE = LayerCache("127.0.0.1:5000/cache", "feature", "main", "linux/amd64", "1", write=True)
METADATA = json.dumps({"web": {"buildx.build.ref": "a"}, "job": {"buildx.build.ref": "b"}, "buildx.x": "y"})
BUILDS = "".join(
    f'build {{"ref": "{ref}", "cached_steps": {n}}}\n' for ref, n in (("a", 3), ("b", 4), ("c", 9))
)


@pytest.fixture
def planned(tmp_path: Path) -> Bake:
    services = {
        "web.app": {"build": {"context": ".", "additional_contexts": {"lib": "service:lib"}}},
        "lib": {"build": "."},
        "other": {"build": "."},
    }
    return plan(project(tmp_path, services), "web.app")


def test_each_target_reads_the_references_of_its_service(planned: Bake) -> None:
    read = json.loads(cached.reading(planned, CACHE))["target"]
    assert {target: item.pop("cache-from") for target, item in read.items()} == {
        target: [f"type=registry,ref={reference}" for reference in CACHE.sources(service)]
        for target, service in {"web_app": "web.app", "lib": "lib"}.items()
    }
    assert read == json.loads(planned.override)["target"]
    assert read["web_app"] == override(planned, "web.app")


def test_each_target_is_written_to_the_branch_only(planned: Bake) -> None:
    written = json.loads(cached.writing(planned, CACHE))["target"]
    assert set(written) == {"web_app", "lib"}
    (to,) = written["web_app"]["cache-to"]
    assert f"ref={CACHE.destination('web.app')}," in to
    assert written["web_app"]["output"] == ["type=cacheonly"]


def test_nothing_is_written_where_the_cache_is_only_read(planned: Bake) -> None:
    assert not cached.writing(planned, dataclasses.replace(CACHE, write=False))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("", "0 steps of 2 builds were cached"),
        (BUILDS, "7 steps of 2 builds were cached"),
        (f"{BUILDS}written\n", "7 steps of 2 builds were cached; written for branch feature"),
        ("unreadable a b\n", "0 steps of 2 builds were cached; it cannot be read: a b"),
        ("repeated\n", "was repeated without it"),
        ("unwritable denied\n", "not written: denied"),
    ],
)
def test_how_the_cache_was_used_is_one_line(record: str, expected: str) -> None:
    text = cached.note(CACHE, f"at 1000\n{record}", METADATA, 1000.7)
    assert text.startswith("layer cache 127.0.0.1:5000/cache: ")
    assert expected in text
    assert len(text.splitlines()) == 1


def test_a_build_of_an_earlier_call_is_not_described() -> None:
    assert not cached.note(CACHE, f"at 1000\n{BUILDS}", METADATA, 1001.2)
