"""Whom a service reaches, and what it sees."""

from __future__ import annotations

from ci.compose.rows.proofs import CLOSED, LIMITS, NOTED, ORDER, READ, REFUSED, SEEN, STACK
from ci.compose.rows.row import Row, Status, rows

__all__ = ["ROWS"]

_E, _S, _N, _R = Status.ENFORCED, Status.SUPPORTED, Status.NOTED, Status.REFUSED

_OFFLINE = STACK + "test_network_mode_none_leaves_the_loopback_only"
_INTERNAL = STACK + "test_an_internal_network_has_no_way_out"
_PORTS = STACK + "test_published_ports_are_on_this_machine"
_VOLUMES = SEEN + "test_volumes_are_filled_shared_frozen_and_taken_in_part"
_FILES = SEEN + "test_secrets_and_configs_have_their_place_owner_and_mode"
_NAMES = SEEN + "test_services_are_found_by_every_name_they_have"

_NETWORK = {
    **rows(
        _S, _PORTS, "published by `stack ports up`", "ports.*.target", "ports.*.published", "ports.*.protocol"
    ),
    **rows(
        _N,
        NOTED,
        "a port is published on the loopback of who calls, or where Dagger's client says",
        "ports.*.host_ip",
    ),
    **rows(
        _N,
        NOTED,
        "the host's port is not named: other services reach it, nothing is published",
        "ports.*[no host port]",
    ),
    **rows(_N, NOTED, "only TCP is published; other services reach it", "ports.*[udp]"),
    **rows(
        _N,
        NOTED,
        "a word for people or for Swarm",
        "ports.*.name",
        "ports.*.app_protocol",
        "ports.*.mode[another]",
    ),
    **rows(_S, _PORTS, "the ordinary one", "ports.*.mode"),
    **rows(_S, ORDER, "every port of a service is reachable in its networks", "expose"),
    **rows(_E, ORDER, "services that share no network do not reach each other", "networks.*"),
    **rows(
        _E, _NAMES, "found under each of them", "networks.*.aliases", "hostname", "links", "container_name"
    ),
    **rows(_E, CLOSED, "written to /etc/hosts", "extra_hosts"),
    **rows(
        _N,
        NOTED,
        "the machine that Docker would run on is not there: the name is not written",
        "extra_hosts[host-gateway]",
    ),
    **rows(_E, _OFFLINE, "none: its interface is down; bridge: as without it", "network_mode"),
    **rows(
        _R,
        REFUSED,
        "shares a network of the host or of another container: use networks, or one service for both",
        "network_mode[host]",
        "network_mode[service]",
        "network_mode[container]",
        "network_mode[unknown]",
    ),
    **rows(
        _R,
        REFUSED,
        "addresses are the engine's: use the service's name",
        "networks.*.ipv4_address",
        "networks.*.ipv6_address",
        "networks.*.link_local_ips",
    ),
    **rows(
        _N,
        NOTED,
        "every service has one interface, of the engine's choice",
        "networks.*.interface_name",
        "networks.*.mac_address",
        "networks.*.driver_opts",
        "networks.*.priority",
        "networks.*.gw_priority",
        "mac_address",
    ),
    **rows(
        _R,
        REFUSED,
        "the engine has one resolver; use extra_hosts",
        "dns",
        "dns_opt",
        "dns_search",
        "domainname",
    ),
    **rows(_R, REFUSED, "links to containers outside of the project; add them as services", "external_links"),
    **rows(_E, _INTERNAL, "a service in internal networks only has no way out", "top.networks.*.internal"),
    **rows(_S, ORDER, "the engine's bridge", "top.networks.*.driver"),
    **rows(
        _N,
        NOTED,
        "all networks are made of the engine's bridge",
        "top.networks.*.driver[another]",
        "top.networks.*.driver_opts",
        "top.networks.*.ipam",
        "top.networks.*.enable_ipv4",
        "top.networks.*.enable_ipv6",
    ),
    **rows(
        _N,
        NOTED,
        "a network of the stack stands in for it",
        "top.networks.*.external",
        "top.networks.*.attachable",
    ),
}

