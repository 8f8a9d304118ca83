"""Prepare the model for Compose in the sandbox: Compose's own output with the pipeline's changes."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project import definition, notes
from ci.references import parse
from ci.sandbox.place import PROJECT
from ci.stack import addresses

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from ci.project.definition import Definition, Resource, ServiceDefinition
    from ci.project.model import ComposeModel

__all__ = ["Images", "Model", "Timeouts", "listed", "make", "named_images", "seconds", "tag"]

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([\d.]+)(h|ms|us|µs|ns|m|s)")
_GRACE = 10.0
# Services may have capitals, and names that end with a dash.
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
# Keys that have no effect here: images are built already, and the services are chosen.
_DROPPED = ("build", "depends_on", "develop", "profiles", "pull_policy")
_MAPS = {"annotations", "environment", "labels"}  # Compose also accepts lists of KEY=VALUE


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds for the start and the stop of a service."""

    start: float = 120.0
    stop: float = 10.0


@dataclass(frozen=True)
class Images:
    """The images that the services run: `tags` maps built services to their images.

    `references` maps each image that the project names to the one to use.
    """

    tags: Mapping[str, str]
    references: Mapping[str, str]

    def of(self, service: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys of a service that name images, with this stack's images."""
        found: dict[str, Any] = {}
        own = self.tags.get(service) or self._taken(item.get("image"))
        if own:
            found["image"] = own
        if own in self.tags.values():
            found["pull_policy"] = "never"
        if item.get("pre_start"):
            found["pre_start"] = [self._with(hook, "image") for hook in item["pre_start"]]
        if item.get("volumes"):
            volumes = item["volumes"]
            found["volumes"] = [self._with(v, "source") if v["type"] == "image" else v for v in volumes]
        return found

    def _with(self, item: Mapping[str, Any], key: str) -> dict[str, Any]:
        return {**item, key: self._taken(item[key])} if item.get(key) else dict(item)

    def _taken(self, text: str | None) -> str | None:
        return self.references.get(text, text) if text else None


@dataclass(frozen=True)
class Model:
    """A project for the sandbox.

    - `paths`: paths of the source that containers use
    - `volumes`, `networks`: external ones, which are created empty; `subnets` of those that need one
    - `random`: variables that get a random value for the run
    - `public`: variables whose values are in the model
    - `notes`: messages to print before it runs
    """

    project: str
    folder: str
    data: Mapping[str, Any]
    paths: tuple[str, ...]
    volumes: tuple[str, ...]
    networks: tuple[str, ...]
    random: tuple[str, ...]
    public: tuple[str, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    notes: tuple[str, ...] = ()
    subnets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def services(self) -> Mapping[str, ServiceDefinition]:
        """The services that run."""
        return definition.read(self.data).services

    @property
    def written(self) -> Mapping[str, Any]:
        """The services as JSON, to be changed."""
        services: Mapping[str, Any] = self.data["services"]
        return services

    @property
    def text(self) -> str:
        """The model as JSON, deterministic for a project."""
        return json.dumps(self.data, indent=1, sort_keys=True)


def named_images(name: str, service: ServiceDefinition) -> Iterator[tuple[str, str]]:
    """Yield the images that a service names, each with its place in the file."""
    if service.image and not service.build:
        yield service.image, f"services.{name}.image"
    for hook in service.pre_start:
        if hook.image:
            yield hook.image, f"services.{name}.pre_start"
    for mount in service.volumes:
        if mount.type == "image":
            yield mount.source, f"services.{name}.volumes"


def tag(project: str, service: str, image: str) -> str:
    """Return the tag that Compose gives to a service's built image, or another if that is not valid."""
    if not image:
        valid = _REPOSITORY.fullmatch(f"{project}-{service}")
        name = valid[0] if valid else f"service-{sha256(service.encode()).hexdigest()[:12]}"
        return f"{name}:latest"
    return parse(image, where=f"service '{service}'").without_digest


def make(
    project: ComposeModel,
    names: list[str],
    images: Images,
    left_out: Mapping[str, str],
    timeouts: Timeouts | None = None,
) -> Model:
    """Make the model of the named services.

    Secret values stay variables, which Compose replaces in the sandbox. Raise `PipelineError` for a service
    that depends on one that is left out.
    """
    timeouts = timeouts or Timeouts()
    running = [name for name in sorted(names) if name not in left_out]
    written = project.model["services"]
    services = {
        name: _changed(written[name], timeouts)
        | images.of(name, written[name])
        | _edges(name, written[name], running)
        for name in running
    }
    text = json.dumps({**project.model, "services": addresses.local(services)})
    for variable, placeholder in project.placeholders.items():
        text = text.replace(placeholder, f"${{{variable}}}")
    data = listed(json.loads(text))
    defined = definition.read(data)
    away = (f"not in this stack: {name} ({image} is not available here)" for name, image in left_out.items())
    return Model(
        project=project.name,
        folder=posixpath.normpath(posixpath.join(PROJECT, project.folder)),
        data=data,
        paths=tuple(sorted(set(_inside(*_linked(_paths(defined), project.links))))),
        volumes=tuple(_external(defined.volumes, defined.mounted)),
        networks=tuple(_external(defined.networks, defined.joined)),
        random=project.random,
        public=project.plain,
        timeouts=timeouts,
        notes=(*away, *notes.of(project)),
        subnets=addresses.subnets(defined),
    )


def _changed(written: Mapping[str, Any], timeouts: Timeouts) -> dict[str, Any]:
    """Return a service without keys that have no effect here, and with the limit for its stop."""
    item = {key: value for key, value in written.items() if key not in _DROPPED}
    grace = item.get("stop_grace_period")
    if (seconds(grace) if grace else _GRACE) > timeouts.stop:
        item["stop_grace_period"] = f"{timeouts.stop:g}s"
    if item.get("deploy"):  # Compose writes an empty placement and then warns about it
        item["deploy"] = {key: value for key, value in item["deploy"].items() if value != {}}
    return item


def _edges(name: str, written: Mapping[str, Any], running: list[str]) -> dict[str, Any]:
    """Return the running services that a service waits for."""
    edges = {}
    for other, edge in (written.get("depends_on") or {}).items():
        if other in running:
            edges[other] = edge
        elif edge.get("required", True):
            raise PipelineError(
                "stack.dependency-missing",
                f"service '{name}' depends on '{other}', which is not in this stack",
                hint=f"add '{other}' to --only, map its image, or set `required: false`",
            )
    return {"depends_on": edges} if edges else {}


def listed(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Write maps with a `$` in a key as lists, because Compose reads variables and `$$` only in values."""
    if isinstance(value, list):
        return [listed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: listed(item) for key, item in value.items()}
    for kind in _MAPS & found.keys():
        items = found[kind]
        if isinstance(items, dict) and any("$" in key for key in items):
            found[kind] = [key if text is None else f"{key}={text}" for key, text in items.items()]
    return found


def seconds(duration: str) -> float:
    """Convert a duration of Compose, such as 1m30s, to seconds."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration))


def _paths(project: Definition) -> Iterator[str]:
    """Yield the paths that containers use."""
    services = project.services.values()
    for service in services:
        yield from (mount.source for mount in service.volumes if mount.type == "bind")
        # Compose reads these again if they contain secret values.
        yield from service.files
    secrets = {item.source for service in services for item in service.secrets}
    yield from (item.file for name, item in project.secrets.items() if name in secrets)
    configs = {item.source for service in services for item in service.configs}
    yield from (item.file for name, item in project.configs.items() if name in configs)
    mounted = project.mounted
    yield from (item.device for name, item in project.volumes.items() if name in mounted)


def _linked(paths: Iterable[str], links: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield paths; for one with symbolic links, these and the place that it leads to."""
    for path in paths:
        yield from links.get(path, (path,))


def _inside(*paths: str) -> Iterator[str]:
    """Yield the paths that are in the source, relative to it, `.` for all of it."""
    for path in paths:
        if path == PROJECT or path.startswith(f"{PROJECT}/"):
            yield posixpath.relpath(path, PROJECT)


def _external(resources: Mapping[str, Resource], used: Container[str]) -> list[str]:
    """Return the names of external resources that services use."""
    return sorted({item.name or key for key, item in resources.items() if item.is_created and key in used})
