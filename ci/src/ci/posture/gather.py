"""Gather the facts of built images, all side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel, tools
from ci.build.comparison import Image
from ci.build.secrets import secrets
from ci.module_source import program
from ci.posture import facts, start
from ci.posture.ports import expand
from ci.scan import secrets as by_trivy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.image import BuiltImage
    from ci.project.load import Project
    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["gather", "ports", "record"]


def ports(service: Service) -> frozenset[str]:
    """Return the container's ports that the compose file has, as `8000/tcp`."""
    published = (f"{port.target}/{port.protocol}" for port in service.ports)
    return expand([*published, *service.definition.expose])


def _inspect(
    workspace: Workspace, artifact: BuiltImage, values: Mapping[str, dagger.Secret]
) -> dagger.Directory:
    """Return found.json and files.json of an image; the secrets' values are looked for in it."""
    container = (
        workspace.tool(tools.PYTHON)
        .with_mounted_file("/image_facts.py", program("image_facts.py"))
        .with_mounted_file("/image.tar", artifact.file)
    )
    for name, secret in values.items():
        container = container.with_secret_variable(name, secret)
    command = ["python3", "/image_facts.py", "/image.tar", str(artifact.base_layers), "/output", *values]
    return container.with_exec(command).directory("/output")


async def record(workspace: Workspace, artifact: BuiltImage) -> Image:
    """Return all that is in an image, for build.json."""
    contents = await _inspect(workspace, artifact, {}).file("files.json").contents()
    return Image(
        digest=artifact.digest,
        config=artifact.facts["config"],
        layers=artifact.facts["layers"],
        contents=json.loads(contents),
        made_by=artifact.instructions,
        versions=dict(artifact.versions),
    )


@dataclass(frozen=True)
class _Gather:
    workspace: Workspace

    async def found(self, artifact: BuiltImage) -> tuple[str, tuple[facts.Secret, ...]]:
        directory = _inspect(self.workspace, artifact, await secrets(self.workspace, artifact.service))
        text = await directory.file("found.json").contents()
        by_rules = await by_trivy.found(self.workspace, artifact.file, str(artifact.base or ""))
        return text, facts.by_rules(by_rules, artifact.facts)


async def gather(loaded: Project, artifacts: Mapping[str, BuiltImage], jobs: int) -> list[facts.Image]:
    """Return the facts of each image; its build secrets' values are looked for in it."""
    one = _Gather(loaded.workspace)
    found = await parallel.run({n: partial(one.found, a) for n, a in artifacts.items()}, limit=jobs)
    started = await start.probe(loaded, artifacts)
    return [
        facts.image(
            name,
            artifact=artifact.facts,
            found=found[name][0],
            secrets=found[name][1],
            declared=_declared(artifact),
            started=started[name],
        )
        for name, artifact in artifacts.items()
    ]


def _declared(artifact: BuiltImage) -> facts.Declared:
    return facts.Declared(
        instructions=tuple(artifact.instructions),
        references=artifact.references,
        ports=ports(artifact.service),
    )
