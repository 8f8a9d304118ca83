"""Publish: every gate passes, then all images are pushed or none, then their tags move."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio

from ci import parallel
from ci.errors import PipelineError
from ci.pipeline import promote, versions
from ci.pipeline.gate import GateResult, gate
from ci.pipeline.inputs import Destination
from ci.release import facts, labels, notes, registries, repository, summary, tags, version
from ci.release import publish as releases
from ci.release.container import RegistryAccess
from ci.release.history import History
from ci.release.signing import Signing, signing
from ci.scan import mirrors

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.pipeline.inputs import Inputs, RegistryOptions, Revision
    from ci.project.load import Project

__all__ = ["destination", "image_tags", "publish", "release"]

# Seconds in which gates end if all their results are cached.
_CACHED = 3.0


@dataclass(frozen=True)
class PublishRequest:
    """What is published, and where: checked before anything is built.

    `services` are those whose images it is about.
    """

    project: Project
    access: RegistryAccess
    origin: labels.Origin
    tags: tags.Tags
    ref: str
    services: tuple[str, ...]
    version_source: str = version.TAG
    workflow: str = ""
    signing: Signing = field(default_factory=Signing)
    dry_run: bool = False
    target: RegistryAccess | None = None
    history: History = field(default_factory=History)
    log: dagger.Directory | None = None
    replace_commit_tag: bool = False


async def destination(inputs: Inputs, given: RegistryOptions, target: RegistryOptions | None) -> Destination:
    """Read where images go, and check it: addresses, and what goes with them."""
    source = await _access("registry", given, inputs.docker_config)
    to = await _access("with-target", target, inputs.docker_config) if target else None
    if to:
        promote.check_target(source, to)
    return Destination(source, given.sign_key, given.sign_password, to)


async def _access(
    function: str, given: RegistryOptions, docker_config: dagger.Secret | None
) -> RegistryAccess:
    """Read a registry's options; `function` is named in errors."""
    registry = registries.parse(given.address, where=f"{function} --address")
    made = RegistryAccess(registry, given.username, given.password, given.service)
    await made.check(function)
    return await made.with_file(docker_config)


async def image_tags(inputs: Inputs, ref: str, sha: str, default_branch: str) -> str:
    """Print the tags that a git ref gives its images."""
    built = list((await inputs.project()).compose.built)
    return summary.tags(tags.decide(ref, sha=sha, default_branch=default_branch, services=built))


async def publish(
    inputs: Inputs, to: Destination, revision: Revision, default_branch: str, *, dry_run: bool
) -> str:
    """Build, pass every gate, push all images or none, then move their tags."""
    inputs = _of_run(inputs, dry_run=dry_run)
    request = await _request(inputs, to, revision, default_branch, dry_run=dry_run)
    passed, outcome = await _publish(inputs, request)
    return f"{passed.text}\n\n{outcome.text()}"


async def release(inputs: Inputs, to: Destination, revision: Revision, *, dry_run: bool) -> dagger.Directory:
    """Publish a version tag, promote it if there is a target, and return its documents."""
    inputs = _of_run(inputs, dry_run=dry_run)
    request = await _request(inputs, to, revision, "", dry_run=dry_run)
    _check_version(request)
    passed, outcome = await _publish(inputs, request)
    written = notes.notes(outcome.release, request.history, source=request.origin.source)
    base = request.history.base(revision.ref.removeprefix("refs/tags/"))
    files = outcome.directory()
    for name, text in facts.files(outcome.release, outcome.images, base=base).items():
        files = files.with_new_file(name, text)
    files = files.with_new_file("gates.txt", f"{passed.text}\n").with_new_file("notes.md", written)
    if to.target is None:
        return files
    if outcome.dry_run:
        # Images that were not pushed cannot be looked at where they would come from.
        skipped = f"dry run: nothing was promoted to {to.target.registry}\n"
        return files.with_new_file("promoted/release.txt", skipped)
    workspace = request.project.workspace
    promoted = await releases.promote(outcome.release, workspace, to.access, to.target)
    return files.with_directory("promoted", promoted.directory())


def _of_run(inputs: Inputs, *, dry_run: bool) -> Inputs:
    """Return the inputs of this run: a dry run writes no layer cache."""
    return replace(inputs, cache_write=inputs.cache_write and not dry_run)


