"""Compose projects, planned for Bake as the sandbox builds them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import yaml

from ci.build import bake
from ci.sandbox.place import PROJECT
from tests.unit.project.reading import project_with_builds

if TYPE_CHECKING:
    from pathlib import Path

    from ci.project.model import ComposeModel

OWN = "linux/amd64"


def project(folder: Path, services: dict[str, Any], **beside: Any) -> ComposeModel:  # noqa: ANN401 - pieces of YAML
    values = beside.pop("values", None)
    text = yaml.safe_dump({"name": "shop", "services": services, **beside})
    (folder / "compose.yaml").write_text(text)
    found = project_with_builds(folder, values=values)
    # Compose reads the project where the sandbox has it, too.
    there = json.dumps(found.bake).replace(json.dumps(str(folder))[1:-1], PROJECT)
    return dataclasses.replace(found, bake=json.loads(there))


def plan(found: ComposeModel, *services: str, platform: str = "") -> bake.Bake:
    return bake.plan(found, list(services), platform=platform, own_platform=OWN)


def target(planned: bake.Bake, service: str) -> dict[str, Any]:
    """Return the target of a service as Compose wrote it, without what is taken out of it."""
    item: dict[str, Any] = json.loads(planned.build)["target"][planned.targets[service]]
    return item


def override(planned: bake.Bake, service: str) -> dict[str, Any]:
    item: dict[str, Any] = json.loads(planned.override)["target"][planned.targets[service]]
    return item
