"""List what the sandbox does not support, why, and alternatives, for docs/reference/compose-limits.md."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEVICE", "OUTSIDE", "PROVIDER", "RULES", "SOCKET", "SWARM", "WINDOWS", "Rule"]


@dataclass(frozen=True)
class Rule:
    """A rejected feature: its keys, the reason, and an alternative."""

    keys: str
    reason: str
    way_out: str


_LEAVE_OUT = "leave the service out with --only or a profile, or remove the key in an override file"
OUTSIDE = Rule(
    "paths outside of the project: bind mounts, volumes bound to a folder, `env_file`, `build.context`, "
    "`build.dockerfile`, `build.additional_contexts`, `file` of secrets and configs",
    "only the project's files are uploaded",
    "move it into the project, or set --source to a folder that contains both, and the compose file's "
    "folder with --project-directory",
)
SOCKET = Rule(
    "a bind mount of `docker.sock`, and `use_api_socket`",
    "the host's Docker is not reachable from the sandbox",
    _LEAVE_OUT,
)
DEVICE = Rule(
    "`devices`, `gpus`, `device_cgroup_rules`, `deploy.resources.reservations.devices`",
    "the sandbox has no devices of the host",
    _LEAVE_OUT,
)
SWARM = Rule(
    "`deploy.mode` other than `replicated`, `deploy.placement`, `deploy.endpoint_mode`, networks with "
    "`driver: overlay`, and secrets and configs that are `external`",
    "it only has a meaning in a swarm, and the sandbox is one machine",
    "remove it in an override file, and list that file in the setting integration-files",
)
PROVIDER = Rule(
    "`provider` and `models`",
    "it is run by a program on the host, outside of Docker",
    "replace it by a service with an image, or leave the service out with --only or a profile",
)
WINDOWS = Rule(
    "`isolation`, `build.isolation`, `credential_spec`",
    "it is for Windows containers, and the sandbox runs Linux",
    _LEAVE_OUT,
)
RULES = (OUTSIDE, SOCKET, DEVICE, SWARM, PROVIDER, WINDOWS)
