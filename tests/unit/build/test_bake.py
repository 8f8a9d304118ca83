"""What Bake is given, made of the Bake files that Compose itself writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.sandbox.epoch import EPOCH
from tests.unit.build.plans import OWN, override, plan, project, target

if TYPE_CHECKING:
    from pathlib import Path


def overridden(folder: Path, build: dict[str, Any]) -> dict[str, Any]:
    return override(plan(project(folder, {"web": {"build": {"context": ".", **build}}}), "web"), "web")


def test_the_labels_of_compose_are_taken_out_and_those_of_the_user_stay(tmp_path: Path) -> None:
    labels = {"com.example.team": "shop", "com.docker.composed": "x", "org.opencontainers.image.title": "w"}
    found = project(tmp_path, {"web": {"build": {"context": ".", "labels": labels}}})
    written = found.bake["target"]["web"]["labels"]
    assert {name for name in written if name.startswith("com.docker.compose.")}  # or nothing is shown here
    assert target(plan(found, "web"), "web")["labels"] == labels


def test_the_name_of_the_project_changes_nothing(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        found = project(tmp_path, {"web": {"build": {"context": ".", "args": {"A": "1"}}}}, name=name)
        planned = plan(found, "web")
        written = target(planned, "web")
        assert written.pop("tags") == [f"{name}-web"]  # the override has another
        seen.append((written, planned.override, planned.lines))
    assert seen[0] == seen[1]


def test_a_target_is_found_by_its_service_and_not_by_its_name(tmp_path: Path) -> None:
    services = {
        "web.app": {"build": "web"},
        "web_app": {"build": "other"},
        "Job": {"build": "job"},
        "db": {"image": "postgres:18"},
    }
    planned = plan(project(tmp_path, services), "web.app", "web_app", "Job")
    assert {name: target(planned, name)["context"] for name in planned.targets} == {
        "web.app": "/project/web",
        "web_app": "/project/other",
        "Job": "/project/job",
    }
    assert {name: item["context"] for name, item in planned.written.items()} == {
        name: target(planned, name)["context"] for name in planned.targets
    }


def test_each_target_has_a_tag_of_its_own_that_any_engine_takes(tmp_path: Path) -> None:
    services = {name: {"build": "."} for name in ("Job", "job", "web.app", "web_app")}
    planned = plan(project(tmp_path, services), *services)
    lines = dict(line.split(" ") for line in planned.lines.splitlines())
    assert list(lines) == list(planned.targets.values())
    assert len(set(lines.values())) == 4
    for service, name in planned.targets.items():
        assert override(planned, service)["tags"] == [lines[name]]
        assert lines[name] == lines[name].lower()


def test_only_what_is_asked_for_and_what_it_is_built_on_is_built(tmp_path: Path) -> None:
    services = {
        "web": {"build": {"context": ".", "additional_contexts": {"lib": "service:lib.a", "docs": "./docs"}}},
        "lib.a": {"build": {"context": ".", "additional_contexts": ["base=service:base"]}},
        "base": {"build": "."},
        "other": {"build": "."},
    }
    planned = plan(project(tmp_path, services), "web")
    assert list(planned.targets) == ["web"]
    needed = {"web", "lib_a", "base"}
    assert set(json.loads(planned.build)["target"]) == needed
    assert set(json.loads(planned.override)["target"]) == needed
    assert planned.lines.startswith("web ")
    assert len(planned.lines.splitlines()) == 1
    assert set(planned.written) == {"web", "lib.a", "base"}


def test_builds_in_a_circle_are_left_for_bake_to_name(tmp_path: Path) -> None:
    services = {
        name: {"build": {"context": ".", "additional_contexts": {"x": f"service:{other}"}}}
        for name, other in (("a", "b"), ("b", "a"))
    }
    assert set(json.loads(plan(project(tmp_path, services), "a").build)["target"]) == {"a", "b"}


def test_the_same_project_can_be_planned_twice(tmp_path: Path) -> None:
    found = project(tmp_path, {"web.app": {"build": "."}, "job": {"build": "."}})
    before = json.dumps(found.bake)
    assert plan(found, "web.app") == plan(found, "web.app")
    assert json.dumps(found.bake) == before


def test_a_project_that_builds_nothing_has_nothing_to_plan(tmp_path: Path) -> None:
    planned = plan(project(tmp_path, {"db": {"image": "postgres:18"}}))
    assert (planned.lines, planned.targets) == ("", {})


def test_times_names_and_attestations_are_those_of_the_pipeline(tmp_path: Path) -> None:
    assert overridden(tmp_path, {"args": {"A": "1"}, "pull": False, "tags": ["mine:1"]}) == {
        "args": {"SOURCE_DATE_EPOCH": str(EPOCH), "sandbox.target": "web"},
        "tags": ["sandbox.local/776562:built"],
        "output": ["type=image,push=false,unpack=false"],
        "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
        "pull": True,
    }


def test_the_time_is_one_that_a_zip_file_can_hold() -> None:
    assert EPOCH == 10 * 365 * 86400 + 2 * 86400  # 1980-01-01: two of the years before are leap years


def test_caches_are_those_of_the_compose_file_each_in_one_piece(tmp_path: Path) -> None:
    there = ["type=registry,ref=registry.example/web:cache", "team/web:cache"]
    here = ["type=local,dest=/tmp/cache,mode=max"]
    build = {"context": ".", "cache_from": there, "cache_to": here}
    made = target(plan(project(tmp_path, {"web": {"build": build}}), "web"), "web")
    assert (made["cache-from"], made["cache-to"]) == (there, here)


@pytest.mark.parametrize(
    ("service", "asked_for", "expected"),
    [
        ({}, "", None),
        ({}, "linux/arm64", ["linux/arm64"]),
        ({"platform": "linux/amd64"}, "linux/arm64", ["linux/arm64"]),
        ({"build": {"context": ".", "platforms": ["linux/amd64"]}}, "linux/arm64", ["linux/arm64"]),
        ({"build": {"context": ".", "platforms": ["linux/amd64", "linux/arm64"]}}, "", [OWN]),
        ({"build": {"context": ".", "platforms": ["linux/arm64", "linux/riscv64"]}}, "", [OWN]),
        (
            {"build": {"context": ".", "platforms": ["linux/amd64", "linux/arm64"]}},
            "linux/arm64",
            ["linux/arm64"],
        ),
    ],
)
def test_an_image_is_built_for_one_platform(
    service: dict[str, Any], asked_for: str, expected: list[str] | None, tmp_path: Path
) -> None:
    found = project(tmp_path, {"web": {"build": ".", **service}})
    assert override(plan(found, "web", platform=asked_for), "web").get("platforms") == expected


def test_texts_are_no_templates_of_bake(tmp_path: Path) -> None:
    build = {"context": ".", "args": {"A": "%{x} $${y}"}, "labels": {"l": "%{x} $${y}"}}
    made = target(plan(project(tmp_path, {"web": {"build": build}}), "web"), "web")
    assert (made["args"]["A"], made["labels"]["l"]) == ("%%{x} $${y}", "%%{x} $${y}")
