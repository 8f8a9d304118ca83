"""Run Compose in a project's folder, with only the given variables."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

CONFIG = ("config", "--format", "json")
# Variables of this container that programs need; they take precedence over an env file, as a shell's do.
OWN = ("PATH", "HOME", "DOCKER_CONFIG")
NOT_FOR_COMPOSE = (
    *OWN,
    "PWD",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "COMPOSE_ENV_FILES",
    "COMPOSE_DISABLE_ENV_FILE",
)
# Variables that Compose and Buildx read themselves, besides those that a file uses: they need the value.
_SETTINGS = re.compile(
    r"(COMPOSE|BUILDKIT|BUILDX)_\w+|DOCKER_(BUILDKIT|DEFAULT_PLATFORM|CONTENT_TRUST|API_VERSION|CLI_\w+)"
)
_UNSET = re.compile(r'The \\?"([^"\\]+)\\?" variable is not set')


def is_setting(name: str) -> bool:
    """Return whether Compose itself reads a variable of this name."""
    return bool(_SETTINGS.fullmatch(name))


class RefusedError(Exception):
    """Compose rejects the project; the text is its output without warnings."""


@dataclass(frozen=True)
class Printed:
    """The output of a command, and the variables that Compose reported as not set."""

    text: str
    unset: tuple[str, ...]

    @property
    def json(self) -> Json:
        """The text as JSON, in the form that Compose reads again: each literal `$` is doubled."""
        found: Json = json.loads(self.text)
        for service in (found.get("services") or {}).values():
            _make_readable(service)
        return found


@dataclass(frozen=True)
class Compose:
    """Compose for one project; with `own_values` it ignores variables in the folder's .env."""

    binary: str
    folder: Path
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    own_values: bool = False

    def run(self, variables: dict[str, str], *arguments: str, profiles: tuple[str, ...] = ()) -> Printed:
        """Run a command of Compose and return its output. Raise `RefusedError` if it fails."""
        if not self.folder.is_dir():
            msg = f"{self.folder} is not a folder"
            raise RefusedError(msg)
        command = [self.binary, "--project-directory", str(self.folder)]
        command += [word for file in self.files for word in ("--file", str(self.folder / file))]
        command += [word for name in profiles or self.profiles for word in ("--profile", name)]
        environment = {name: value for name, value in variables.items() if name not in NOT_FOR_COMPOSE}
        environment |= {name: os.environ[name] for name in OWN if name in os.environ}
        environment["PWD"] = str(self.folder)
        if self.own_values:
            environment["COMPOSE_DISABLE_ENV_FILE"] = "1"
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
            raise RefusedError("\n".join(errors).strip() or f"compose ended with {done.returncode}")
        return Printed(done.stdout, tuple(dict.fromkeys(_UNSET.findall(done.stderr))))


def _make_readable(service: Json) -> None:
    """Correct what Compose prints as JSON and then does not read: fields of devices, and limits of 0."""
    block = service.get("blkio_config") or {}
    for name, devices in block.items():
        if isinstance(devices, list):
            block[name] = [{key.lower(): value for key, value in each.items()} for each in devices]
    for place in (service, service.get("build") or {}):
        limits = place.get("ulimits") or {}
        for name, limit in limits.items():
            if isinstance(limit, dict):
                limits[name] = {"soft": 0, "hard": 0} | limit
    for hook in service.get("pre_start") or ():  # a service of its own, which begins with all of this one
        _make_readable(hook)


def undoubled(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    """Undo Compose's doubling of `$` in a printed value."""
    return mapped(value, lambda text: text.replace("$$", "$"))


def mapped(value: Any, change: Any) -> Any:  # noqa: ANN401 - as above
    """Apply a function to all texts in a JSON value, including keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return value
