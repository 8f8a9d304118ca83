"""Find the references of a build that may resolve to a different image in the next call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.sandbox.substitutes import full_name, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.build.provenance import Material
    from ci.references import ImagesMap

__all__ = ["moved"]


def moved(materials: Sequence[Material], images: ImagesMap) -> list[Material]:
    """Return references by tag, except for substitutes, whose digests are resolved before the build."""
    substitutes = targets(images)
    return [each for each in materials if not each.pinned and full_name(each.reference) not in substitutes]
