"""Read from a request where its registries are, and the credentials for each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ci.container_scripts.registry import gateway
from ci.registry.hosts import Endpoint, docker_credentials

__all__ = ["endpoints"]

Json = dict[str, Any]


def endpoints(registries: list[Json]) -> list[Endpoint]:
    """Return where each registry is, and the credentials for it."""
    return [
        replace(
            _credentials(registry),
            address=gateway.address(registry["host"])
            if registry.get("through_gateway")
            else registry.get("address", ""),
            plain_http=registry.get("plain_http", False),
            ca_file=registry.get("ca_file", ""),
        )
        for registry in registries
    ]


def _credentials(registry: Json) -> Endpoint:
    host = registry["host"]
    if "credential_file" in registry:
        return docker_credentials(Path(registry["credential_file"]).read_text(), host) or Endpoint(host)
    # What prints a token ends its line as a rule.
    password = Path(registry["password_file"]).read_text() if registry.get("password_file") else ""
    return Endpoint(host, username=registry.get("username", ""), password=password.rstrip("\r\n"))
