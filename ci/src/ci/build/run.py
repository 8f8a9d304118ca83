"""Run Bake in the sandbox and report failures."""

from __future__ import annotations

import json
import posixpath
import secrets as random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import parallel
from ci.build import cached, failure, provenance
from ci.build.context import check_patterns, visible, with_constant_times
from ci.build.moved import moved
from ci.errors import PipelineError
from ci.sandbox import container as sandbox
from ci.sandbox import substitutes
from ci.sandbox.container import LOOPBACK_PORTS
from ci.sandbox.place import PROJECT
from ci.sandbox.substitutes import loopback_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.bake import Bake
    from ci.build.provenance import Material
    from ci.layer_cache import LayerCache
    from ci.project.model import ComposeModel
    from ci.workspace import Workspace

__all__ = ["Exported", "bake", "digest_of", "moved_since", "substitutes_of"]

_SSH_SOCKET = "/run/ssh-agent.sock"
_ATTEMPTS = 6  # Dagger has one more build cached each time that images of it were removed


@dataclass(frozen=True)
class ExportedImage:
    """The folder of an exported image, and what `exported` of `container_scripts/layout.py` reads in it."""

    folder: dagger.Directory
    found: dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """The output of `container_scripts/cached_bake.sh`: an image for each target, and BuildKit's records."""

    images: Mapping[str, ExportedImage]
    metadata: str
    record: str  # of the layer cache


async def bake(
    workspace: Workspace, project: ComposeModel, planned: Bake, cache: LayerCache | None
) -> Exported:
    """Build the planned targets.

    Dagger caches this by its mounts, so it would not notice a tag that moved in
    a registry. So the tags that the build used are resolved again, and if one
    has moved or cannot be resolved, BuildKit runs again.
    """
    foreign = workspace.platform not in ("", await workspace.own_platform())
    context = with_constant_times(await visible(workspace, planned.written.values()))
    rules = await substitutes_of(workspace)
    container = _prepared(workspace, project, planned, (context, rules), foreign=foreign)
    container = _with_cache(container, workspace, planned, cache)
    before: list[str] = []
    if foreign:
        container, before = await sandbox.emulating(workspace, container, workspace.platform)
    try:
        return await _twice(container, workspace, planned, before)
    except PipelineError as error:
        if foreign and not before and error.code == failure.STEP:
            raise failure.not_emulated(workspace.platform, error) from error
        raise


async def _twice(
    container: dagger.Container, workspace: Workspace, planned: Bake, before: list[str]
) -> Exported:
    """Build, and build again if a reference of what Dagger has cached means something else by now."""
    exported = await _there(container, workspace, planned, before)
    outdated = await moved_since(workspace, planned, exported.metadata)
    if not outdated:
        return exported
    container = container.with_env_variable("CI_OUTDATED", outdated)
    return await _there(container, workspace, planned, before)


async def _there(
    container: dagger.Container, workspace: Workspace, planned: Bake, before: list[str]
) -> Exported:
    """Build; build again while images of a build that Dagger has cached were removed since.

    What was removed is an input of the next attempt, so that another call finds that one cached.
    """
    gone = ""
    for attempt in range(_ATTEMPTS):
        if attempt == _ATTEMPTS - 1:
            gone = random.token_hex(8)  # certainly not cached
        each = container.with_env_variable("CI_REMOVED", gone) if gone else container
        found = await _exported(workspace, await _once(each, workspace, planned, before))
        if isinstance(found, Exported):
            return found
        gone = f"{gone} {found}".strip()
    raise failure.gone()


async def _exported(workspace: Workspace, output: dagger.Directory) -> Exported | str:
    """Return the exported images, or the names of those that were removed since Dagger cached the build."""
    lines = (await output.file("exported").contents()).splitlines()
    named = dict(line.split() for line in lines)
    fetches = {target: partial(_fetched, workspace, name) for target, name in named.items()}
    found = await parallel.run(fetches, limit=8)
    images = {target: image for target, image in found.items() if image}
    if removed := sorted(named[target] for target, image in found.items() if not image):
        return " ".join(removed)
    return Exported(
        images, await output.file("metadata.json").contents(), await output.file("layer-cache").contents()
    )


async def _fetched(workspace: Workspace, name: str) -> ExportedImage | None:
    folder = await sandbox.image(workspace, name)
    try:
        return ExportedImage(folder, json.loads(await folder.file("facts.json").contents()))
    except dagger.ExecError as error:
        if error.exit_code == sandbox.GONE:
            return None
        raise


async def substitutes_of(workspace: Workspace) -> str:
    """Return the rules for BuildKit, with digests, so that a moved substitute changes the input."""

    async def resolve() -> str:
        references = substitutes.targets(workspace.images)
        found = await parallel.run({each: partial(digest_of, each) for each in references}, limit=16)
        digests = {reference: digest for reference, digest in found.items() if digest}
        return substitutes.rules(workspace.images, digests)

    return await workspace.once("substitutes", resolve)


