"""The configuration of one service's init, except what its image says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.stack import mounts, values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.compose.model import Service

__all__ = ["names", "settings"]


def settings(
    service: Service, running: Mapping[str, Service], networks: Mapping[str, Any], stop_timeout: float
) -> dict[str, Any]:
    """Return the keys of the init's configuration (ci/init/config.go) that the file decides."""
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
        "aliases": _aliases(service, running),
        "network": _network(raw, networks),
        "unreachable": sorted(_strangers(service, running)),
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


def _aliases(service: Service, running: Mapping[str, Service]) -> dict[str, str]:
    """Return the further names of the services in this one's networks, and its links."""
    strangers = _strangers(service, running)
    found = {
        alias: other.name
        for other in running.values()
        if other.name != service.name and other.name not in strangers
        for alias in names(other)[1:]
        if alias not in running
    }
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


def _strangers(service: Service, running: Mapping[str, Service]) -> set[str]:
    """Return the services that share no network with this one."""
    own = set(service.raw.get("networks") or ())
    return {
        other.name
        for other in running.values()
        if other.name != service.name and not own & set(other.raw.get("networks") or ())
    }
