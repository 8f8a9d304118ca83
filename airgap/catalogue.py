"""The base images: their names, the references that they replace, and the resulting images map.

This file is not part of an image's fingerprint, because nothing here changes
the content of an image.
"""

from __future__ import annotations

from dataclasses import dataclass

from airgap import trivy
from airgap.recipe import read

__all__ = ["IMAGES", "UNAVAILABLE", "Image", "by_name", "image", "images_map"]

# References that cannot be replaced by anything from package registries.
UNAVAILABLE: tuple[str, ...] = ("grafana/grafana:13.2.3",)

# Each image comes after its bases; long builds come first.
_NAMES = (
    "debian",
    "trivy",
    "docker",
    "prometheus",
    "cosign",
    "python",
    "qdrant",
    "postgres",
    "redis",
    "registry",
    "uv",
    "compose",
    "actionlint",
    "binfmt",
)


@dataclass(frozen=True)
class Image:
    """An image: its name, its place in the registry, the references it replaces, and its bases."""

    name: str
    target: str
    references: tuple[str, ...]
    needs: tuple[str, ...]


def image(name: str) -> Image:
    """Return the image of a recipe, whether or not `up` builds it."""
    recipe = read(name)
    return Image(name, recipe.targets[0], recipe.references, (recipe.needs,) if recipe.needs else ())


IMAGES: tuple[Image, ...] = tuple(image(name) for name in _NAMES)


def by_name(name: str) -> Image:
    """Return the image of that name."""
    return next(each for each in IMAGES if each.name == name)


def images_map(registry: str) -> dict[str, str | None]:
    """Map each reference to the image to pull instead; None means that there is no image."""
    there: dict[str, str | None] = {
        reference: f"{registry}/{each.target}" for each in IMAGES for reference in each.references
    }
    return there | trivy.images_map(registry) | dict.fromkeys(UNAVAILABLE)
