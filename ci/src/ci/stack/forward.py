"""All published ports of a running stack as one service.

A service that a function returns is started by the command line's client,
where plain names of the stack do not resolve: the forwarder dials full ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import tools
from ci.errors import PipelineError
from ci.images import program

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.compose.model import Service
    from ci.stack.start import Stack

__all__ = ["routes", "service"]


async def service(stack: Stack) -> dagger.Service:
    """Return the forwarder; a port that two services publish is an error that names both."""
    python = stack.containers.builder.tool(tools.PYTHON)
    domain = await _domain(python, stack.run)
    found = routes({planned.name: planned.service for planned in stack.plan.containers.values()})
    container = python.with_mounted_file("/forward.py", program("forward.py"))
    for number in found:
        container = container.with_exposed_port(number)
    words = [f"{number}={name}.{domain}:{port}" for number, (name, port) in sorted(found.items())]
    return container.as_service(args=["python3", "/forward.py", *words])


def routes(services: Mapping[str, Service]) -> dict[int, tuple[str, int]]:
    """Return service and port for each port of the host; of a range the first that is free.

    Raises `PipelineError` for one that two services publish, and where there is none.
    """
    found: dict[int, tuple[str, int]] = {}
    for service in services.values():
        for port in service.ports:
            if port.protocol != "tcp" or not port.published:
                continue  # the plan has noted it
            target = (service.name, port.target)
            first, _, last = port.published.partition("-")
            numbers = range(int(first), int(last or first) + 1)
            number = next((each for each in numbers if found.get(each, target) == target), None)
            if number is None:
                raise PipelineError(
                    f"port {port.published} is published by '{service.name}' and by '{found[numbers[0]][0]}'",
                    next_step="give one of them another port",
                )
            found[number] = target
    if not found:
        raise PipelineError("no service of the stack publishes a port", next_step="add `ports:`")
    return found


async def _domain(python: dagger.Container, run: str) -> str:
    """Return the domain under which this session's host names are found."""
    text = await python.with_env_variable("RUN", run).with_exec(["cat", "/etc/resolv.conf"]).stdout()
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["search"]:
            return words[1]
    raise PipelineError("the engine gives its containers no search domain", next_step="use `stack service`")
