"""Which references of a build may mean another image at the next call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.sandbox.substitutes import full_name, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.build.provenance import Material
    from ci.references import ImagesMap

__all__ = ["moved"]


def moved(materials: Sequence[Material], images: ImagesMap) -> list[Material]:
    """Return those that the project names by a tag; the digests of substitutes are known before the build."""
    substitutes = targets(images)
    return [each for each in materials if not each.pinned and full_name(each.reference) not in substitutes]