async def _request(
    inputs: Inputs, to: Destination, revision: Revision, default_branch: str, *, dry_run: bool
) -> PublishRequest:
    """Refuse what cannot be published before anything is built."""
    project = await inputs.project()
    origin = await _origin(project, revision)
    built = list(project.compose.built)
    decided = tags.decide(revision.ref, sha=origin.revision, default_branch=default_branch, services=built)
    services = (decided.service,) if decided.service else tuple(built)
    to.access.registry.repositories(list(services))
    workspace = project.workspace
    log = repository.git_log(workspace, revision.history) if revision.history is not None else None
    return PublishRequest(
        project=project,
        access=to.access,
        origin=origin,
        tags=decided,
        ref=revision.ref,
        services=services,
        version_source=project.policy.version,
        workflow=revision.workflow,
        signing=await signing(workspace, to.sign_key, to.sign_password),
        dry_run=dry_run,
        target=to.target,
        history=await repository.read(log, origin.revision) if log is not None else History(),
        log=log,
        replace_commit_tag=revision.replace_commit_tag,
    )


async def _origin(project: Project, revision: Revision) -> labels.Origin:
    declared = await versions.declared(project)
    return labels.origin(revision.commit, revision.created, source=revision.source_url, version=declared)


def _check_version(request: PublishRequest) -> None:
    if not request.tags.version:
        raise PipelineError(
            "release.no-version-tag",
            f"--ref {request.ref} is not a version tag",
            hint="release refs/tags/v1.2.3; publish takes any ref",
        )
    if not request.tags.service and request.version_source != version.TAG:
        version.check(request.tags.version, request.origin.version, where=request.version_source)


async def _publish(inputs: Inputs, request: PublishRequest) -> tuple[GateResult, releases.Outcome]:
    """Run every gate on all images, and publish those that the ref is about."""
    passed, reached = await _gates(inputs, request)
    outcome = await releases.publish(
        await _candidates(passed, request, inputs.jobs),
        passed.project.workspace,
        request.access,
        origin=request.origin,
        tags=request.tags,
        ref=request.ref,
        workflow=request.workflow,
        signing=request.signing,
        log=request.log,
        replace_commit_tag=request.replace_commit_tag,
        reached=reached,
        dry_run=request.dry_run,
    )
    return passed, outcome


async def _gates(inputs: Inputs, request: PublishRequest) -> tuple[GateResult, bool]:
    """Run every gate, and check the registries meanwhile; a failure cancels the gates.

    Gates whose results are cached end before the check starts. Then the push does it, and the second value
    is False.
    """
    known = anyio.Event()
    reached = False

    async def reach() -> None:
        nonlocal reached
        with anyio.move_on_after(0 if request.target else _CACHED):
            await known.wait()
            return
        await _reach(request)
        reached = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reach)
        passed = await gate(_of_gates(inputs, request), read=request.project)
        known.set()
    return passed, reached


async def _reach(request: PublishRequest) -> None:
    """Check that the registries accept a push."""
    accesses = {"registry": request.access} | ({"registry-to": request.target} if request.target else {})
    await releases.reach(request.project.workspace, accesses, request.services)


def _of_gates(inputs: Inputs, request: PublishRequest) -> Inputs:
    """Return the inputs of the gates.

    The registry that is passed for the images is the database's as well, if it has that and no image has it.
    """
    to, images = request.access, request.project.workspace.images
    wanted = inputs.database_mirrors
    from_registry = bool(wanted) or not mirrors.image(images)
    if (
        inputs.database_registry is None
        and from_registry
        and mirrors.is_mirror(to.registry.host, wanted, images)
    ):
        return replace(inputs, database_registry=to.service)
    return inputs


async def _candidates(
    passed: GateResult, request: PublishRequest, jobs: int
) -> Mapping[str, list[releases.Candidate]]:
    """Return the images of each service, one for each of its platforms."""
    platforms = {name: passed.project.platforms.images(name) for name in request.services}

    async def candidate(name: str, platform: str) -> releases.Candidate:
        sbom = await passed.scanned.sbom(name)
        workspace = passed.project.workspace
        evidence = passed.project.evidence.released(name)
        image, outcomes = passed.images[name], passed.gates(name)
        return await releases.candidate(workspace, image, sbom, outcomes, evidence, platform)

    work = {
        name: partial(candidate, name, platform)
        for images in platforms.values()
        for name, platform in images.items()
    }
    found = await parallel.run(work, limit=jobs)
    return {service: [found[name] for name in images] for service, images in platforms.items()}
