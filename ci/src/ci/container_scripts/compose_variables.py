"""Determine which variables Compose must interpret, and where each is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.container_scripts.compose_command import Json, mapped, undoubled

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str, ...]

# It ends with a character that names cannot contain, so the placeholder of KEY is not part of KEY_ID's.
PLACEHOLDER = "placeholder-of-{}-"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USED = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")

# Keys that Compose and the pipeline interpret: references, ports, names, paths, and inputs of builds.
_SERVICE = {
    *("build", "container_name", "depends_on", "devices", "env_file", "expose", "image", "ipc", "isolation"),
    *("label_file", "network_mode", "networks", "pid", "platform", "ports", "profiles", "pull_policy"),
    *("provider", "runtime", "scale", "volumes", "volumes_from"),
}
_DURATIONS = {
    *("delay", "interval", "max_delay", "monitor", "start_interval", "start_period", "stop_grace_period"),
    *("timeout", "window"),
}
_DEPLOY = {"mode", "replicas", "endpoint_mode", "placement"}
_RESOURCES = ("networks", "volumes", "secrets", "configs")
_NOT_OF_RESOURCES = ("content", "driver_opts", "labels")
# Keys that may contain secrets. An env file's variables are printed as part of the environment.
HIDDEN: tuple[Path, ...] = (
    ("command",),
    ("entrypoint",),
    ("environment", "env_file"),
    ("healthcheck",),
    ("labels", "label_file"),
    ("annotations",),
    ("post_start",),
    ("pre_stop",),
)


def is_duration(path: Path) -> bool:
    """Return whether Compose reads the value at a path of the model as a duration."""
    return path[-1] in _DURATIONS


def is_mount(path: Path) -> bool:
    """Return whether the value at a path of the model is what a service mounts."""
    return path[0] == "services" and path[2:3] == ("volumes",)


def is_understood(path: Path) -> bool:
    """Return whether the value at a path of the model must be known, so that it cannot be a secret."""
    match path:
        case ("name",):
            return True
        case ("services", _, "deploy", key, *_):
            return key in _DEPLOY
        case ("services", _, key, *_):
            return key in _SERVICE
        case (kind, _, key, *_) if kind in _RESOURCES:
            return key not in _NOT_OF_RESOURCES
    return False


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - a value of JSON
    """Yield each text of a model, including keys, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, path)


def used(template: Json) -> Iterator[tuple[str, Path]]:
    """Yield each variable of a model printed without interpolation, with its place."""
    for path, text in texts(template):
        for name in _USED.findall(text.replace("$$", "")):
            yield name, path


def holding(model: Any, names: Any) -> Iterator[tuple[str, Path]]:  # noqa: ANN401 - a value of JSON
    """Yield each variable whose placeholder is in a model, with its place."""
    marks = {name: PLACEHOLDER.format(name) for name in names}
    for path, text in texts(model):
        if "placeholder-of-" in text:
            yield from ((name, path) for name, mark in marks.items() if mark in text)


def filled(model: Json, values: dict[str, str]) -> Json:
    """Replace the placeholders in a printed model by values, and undo the doubling of `$`."""
    marks = {PLACEHOLDER.format(name): value for name, value in values.items()}

    def fill(text: str) -> str:
        if "placeholder-of-" in text:
            for mark, value in marks.items():
                text = text.replace(mark, value)
        return text

    found: Json = mapped(undoubled(model), fill)
    return found


def written(model: Json, names: list[str]) -> Json:
    """Replace the placeholders in a printed model by the variables, as a file has them."""
    marks = {PLACEHOLDER.format(name): f"${{{name}}}" for name in names}

    def write(text: str) -> str:
        if "placeholder-of-" in text:
            for mark, variable in marks.items():
                text = text.replace(mark, variable)
        return text

    found: Json = mapped(model, write)
    return found


def differences(one: Any, other: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - values of JSON
    """Yield the paths at which two models differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path


def hidden_at(path: Path) -> tuple[str, Path] | None:
    """Return the service and keys whose text as written is used if values differ at this path."""
    match path:
        case ("services", name, key, *_):
            return next(((name, keys) for keys in HIDDEN if key in keys), None)
    return None
