"""Types for what Compose prints of a project, with the keys that this package reads.

Other keys are ignored: Compose checks them, and gets them back unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BuildDefinition",
    "Definition",
    "FileObject",
    "FileReference",
    "Mount",
    "Network",
    "Port",
    "Resource",
    "ServiceDefinition",
    "Volume",
    "read",
]

T = TypeVar("T")
Words = tuple[str, ...] | str | None  # as text where Compose has yet to split it
Shown = tuple[dict[str, Any], ...]  # only ever printed in a message


class Port(Struct, frozen=True):
    """A published port; `published` is empty if Docker chooses the host's port."""

    target: int
    published: str = ""
    protocol: str = "tcp"

    def __str__(self) -> str:
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.published or '*'}:{self.target}{suffix}"


class Mount(Struct, frozen=True):
    """A mount of a service; `source` is empty for an anonymous volume and for a tmpfs."""

    type: str
    source: str = ""
    target: str = ""


class FileReference(Struct, frozen=True):
    """A secret or config that a service or a build uses."""

    source: str
    target: str = ""


class Dependency(Struct, frozen=True):
    """The condition that another service must reach."""

    condition: str


class Hook(Struct, frozen=True):
    """A command to run before a service starts, in an image of its own if one is named."""

    image: str = ""


class EnvFile(Struct, frozen=True):
    """An env file that Compose has yet to read."""

    path: str


class BuildDefinition(Struct, frozen=True):
    """The `build:` of a service."""

    context: str = "."
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str = ""
    additional_contexts: dict[str, str] = {}
    secrets: tuple[FileReference, ...] = ()
    tags: tuple[str, ...] = ()
    isolation: str = ""
    platforms: tuple[str, ...] = ()


class Reservations(Struct, frozen=True):
    """What a service has to itself."""

    devices: Shown = ()


class Resources(Struct, frozen=True):
    """The resources of a deployment."""

    reservations: Reservations = Reservations()


class Deploy(Struct, frozen=True):
    """The `deploy:` of a service."""

    mode: str = ""
    endpoint_mode: str = ""
    placement: dict[str, Any] = {}
    resources: Resources = Resources()


class Provider(Struct, frozen=True):
    """A program that runs a service instead of Docker."""

    type: str


class HealthcheckDefinition(Struct, frozen=True):
    """The `healthcheck:` of a service."""

    test: Words = None
    disable: bool = False


class ServiceDefinition(Struct, frozen=True):
    """A service."""

    image: str = ""
    environment: dict[str, str | int | float | None] | tuple[str, ...] = {}
    healthcheck: HealthcheckDefinition = HealthcheckDefinition()
    build: BuildDefinition | None = None
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    depends_on: dict[str, Dependency] = {}
    profiles: tuple[str, ...] = ()
    entrypoint: Words = None
    command: Words = None
    volumes: tuple[Mount, ...] = ()
    networks: dict[str, Any] = {}
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    env_file: tuple[EnvFile | str, ...] = ()
    label_file: tuple[str, ...] = ()
    pre_start: tuple[Hook, ...] = ()
    stop_grace_period: str = ""
    deploy: Deploy = Deploy()
    devices: Shown = ()
    device_cgroup_rules: tuple[str, ...] = ()
    gpus: Shown = ()
    use_api_socket: bool = False
    provider: Provider | None = None
    models: dict[str, Any] = {}
    isolation: str = ""
    credential_spec: dict[str, Any] = {}
    network_mode: str = ""
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    cgroup: str = ""
    userns_mode: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The environment without variables that have no value, also if it is a list of NAME=VALUE."""
        if isinstance(self.environment, dict):
            return {name: str(value) for name, value in self.environment.items() if value is not None}
        return dict(each.split("=", 1) for each in self.environment if "=" in each)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of entrypoint and command."""
        both = (self.entrypoint or (), self.command or ())
        return tuple(word for words in both for word in ((words,) if isinstance(words, str) else words))

    @property
    def namespaces(self) -> dict[str, str]:
        """The keys by which it shares a namespace with the host or with another service."""
        keys = ("network_mode", "pid", "ipc", "uts", "cgroup", "userns_mode")
        return {key: getattr(self, key) for key in keys}

    @property
    def files(self) -> list[str]:
        """The paths of files whose contents Compose has yet to read."""
        both = (*self.env_file, *self.label_file)
        return [each.path if isinstance(each, EnvFile) else each for each in both]


class Resource(Struct, frozen=True):
    """What services share: `name` is the name that Docker knows it by."""

    name: str = ""
    external: bool = False

    @property
    def is_created(self) -> bool:
        """Whether the sandbox creates it, because it is not part of the project."""
        return self.external


class Network(Resource, frozen=True):
    """A network."""

    driver: str = ""

    @property
    def is_created(self) -> bool:
        """As above; networks of these names are Docker's own."""
        return self.external and self.name not in ("bridge", "host", "none")


class Volume(Resource, frozen=True):
    """A volume."""

    driver_opts: dict[str, str] = {}

    @property
    def device(self) -> str:
        """The folder or device that is mounted."""
        return self.driver_opts.get("device", "")

    @property
    def is_bind(self) -> bool:
        """Whether it is a bind mount."""
        return "bind" in self.driver_opts.get("o", "")


class FileObject(Resource, frozen=True):
    """A secret or a config: a file of the project, the value of a variable, or a text."""

    file: str = ""
    environment: str = ""
    content: str = ""


class Definition(Struct, frozen=True):
    """A project, as Compose prints it."""

    name: str = ""
    services: dict[str, ServiceDefinition] = {}
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    secrets: dict[str, FileObject] = {}
    configs: dict[str, FileObject] = {}

    @property
    def mounted(self) -> set[str]:
        """The sources of all mounts: names of volumes and images, and paths."""
        return {mount.source for service in self.services.values() for mount in service.volumes}

    @property
    def joined(self) -> set[str]:
        """The networks of all services."""
        return {name for service in self.services.values() for name in service.networks}


def read(printed: Mapping[str, Any]) -> Definition:
    """Check and convert what Compose printed. Raise with the place of a value of another type."""
    return Definition(
        name=_converted(printed.get("name", ""), str, "name"),
        services=_each(printed, "services", ServiceDefinition),
        networks=_each(printed, "networks", Network),
        volumes=_each(printed, "volumes", Volume),
        secrets=_each(printed, "secrets", FileObject),
        configs=_each(printed, "configs", FileObject),
    )


def _each(printed: Mapping[str, Any], kind: str, of: type[T]) -> dict[str, T]:
    found = _converted(printed.get(kind) or {}, dict[str, Any], kind)
    return {name: _converted(item or {}, of, f"{kind}.{name}") for name, item in found.items()}


def _converted(value: Any, of: type[T], place: str) -> T:  # noqa: ANN401 - JSON
    try:
        return msgspec.convert(value, of)
    except msgspec.ValidationError as error:
        raise PipelineError(
            "compose.output-unexpected",
            f"{place}: Compose printed a value of a type that this version cannot read",
            details=str(error),
            hint="use the pinned version of Compose; with that one it is a bug to report",
        ) from error
