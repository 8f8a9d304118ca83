"""Run Bake in the sandbox, and report what failed in it."""

from __future__ import annotations

import json
import posixpath
import secrets as random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import parallel
from ci.build import failure, provenance
from ci.build.moved import moved
from ci.sandbox import container as sandbox
from ci.sandbox import substitutes
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.bake import Bake
    from ci.build.builder import Builder
    from ci.build.provenance import Material
    from ci.project.model import ComposeModel

__all__ = ["Exported", "bake"]

_SSH_SOCKET = "/run/ssh-agent.sock"


@dataclass(frozen=True)
class Exported:
    """What `container_scripts/bake.sh` exported: a folder for each target, and what BuildKit recorded."""

    folders: Mapping[str, dagger.Directory]
    metadata: str


async def bake(builder: Builder, project: ComposeModel, planned: Bake) -> Exported:
    """Build the planned targets.

    Dagger caches this by what is mounted, so a tag that has moved in a registry
    would go unnoticed. What the build took is asked for again, and where that is
    another image now, or cannot be told, BuildKit decides by running again.
    """
    container = _prepared(builder, project, planned, await _resolved(builder))
    exported = await _exported(builder, await _once(container, builder, planned))
    outdated = await _outdated(builder, planned, exported) if exported else random.token_hex(8)
    if outdated:
        container = container.with_env_variable("CI_OUTDATED", outdated)
        exported = await _exported(builder, await _once(container, builder, planned))
    if not exported:
        raise failure.gone()
    return exported


async def _exported(builder: Builder, output: dagger.Directory) -> Exported | None:
    """Return what was exported; None if it is gone, though Dagger has the outcome of the build cached."""
    lines = (await output.file("exported").contents()).splitlines()
    named = dict(line.split() for line in lines)
    fetches = {target: partial(_fetched, sandbox.image(builder, name)) for target, name in named.items()}
    found = await parallel.run(fetches, limit=8)
    folders = {target: folder for target, folder in found.items() if folder}
    if len(folders) < len(found):
        return None
    return Exported(folders, await output.file("metadata.json").contents())


async def _fetched(folder: dagger.Directory) -> dagger.Directory | None:
    try:
        return await folder.sync()
    except dagger.ExecError:
        return None


async def _resolved(builder: Builder) -> dict[str, str]:
    """Return the digests of what the images map names by tag: a substitute that moved is another input."""
    references = substitutes.targets(builder.images)
    found = await parallel.run({each: partial(digest_of, each) for each in references}, limit=16)
    return {reference: digest for reference, digest in found.items() if digest}


def _prepared(
    builder: Builder, project: ComposeModel, planned: Bake, digests: dict[str, str]
) -> dagger.Container:
    files = dag.directory()
    for name, text in {
        "build.json": planned.build,
        "override.json": planned.override,
        "substitutes": substitutes.rules(builder.images, digests),
        "targets": planned.lines,
    }.items():
        files = files.with_new_file(name, text)
    container = (
        sandbox.container(builder, "bake.sh")
        .with_mounted_directory(PROJECT, builder.context)
        .with_mounted_directory("/bake", files)
    )
    for variable in sorted(project.build_variables(list(planned.targets)) & builder.values.keys()):
        secret = dag.set_secret(f"build-{variable}", builder.values[variable])
        container = container.with_secret_variable(variable, secret)
    if builder.docker_config:
        container = container.with_mounted_secret("/root/.docker/config.json", builder.docker_config)
    if builder.ssh_agent:
        container = container.with_unix_socket(_SSH_SOCKET, builder.ssh_agent)
        container = container.with_env_variable("SSH_AUTH_SOCK", _SSH_SOCKET)
    return container


async def _once(container: dagger.Container, builder: Builder, planned: Bake) -> dagger.Directory:
    files = ("build.json", "override.json", "substitutes", "targets")
    words = ("/ci/bake.sh", PROJECT, *(f"/bake/{name}" for name in files), "/output")
    try:
        return (await sandbox.run(builder, container, *words)).directory("/output")
    except dagger.ExecError as error:
        await _check_paths(builder, planned)
        given = builder.docker_config is not None
        code, output, said = error.exit_code, error.stdout, error.stderr
        raise failure.error(planned, code, output, said, credentials=given) from error


async def _check_paths(builder: Builder, planned: Bake) -> None:
    """Raise for a folder of a build that is missing: Bake names it without its service."""
    for service, target in planned.written.items():
        named = (target.get("contexts") or {}).items()
        paths = {"context": target.get("context", "")}
        paths |= {f"additional_contexts '{name}'": value for name, value in named}
        if not target.get("dockerfile-inline"):
            paths["dockerfile"] = target.get("dockerfile", "")
        for key, path in paths.items():
            if not path.startswith("/"):
                continue
            # Buildx takes a file called `dockerfile` for the default, and reports one that is missing.
            place = posixpath.dirname(path) if key == "dockerfile" else path
            if not await builder.context.exists(posixpath.relpath(place, PROJECT)):
                raise failure.missing(service, key, posixpath.relpath(path, PROJECT))


async def _outdated(builder: Builder, planned: Bake, exported: Exported) -> str:
    """Return "" if all that the build took by name is still that, else a text that makes it run again."""
    materials: dict[str, Material] = {}
    for target in planned.targets.values():
        recorded = provenance.read(exported.metadata, target)
        if recorded.others:  # archives and repositories, of which only BuildKit knows whether they changed
            return random.token_hex(8)
        materials |= {str(material): material for material in recorded.materials}
    asked = moved(list(materials.values()), builder.images)
    now = await parallel.run({each.reference: partial(digest_of, each.reference) for each in asked}, limit=8)
    if "" in now.values():  # BuildKit may have credentials that Dagger does not have
        return random.token_hex(8)
    return "" if all(now[each.reference] == each.digest for each in asked) else json.dumps(now)


async def digest_of(reference: str) -> str:
    """Return the digest that a reference means now; "" where Dagger's engine cannot ask for it."""
    try:
        found = await dag.container().from_(reference).image_ref()
    except dagger.QueryError:
        return ""
    return found.rpartition("@")[2]