_DATA = {
    **rows(
        _S,
        ORDER,
        "named, anonymous, bind (a copy of the project's) and tmpfs; new in every run",
        "volumes.*.type",
        "volumes.*.source",
        "volumes.*.target",
    ),
    **rows(_E, _VOLUMES, "mounted read-only", "volumes.*.read_only"),
    **rows(
        _E,
        _VOLUMES,
        "empty, or a folder of the volume",
        "volumes.*.volume.nocopy",
        "volumes.*.volume.subpath",
    ),
    **rows(_E, LIMITS, "as in tmpfs", "volumes.*.tmpfs.size", "volumes.*.tmpfs.mode"),
    **rows(
        _N,
        NOTED,
        "a copy for this service: what it writes reaches neither the project nor other services",
        "volumes.*[writable bind]",
    ),
    **rows(
        _S,
        STACK + "test_what_is_mounted_and_not_there_is_named",
        "a source that is not there is an error, whatever it says",
        "volumes.*.bind.create_host_path",
    ),
    **rows(
        _N,
        NOTED,
        "a copy has no other mounts below it",
        "volumes.*.bind.propagation",
        "volumes.*.bind.recursive",
    ),
    **rows(_N, NOTED, "labels of the host's files", "volumes.*.bind.selinux", "volumes.*.consistency"),
    **rows(
        _R,
        REFUSED,
        "use a named volume, a bind mount or tmpfs",
        "volumes.*[image]",
        "volumes.*[cluster]",
        "volumes.*[npipe]",
        "volumes.*[unknown type]",
        "volumes.*.image.subpath",
    ),
    **rows(_R, REFUSED, "name each volume in `volumes`", "volumes_from"),
    **rows(_R, REFUSED, "its content is not here: drop `external` for this stack", "top.volumes.*.external"),
    **rows(_S, ORDER, "a volume of the engine's", "top.volumes.*.driver"),
    **rows(
        _R,
        REFUSED,
        "volumes are the engine's own",
        "top.volumes.*.driver[another]",
        "top.volumes.*.driver_opts",
    ),
    **rows(
        _S,
        _FILES,
        "mounted as files",
        *(
            f"{kind}.*.{key}"
            for kind in ("secrets", "configs")
            for key in ("source", "target", "uid", "gid", "mode")
        ),
    ),
    **rows(
        _S,
        _FILES,
        "where its text is from",
        "top.secrets.*.file",
        "top.secrets.*.environment",
        "top.configs.*.file",
        "top.configs.*.environment",
        "top.configs.*.content",
    ),
    **rows(
        _R,
        REFUSED,
        "give it `environment:` or `file:` for this stack",
        "top.secrets.*.external",
        "top.configs.*.external",
    ),
    **rows(
        _R,
        REFUSED,
        "for Swarm: give its text by `environment:` or `file:`",
        "top.secrets.*.driver",
        "top.secrets.*.driver_opts",
        "top.secrets.*.template_driver",
        "top.configs.*.template_driver",
    ),
}

_OTHER = {
    **rows(
        _N,
        NOTED,
        "labels are read by tools on a Docker host",
        *("labels", "label_file", "annotations", "volumes.*.volume.labels"),
        *(f"top.{kind}.*.labels" for kind in ("networks", "volumes", "secrets", "configs")),
    ),
    **rows(_N, NOTED, "logs are kept per service, whatever the driver", "logging"),
    **rows(_N, NOTED, "a service has no terminal and no input", "tty", "stdin_open"),
    **rows(_N, NOTED, "for `docker compose up`", "attach"),
    **rows(_N, NOTED, "the engine decides by digest what to pull", "pull_policy", "pull_refresh_after"),
    **rows(_N, NOTED, "for `docker compose watch`", "develop"),
    **rows(
        _S,
        READ + "test_an_include_is_part_of_the_project",
        "read by Compose; no two stacks share a name",
        "top.name",
        "top.include",
        "top.version",
    ),
    **rows(
        _S,
        _FILES,
        "names of their own in every run",
        *(f"top.{kind}.*.name" for kind in ("networks", "volumes", "secrets", "configs")),
    ),
    **rows(_R, REFUSED, "a model is run by a program on the host", "top.models"),
    **rows(_R, REFUSED, "run it as a service", "top.jobs"),
}

ROWS: dict[str, Row] = {**_NETWORK, **_DATA, **_OTHER}
