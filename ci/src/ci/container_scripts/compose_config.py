"""Read the project with Compose, with placeholders in place of secret values.

    compose_config COMPOSE FOLDER OUTPUT REQUEST [ENV_FILE]

REQUEST is JSON: `files`, `profiles`, and whether to create `bake`, the Bake file
of `docker compose build`. Compose writes it only if Buildx is among the plugins
below DOCKER_CONFIG. The result in OUTPUT is JSON: either `error` with Compose's
output and the last two of these keys, or `env_file_error`, or

    model         Compose's output, to be read by Compose again, with each literal `$` doubled
    undoubled     the same without doubling
    bake          the Bake file
    placeholders  variables whose values are not in the above, with the text in their place
    plain         given variables whose values are in the above, because Compose has to interpret them
    needed        variables that require a value and have none, with the places that need it
    random        variables that require a value, for which any will do
    unset         variables without value and default, for which Compose uses an empty text
    used          where each variable of the last three is used, as far as Compose reports it
    env_files     the env files of each service
    missing       the places that use a `.env` that does not exist

Every variable of ENV_FILE and every required one gets a placeholder. Compose then
also reads the project with the values. If the results differ, the variables that
cause the difference are passed as plain values. In commands, environments and
similar keys the text as written is used instead, because these may contain
secrets.
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

# Placeholders for missing values that Compose reads as numbers, sizes or flags.
NUMBER, FLAG = "1", "true"
TEMPLATE = (*CONFIG, "--no-interpolate")


@contextmanager
def dotenv(folder: Path, content: Path | str | None) -> Iterator[None]:
    """Create a `.env` in the folder, from a text or as a link to a file, unless one exists."""
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
    """One project, which is read repeatedly until all variables that Compose must know are plain."""

    compose: Compose
    source: Path | None
    given: dict[str, str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    plain: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    template: Json = field(default_factory=dict)

    @property
    def maskable(self) -> list[str]:
        """The given variables that can be replaced by a placeholder, which Compose later resolves."""
        return [name for name in self.given if NAME.fullmatch(name) and name not in NOT_FOR_COMPOSE]

    @property
    def hidden(self) -> list[str]:
        """The given variables whose values are not in the model."""
        return [name for name in self.maskable if name not in self.plain]

    def values(self, plain: set[str]) -> dict[str, str]:
        """Return the variables for Compose: placeholders, and values of plain variables."""
        masked = {name: PLACEHOLDER.format(name) for name in (*self.maskable, *self.required)}
        known = {name: self.given[name] for name in plain}
        return masked | self.numbers | known

    def masked(self, plain: set[str], *arguments: str) -> Printed:
        """Read the project with placeholders for all variables that are not plain."""
        lines = "".join(f"{name}={PLACEHOLDER.format(name)}\n" for name in self.maskable)
        with dotenv(self.compose.folder, lines if self.source else None):
            return self.compose.run(self.values(plain), *(arguments or CONFIG))

    def real(self, without: str = "") -> Json | None:
        """Read the project with all values, or all but one; None if Compose rejects it."""
        values = self.values(set()) | self.given
        if without:
            values[without] = PLACEHOLDER.format(without)
        with dotenv(self.compose.folder, self.source):
            try:
                return self.filled(self.compose.run(values, *CONFIG))
            except RefusedError:
                return None

    def filled(self, printed: Printed) -> Json:
        """Replace the placeholders in a project by the given values."""
        return variables.filled(printed.json, self.given)

    def prepare(self) -> None:
        """Find the required variables, and those that Compose must interpret in any case."""
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
        """Return the project with as few plain values as possible, and with all values."""
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
                msg = "Compose rejects the project with the values of the env file"
                raise RefusedError(msg)

    def _named(self, error: str) -> bool:
        """Make the variables plain that Compose names in an error; False if there are no new ones."""
        given = {name for name in self.hidden if PLACEHOLDER.format(name) in error}
        others = {name for name in self.required if PLACEHOLDER.format(name) in error}
        new = bool(given or others - self.numbers.keys())
        self.plain |= given
        self.numbers = dict.fromkeys(others, NUMBER) | self.numbers
        return new

    def _flagged(self, error: str) -> bool:
        """Use a flag for a variable that Compose does not accept as a number; False if there is none."""
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
        """Make each variable plain whose value alone changes the project."""
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
        """Make each variable plain without whose value the project changes, given all others."""
        names = set()
        for name in self.hidden if real else ():
            other = self.real(without=name)
            names |= set() if other and real and _same(real, other) else {name}
        self.plain |= names
        return bool(names)

    def patched(self, printed: Printed, real: Json) -> Json:
        """Return the model with texts as written where values change the structure.

        For example, Compose splits a command into words after it has inserted the values.
        """
        model = copy.deepcopy(printed.json)
        for path in variables.differences(real, self.filled(printed)):
            if place := variables.hidden_at(path):
                service, keys = place
                written = self.template["services"][service]
                model["services"][service] |= {key: written[key] for key in keys if key in written}
        return model


def _same(one: Json, other: Json) -> bool:
    """Return whether two projects differ only in places where the text as written is used."""
    return all(variables.hidden_at(path) for path in variables.differences(one, other))


def read(compose: Compose, source: Path | None, *, bake: bool) -> Json:
    """Read a project and return the result. Raise `RefusedError` if Compose rejects it."""
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
        "undoubled": undoubled(model),
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
    """Return the result for a rejected project, with the env files that may be the cause."""
    outcome: Json = {"error": str(error).replace(f"{compose.folder}/", "")}
    try:
        template = compose.run({}, *TEMPLATE).json
    except RefusedError:
        return outcome
    files = report.env_files(template, list(template["services"]))
    missing = report.missing({}, files, compose.folder, given=bool(source))
    return outcome | {"env_files": files, "missing": missing}


def main(binary: str, folder: str, output: str, request: str, source: str = "") -> None:
    """Write the result. Mistakes of the user are results, not crashes."""
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
