"""The configuration of one service's init: what the file decides, and the rest of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.stack import mounts, values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.compose.model import Service
    from ci.stack.plan import Planned

__all__ = ["HOME", "STATE", "VOLUMES", "configuration", "names", "neighbours", "settings"]

# Where a service's container has the init with its configuration, and the init's log and outcome.
HOME = "/.ci"
STATE = "/.ci-state"
VOLUMES = f"{HOME}/volumes"


def configuration(planned: Planned, image: dict[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole of it: the planned keys with what the image's config says.

    `marks` are placeholders in commands, each with the variable that it is filled from.
    """
    raw = planned.service.raw
    own = [variable.partition("=")[0] for variable in image.get("Env") or ()]
    passed = sorted({*own, *planned.environment, *planned.secret_environment})
    return {
        **planned.init,
        "enforce": True,
        "environment": passed,
        "user": str(raw.get("user") or image.get("User") or ""),
        "hostname": planned.init["hostname"] or planned.name,
        "state": STATE,
        "stop_signal": raw.get("stop_signal") or image.get("StopSignal") or "",
        "health": values.health(raw, image),
        "binds": [
            {"source": f"{VOLUMES}/{number}/{mount.subpath}", "target": mount.target}
            for number, mount in enumerate(planned.mounts)
            if mount.subpath
        ],
        "placeholders": dict(marks),
    }


def settings(
    service: Service,
    running: Mapping[str, Service],
    near: frozenset[str],
    networks: Mapping[str, Any],
    stop_timeout: float,
) -> dict[str, Any]:
    """Return the keys of the init's configuration (ci/init/config.go) that the file decides.

    `near` are the service's `neighbours`, `stop_timeout` is in seconds.
    """
    raw = service.raw
    limits = ((raw.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    policy, retries = _restart(service)
    options = [option.replace("=", ":") for option in raw.get("security_opt") or ()]
    return {
        "init": bool(raw.get("init")),
        "groups": [str(group) for group in raw.get("group_add") or ()],
        "capabilities": values.capabilities(raw),
        "privileged": bool(raw.get("privileged")),
        "no_new_privileges": any(
            option in ("no-new-privileges", "no-new-privileges:true") for option in options
        ),
        "read_only": bool(raw.get("read_only")),
        "frozen": [item["target"] for item in raw.get("volumes") or () if item.get("read_only")],
        "tmpfs": mounts.tmpfs(service),
        "sysctls": {
            "net.ipv4.ip_unprivileged_port_start": "0",  # Docker's default: any user may take port 80
            **{name: str(value) for name, value in sorted((raw.get("sysctls") or {}).items())},
        },
        "ulimits": values.ulimits(raw),
        "memory": max(values.size(raw.get("mem_limit") or limits.get("memory")), 0),
        "pids": max(int(raw.get("pids_limit") or limits.get("pids") or 0), 0),
        "cpus": float(raw.get("cpus") or limits.get("cpus") or 0),
        "hostname": raw.get("hostname") or "",
        "hosts": _hosts(raw),
        "aliases": _aliases(service, [running[name] for name in sorted(near)], running),
        "network": _network(raw, networks),
        "unreachable": sorted(running.keys() - near - {service.name}),
        "stop_grace": min(values.duration(raw.get("stop_grace_period"), values.DEFAULT_GRACE), stop_timeout),
        "restart": policy,
        "retries": retries,
        "post_start": _hooks(raw, "post_start"),
        "pre_stop": _hooks(raw, "pre_stop"),
    }


def _restart(service: Service) -> tuple[str, int]:
    """Return the init's policy and retries; Compose takes any word for `restart:`."""
    given = str(service.raw.get("restart") or "no")
    if not re.fullmatch(r"no|always|unless-stopped|on-failure(:\d+)?", given):
        raise PipelineError(
            f"service '{service.name}': restart: '{given}' is no policy",
            next_step="use no, always, unless-stopped, on-failure or on-failure:TIMES",
        )
    return values.restart(service.raw)


def names(service: Service) -> tuple[str, ...]:
    """Return all names that other services find it by, its own first."""
    raw = service.raw
    found = [service.name]
    for network in (raw.get("networks") or {}).values():
        found += (network or {}).get("aliases") or []
    found += [raw[key] for key in ("hostname", "container_name") if raw.get(key)]
    return tuple(dict.fromkeys(found))


def _hooks(raw: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [
        {
            "command": hook.get("command") or [],
            "user": hook.get("user", ""),
            "working_dir": hook.get("working_dir", ""),
            "environment": {k: v for k, v in (hook.get("environment") or {}).items() if v is not None},
        }
        for hook in raw.get(kind) or ()
    ]


def _hosts(raw: Mapping[str, Any]) -> list[str]:
    """Return lines for /etc/hosts; Compose prints `name=address`."""
    pairs = [item.partition("=") for item in raw.get("extra_hosts") or ()]
    return [f"{address}\t{name}" for name, _, address in pairs if address != "host-gateway"]


def _aliases(service: Service, near: list[Service], running: Mapping[str, Service]) -> dict[str, str]:
    """Return the further names of the services in this one's networks, and its links."""
    found = {alias: other.name for other in near for alias in names(other)[1:] if alias not in running}
    for link in service.raw.get("links") or ():
        other_name, _, alias = link.partition(":")
        if alias:
            found[alias] = other_name
    return {alias: found[alias] for alias in sorted(found)}


def _network(raw: Mapping[str, Any], networks: Mapping[str, Any]) -> str:
    if raw.get("network_mode") == "none":
        return "none"
    own = raw.get("networks") or {}
    return "internal" if own and all((networks.get(name) or {}).get("internal") for name in own) else ""


def neighbours(running: Mapping[str, Service]) -> dict[str, frozenset[str]]:
    """Return, for each service, those that share a network with it."""
    members: dict[str, set[str]] = {}
    for service in running.values():
        for network in service.raw.get("networks") or ():
            members.setdefault(network, set()).add(service.name)
    return {
        service.name: frozenset().union(*(members[network] for network in service.raw.get("networks") or ()))
        - {service.name}
        for service in running.values()
    }
