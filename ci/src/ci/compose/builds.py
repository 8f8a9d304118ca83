"""What is wrong with the builds of a project as a whole, before any of them starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.compose.support import ROWS, Status, found
from ci.errors import PipelineError
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.compose.model import Service

__all__ = ["check"]


def check(services: Mapping[str, Service], placeholders: Mapping[str, str] | None = None) -> None:
    """Refuse two builds of one image, builds that wait for each other, and keys that cannot be honoured."""
    _check_values(services, placeholders or {})
    _check_images(services)
    _check_circles(services)
    refused = [
        f"{who}.{key}: {ROWS[key].text}"
        for who, key in found({name: service.raw for name, service in services.items()}, {})
        if key.startswith("build.") and ROWS[key].status is Status.REFUSED
    ]
    if refused:
        raise PipelineError(
            f"{len(refused)} key(s) of the compose file's builds cannot be honoured here",
            details="\n".join(refused),
            next_step="change them as each line says",
        )


def _check_values(services: Mapping[str, Service], placeholders: Mapping[str, str]) -> None:
    """Refuse the place of a value that only a run has: nothing would put it there."""
    for name, service in services.items():
        build = service.raw.get("build") or {}
        for key in ("dockerfile_inline", "additional_contexts"):
            text = str(build.get(key) or "")
            if variables := [variable for variable, mark in placeholders.items() if mark in text]:
                raise PipelineError(
                    f"service '{name}': build.{key} takes the value of {', '.join(variables)}, "
                    "which is known only as a secret",
                    next_step=f"write it into the file, or give {variables[0]} a default there",
                )


def _check_images(services: Mapping[str, Service]) -> None:
    builders: dict[str, str] = {}
    for name, service in services.items():
        if not (service.build and service.image):
            continue
        image = parse(service.image, where=f"service '{name}'").without_digest
        if image in builders:
            raise PipelineError(
                f"services '{builders[image]}' and '{name}' both build the image {image}",
                next_step="give each its own `image:`, or take `build:` out of one of them: it then runs "
                "what the other builds",
            )
        builders[image] = name


def _check_circles(services: Mapping[str, Service]) -> None:
    for name in services:
        circle = _circle(services, [name])
        if circle:
            raise PipelineError(
                f"builds wait for each other through additional_contexts: {' -> '.join(circle)}",
                next_step="take one of these `service:…` contexts out",
            )


def _circle(services: Mapping[str, Service], path: list[str]) -> list[str]:
    """Return the first circle that the path leads into, its first service again at its end."""
    for following in _contexts(services, path[-1]):
        if following in path:
            return [*path[path.index(following) :], following]
        found = _circle(services, [*path, following])
        if found:
            return found
    return []


def _contexts(services: Mapping[str, Service], name: str) -> Iterator[str]:
    build = services[name].raw.get("build") or {}
    for value in (build.get("additional_contexts") or {}).values():
        other = str(value).removeprefix("service:")
        if str(value).startswith("service:") and other in services:
            yield other
