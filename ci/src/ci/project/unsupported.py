"""Find the keys of a project that the sandbox does not support; Docker handles all others."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project.limits import DEVICE, OUTSIDE, PROVIDER, SOCKET, SWARM, WINDOWS
from ci.project.model import is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.project.definition import BuildDefinition, Definition, Resource, ServiceDefinition
    from ci.project.limits import Rule
    from ci.project.model import ComposeModel, Service

__all__ = ["Refusal", "check", "external", "found", "shared"]

Used = tuple[str, Any]
_SOCKET_NAME = "docker.sock"


@dataclass(frozen=True)
class Refusal:
    """A rejected key of a service, or of a resource it uses."""

    place: str
    value: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.place}: {self.value}: {self.rule.reason}; {self.rule.way_out}"


def check(project: ComposeModel, services: Mapping[str, Service]) -> None:
    """Raise one error with all unsupported keys of these services."""
    refusals = found(project, services)
    if refusals:
        raise PipelineError(
            "compose.refused-keys",
            f"{len(refusals)} key(s) of the compose file are not supported in the sandbox",
            details="\n".join(str(each) for each in refusals),
            hint="follow the advice for each key; docs/reference/compose-limits.md lists all limits",
        )


def found(project: ComposeModel, services: Mapping[str, Service]) -> list[Refusal]:
    """Return the rejected keys of these services and of the resources they use, without duplicates."""
    refusals = []
    for name, service in services.items():
        for rule, (key, value) in _of_service(project, service):
            refusals.append(Refusal(f"services.{name}.{key}", str(value), rule))
        for rule, (place, value) in _of_resources(project, service):
            refusals.append(Refusal(place, str(value), rule))
    return list(dict.fromkeys(refusals))


def external(project: Definition) -> list[str]:
    """Return the external volumes and networks, which the sandbox creates empty."""
    kinds: dict[str, Mapping[str, Resource]] = {"volumes": project.volumes, "networks": project.networks}
    return [
        f"{kind}.{key} ({item.name or key})"
        for kind, resources in kinds.items()
        for key, item in resources.items()
        if item.is_created
    ]


def shared(services: Mapping[str, Service]) -> list[str]:
    """Return the keys that share something with the host, which is the sandbox and not this machine."""
    return [
        f"services.{name}.{key}"
        for name, each in services.items()
        for key, value in each.definition.namespaces.items()
        if value == "host"
    ]


def _of_service(project: ComposeModel, service: Service) -> Iterator[tuple[Rule, Used]]:
    for mount in service.definition.volumes:
        if mount.type != "bind":
            continue
        if not is_inside(mount.source) and posixpath.basename(mount.source.rstrip("/")) == _SOCKET_NAME:
            yield SOCKET, ("volumes", mount.source)
        elif outside := _outside(project, mount.source):
            yield OUTSIDE, ("volumes", outside)
    files = [("env_file", each) for each in project.env_files.get(service.name, ())]
    for key, path in (*files, *_of_build(service.definition.build)):
        if path.startswith("/") and not is_inside(path):
            yield OUTSIDE, (key, path)
    for rule, key, value in _of_one_value(service.definition):
        if value:
            yield rule, (key, value)


def _of_build(build: BuildDefinition | None) -> Iterator[tuple[str, str]]:
    if not build:
        return
    yield "build.context", build.context
    if build.context.startswith("/") and is_inside(build.context) and not build.dockerfile_inline:
        yield "build.dockerfile", posixpath.join(build.context, build.dockerfile)
    yield from (("build.additional_contexts", path) for path in build.additional_contexts.values())


def _of_one_value(service: ServiceDefinition) -> Iterator[tuple[Rule, str, Any]]:
    deploy = service.deploy
    yield from (
        (SOCKET, "use_api_socket", service.use_api_socket),
        (DEVICE, "devices", _shown(service.devices)),
        (DEVICE, "gpus", _shown(service.gpus)),
        (DEVICE, "device_cgroup_rules", _shown(service.device_cgroup_rules)),
        (DEVICE, "deploy.resources.reservations.devices", _shown(deploy.resources.reservations.devices)),
        (SWARM, "deploy.mode", deploy.mode != "replicated" and deploy.mode),
        (SWARM, "deploy.placement", _shown(deploy.placement)),
        (SWARM, "deploy.endpoint_mode", deploy.endpoint_mode),
        (PROVIDER, "provider", service.provider and service.provider.type),
        (PROVIDER, "models", ", ".join(service.models)),
        (WINDOWS, "isolation", service.isolation),
        (WINDOWS, "build.isolation", service.build and service.build.isolation),
        (WINDOWS, "credential_spec", _shown(service.credential_spec)),
    )


def _of_resources(project: ComposeModel, service: Service) -> Iterator[tuple[Rule, Used]]:
    used, top = service.definition, project.definition
    for name in used.networks:
        if name in top.networks and top.networks[name].driver == "overlay":
            yield SWARM, (f"networks.{name}.driver", "overlay")
    for mount in used.volumes:
        volume = top.volumes.get(mount.source)
        is_folder = volume and volume.is_bind and volume.device.startswith("/")
        if volume and is_folder and (outside := _outside(project, volume.device)):
            yield OUTSIDE, (f"volumes.{mount.source}.driver_opts.device", outside)
    secrets = (*used.secrets, *(used.build.secrets if used.build else ()))
    for kind, items, files in (("secrets", secrets, top.secrets), ("configs", used.configs, top.configs)):
        for name in (item.source for item in items if item.source in files):
            if outside := files[name].file and _outside(project, files[name].file):
                yield OUTSIDE, (f"{kind}.{name}.file", outside)
            if files[name].external:
                yield SWARM, (f"{kind}.{name}.external", files[name].name or name)


def _outside(project: ComposeModel, path: str) -> str:
    """Return a path that is outside of the project, or leads there by a link; "" for others."""
    if not is_inside(path):
        return path
    end = project.links.get(path, (path,))[-1]
    return "" if is_inside(end) else f"{path} -> {end}"


def _shown(value: Any) -> str:  # noqa: ANN401 - a value of JSON
    """Format a list or a map in one line, with the names of its items."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown(item)}" for key, item in value.items() if item)
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return "" if value is None else str(value)
