"""Publish a project's ports at addresses that the sandbox has."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["local"]


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
