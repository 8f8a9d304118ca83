"""The base images: which there are, what each stands for, and the images map made of that.

Nothing here changes an image that is built already, so this file is not among
what decides whether one is built anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from airgap import trivy
from airgap.recipe import read

__all__ = ["IMAGES", "ON_REQUEST", "UNAVAILABLE", "Image", "by_name", "images_map"]

# References for which nothing can be had from package registries.
UNAVAILABLE: tuple[str, ...] = ("grafana/grafana:13.2.3",)

# Those that `up` leaves out, because their builds take minutes and few need them.
ON_REQUEST: tuple[str, ...] = ("cosign",)

# Each after those it is built on; the long builds first.
_NAMES = (
    "debian",
    "trivy",
    "docker",
    "prometheus",
    "python",
    "qdrant",
    "postgres",
    "redis",
    "registry",
    "uv",
    "compose",
    "regctl",
    "actionlint",
    *ON_REQUEST,
)


@dataclass(frozen=True)
class Image:
    """An image: its name here, its place in the registry, what it stands for, the images it is built on."""

    name: str
    target: str
    references: tuple[str, ...]
    needs: tuple[str, ...]


def _image(name: str) -> Image:
    recipe = read(name)
    return Image(name, recipe.targets[0], recipe.references, (recipe.needs,) if recipe.needs else ())


IMAGES: tuple[Image, ...] = tuple(_image(name) for name in _NAMES)


def by_name(name: str) -> Image:
    """Return the image of that name."""
    return next(image for image in IMAGES if image.name == name)


def images_map(registry: str) -> dict[str, str | None]:
    """Return for each reference what to pull instead; None where there is nothing.

    What is made on request is in it before it is made, so that the image that carries the map stays as it is.
    """
    there: dict[str, str | None] = {
        reference: f"{registry}/{image.target}" for image in IMAGES for reference in image.references
    }
    return there | trivy.images_map(registry) | dict.fromkeys(UNAVAILABLE)
