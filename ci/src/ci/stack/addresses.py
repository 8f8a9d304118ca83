"""Give a project addresses that the sandbox has: of its published ports, and in its external networks."""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.project.definition import Definition

__all__ = ["local", "subnets"]

_PREFIXES = (24, 16, 8)


def local(services: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Publish ports of addresses that exist only on the developer's machine at all addresses.

    If several addresses have the same port, each becomes an address of the loopback.
    """
    ports = [port for item in services.values() for port in item.get("ports") or ()]
    foreign = sorted({port["host_ip"] for port in ports if not _is_here(port)})
    loopback = {address: f"127.1.0.{number}" for number, address in enumerate(foreign, 1)}
    users = Counter(_number(port) for port in ports)

    def made(port: dict[str, Any]) -> dict[str, Any]:
        if _is_here(port):
            return port
        if port.get("published") and users[_number(port)] > 1:
            return {**port, "host_ip": loopback[port["host_ip"]]}
        return {key: value for key, value in port.items() if key != "host_ip"}

    return {
        name: {**item, "ports": [made(port) for port in item["ports"]]} if item.get("ports") else dict(item)
        for name, item in services.items()
    }


def _number(port: Mapping[str, Any]) -> tuple[str, str]:
    return port.get("published", ""), port.get("protocol", "tcp")


def _is_here(port: Mapping[str, Any]) -> bool:
    """Return whether the sandbox has a port's address."""
    return bool(re.match(r"127\.|0\.0\.0\.0$|::1?$", port.get("host_ip") or "::"))


def subnets(project: Definition) -> dict[str, dict[str, str]]:
    """Return subnet and gateway, by name, of the external networks in which services have fixed addresses."""
    fixed: dict[str, set[IPv4Address]] = {}
    for service in project.services.values():
        for key, settings in service.networks.items():
            network = project.networks.get(key)
            address = _address((settings or {}).get("ipv4_address", ""))
            if network and network.is_created and address:
                fixed.setdefault(network.name or key, set()).add(address)
    return {name: found for name, addresses in sorted(fixed.items()) if (found := _subnet(addresses))}


def _address(text: str) -> IPv4Address | None:
    """Parse an address; None for none, and for what is not valid, which Docker reports."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def _subnet(addresses: set[IPv4Address]) -> dict[str, str]:
    """Return the smallest usual subnet with these addresses, and a gateway that is none of them."""
    for prefix in _PREFIXES:
        network = IPv4Network((min(addresses), prefix), strict=False)
        if all(address in network for address in addresses):
            gateway = next(each for each in network.hosts() if each not in addresses)
            return {"Subnet": str(network), "Gateway": str(gateway)}
    return {}
