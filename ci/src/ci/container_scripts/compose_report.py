"""Report a project's variables without a value, and its env files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ci.container_scripts import compose_variables as variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.container_scripts.compose_command import Json, Printed

Places = dict[str, list[str]]


def unset(printed: Printed, template: Json, given: dict[str, str]) -> tuple[Places, list[str]]:
    """Return the places of each variable, and the variables without value and default."""
    model = printed.json
    active = model.get("services") or {}
    used: Places = {}
    for name, path in variables.used(template):
        if not path[0].startswith("x-") and (path[0] != "services" or path[1] in active):
            _add(used, name, path)
    passed: Places = {}
    for name, path in _passed_through(active):
        if name not in given:
            _add(passed, name, path)
    names = dict.fromkeys((*printed.unset, *passed))
    return merged(used, passed), list(names)


def needed(model: Json, required: list[str], numbers: Iterable[str], used: Places) -> Places:
    """Return the required variables that need a specific value, with the places that need it."""
    found: Places = {name: used.get(name, []) for name in sorted(numbers)}
    for name, path in variables.holding(model, required):
        if variables.is_understood(path) and not _of_a_build(path, model):
            _add(found, name, path)
    return found


def of_definitions(model: Json) -> tuple[Places, Places]:
    """Return where the variables of secrets and configs are used: by containers, or only by builds."""
    at_run: Places = {}
    of_builds: Places = {}
    for name, service in model["services"].items():
        for kind in ("secrets", "configs"):
            for item in service.get(kind) or ():
                if variable := (model.get(kind) or {}).get(item["source"], {}).get("environment"):
                    _add(at_run, variable, ("services", name, kind))
        for item in (service.get("build") or {}).get("secrets") or ():
            if variable := (model.get("secrets") or {}).get(item["source"], {}).get("environment"):
                _add(of_builds, variable, ("services", name, "build", "secrets"))
    return at_run, {name: places for name, places in of_builds.items() if name not in at_run}


def profiles(template: Json) -> list[str]:
    """Return the names of all profiles, also of those that are not enabled."""
    services = (template.get("services") or {}).values()
    return sorted({name for service in services for name in service.get("profiles") or ()})


def env_files(template: Json, services: list[str]) -> dict[str, list[Json]]:
    """Return the env files of the services, as Compose prints them."""
    found = {name: template["services"][name].get("env_file") or [] for name in services}
    return {name: files for name, files in found.items() if files}


def from_files(model: Json, template: Json, files: dict[str, list[Json]]) -> dict[str, list[str]]:
    """Return the variables of each service that only its env files set."""
    found = {}
    for name in files:
        own = template["services"][name].get("environment") or {}
        given = model["services"][name].get("environment") or {}
        found[name] = sorted(given.keys() - {each.partition("=")[0] for each in own})  # it can be a list
    return {name: names for name, names in found.items() if names}


def missing(model: Json, files: dict[str, list[Json]], folder: Path, *, given: bool) -> list[Json]:
    """Return the places that use a missing `.env`, which is never uploaded."""
    used = [
        (f"services.{name}.env_file", file["path"], file.get("required", True))
        for name, listed in files.items()
        for file in listed
    ]
    for name, service in (model.get("services") or {}).items():
        mounts = [each for each in service.get("volumes") or () if each.get("type") == "bind"]
        used += [(f"services.{name}.volumes", each.get("source", ""), True) for each in mounts]
    for kind in ("secrets", "configs"):
        items = (model.get(kind) or {}).items()
        used += [(f"{kind}.{name}.file", (item or {}).get("file", ""), True) for name, item in items]
    return [
        {"place": place, "path": path, "required": required}
        for place, path, required in used
        if Path(path).name == ".env"
        and not os.path.lexists(path)
        and not (given and Path(path) == folder / ".env")
    ]


def merged(*several: Places) -> Places:
    """Merge the places of each variable."""
    found: Places = {}
    for places in several:
        for name, listed in places.items():
            found[name] = [*found.get(name, []), *listed]
    return found


def _add(places: Places, name: str, path: tuple[str, ...]) -> None:
    place = ".".join(path)
    if place not in places.setdefault(name, []):
        places[name].append(place)


def _passed_through(services: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the variables that a service passes through from Compose's environment and that are not set."""
    for name, service in services.items():
        for key, value in (service.get("environment") or {}).items():
            if value is None:
                yield key, ("services", name, "environment", key)


def _of_a_build(path: tuple[str, ...], model: Json) -> bool:
    """Return whether a path belongs to a build or its image's name, which the build checks."""
    if path[0] != "services":
        return False
    build = model["services"].get(path[1], {}).get("build")
    return path[2] == "build" or (path[2] == "image" and bool(build))
