"""Check the references of a project's images, before one of them is resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.project.model import value_missing
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.project.model import ComposeModel, Service

__all__ = ["check"]


def check(project: ComposeModel, services: Mapping[str, Service]) -> None:
    """Raise for an image that is not a valid reference, naming the variables without a value in it.

    An image whose variable gets its value later is not known yet.
    """
    for name, service in services.items():
        if not service.image or project.as_written(service.image) != service.image:
            continue
        try:
            parse(service.image, where=f"service '{name}'")
        except PipelineError:
            place = f"services.{name}.image"
            missing = {each: place for each in project.unset if place in project.used.get(each, ())}
            if missing:
                raise value_missing(missing) from None
            raise
