"""Build images in the sandbox, for tests, scans, the stack and pushes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import module_source, parallel, tools
from ci.build import bake, provenance, run
from ci.errors import PipelineError
from ci.project.env_file import with_values
from ci.sandbox.substitutes import original

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.provenance import Material, Provenance
    from ci.project.model import ComposeModel, Service
    from ci.references import ImagesMap

__all__ = ["Builder", "BuiltImage", "program"]

# Names of architectures: as in platforms, and as the kernel reports them.
_MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "arm": "armv7l",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


_NO_SOURCE = ("**/.git", "**/node_modules")


@dataclass(frozen=True)
class BuiltImage:
    """An image to be tested, scanned, started and pushed.

    - `file`: its OCI layout, packed
    - `facts`: what `container_scripts/layout.py` reads from the layout
    - `exported_at`, `built`: when BuildKit exported it, and whether this call did
    - `base`: the image below the layers that the build added
    - `references`: the images that the build requested, as named in the project
    - `versions`: versions of the programs that built it
    """

    service: Service
    file: dagger.File
    facts: dict[str, Any]
    provenance: Provenance
    exported_at: float
    built: bool
    seconds: float
    base: Material | None
    base_layers: int
    references: tuple[str, ...]
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The manifest digest, which is the same on every engine for the same source."""
        return str(self.facts["digest"])

    @property
    def instructions(self) -> list[str]:
        """The instruction of each layer above the base, from the image's history."""
        history = self.facts["config"].get("history") or ()
        made = [str(entry.get("created_by", "")) for entry in history if not entry.get("empty_layer")]
        return made[self.base_layers :]

    def container(self) -> dagger.Container:
        """Import this image as a container."""
        return dag.container().import_(self.file)


def program(name: str) -> dagger.File:
    """Return a program of `ci.container_scripts` as a file to mount."""
    return module_source.files().file(f"ci/container_scripts/{name}")


