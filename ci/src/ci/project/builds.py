"""Check the builds of a project as a whole, before any of them starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.project import images
from ci.project.model import value_missing
from ci.references import parse

if TYPE_CHECKING:
    from ci.project.model import ComposeModel

__all__ = ["check"]


def check(project: ComposeModel) -> None:
    """Reject two different builds of one image, because it is undefined which one a service runs."""
    unknown = {
        variable: f"services.{name}.image"
        for name, service in project.built.items()
        for variable, placeholder in project.placeholders.items()
        if placeholder in service.image
    }
    if unknown:
        raise value_missing(unknown)
    images.check(project, project.built)
    builders: dict[str, str] = {}
    for name, service in project.built.items():
        if not service.image:
            continue
        image = parse(service.image, where=f"service '{name}'").without_digest
        other = builders.get(image)
        if other and not project.same_build(other, name):
            raise PipelineError(
                "compose.image-built-twice",
                f"services '{other}' and '{name}' both build the image {image}",
                hint="give each its own `image:`, or remove `build:` from one of them: it then runs "
                "what the other builds",
            )
        builders.setdefault(image, name)
