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

    from ci.project.limits import Rule
    from ci.project.model import ComposeModel, Service

__all__ = ["Refusal", "check", "external", "found", "shared"]

Used = tuple[str, Any]
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


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


def external(model: Mapping[str, Any]) -> list[str]:
    """Return the external volumes and networks, which the sandbox creates empty."""
    return [
        f"{kind}.{key} ({item.get('name') or key})"
        for kind in ("volumes", "networks")
        for key, item in (model.get(kind) or {}).items()
        if (item or {}).get("external")
    ]


def shared(services: Mapping[str, Service]) -> list[str]:
    """Return the keys that share something with the host, which is the sandbox and not this machine."""
    keys = ("network_mode", "pid", "ipc", "uts", "cgroup", "userns_mode")
    used = [(name, key) for name, each in services.items() for key in keys if each.raw.get(key) == "host"]
    return [f"services.{name}.{key}" for name, key in used]


def _of_service(project: ComposeModel, service: Service) -> Iterator[tuple[Rule, Used]]:
    raw = service.raw
    for mount in raw.get("volumes") or ():
        if mount["type"] == "bind" and mount["source"] in _SOCKETS:
            yield SOCKET, ("volumes", mount["source"])
        elif mount["type"] == "bind" and not is_inside(mount["source"]):
            yield OUTSIDE, ("volumes", mount["source"])
    files = [("env_file", each) for each in project.env_files.get(service.name, ())]
    for key, path in (*files, *_of_build(raw)):
        if path.startswith("/") and not is_inside(path):
            yield OUTSIDE, (key, path)
    for rule, key, value in _of_one_value(raw):
        if value:
            yield rule, (key, value)


def _of_build(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    build = raw.get("build") or {}
    context = build.get("context", "")
    yield "build.context", context
    if context.startswith("/") and is_inside(context) and not build.get("dockerfile_inline"):
        yield "build.dockerfile", posixpath.join(context, build.get("dockerfile", "Dockerfile"))
    contexts = (build.get("additional_contexts") or {}).values()
    yield from (("build.additional_contexts", path) for path in contexts)


def _of_one_value(raw: Mapping[str, Any]) -> Iterator[tuple[Rule, str, Any]]:
    build, deploy = raw.get("build") or {}, raw.get("deploy") or {}
    reserved = (deploy.get("resources") or {}).get("reservations") or {}
    yield from (
        (SOCKET, "use_api_socket", raw.get("use_api_socket")),
        *((DEVICE, key, _shown(raw.get(key))) for key in ("devices", "gpus", "device_cgroup_rules")),
        (DEVICE, "deploy.resources.reservations.devices", _shown(reserved.get("devices"))),
        (SWARM, "deploy.mode", deploy.get("mode") not in (None, "", "replicated") and deploy["mode"]),
        (SWARM, "deploy.placement", _shown(deploy.get("placement"))),
        (SWARM, "deploy.endpoint_mode", deploy.get("endpoint_mode")),
        (PROVIDER, "provider", (raw.get("provider") or {}).get("type")),
        (PROVIDER, "models", ", ".join(raw.get("models") or ())),
        (WINDOWS, "isolation", raw.get("isolation")),
        (WINDOWS, "build.isolation", build.get("isolation")),
        (WINDOWS, "credential_spec", _shown(raw.get("credential_spec"))),
    )


def _of_resources(project: ComposeModel, service: Service) -> Iterator[tuple[Rule, Used]]:
    for name in service.raw.get("networks") or ():
        if ((project.raw.get("networks") or {}).get(name) or {}).get("driver") == "overlay":
            yield SWARM, (f"networks.{name}.driver", "overlay")
    for mount in service.raw.get("volumes") or ():
        name = mount.get("source") or ""
        options = ((project.raw.get("volumes") or {}).get(name) or {}).get("driver_opts") or {}
        device = str(options.get("device", ""))
        if "bind" in str(options.get("o", "")) and device.startswith("/") and not is_inside(device):
            yield OUTSIDE, (f"volumes.{name}.driver_opts.device", device)
    built = (service.raw.get("build") or {}).get("secrets") or ()
    used = [("secrets", item) for item in (*(service.raw.get("secrets") or ()), *built)]
    used += [("configs", item) for item in service.raw.get("configs") or ()]
    for kind, item in used:
        name = item["source"]
        definition = (project.raw.get(kind) or {}).get(name) or {}
        if definition.get("file") and not is_inside(definition["file"]):
            yield OUTSIDE, (f"{kind}.{name}.file", definition["file"])
        if definition.get("external"):
            yield SWARM, (f"{kind}.{name}.external", definition.get("name", name))


def _shown(value: Any) -> str:  # noqa: ANN401 - a value of JSON
    """Format a list or a map in one line, with the names of its items."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown(item)}" for key, item in value.items() if item)
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return "" if value is None else str(value)