@dataclass(frozen=True)
class Builder:
    """Build the services of one source tree with one images map.

    `source` is the tree without `.git` and `node_modules`. `context` is all of it, because the project's
    .dockerignore decides what a build may read.
    """

    source: dagger.Directory
    context: dagger.Directory
    images: ImagesMap
    values: Mapping[str, str] = field(default_factory=dict)  # of the variables of --env-file
    platform: str = ""  # as linux/arm64; empty: the engine's own
    docker_config: dagger.Secret | None = None  # credentials for the registries of base images
    ssh_agent: dagger.Socket | None = None
    env_file: dagger.Secret | None = None  # the same as `values`, for Compose to read

    @classmethod
    def of(cls, source: dagger.Directory, images: ImagesMap, **options: Any) -> Builder:  # noqa: ANN401 - the fields
        """Create a builder for the uploaded source."""
        # Dagger caches a filtered folder by its content, so a commit alone does not affect its users.
        return cls(source.filter(exclude=list(_NO_SOURCE)), source, images, **options)

    @classmethod
    async def with_variables(
        cls,
        source: dagger.Directory,
        images: ImagesMap,
        env_file: dagger.Secret | None,
        **options: Any,  # noqa: ANN401 - the fields
    ) -> Builder:
        """Return a builder with the variables of an env file."""
        return await with_values(cls.of(source, images, env_file=env_file, **options))

    async def check_platform(self) -> None:
        """Reject a platform that the engine cannot run, before anything is built."""
        own_platform = str(await dag.default_platform())
        if self.platform in ("", own_platform):
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
        # The engine silently uses an image's only platform, so check what actually runs.
        if not machine or runs != machine:
            raise PipelineError(
                "build.platform-unavailable",
                f"--platform {self.platform}: this engine runs {own_platform} and cannot emulate it",
                details=reason,
                hint="use an engine of that platform, or one whose host emulates it (binfmt); "
                f"known are {', '.join(f'linux/{name}' for name in _MACHINES)}",
            )

    async def secrets(self, service: Service) -> dict[str, dagger.Secret]:
        """Return the service's build secrets by id."""
        found = {}
        for secret in service.build.secrets if service.build else ():
            where = f"service '{service.name}': its build secret '{secret.id}'"
            if secret.path:
                if not await self.source.exists(secret.path):
                    raise PipelineError(
                        "build.secret-file-missing",
                        f"{where} comes from {secret.path}, which does not exist in the source",
                        hint="create the file, or correct the secret's `file:` in the compose file",
                    )
                value = await self.source.file(secret.path).contents()
            elif secret.variable in self.values:
                value = self.values[secret.variable]
            else:
                raise PipelineError(
                    "build.secret-value-missing",
                    f"{where} comes from {secret.variable or 'nowhere'}, which has no value",
                    hint="set it in an env file and pass --env-file file:PATH",
                )
            found[secret.id] = dag.set_secret(secret.id, value)
        return found

    def tool(self, reference: str) -> dagger.Container:
        """Return a tool image. Raise if the images map does not provide it."""
        resolved = self.images.resolve(reference, where="tool image")
        if resolved is None:
            raise PipelineError(
                "images-map.tool-missing",
                f"the images map marks the tool image {reference} as not available",
                hint="map it to an image that the engine can pull",
            )
        return dag.container().from_(resolved)

    def config(self, image: dagger.Container) -> dagger.File:
        """Read the complete config of an image from its registry."""
        return self._read("config", image.as_tarball()).file("/config.json")

    def layout(self, image: BuiltImage) -> dagger.Directory:
        """Return the image's OCI layout as a folder."""
        return self._read("unpack", image.file, "/layout").directory("/layout")

    async def uncompressed(self, image: BuiltImage) -> int:
        """Return the bytes of the image's layers without their compression."""
        sizes: dict[str, int | None] = json.loads(
            await self._read("sizes", image.file).file("/sizes.json").contents()
        )
        return sum(size or 0 for size in sizes.values())

    def _read(self, command: str, image: dagger.File, output: str = "") -> dagger.Container:
        return (
            self.tool(tools.PYTHON)
            .with_mounted_file("/layout.py", program("layout.py"))
            .with_mounted_file("/image.tar", image)
            .with_exec(["python3", "/layout.py", command, "/image.tar", output or f"/{command}.json"])
        )

    async def build(self, project: ComposeModel, services: Mapping[str, Service]) -> dict[str, BuiltImage]:
        """Build the services' images in one run of Bake."""
        if not services:
            return {}
        started = time()
        for service in services.values():
            await self.secrets(service)  # a missing value is reported before the sandbox starts
        own_platform = str(await dag.default_platform())
        planned = bake.plan(
            project,
            list(services),
            platform=self.platform,
            own_platform=own_platform,
            ssh_agent=self.ssh_agent is not None,
        )
        exported = await run.bake(self, project, planned)
        reading = partial(self._image, planned, exported, started)
        return await parallel.run(
            {n: partial(reading, s) for n, s in services.items()}, limit=len(services) or 1
        )

    async def _image(
        self,
        planned: bake.Bake,
        exported: run.Exported,
        started: float,
        service: Service,
    ) -> BuiltImage:
        target = planned.targets[service.name]
        folder = exported.folders[target]
        # Re-wrap the file so that Dagger caches it by content, not by the operations that produced it.
        file = dag.directory().with_file("image.tar", folder.file("image.tar")).file("image.tar")
        facts: dict[str, Any] = json.loads(await self._read("facts", file).file("/facts.json").contents())
        recorded = provenance.read(exported.metadata, target)
        exported_at = float(await folder.file("exported_at").contents())
        base, base_layers = recorded.base([layer["digest"] for layer in facts["layers"]])
        for number, layer in enumerate(facts["layers"]):
            layer["base"] = number < base_layers
        return BuiltImage(
            service=service,
            file=file,
            facts=facts,
            provenance=recorded,
            exported_at=exported_at,
            built=exported_at >= int(started),
            seconds=round(time() - started, 1),
            base=base,
            base_layers=base_layers,
            references=tuple(self._asked_for(material) for material in recorded.materials),
            parameters=json.loads(planned.build)["target"][target],
            versions=json.loads(await folder.file("versions.json").contents()),
        )

    def _asked_for(self, material: Material) -> str:
        """Return the name of a material in the project, with the digest if the project pins it."""
        name = original(self.images, material.reference)
        return f"{name.partition('@')[0]}@{material.digest}" if material.pinned else name
