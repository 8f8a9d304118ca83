"""One planned container as Dagger's objects: its image, mounts, secrets and init."""

from __future__ import annotations

import json
import secrets as random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError
from ci.images import program
from ci.stack import values
from ci.stack.mounts import Mount
from ci.stack.settings import HOME, STATE, VOLUMES, configuration

if TYPE_CHECKING:
    from ci.compose.model import Service
    from ci.images import Builder, BuiltImage
    from ci.stack.mounts import File
    from ci.stack.plan import Planned

__all__ = ["Containers"]

SHORTEST_LINE = 8  # of a secret file, to be hidden by itself: a shorter one is in ordinary text
HOOKS = ("post_start", "pre_stop")


@dataclass
class Containers:
    """Makes containers of one project.

    `values` maps each placeholder to its secret's value, `named` each variable.
    `apart` keeps them from being found by their names: a session has one of each name.
    """

    builder: Builder
    artefacts: dict[str, BuiltImage]
    init: dagger.File
    values: dict[str, str]
    named: dict[str, str]
    apart: bool = False
    _configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    _bases: dict[str, dagger.Container] = field(default_factory=dict)
    _owners: dict[str, dict[str, Any]] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    _hidden: set[str] = field(default_factory=set)
    _waiting: dagger.Container = field(init=False)  # these two are asked for once, not for each service
    _home: dagger.Directory = field(init=False)

    async def load(self, planned: Planned) -> None:
        """Get the image and its config, before anything starts."""
        name, service = planned.name, planned.service
        artefact = self._artefact(service)
        if artefact is not None:
            self._bases[name], config = artefact.container(), artefact.facts["config"]
        else:
            reference = self.builder.images.resolve(service.image, where=f"service '{name}'")
            if reference is None:
                raise PipelineError(
                    f"service '{name}': {service.image} is not available here",
                    next_step="map it in the images map, or leave the service out",
                )
            self._bases[name] = dag.container().from_(reference)
            config = json.loads(await self.builder.config(self._bases[name]).contents())
        self._configs[name] = config.get("config") or {}
        for mount in planned.mounts:
            if mount.path and await self._is_folder(name, mount.path):
                self._folders.add(mount.path)
        for file in planned.files:
            await self._check(name, file)
        targets = [mount.target for mount in self._mounts(planned) if mount.volume]
        self._owners[name] = await self._inspect(name, targets)

    def _artefact(self, service: Service) -> BuiltImage | None:
        """Return the service's own image, or that of the service that builds what it names as `image:`."""
        if service.build:
            return self.artefacts[service.name]
        same = [found for found in self.artefacts.values() if found.service.image == service.image]
        return same[0] if same else None

    def image(self, planned: Planned) -> dict[str, Any]:
        """Return the image's config: `Env`, `Cmd`, `Healthcheck` and so on."""
        return self._configs[planned.name]

    async def start(self, planned: Planned, run: str) -> dagger.Service:
        """Start the container; returns when its init runs."""
        container = self._container(planned, run)
        words = values.command(planned.name, planned.service.raw, self.image(planned))
        command = [f"{HOME}/init", "run", f"{HOME}/config.json", "--", *words]
        service = container.as_service(args=command, insecure_root_capabilities=True, no_init=True)
        if not self.apart:
            service = service.with_hostname(planned.service.name)
        return await service.start()

    async def prepare(self) -> None:
        """Ask for what all services need, once.

        Refuses an engine that forbids privileged containers: there the start of a service never ends.
        """
        init = dag.container().with_file("/init", self.init)
        home = dag.directory().with_file("init", self.init).with_new_directory("run")
        self._waiting, self._home = await init.sync(), await home.sync()
        try:
            await init.with_exec(["/init", "inspect", "/"], insecure_root_capabilities=True).sync()
        except dagger.QueryError as error:
            if "insecure" not in str(error):
                raise
            raise PipelineError(
                "this engine forbids privileged containers, which the stack's init needs: "
                "without it nothing would hold what the compose file asks for",
                details=str(error),
                next_step="set security.insecureRootCapabilities to true in the engine's engine.json",
            ) from None

    async def wait(self, planned: Planned, run: str, condition: str, patience: float) -> str:
        """Return the init's JSON once the service reached the condition, or cannot any more."""
        return await (
            self._waiting.with_mounted_cache("/state", self.state(planned.name, run))
            .with_exec(["/init", "await", "/state", condition, f"{patience:g}"], no_init=True)
            .stdout()
        )

    async def logs(self, run: str, names: list[str]) -> dagger.Directory:
        """Return the scrubbed logs and outcomes of the named containers."""
        container = self.builder.tool(tools.PYTHON).with_mounted_file("/logs.py", program("logs.py"))
        hidden = [*self.values.values(), *sorted(self._hidden)]
        for number, value in enumerate(hidden):
            secret = dag.set_secret(f"{run}-{number}", value)
            container = container.with_secret_variable(f"SECRET_{number}", secret)
        for name in names:
            container = container.with_mounted_cache(f"/states/{name}", self.state(name, run))
        variables = [f"SECRET_{number}" for number in range(len(hidden))]
        return await (
            container.with_env_variable("READ", random.token_hex(6))  # they grow: never the last reading
            .with_directory("/logs", dag.directory())
            .with_exec(["python3", "/logs.py", "/states", "/logs", *variables])
            .directory("/logs")
            .sync()
        )

    def state(self, name: str, run: str) -> dagger.CacheVolume:
        """Return the volume that a container's init writes to and takes orders from."""
        return dag.cache_volume(f"stack-{run}-state-{name}")

    def _marks(self, planned: Planned) -> dict[str, str]:
        """Return the placeholders in the commands, each with the variable that the init fills it from."""
        raw = planned.service.raw
        text = json.dumps([raw.get(key) for key in ("command", "entrypoint", "healthcheck", *HOOKS)])
        used = sorted(mark for mark in self.values if mark in text)
        return {mark: f"CI_VALUE_{number}" for number, mark in enumerate(used)}

    def _container(self, planned: Planned, run: str) -> dagger.Container:
        container = self._with_variables(self._base(planned), planned, run)
        for mount in self._mounts(planned):
            if not mount.subpath:  # else the init binds it
                container = self._mount(container, planned, mount, run)
        for file in planned.files:
            container = self._file(container, file, f"{run}-{planned.name}")
        config = configuration(planned, self.image(planned), self._marks(planned))
        home = self._home.with_new_file("config.json", json.dumps(config))
        parts = {number: mount for number, mount in enumerate(planned.mounts) if mount.subpath}
        for number in parts:
            home = home.with_new_directory(f"volumes/{number}")
        container = container.with_mounted_directory(HOME, home)
        for number, mount in parts.items():
            volume = dag.cache_volume(f"stack-{run}-volume-{mount.volume}")
            container = container.with_mounted_cache(f"{VOLUMES}/{number}", volume)
        return container.with_mounted_cache(STATE, self.state(planned.name, run))

    def _base(self, planned: Planned) -> dagger.Container:
        # The init runs the healthcheck; the engine would wait for it before anything else may start.
        container = self._bases[planned.name].with_user("0:0").without_docker_healthcheck()
        for port in self.image(planned).get("ExposedPorts") or {}:
            number, _, protocol = port.partition("/")
            if protocol in ("", "tcp"):
                container = container.without_exposed_port(int(number))
        if planned.service.raw.get("working_dir"):
            container = container.with_workdir(planned.service.raw["working_dir"])
        return container

    def _with_variables(self, container: dagger.Container, planned: Planned, run: str) -> dagger.Container:
        for name, value in planned.environment.items():
            container = container.with_env_variable(name, value)
        secret = {name: self._fill(value) for name, value in planned.secret_environment.items()}
        secret |= {name: self.values[mark] for mark, name in self._marks(planned).items()}
        for name, value in secret.items():
            container = container.with_secret_variable(
                name, dag.set_secret(f"{run}-{planned.name}-{name}", value)
            )
        return container.with_env_variable("CI_STACK_RUN", f"{run}-{planned.name}")

    def _mounts(self, planned: Planned) -> list[Mount]:
        """Return the file's mounts, and the image's own volumes where it has none."""
        taken = {mount.target for mount in planned.mounts} | {
            item["target"] for item in planned.init["tmpfs"]
        }
        own = [
            Mount(target, volume=f"image-{planned.name}-{number}")
            for number, target in enumerate(sorted(self.image(planned).get("Volumes") or {}))
            if target not in taken
        ]
        return [*planned.mounts, *own]

    def _mount(
        self, container: dagger.Container, planned: Planned, mount: Mount, run: str
    ) -> dagger.Container:
        if not mount.volume:
            source = self.builder.source
            if mount.path in self._folders:
                folder = source.directory(mount.path)
                return container.with_mounted_directory(mount.target, folder, read_only=mount.read_only)
            return container.with_mounted_file(mount.target, source.file(mount.path))
        found = self._owners[planned.name].get(mount.target)
        volume = dag.cache_volume(f"stack-{run}-volume-{mount.volume}")
        if not (found and mount.filled):
            return container.with_mounted_cache(mount.target, volume)
        content = self._bases[planned.name].directory(mount.target)
        return container.with_mounted_cache(mount.target, volume, source=content, owner=found["owner"])

    def _file(self, container: dagger.Container, file: File, prefix: str) -> dagger.Container:
        if file.path:
            return container.with_mounted_file(file.target, self.builder.source.file(file.path))
        value = self.named.get(file.variable, "") if file.variable else self._fill(file.content)
        if file.secret or value != file.content:
            secret = dag.set_secret(f"{prefix}-{file.target}", value)
            return container.with_mounted_secret(file.target, secret, owner=file.owner, mode=file.mode)
        content = dag.directory().with_new_file("config", value, permissions=file.mode).file("config")
        return container.with_mounted_file(file.target, content, owner=file.owner)

    def _fill(self, text: str) -> str:
        """Put the values in the place of their placeholders, the longest first: one may begin another."""
        for placeholder, value in sorted(self.values.items(), key=lambda item: -len(item[0])):
            text = text.replace(placeholder, value)
        return text

    async def _check(self, name: str, file: File) -> None:
        """Refuse a secret or config without its file; what is in a secret's is kept out of the logs."""
        if not file.path:
            return
        if not await self.builder.source.exists(file.path):
            raise PipelineError(
                f"service '{name}': there is no file {file.path} for {file.target}",
                next_step="create it, or give the secret `environment:` and a value with --env-file",
            )
        if file.secret:
            text = await self.builder.source.file(file.path).contents()
            # A log may show one line of it only.
            lines = (line.strip() for line in text.splitlines())
            self._hidden |= {text.strip(), *(line for line in lines if len(line) >= SHORTEST_LINE)}

    async def _is_folder(self, name: str, path: str) -> bool:
        source = self.builder.source
        if await source.exists(path, expected_type=dagger.ExistsType.DIRECTORY_TYPE):
            return True
        if await source.exists(path):
            return False
        raise PipelineError(
            f"service '{name}': there is nothing at {path}, which it mounts",
            next_step="create it, or mend the service's `volumes:`",
        )

    async def _inspect(self, name: str, targets: list[str]) -> dict[str, Any]:
        """Return owner and mode of the image's folders that a volume goes over."""
        if not targets:
            return {}
        text = await (
            self._bases[name]
            .with_user("0:0")
            .with_workdir("/")  # the engine makes a missing working directory: it must not be found then
            .with_mounted_file("/.ci-init", self.init)
            .with_exec(["/.ci-init", "inspect", *targets])
            .stdout()
        )
        found: dict[str, Any] = json.loads(text)
        return found
