"""Which variables Compose has to understand, and where each is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.container_scripts.compose_command import Json, mapped, undoubled

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str, ...]

# It ends in what no name has: the placeholder of KEY is no part of that of KEY_ID.
PLACEHOLDER = "placeholder-of-{}-"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USED = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")

# What Compose and the pipeline decide by: references, ports, names, paths, and what an image is built of.
_SERVICE = {
    *("build", "container_name", "depends_on", "devices", "env_file", "expose", "image", "ipc", "isolation"),
    *("label_file", "network_mode", "networks", "pid", "platform", "ports", "profiles", "pull_policy"),
    *("provider", "runtime", "scale", "volumes", "volumes_from"),
}
_DEPLOY = {"mode", "replicas", "endpoint_mode", "placement"}
_RESOURCES = ("networks", "volumes", "secrets", "configs")
_NOT_OF_RESOURCES = ("content", "driver_opts", "labels")
# What may hold secrets. An env file's variables are printed as the environment, which is taken back with it.
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


def is_understood(path: Path) -> bool:
    """Return whether the value at a path of the model has to be known, and therefore is no secret."""
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
    """Yield each text of a model with its path; a key is a text too."""
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
    """Yield each variable of a model that was printed without interpolation, with where it is used."""
    for path, text in texts(template):
        for name in _USED.findall(text.replace("$$", "")):
            yield name, path


def holding(model: Any, names: Any) -> Iterator[tuple[str, Path]]:  # noqa: ANN401 - a value of JSON
    """Yield each variable whose placeholder is in a model, with where."""
    marks = {name: PLACEHOLDER.format(name) for name in names}
    for path, text in texts(model):
        if "placeholder-of-" in text:
            yield from ((name, path) for name, mark in marks.items() if mark in text)


def filled(model: Json, values: dict[str, str]) -> Json:
    """Return a printed model as it is meant, with the values in the places of their placeholders."""
    marks = {PLACEHOLDER.format(name): value for name, value in values.items()}

    def fill(text: str) -> str:
        if "placeholder-of-" in text:
            for mark, value in marks.items():
                text = text.replace(mark, value)
        return text

    found: Json = mapped(undoubled(model), fill)
    return found


def differences(one: Any, other: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - values of JSON
    """Yield the paths at which two models are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path


def hidden_at(path: Path) -> tuple[str, Path] | None:
    """Return the service and the keys that are taken as they were written if values differ at this path."""
    match path:
        case ("services", name, key, *_):
            return next(((name, keys) for keys in HIDDEN if key in keys), None)
    return None
