"""Build an image from its Dockerfile and make it the artefact everything else uses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import inputs, own, tools
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.compose.model import Build, Service
    from ci.dockerfile import Dockerfile
    from ci.references import ImagesMap

__all__ = ["Artefact", "Builder", "pinned", "program"]

# What the kernel calls the architectures of platforms.
_MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "arm": "armv7l",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_MAKE = ("python3", "-m", "ci.inside.artefact")


@dataclass(frozen=True)
class Artefact:
    """One image as it is tested, scanned, started and pushed.

    `output` holds `layout/` (OCI layout), `image.tar` (the same, packed) and
    `facts.json`; `facts` is the latter read. `built` says whether the engine
    made it in this call or had it already; `seconds` is how long that took.
    `base` is the reference that its last stage stands on, `images` those of
    all its `*_IMAGE` arguments and of the additional contexts, as they were resolved.
    """

    service: Service
    output: dagger.Directory
    facts: dict[str, Any]
    built: bool
    seconds: float
    base: str
    images: tuple[str, ...]
    build: Build
    dockerfile: Dockerfile

    @property
    def digest(self) -> str:
        """The manifest digest: the same source gives the same on every engine."""
        return str(self.facts["digest"])

    def container(self) -> dagger.Container:
        """Return exactly this image as a container."""
        return dag.container().import_(self.output.file("image.tar"))


def _cannot_be_built(name: str, error: dagger.QueryError) -> PipelineError:
    return PipelineError(
        f"service '{name}': its image cannot be built",
        details=str(error),
        next_step="mend the Dockerfile or the reference that is named above",
    )


def _by_content(tarball: dagger.File) -> dagger.File:
    """Return it as a file of a directory: that is keyed by its content, a tarball by all it came of."""
    return dag.directory().with_file("image.tar", tarball).file("image.tar")


def _platform(name: str) -> dagger.Platform | None:
    return dagger.Platform(name) if name else None


def _pulled(reference: str, platform: str) -> dagger.Container:
    return dag.container(platform=_platform(platform)).from_(reference)


async def pinned(reference: str, platform: str = "") -> str:
    """Return the reference with a digest: a build that is cached must not outlive a tag that moves."""
    if "@" in reference:
        return reference
    # The engine may know the same content by another name, which not every engine can pull.
    found = await _pulled(reference, platform).image_ref()
    return f"{reference}@{found.rpartition('@')[2]}"


def program(name: str) -> dagger.File:
    """Return a program of `ci.inside` as a file to mount."""
    return own.files().file(f"ci/inside/{name}")


@dataclass(frozen=True)
class Builder:
    """Builds services of one source tree, with one images map."""

    source: dagger.Directory
    images: ImagesMap
    values: Mapping[str, str] = field(default_factory=dict)  # of variables that build secrets come from
    platform: str = ""  # as linux/arm64; empty: the engine's own

    async def check_platform(self) -> None:
        """Refuse a platform that the engine cannot run, before anything is built."""
        own = str(await dag.default_platform())
        if self.platform in ("", own):
            return
        machine = _MACHINES.get(self.platform.split("/")[1] if "/" in self.platform else "", "")
        try:
            container = dag.container(platform=dagger.Platform(self.platform))
            resolved = self.images.resolve(tools.PYTHON, where="tool image") or tools.PYTHON
            command = ["python3", "-c", "import platform; print(platform.machine())"]
            runs = (await container.from_(resolved).with_exec(command).stdout()).strip()
            reason = f"{tools.PYTHON.partition('@')[0]} is there for {runs} only"
        except dagger.QueryError as error:
            runs, reason = "", str(error)
        # An image that is there for one platform is taken whatever was asked for: what runs is what tells.
        if not machine or runs != machine:
            raise PipelineError(
                f"--platform {self.platform}: this engine runs {own} and cannot run that",
                details=reason,
                next_step="use an engine of that platform, or one whose host has emulation for it (binfmt); "
                f"known are {', '.join(f'linux/{name}' for name in _MACHINES)}",
            )

    async def secrets(self, service: Service) -> dict[str, dagger.Secret]:
        """Return the service's build secrets by their ids."""
        found = {}
        for secret in service.build.secrets if service.build else ():
            where = f"service '{service.name}': its build secret '{secret.id}'"
            if secret.path:
                value = await self.source.file(secret.path).contents()
            elif secret.variable in self.values:
                value = self.values[secret.variable]
            else:
                raise PipelineError(
                    f"{where} comes from {secret.variable or 'nowhere'}, which has no value",
                    next_step="give it in a file of NAME=value lines: --build-env file:PATH",
                )
            found[secret.id] = dag.set_secret(secret.id, value)
        return found

    def tool(self, reference: str) -> dagger.Container:
        """Return a tool image; it must be available, or nothing works."""
        resolved = self.images.resolve(reference, where="tool image")
        if resolved is None:
            raise PipelineError(
                f"the images map has no substitute for the tool image {reference}",
                next_step="map it to an image that your engine can pull",
            )
        return dag.container().from_(resolved)

    def config(self, image: dagger.Container) -> dagger.File:
        """Return an image's config as it stands in its registry, all fields of it."""
        return (
            self._maker()
            .with_mounted_file("/image.tar", image.as_tarball())
            .with_exec([*_MAKE, "config", "/image.tar", "/config.json"])
            .file("/config.json")
        )

    def _maker(self) -> dagger.Container:
        container = self.tool(tools.PYTHON).with_workdir("/")
        for name in ("artefact.py", "made_layers.py"):
            container = container.with_mounted_file(f"/ci/inside/{name}", program(name))
        return container

    async def build(self, service: Service) -> Artefact:
        """Build one service's image and make its artefact."""
        started = time()
        build = service.build
        if build is None:
            raise PipelineError(
                f"service '{service.name}' has no build", next_step="build one that has, or add `build:`"
            )
        given = await inputs.prepare(self, service.name, build)
        secrets = await self.secrets(service)
        container = given.context.docker_build(
            dockerfile=given.path,
            platform=_platform(self.platform),
            secrets=list(secrets.values()),
            target=build.target,
            build_args=[dagger.BuildArg(name, value) for name, value in sorted(given.arguments.items())],
        )
        steps = given.dockerfile.steps(build.target, given.arguments)
        output = await self._artefact(container, given.base, steps, service.name)
        facts: dict[str, Any] = json.loads(await output.file("facts.json").contents())
        return Artefact(
            service=service,
            output=output,
            facts=facts,
            built=facts["made"]["at"] >= started,
            seconds=round(time() - started, 1),
            base=given.base,
            build=build,
            dockerfile=given.dockerfile,
            images=given.images,
        )

    def narrowed(self, whole: dagger.Directory, paths: tuple[str, ...] | None) -> dagger.Directory:
        """Return a build's context with no more than these paths, which are what its Dockerfile can read.

        A tar in between, because a file is known by its content, and a folder by how it was made: so a
        change of what a build cannot read does not even begin it.
        """
        if paths is None:
            return whole
        python = self.tool(tools.PYTHON).with_mounted_file("/context.py", program("context.py"))
        taken = (
            python.with_mounted_directory("/whole", whole)
            .with_new_file("/paths.json", json.dumps(paths))
            .with_exec(["python3", "/context.py", "take", "/whole", "/paths.json", "/taken/context.tar"])
            .directory("/taken")
            .file("context.tar")
        )
        return (
            python.with_mounted_file("/context.tar", taken)
            .with_exec(["python3", "/context.py", "unpack", "/context.tar", "/context"])
            .directory("/context")
        )

    async def resolved(self, name: str, reference: str, *, where: str) -> str:
        """Return what the images map has instead of a reference, by its digest."""
        found = self.images.resolve(reference, where=where)
        if found is None:
            raise PipelineError(
                f"{where}: the images map says that {reference} is not available here",
                next_step="map it to an image that your engine can pull",
            )
        try:
            return await pinned(found, self.platform)
        except dagger.QueryError as error:
            raise _cannot_be_built(name, error) from None

    async def _artefact(
        self, container: dagger.Container, base: str, steps: list[list[str]], name: str
    ) -> dagger.Directory:
        maker = self._maker().with_mounted_file("/image.tar", _by_content(container.as_tarball()))
        below = "-"
        if base != "scratch":
            below = "/base.tar"
            maker = maker.with_mounted_file(below, _by_content(_pulled(base, self.platform).as_tarball()))
        try:
            return await (
                maker.with_mounted_file("/steps.json", dag.file("steps.json", json.dumps(steps)))
                .with_mounted_cache("/made", dag.cache_volume("ci-made-layers"))
                .with_exec([*_MAKE, "make", "/image.tar", below, "/steps.json", "/output", "/made"])
                .directory("/output")
                .sync()
            )
        except dagger.ExecError as error:
            raise PipelineError(
                f"service '{name}': a step of its Dockerfile failed with exit code {error.exit_code}: "
                + " ".join(error.command),
                details="\n".join(part for part in (error.stdout, error.stderr) if part),
                next_step="mend that step; its output is above",
            ) from None
        except dagger.QueryError as error:
            raise _cannot_be_built(name, error) from None
