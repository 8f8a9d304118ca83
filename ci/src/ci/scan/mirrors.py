"""The registries that a database may come from, as a container can reach them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from ci.references import ImagesMap

__all__ = ["DEFAULT", "IMAGE", "Mirrors", "image", "is_mirror", "resolve"]

# Trivy's own, in its order; the second is the source of the first.
DEFAULT = ("mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2")

# What an images map may have the database under: an image with trivy.db and metadata.json in its root. The
# engine pulls it, so that no container has to reach a registry. No registry has it by this name.
IMAGE = "trivy-db:2"

# The same of Trivy's Java database, which is fetched where an image has Java archives.
_NAME, _JAVA_NAME = "trivy-db:2", "trivy-java-db:1"

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_ALIAS = "registry"


@dataclass(frozen=True)
class Mirrors:
    """References in the order they are tried.

    `bound` is the host and port of a service in the container, `instead_of` its name outside.
    """

    references: tuple[str, ...]
    bound: str = ""
    instead_of: str = ""

    @property
    def java(self) -> tuple[str, ...]:
        """The references of the Java database, which is published beside the other one."""
        return tuple(
            text.removesuffix(_NAME) + _JAVA_NAME for text in self.references if text.endswith(f"/{_NAME}")
        )

    @property
    def alias(self) -> str:
        """The name to bind that service under; empty if no service is wanted."""
        return self.bound.partition(":")[0]

    def as_given(self, text: str) -> str:
        """Return a text about these mirrors with the names that the caller knows."""
        return text.replace(f"{self.bound}/", f"{self.instead_of}/") if self.instead_of else text


def image(images: ImagesMap) -> str:
    """Return the image that has the database here, empty if the images map names none."""
    found = images.resolve(IMAGE, where="the scan's database")
    return "" if found in {None, IMAGE} else str(found)


def is_mirror(host: str, wanted: list[str], images: ImagesMap) -> bool:
    """Return whether one of the mirrors is in the registry of that host and port."""
    found = (images.resolve(text, where="--database-mirrors") for text in wanted or DEFAULT)
    return any(text.startswith(f"{host}/") for text in found if text)


def resolve(wanted: list[str], images: ImagesMap, *, service: bool) -> Mirrors:
    """Apply the images map to the mirrors; `service` says that a registry of the client's machine was given.

    A registry on a loopback address is one of the engine's machine: inside a container that address
    is the container's own. It takes the service, under another name.
    """
    found = {text: images.resolve(text, where="--database-mirrors") for text in wanted or DEFAULT}
    here = [text for text in dict.fromkeys(found.values()) if text]
    if not here:
        raise PipelineError(
            "scan.mirrors-not-mapped",
            "the images map says that no mirror of the vulnerability database is available here: "
            + ", ".join(found),
            hint="map one of them, name another with --database-mirrors, or pass a database with --database",
        )
    hosts = [text.partition("/")[0] for text in here]
    local = next((host for host in hosts if host.rpartition(":")[0] in _LOOPBACK or host in _LOOPBACK), "")
    if local and not service:
        raise PipelineError(
            "scan.mirror-loopback",
            f"{here[hosts.index(local)]}: containers cannot reach {local}, "
            "which is a registry on this machine only",
            hint=f"make it available to this call with --database-registry tcp://{local}, "
            f"give a database with --database, or map {IMAGE} to an image that has it",
        )
    if not service:
        return Mirrors(tuple(here))
    if not local:
        return Mirrors(tuple(here), bound=hosts[0])
    alias = f"{_ALIAS}:{local.rpartition(':')[2]}"
    return Mirrors(
        tuple(
            text.replace(f"{local}/", f"{alias}/", 1) if text.startswith(f"{local}/") else text
            for text in here
        ),
        bound=alias,
        instead_of=local,
    )
