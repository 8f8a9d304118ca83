"""Gather the facts of built images, all side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel, tools
from ci.comparison import Image
from ci.images import program
from ci.posture import facts, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.compose.model import Service
    from ci.images import Builder, BuiltImage
    from ci.project import Loaded

__all__ = ["gather", "ports", "record"]


def ports(service: Service) -> frozenset[str]:
    """Return the container's ports that the compose file has, as `8000/tcp`."""
    published = {f"{port.target}/{port.protocol}" for port in service.ports}
    exposed = {str(item) if "/" in str(item) else f"{item}/tcp" for item in service.raw.get("expose") or ()}
    return frozenset(published | exposed)


def _inspect(
    builder: Builder, artefact: BuiltImage, secrets: Mapping[str, dagger.Secret]
) -> dagger.Directory:
    """Return found.json and files.json of an image; the secrets' values are looked for in it."""
    container = (
        builder.tool(tools.PYTHON)
        .with_mounted_file("/image_facts.py", program("image_facts.py"))
        .with_mounted_file("/image.tar", artefact.file)
    )
    for name, secret in secrets.items():
        container = container.with_secret_variable(name, secret)
    command = ["python3", "/image_facts.py", "/image.tar", str(artefact.base_layers), "/output", *secrets]
    return container.with_exec(command).directory("/output")


async def record(builder: Builder, artefact: BuiltImage) -> Image:
    """Return all that is in an image, for build.json."""
    contents = await _inspect(builder, artefact, {}).file("files.json").contents()
    return Image(
        digest=artefact.digest,
        config=artefact.facts["config"],
        layers=artefact.facts["layers"],
        contents=json.loads(contents),
        made_by=artefact.instructions,
        versions=dict(artefact.versions),
    )


@dataclass(frozen=True)
class _Gather:
    builder: Builder

    async def found(self, artefact: BuiltImage) -> str:
        directory = _inspect(self.builder, artefact, await self.builder.secrets(artefact.service))
        return await directory.file("found.json").contents()


async def gather(loaded: Loaded, artefacts: Mapping[str, BuiltImage], jobs: int) -> list[facts.Image]:
    """Return the facts of each image; its build secrets' values are looked for in it."""
    one = _Gather(loaded.builder)
    found = await parallel.run({n: partial(one.found, a) for n, a in artefacts.items()}, limit=jobs)
    started = await start.probe(loaded, artefacts)
    return [
        facts.image(name, artefact.facts, found[name], _declared(artefact), started[name])
        for name, artefact in artefacts.items()
    ]


def _declared(artefact: BuiltImage) -> facts.Declared:
    return facts.Declared(
        instructions=tuple(artefact.instructions),
        references=artefact.references,
        ports=ports(artefact.service),
    )
