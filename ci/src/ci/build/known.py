"""Images that are known from evidence: they are fetched or built when somebody needs one itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci import parallel
from ci.build import image, run
from ci.build.bake import Bake
from ci.build.context import visible
from ci.errors import PipelineError
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.parallel import Once
from ci.sandbox.container import VERSION

if TYPE_CHECKING:
    import dagger

    from ci.layer_cache import ImageStore, LayerCache
    from ci.project.load import Project

__all__ = ["Baker", "Built", "Claimed", "Planner", "check_same", "claimed", "images", "keep", "store_of"]

_IMAGE, _METADATA = "image.json", "metadata.json"

Planner = Callable[[list[str]], Bake]
Baker = Callable[[list[str]], Awaitable[tuple[Bake, run.Exported]]]


@dataclass(frozen=True)
class Claimed:
    """The build of one image, and what is claimed of it."""

    planned: Bake
    claim: Claim


@dataclass(frozen=True)
class Built:
    """What a build gave for one service.

    `planned` is the build. `item` has facts, versions and time of export, `metadata` is BuildKit's. `packed`
    returns the image as a tar.
    """

    planned: Bake
    item: Mapping[str, Any]
    metadata: str
    packed: image.Packed


async def claimed(
    project: Project, plan: Planner, services: list[str], own_platform: str
) -> dict[str, Claimed]:
    """Describe the build of each image: its context, what Bake is given, and substitutes as resolved.

    There is none where no repository has evidence, and with values of build arguments and secrets.
    """
    if project.evidence.place is None:
        return {}
    plans = {name: plan([name]) for name in services}
    jobs = {name: partial(_claim, project, each, own_platform) for name, each in plans.items()}
    found = await parallel.run(jobs, limit=len(jobs))
    return {name: Claimed(plans[name], claim) for name, claim in found.items() if claim}


async def _claim(project: Project, planned: Bake, own_platform: str) -> Claim | None:
    workspace = project.workspace
    if project.compose.build_variables(list(planned.targets)) & workspace.values.keys():
        return None
    given = {
        "context": await (await visible(workspace, planned.written.values())).digest(),
        "bake": claims.digest([planned.build, planned.override, planned.lines]),
        "substitutes": claims.digest(await run.substitutes_of(workspace)),
        "sandbox": claims.digest(VERSION),
        "platform": claims.digest(workspace.platform or own_platform),
    }
    (service,) = planned.targets
    return Claim(claims.BUILD, service, {}, given)


async def images(
    project: Project, asked: Mapping[str, Claimed], cache: LayerCache | None, bake: Baker
) -> dict[str, Built]:
    """Return the images that are known; not those whose references mean something else by now."""
    jobs = {name: partial(_found, project, each) for name, each in asked.items()}
    found = await parallel.run(jobs, limit=max(1, len(jobs)))
    known = {name: each for name, each in found.items() if each}
    digests = {name: str(item["facts"]["digest"]) for name, (item, _) in known.items()}
    later = _Later(project, digests, cache, bake)
    return {
        name: Built(asked[name].planned, item, metadata, partial(later.packed, name))
        for name, (item, metadata) in known.items()
    }


async def _found(project: Project, asked: Claimed) -> tuple[dict[str, Any], str] | None:
    found = await project.evidence.find(asked.claim)
    if found is None:
        return None
    item = json.loads(await found.output.file(_IMAGE).contents())
    metadata = await found.output.file(_METADATA).contents()
    if await run.moved_since(project.workspace, asked.planned, metadata):
        project.evidence.refuse(asked.claim, "an image that it was built on has moved")
        return None
    return item, metadata


async def keep(
    project: Project, asked: Mapping[str, Claimed], built: Mapping[str, Built], cache: LayerCache | None
) -> None:
    """Keep what was built, and store the images themselves where the layer cache is written."""
    for name, each in asked.items():
        target = built[name].planned.targets[name]
        metadata = {target: json.loads(built[name].metadata)[target]}
        output = dag.directory().with_new_file(_IMAGE, json.dumps(dict(built[name].item)))
        output = output.with_new_file(_METADATA, json.dumps(metadata))
        subjects = {name: str(built[name].item["facts"]["digest"])}
        project.evidence.keep(each.claim, Passed(output, subjects=subjects))
    if asked and cache and cache.write and (store := store_of(project, cache)):
        packed = [await built[name].packed() for name in asked]
        project.evidence.report(await store.put(cache.repository, packed))


def store_of(project: Project, cache: LayerCache) -> ImageStore | None:
    """Return where finished images are: only in a repository that is trusted with both layers and evidence.

    Whoever can write evidence elsewhere could otherwise choose an earlier image of the cache. There, images
    are built and compared.
    """
    place = project.evidence.place
    return project.image_store if place and place.repository == cache.repository else None


@dataclass(frozen=True)
class _Later:
    """Get all images when the first is needed: from the layer cache's repository, or by a build."""

    project: Project
    digests: Mapping[str, str]
    cache: LayerCache | None
    bake: Baker
    files: Once[Mapping[str, dagger.File]] = field(default_factory=Once)

    async def packed(self, name: str) -> dagger.File:
        """Return an image, which has to be the one that is known."""
        return (await self.files.get(self._all))[name]

    async def _all(self) -> Mapping[str, dagger.File]:
        files = await self._fetched()
        missing = [name for name in self.digests if name not in files]
        if missing:
            planned, exported = await self.bake(missing)
            for name in missing:
                made = exported.images[planned.targets[name]]
                check_same(name, made.found["facts"]["digest"], self.digests[name])
                files[name] = image.packed(made.folder.file("image.tar"))
        return files

    async def _fetched(self) -> dict[str, dagger.File]:
        store = store_of(self.project, self.cache) if self.cache else None
        if self.cache is None or store is None:
            return {}
        files, problems = await store.fetch(self.cache.repository, self.digests)
        self.project.evidence.report(problems)
        return files


def check_same(name: str, here: str, known: str) -> None:
    """Refuse an image that is not the one that gates passed for."""
    if here != known:
        raise PipelineError(
            "evidence.image-differs",
            f"service '{name}': its build gives {here} here, and evidence has {known} for the same input",
            hint="--fresh goes without evidence; `reproduce` finds what differs between two machines",
        )
