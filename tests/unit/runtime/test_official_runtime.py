"""What Dagger's own Python runtime needs of the module, as far as it can be told without that runtime.

It reads `ci/pyproject.toml` and `ci/uv.lock`, takes `dagger-io` from that lock, installs the project
for its entry point, and imports the main object from it: `sdk/python/runtime` in Dagger's repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LOAD = """
import importlib, json, sys
package, _, name = sys.argv[1].partition(":")
main = getattr(importlib.import_module(package), name)
functions = [each for each in dir(main) if hasattr(getattr(main, each), "__dagger_function__")]
print(json.dumps({"functions": functions, "generated": [m for m in sys.modules if "dagger_gen" in m]}))
"""


def read(path: str) -> dict[str, Any]:
    with (ROOT / path).open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return read("ci/pyproject.toml")


@pytest.fixture(scope="module")
def locked() -> dict[str, dict[str, Any]]:
    return {package["name"]: package for package in read("ci/uv.lock")["package"]}


def test_the_lock_beside_the_module_has_what_it_asks_for(
    project: dict[str, Any], locked: dict[str, dict[str, Any]]
) -> None:
    asked = dict(each.split("==") for each in project["project"]["dependencies"])
    assert {name: locked[name]["version"] for name in asked} == asked
    written = locked["ci"]["metadata"]["requires-dist"]
    assert {each["name"]: each["specifier"] for each in written} == {n: f"=={v}" for n, v in asked.items()}


def test_the_client_is_the_engine_s_and_no_path(project: dict[str, Any]) -> None:
    engine = json.loads((ROOT / "dagger.json").read_text())["engineVersion"].removeprefix("v")
    assert f"dagger-io=={engine}" in project["project"]["dependencies"]
    assert "dagger-io" not in project.get("tool", {}).get("uv", {}).get("sources", {})


def test_the_base_image_is_pinned_and_the_project_is_installed(project: dict[str, Any]) -> None:
    settings = project["tool"]["dagger"]
    assert "@sha256:" in settings["base-image"]
    assert settings["uv-version"]
    # Without a build system uv does not install the project, and then its entry point is not found.
    assert project["build-system"]["build-backend"] == "uv_build"


def test_the_main_object_is_found_by_its_entry_point_without_generated_code(project: dict[str, Any]) -> None:
    entry = project["project"]["entry-points"]["dagger.mod"]["main_object"]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, entry],
        env={**os.environ, "PYTHONPATH": str(ROOT / "ci" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert {"build", "test", "scan", "registry", "stack"} <= set(loaded["functions"])
    assert loaded["generated"] == []
    # The runtime asks for the module's name in Pascal case.
    assert entry.rpartition(":")[2] == json.loads((ROOT / "dagger.json").read_text())["name"].title()