def _prepared(
    workspace: Workspace,
    project: ComposeModel,
    planned: Bake,
    given: tuple[dagger.Directory, str],
    *,
    foreign: bool,
) -> dagger.Container:
    context, rules = given
    files = dag.directory()
    for name, text in {
        "build.json": planned.build,
        "override.json": planned.override,
        "substitutes": rules,
        "targets": planned.lines,
    }.items():
        files = files.with_new_file(name, text)
    container = (
        sandbox.container(workspace, "bake.sh", "cached_bake.sh", *(["emulate.sh"] if foreign else []))
        .with_mounted_directory(PROJECT, context)
        .with_mounted_directory("/bake", files)
    )
    for variable in sorted(project.build_variables(list(planned.targets)) & workspace.values.keys()):
        secret = dag.set_secret(f"build-{variable}", workspace.values[variable])
        container = container.with_secret_variable(variable, secret)
    if workspace.docker_config:
        container = container.with_mounted_secret("/root/.docker/config.json", workspace.docker_config)
    if workspace.ssh_agent:
        container = container.with_unix_socket(_SSH_SOCKET, workspace.ssh_agent)
        container = container.with_env_variable("SSH_AUTH_SOCK", _SSH_SOCKET)
    return container


def _with_cache(
    container: dagger.Container, workspace: Workspace, planned: Bake, cache: LayerCache | None
) -> dagger.Container:
    """Set what reads the cache in variables that Dagger's cache ignores, because the images are the same.

    What writes it is an input: a build that Dagger has cached may not have been written.
    """
    override = cached.reading(planned, cache) if cache else ""
    probe = cache.sources(next(iter(planned.services.values())))[-1] if cache else ""
    ports = " ".join(loopback_ports(workspace.images, *([cache.repository] if cache else ())))
    return (
        container.with_new_file("/cache/write.json", cached.writing(planned, cache) if cache else "")
        .with_volatile_variable("CACHE_OVERRIDE", override)
        .with_volatile_variable("CACHE_PROBE", probe)
        .without_env_variable(LOOPBACK_PORTS)
        .with_volatile_variable(LOOPBACK_PORTS, ports)
    )


async def _once(
    container: dagger.Container, workspace: Workspace, planned: Bake, before: list[str]
) -> dagger.Directory:
    files = ("build.json", "override.json", "substitutes", "targets")
    options = (PROJECT, *(f"/bake/{name}" for name in files), "/output")
    words = ("/ci/cached_bake.sh", "/cache/write.json", *options)
    try:
        return (await sandbox.run(workspace, container, *words, before=before)).directory("/output")
    except dagger.ExecError as error:
        await _check_paths(workspace, planned)
        await check_patterns(workspace, planned.written.values())
        given = workspace.docker_config is not None
        code, output, said = error.exit_code, error.stdout, error.stderr
        raise failure.error(planned, code, output, said, credentials=given) from error


async def _check_paths(workspace: Workspace, planned: Bake) -> None:
    """Raise for a missing folder of a build, because Bake's own error does not name the service."""
    for service, target in planned.written.items():
        named = (target.get("contexts") or {}).items()
        paths = {"context": target.get("context", "")}
        paths |= {f"additional_contexts '{name}'": value for name, value in named}
        if not target.get("dockerfile-inline"):
            paths["dockerfile"] = target.get("dockerfile", "")
        for key, path in paths.items():
            if not path.startswith("/"):
                continue
            # Buildx also accepts a file called `dockerfile` as the default, and reports a missing one itself.
            place = posixpath.dirname(path) if key == "dockerfile" else path
            if not await workspace.context.exists(posixpath.relpath(place, PROJECT)):
                raise failure.missing(service, key, posixpath.relpath(path, PROJECT))


async def moved_since(workspace: Workspace, planned: Bake, metadata: str) -> str:
    """Return "" if all references of the build still resolve to the same, else a nonce for a new run."""
    materials: dict[str, Material] = {}
    for target in planned.targets.values():
        recorded = provenance.read(metadata, target)
        if recorded.others:  # archives and repositories: only BuildKit can check whether they changed
            return random.token_hex(8)
        materials |= {str(material): material for material in recorded.materials}
    asked = moved(list(materials.values()), workspace.images)
    now = await parallel.run({each.reference: partial(digest_of, each.reference) for each in asked}, limit=8)
    if "" in now.values():  # BuildKit may have credentials that Dagger lacks
        return random.token_hex(8)
    return "" if all(now[each.reference] == each.digest for each in asked) else json.dumps(now)


async def digest_of(reference: str) -> str:
    """Return the current digest of a reference; "" if Dagger's engine cannot resolve it."""
    try:
        found = await dag.container().from_(reference).image_ref()
    except dagger.QueryError:
        return ""
    return found.rpartition("@")[2]
