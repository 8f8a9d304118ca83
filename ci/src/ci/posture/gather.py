"""Gather the facts of built images concurrently."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import anyio
import dagger
from dagger import dag

from ci import parallel, tools
from ci.build.comparison import Image
from ci.build.secrets import secrets
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.module_source import program
from ci.posture import facts, known, start
from ci.posture.ports import expand
from ci.scan import secrets as by_trivy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.image import BuiltImage
    from ci.evidence.evidence import Known
    from ci.project.load import Project
    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["gather", "ports", "record"]

_FILES = "files.json"


def ports(service: Service) -> frozenset[str]:
    """Return the container's ports that the compose file has, as `8000/tcp`."""
    published = (f"{port.target}/{port.protocol}" for port in service.ports)
    return expand([*published, *service.definition.expose])


async def _inspect(
    workspace: Workspace, artifact: BuiltImage, values: Mapping[str, dagger.Secret | dagger.File]
) -> dagger.Directory:
    """Return found.json and files.json of an image; the secrets' values are looked for in it."""
    container = (
        workspace.tool(tools.PYTHON)
        .with_mounted_file("/image_facts.py", program("image_facts.py"))
        .with_mounted_file("/image.tar", await artifact.packed())
    )
    words = []
    for number, (name, value) in enumerate(values.items()):
        if isinstance(value, dagger.File):
            words.append(f"{name}=/secrets/{number}")
            container = container.with_mounted_file(f"/secrets/{number}", value)
        else:
            words.append(name)
            container = container.with_secret_variable(name, value)
    command = ["python3", "/image_facts.py", "/image.tar", str(artifact.base_layers), "/output", *words]
    return container.with_exec(command).directory("/output")


async def record(project: Project, artifact: BuiltImage) -> Image:
    """Return all that is in an image, for build.json."""
    name = artifact.name

    async def describe() -> Claim:
        given = {"base": claims.digest(artifact.base_layers)}
        return Claim(claims.CONTENTS, name, {name: artifact.digest}, given)

    async def read(known: Known) -> str:
        return await known.output.file(_FILES).contents()

    async def make() -> tuple[str, Passed]:
        found = (await _inspect(project.workspace, artifact, {})).file(_FILES)
        return await found.contents(), Passed(dag.directory().with_file(_FILES, found))

    return Image(
        digest=artifact.digest,
        config=artifact.facts["config"],
        layers=artifact.facts["layers"],
        contents=json.loads(await project.evidence.reuse(describe, read, make)),
        made_by=artifact.instructions,
        versions=dict(artifact.versions),
    )


async def gather(loaded: Project, artifacts: Mapping[str, BuiltImage], jobs: int) -> list[facts.Image]:
    """Return the facts of each image; its build secrets' values are looked for in it."""
    starting = anyio.CapacityLimiter(start.AT_ONCE)
    own = {artifact.service.name: artifact for artifact in artifacts.values() if not artifact.platform}
    work = {
        name: partial(known.found, loaded, artifact, partial(_found, loaded, artifact, own, starting))
        for name, artifact in artifacts.items()
    }
    found = await parallel.run(work, limit=jobs)
    return [
        facts.image(
            name,
            artifact=artifact.facts,
            found=found[name].contents,
            secrets=found[name].secrets,
            declared=_declared(artifact),
            started=found[name].started,
        )
        for name, artifact in artifacts.items()
    ]


async def _found(
    loaded: Project,
    artifact: BuiltImage,
    own: Mapping[str, BuiltImage],
    starting: anyio.CapacityLimiter,
) -> known.Found:
    """Look into an image, and start it."""
    workspace = loaded.workspace
    directory = await _inspect(workspace, artifact, await secrets(workspace, artifact.service))
    text = await directory.file("found.json").contents()
    base, packed = str(artifact.base or ""), await artifact.packed()
    report = await by_trivy.found(workspace, packed, base, artifact.platform)
    if artifact.platform:
        return known.Found(text, facts.by_rules(report, artifact.facts), facts.Started(skipped=True))
    async with starting:
        started = await start.probe(loaded, artifact, own)
    return known.Found(text, facts.by_rules(report, artifact.facts), started)


def _declared(artifact: BuiltImage) -> facts.Declared:
    return facts.Declared(
        instructions=tuple(artifact.instructions),
        references=artifact.references,
        ports=ports(artifact.service),
    )
