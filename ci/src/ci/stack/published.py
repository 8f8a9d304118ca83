"""Determine the published ports of a stack."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ci.project import definition
    from ci.stack.model import Model

__all__ = ["Port", "everywhere", "of_service", "ports"]


@dataclass(frozen=True, order=True)
class Port:
    """A port of the sandbox's container, which Dagger's client opens on its machine."""

    number: int
    protocol: str = "tcp"


def ports(model: Model) -> list[Port]:
    """Return the ports that Compose publishes.

    Raise `PipelineError` if two services publish the same port, even with different `host_ip`, because all
    ports are opened at one address. Ports whose number Docker chooses are not included, because the number
    is only known after the start.
    """
    users: dict[Port, tuple[str, int]] = {}
    for name, service in model.services.items():
        for item in service.ports:
            user = name, item.target
            for port in _numbers(item):
                if users.setdefault(port, user) != user:
                    raise PipelineError(
                        "stack.port-published-twice",
                        f"port {port.number}/{port.protocol} is published by '{users[port][0]}' and by "
                        f"'{name}': host_ip has no effect here, all ports are opened at one address",
                        hint="give one of them another port, or choose services with --only",
                    )
    if not any(port.protocol == "tcp" for port in users):
        raise PipelineError(
            "stack.no-ports",
            "no service of the stack publishes a TCP port with a number",
            hint="add `ports:`; Dagger's client opens no UDP port, and none whose number Docker chooses",
        )
    return sorted(users)


def _numbers(item: definition.Port) -> Iterator[Port]:
    if item.published and item.published != "0":
        first, _, last = item.published.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield Port(number, item.protocol)


def everywhere(model: Model) -> Model:
    """Publish each port once, at all addresses of the sandbox's container."""
    services = {
        name: {**service, "ports": _without_address(service["ports"])} if service.get("ports") else service
        for name, service in model.written.items()
    }
    return dataclasses.replace(model, data={**model.data, "services": services})


def _without_address(listed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for port in listed:
        item = {key: value for key, value in port.items() if key != "host_ip"}
        if item not in found:
            found.append(item)
    return found


def of_service(model: Model, name: str, exposed: Iterable[str]) -> tuple[Model, list[Port]]:
    """Return a model in which only one service publishes its ports, each under the same number.

    `exposed` are the ports of its image, such as `8000/tcp`. Raise `PipelineError` if there are none.
    """
    service = model.services[name]
    found = {Port(port.target, port.protocol) for port in service.ports}
    for text in [*service.expose, *exposed]:
        number, _, protocol = text.partition("/")
        first, _, last = number.partition("-")
        found |= {Port(each, protocol or "tcp") for each in range(int(first), int(last or first) + 1)}
    if not found:
        raise PipelineError(
            "stack.service-without-port",
            f"service '{name}' has no port in the compose file or in its image",
            hint="add `ports:` or `expose:`",
        )
    listed = [
        {"mode": "ingress", "target": port.number, "published": str(port.number), "protocol": port.protocol}
        for port in sorted(found)
    ]
    services = {
        other: {
            **{k: v for k, v in item.items() if k != "ports"},
            **({"ports": listed} if other == name else {}),
        }
        for other, item in model.written.items()
    }
    return dataclasses.replace(model, data={**model.data, "services": services}), sorted(found)
