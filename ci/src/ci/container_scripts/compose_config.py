"""Let Compose read the project, with placeholders where values would be secrets.

    compose_config COMPOSE FOLDER OUTPUT REQUEST [ENV_FILE]

REQUEST is JSON: `files`, `profiles`, and whether `bake` is wanted: the Bake file
that `docker compose build` would run, which Compose writes only where it finds
Buildx among the plugins below DOCKER_CONFIG. Writes an outcome to OUTPUT as JSON,
either `error` with Compose's output and the last two of these, or `env_file_error`, or

    model         what Compose printed, as Compose would read it again: each literal `$` is doubled
    raw           the same as it is meant
    bake          the Bake file
    placeholders  variables whose values are in none of these, with the text that is there instead
    plain         given variables whose values are in them, because Compose has to understand them
    needed        variables that have to have a value and have none, with the places that need it
    random        variables that have to have a value, and may have any
    unset         variables without value and default: Compose takes an empty text
    used          where each variable of the last three is used, as far as Compose tells
    env_files     the env files of each service
    missing       where a `.env` is used that is not here

Placeholders are for every variable of ENV_FILE and for those that are required.
Compose then reads the project with the values, too. Where that is another project
than the one with placeholders, the variables that make the difference are given
plainly; in commands, environments and the like, the text is taken as it was
written instead, because these may hold secrets.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.container_scripts import compose_env_file as env_file
from ci.container_scripts import compose_report as report
from ci.container_scripts import compose_variables as variables
from ci.container_scripts.compose_command import (
    CONFIG,
    NOT_FOR_COMPOSE,
    Compose,
    Json,
    Printed,
    RefusedError,
    undoubled,
)
from ci.container_scripts.compose_variables import NAME, PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

# They stand for values that Compose takes as numbers, sizes or flags, and nobody gave.
NUMBER, FLAG = "1", "true"
TEMPLATE = (*CONFIG, "--no-interpolate")


@contextmanager
def dotenv(folder: Path, content: Path | str | None) -> Iterator[None]:
    """Have a `.env` in the folder, as a text or as a link to a file, unless there is one."""
    path = folder / ".env"
    if content is None or os.path.lexists(path):
        yield
        return
    if isinstance(content, Path):
        path.symlink_to(content)
    else:
        path.write_text(content)
    try:
        yield
    finally:
        path.unlink()


@dataclass
class Reading:
    """One project, read until the variables that are not plain can stay unknown to Compose."""

    compose: Compose
    source: Path | None
    given: dict[str, str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    plain: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    template: Json = field(default_factory=dict)

    @property
    def maskable(self) -> list[str]:
        """The given variables that a placeholder can stand for: Compose puts their values in its place."""
        return [name for name in self.given if NAME.fullmatch(name) and name not in NOT_FOR_COMPOSE]

    @property
    def hidden(self) -> list[str]:
        """The given variables whose values are not in the model."""
        return [name for name in self.maskable if name not in self.plain]

    def values(self, plain: set[str]) -> dict[str, str]:
        """Return what Compose is given: placeholders, and values of the variables that are plain."""
        masked = {name: PLACEHOLDER.format(name) for name in (*self.maskable, *self.required)}
        known = {name: self.given[name] for name in plain}
        return masked | self.numbers | known

    def masked(self, plain: set[str], *arguments: str) -> Printed:
        """Let Compose read the project without the values of those that are not plain."""
        lines = "".join(f"{name}={PLACEHOLDER.format(name)}\n" for name in self.maskable)
        with dotenv(self.compose.folder, lines if self.source else None):
            return self.compose.run(self.values(plain), *(arguments or CONFIG))

    def real(self, without: str = "") -> Json | None:
        """Return the project as it is with all values, or all but one; None if Compose refuses it."""
        values = self.values(set()) | self.given
        if without:
            values[without] = PLACEHOLDER.format(without)
        with dotenv(self.compose.folder, self.source):
            try:
                return self.filled(self.compose.run(values, *CONFIG))
            except RefusedError:
                return None

    def filled(self, printed: Printed) -> Json:
        """Return a project as it is meant, with the given values in it."""
        return variables.filled(printed.json, self.given)

    def prepare(self) -> None:
        """Find the variables that are required, and those that Compose has to understand anyway."""
        self.plain = {name for name in self.given if name.startswith("COMPOSE_")}
        own = self.values(self.plain)
        listed = json.loads(self.compose.run(own, *CONFIG, "--variables").text)
        self.template = self.compose.run(own, *TEMPLATE, profiles=("*",)).json
        understood = {n for n, path in variables.used(self.template) if variables.is_understood(path)}
        self.plain |= understood & self.given.keys()
        try:
            self.masked(self.plain)
        except RefusedError:
            needed = [name for name, item in listed.items() if item["Required"] and name not in self.given]
            self.required = [n for n in needed if n not in NOT_FOR_COMPOSE and not n.startswith("COMPOSE_")]

    def read(self) -> tuple[Printed, Json]:
        """Return the project with as few values as Compose takes, and as it is with all of them."""
        while True:
            try:
                printed = self.masked(self.plain)
            except RefusedError as error:
                if self._named(str(error)) or self._flagged(str(error)) or self._without(self.real()):
                    continue
                raise
            held = variables.holding(printed.json, self.hidden)
            if understood := {name for name, path in held if variables.is_understood(path)}:
                self.plain |= understood
                continue
            found = self.filled(printed)
            real = self.real() if self.given else found
            if real and _same(real, found):
                return printed, real
            if not (self._with(found) or self._without(real)):
                msg = "Compose refuses the project with the values of the env file"
                raise RefusedError(msg)

    def _named(self, error: str) -> bool:
        """Give plainly what Compose names in an error; False if it is nothing new."""
        given = {name for name in self.hidden if PLACEHOLDER.format(name) in error}
        others = {name for name in self.required if PLACEHOLDER.format(name) in error}
        new = bool(given or others - self.numbers.keys())
        self.plain |= given
        self.numbers = dict.fromkeys(others, NUMBER) | self.numbers
        return new

    def _flagged(self, error: str) -> bool:
        """Take a flag for a variable for which Compose takes no number; False if there is none."""
        for name in [each for each, value in self.numbers.items() if value == NUMBER]:
            self.numbers[name] = FLAG
            try:
                self.masked(self.plain)
            except RefusedError as other:
                if str(other) != error and FLAG not in str(other):
                    return True
                self.numbers[name] = NUMBER
            else:
                return True
        return False

    def _with(self, found: Json) -> bool:
        """Give plainly each variable whose value alone makes another project of this one."""
        names = set()
        for name in self.hidden:
            try:
                other = self.filled(self.masked(self.plain | {name}))
            except RefusedError:
                names.add(name)
            else:
                names |= set() if _same(other, found) else {name}
        self.plain |= names
        return bool(names)

    def _without(self, real: Json | None) -> bool:
        """Give plainly each variable without which Compose reads another project, all others being known."""
        names = set()
        for name in self.hidden if real else ():
            other = self.real(without=name)
            names |= set() if other and real and _same(real, other) else {name}
        self.plain |= names
        return bool(names)

    def patched(self, printed: Printed, real: Json) -> Json:
        """Return the model with texts as they were written where values make more of them than text.

        Compose splits a command into words after it has put the values in, for example.
        """
        model = copy.deepcopy(printed.json)
        for path in variables.differences(real, self.filled(printed)):
            if place := variables.hidden_at(path):
                service, keys = place
                written = self.template["services"][service]
                model["services"][service] |= {key: written[key] for key in keys if key in written}
        return model


def _same(one: Json, other: Json) -> bool:
    """Return whether two projects differ only in what is taken as it was written."""
    return all(variables.hidden_at(path) for path in variables.differences(one, other))


def read(compose: Compose, source: Path | None, *, bake: bool) -> Json:
    """Return the outcome; raises `RefusedError`."""
    reading = Reading(compose, source, env_file.read(compose.binary, source) if source else {})
    reading.prepare()
    printed, real = reading.read()
    model = printed.json
    at_run, of_builds = report.of_definitions(model)
    reading.required += [
        n for n in (*at_run, *of_builds) if n not in reading.given and n not in reading.required
    ]
    builds = any(service.get("build") for service in model["services"].values())
    written = reading.masked(reading.plain, "build", "--print").json if bake and builds else {}
    used, unset = report.unset(printed, reading.template, reading.given)
    used = report.merged(used, at_run, of_builds)
    needed = report.needed(model, reading.required, reading.numbers, used)
    needed |= {name: places for name, places in of_builds.items() if name not in reading.given}
    random = [name for name in reading.required if name not in needed]
    masked = {*reading.maskable, *reading.required} - reading.numbers.keys()
    files = report.env_files(reading.template, list(model["services"]))
    return {
        "model": reading.patched(printed, real),
        "raw": undoubled(model),
        "bake": written,
        "placeholders": {name: PLACEHOLDER.format(name) for name in sorted(masked)},
        "plain": sorted(reading.plain),
        "needed": needed,
        "random": sorted(random),
        "unset": sorted(unset),
        "used": {name: used.get(name, []) for name in sorted({*needed, *random, *unset})},
        "env_files": files,
        "missing": report.missing(model, files, compose.folder, given=bool(source)),
    }


def refused(compose: Compose, source: Path | None, error: RefusedError) -> Json:
    """Return the outcome of a project that Compose refuses, with the env files that may be the reason."""
    outcome: Json = {"error": str(error).replace(f"{compose.folder}/", "")}
    try:
        template = compose.run({}, *TEMPLATE).json
    except RefusedError:
        return outcome
    files = report.env_files(template, list(template["services"]))
    missing = report.missing({}, files, compose.folder, given=bool(source))
    return outcome | {"env_files": files, "missing": missing}


def main(binary: str, folder: str, output: str, request: str, source: str = "") -> None:
    """Write the outcome, whichever it is: what a user got wrong is not a crash here."""
    asked = json.loads(request)
    files, profiles = tuple(asked.get("files", ())), tuple(asked.get("profiles", ()))
    compose = Compose(binary, Path(os.path.normpath(folder)), files, profiles, own_values=bool(source))
    path = Path(source) if source else None
    try:
        outcome = read(compose, path, bake=asked.get("bake", False))
    except env_file.EnvFileError as error:
        outcome = {"env_file_error": str(error)}
    except RefusedError as error:
        outcome = refused(compose, path, error)
    Path(output).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
