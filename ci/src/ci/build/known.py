"""Builds whose result is known from evidence: nothing is built until somebody needs an image itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci.build import image, run
from ci.build.context import visible
from ci.errors import PipelineError
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.parallel import Once
from ci.sandbox.container import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.bake import Bake
    from ci.layer_cache import LayerCache
    from ci.project.load import Project

__all__ = ["Built", "check_same", "claim", "images", "keep"]

_IMAGES, _METADATA = "images.json", "metadata.json"


@dataclass(frozen=True)
class Built:
    """What a build gave: `items` are facts, versions and time of export by service, `metadata` BuildKit's.

    `packed` returns an image as a tar.
    """

    items: Mapping[str, Any]
    metadata: str
    packed: Mapping[str, image.Packed]


async def claim(project: Project, planned: Bake, own_platform: str) -> Claim | None:
    """Describe a build: its context, what Bake is given, and substitutes as resolved.

    There is none where no repository has evidence, and with values of build arguments and secrets.
    """
    workspace = project.workspace
    named = project.compose.build_variables(list(planned.targets)) & workspace.values.keys()
    if project.evidence.place is None or named:
        return None
    given = {
        "context": await (await visible(workspace, planned.written.values())).digest(),
        "bake": claims.digest([planned.build, planned.override, planned.lines]),
        "substitutes": claims.digest(await run.substitutes_of(workspace)),
        "sandbox": claims.digest(VERSION),
        "platform": claims.digest(workspace.platform or own_platform),
    }
    return Claim(claims.BUILD, " ".join(sorted(planned.targets)), {}, given)


async def images(project: Project, planned: Bake, proven: Claim, cache: LayerCache | None) -> Built | None:
    """Return what is known of a build; none if a reference that it used means something else by now."""
    found = await project.evidence.find(proven)
    if found is None:
        return None
    items = json.loads(await found.output.file(_IMAGES).contents())
    metadata = await found.output.file(_METADATA).contents()
    if await run.moved_since(project.workspace, planned, metadata):
        project.evidence.refuse(proven, "an image that it was built on has moved")
        return None
    later = _Later(project, planned, cache)
    packed = {name: partial(later.packed, name, item["facts"]["digest"]) for name, item in items.items()}
    return Built(items, metadata, packed)


def keep(project: Project, proven: Claim, built: Built) -> None:
    """Keep what a build gave, without the images."""
    output = dag.directory().with_new_file(_IMAGES, json.dumps(built.items))
    output = output.with_new_file(_METADATA, built.metadata)
    digests = {name: item["facts"]["digest"] for name, item in built.items.items()}
    project.evidence.keep(proven, Passed(output, subjects=digests))


@dataclass(frozen=True)
class _Later:
    """Builds once, when the first image is needed, with the layer cache if there is one."""

    project: Project
    planned: Bake
    cache: LayerCache | None
    exported: Once[run.Exported] = field(default_factory=Once)

    async def packed(self, name: str, digest: str) -> dagger.File:
        """Return an image, which has to be the one that is known."""
        workspace, target = self.project.workspace, self.planned.targets[name]
        bake = partial(run.bake, workspace, self.project.compose, self.planned, self.cache)
        exported = (await self.exported.get(bake)).images[target]
        check_same(name, exported.found["facts"]["digest"], digest)
        return image.packed(exported.folder)


def check_same(name: str, here: str, known: str) -> None:
    """Refuse an image that is not the one that gates passed for."""
    if here != known:
        raise PipelineError(
            "evidence.image-differs",
            f"service '{name}': its build gives {here} here, and evidence has {known} for the same input",
            hint="--fresh goes without evidence; `reproduce` finds what differs between two machines",
        )
