"""Describe, before anything runs, what differs from a developer's machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.project import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.project.model import ComposeModel

__all__ = ["of", "variables"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")  # of a project
_SHOWN = 2  # places listed per variable; JSON lists all


def of(project: ComposeModel) -> list[str]:
    """Return a line for each variable without a value, missing file, and external resource."""
    lines = [f"{name} {what}" for name, what in variables(project).items()]
    lines += [
        f"{place}: .env is missing because it is never uploaded: pass it with --env-file file:.env"
        for place in project.missing
    ]
    lines += list(_named_by_folder(project))
    lines += [f"{each}: external, created empty" for each in unsupported.external(project.definition)]
    lines += [
        f"{each}: host is the sandbox, not this machine" for each in unsupported.shared(project.services)
    ]
    return lines


def _named_by_folder(project: ComposeModel) -> Iterator[str]:
    """Yield services that run what another one builds by its default name, with another project's name.

    Without `name:` Compose takes that of the folder, which is not uploaded.
    """
    for name, service in project.services.items():
        for built in project.built:
            prefix = service.image.removesuffix(":latest").removesuffix(f"-{built}")
            is_default = f"{prefix}-{built}" == service.image.removesuffix(":latest")
            if not service.build and is_default and prefix != project.name and _NAME.fullmatch(prefix):
                yield (
                    f"services.{name}.image: {service.image} is not what the service {built} builds, because "
                    f"the project is called {project.name} here: set `name: {prefix}` in the compose file"
                )


def variables(project: ComposeModel) -> dict[str, str]:
    """Describe what happens with each variable without a value, and how to set it."""
    found = {}
    for name in project.needed:
        found[name] = f"requires a value{_where(project, name)}: set it with --env-file, or with a default"
    for name in project.random:
        found.setdefault(
            name, f"gets a random value for each run{_where(project, name)}; --env-file gives another"
        )
    for name in project.unset:
        found.setdefault(
            name, f"is not set{_where(project, name)}: Compose uses an empty text; set it with --env-file"
        )
    return found


def _where(project: ComposeModel, name: str) -> str:
    places = project.used.get(name, ())
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f" ({', '.join(places[:_SHOWN])}{more})" if places else ""
