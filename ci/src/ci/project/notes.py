"""What is another thing here than on a developer's machine, said before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.project import unsupported

if TYPE_CHECKING:
    from ci.project.model import ComposeModel

__all__ = ["of", "variables"]

_SHOWN = 2  # places of a variable; JSON has all


def of(project: ComposeModel) -> list[str]:
    """Return one line each for variables without a value, files that are not here, and outer resources."""
    lines = [f"{name} {what}" for name, what in variables(project).items()]
    lines += [
        f"{place}: there is no .env here, it is never uploaded: give it with --env-file file:.env"
        for place in project.missing
    ]
    lines += [f"{each}: external, created empty" for each in unsupported.external(project.raw)]
    lines += [
        f"{each}: host is the sandbox, not this machine" for each in unsupported.shared(project.services)
    ]
    return lines


def variables(project: ComposeModel) -> dict[str, str]:
    """Return what becomes of each variable that has no value, with the way out."""
    found = {}
    for name in project.needed:
        found[name] = f"needs a value{_where(project, name)}: give it with --env-file, or a default"
    for name in project.unset:
        found.setdefault(
            name, f"is not set{_where(project, name)}: Compose takes an empty text; give it with --env-file"
        )
    for name in project.random:
        found.setdefault(
            name, f"gets a random value for each run{_where(project, name)}; --env-file gives another"
        )
    return found


def _where(project: ComposeModel, name: str) -> str:
    places = project.used.get(name, ())
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f" ({', '.join(places[:_SHOWN])}{more})" if places else ""
