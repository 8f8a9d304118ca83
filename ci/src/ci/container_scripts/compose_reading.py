"""Find out which variables Compose has to know, by reading one project repeatedly."""

from __future__ import annotations

import copy
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.container_scripts import compose_report as report
from ci.container_scripts import compose_variables as variables
from ci.container_scripts.compose_command import (
    CONFIG,
    NOT_FOR_COMPOSE,
    Compose,
    Json,
    Printed,
    RefusedError,
    is_setting,
)
from ci.container_scripts.compose_variables import NAME, PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

# Placeholders for missing values that Compose reads as numbers, sizes, flags, durations or paths.
NUMBER, FLAG, DURATION, PATH = "1", "true", "1s", "./1"
TEMPLATE = (*CONFIG, "--no-interpolate")
_ALL_PROFILES = ("*",)


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
    optional: list[str] = field(default_factory=list)
    plain: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    template: Json = field(default_factory=dict)
    as_written: bool = True  # whether the template has the texts of the files

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

    def masked(
        self,
        plain: set[str],
        *arguments: str,
        further: dict[str, str] | None = None,
        profiles: tuple[str, ...] = (),
    ) -> Printed:
        """Read the project with placeholders for all variables that are not plain."""
        lines = "".join(f"{name}={PLACEHOLDER.format(name)}\n" for name in self.maskable)
        with dotenv(self.compose.folder, lines if self.source else None):
            values = self.values(plain) | (further or {})
            return self.compose.run(values, *(arguments or CONFIG), profiles=profiles)

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
        self.plain = {name for name in self.given if is_setting(name)}
        own = self.values(self.plain)
        listed = json.loads(self.compose.run(own, *CONFIG, "--variables").text)
        self.template = self._written(own)
        understood = {n for n, path in variables.used(self.template) if variables.is_understood(path)}
        self.plain |= understood & self.given.keys()
        try:
            self.masked(self.plain)
        except RefusedError:
            if self._needs_file():
                raise
            without = [n for n in listed if n not in self.given and n not in NOT_FOR_COMPOSE]
            without = [name for name in without if not is_setting(name)]
            self.required = [name for name in without if listed[name]["Required"]]
            others = [name for name in without if not listed[name]["Required"]]
            self.optional = [name for name in others if not listed[name]["DefaultValue"]]

    def _needs_file(self) -> bool:
        """Return whether a required `.env` is missing, which no value of a variable can replace."""
        try:
            active = self.compose.run({}, *TEMPLATE).json
        except RefusedError:
            return False
        files = report.env_files(active, list(active["services"]))
        missing = report.missing({}, files, self.compose.folder, given=bool(self.source))
        return any(item["required"] for item in missing)

    def _written(self, own: dict[str, str]) -> Json:
        """Read all services with the variables as they are written, as far as Compose accepts that.

        It does not where a variable is a name or one of a few words, such as in `depends_on`: then the values
        are needed for these, and for variables of which a command has several words.
        """
        try:
            return self.compose.run(own, *TEMPLATE, profiles=_ALL_PROFILES).json
        except RefusedError:
            self.as_written = False
        while True:
            try:
                printed = self.masked(self.plain, profiles=_ALL_PROFILES).json
            except RefusedError as error:
                names = {name for name in self.hidden if PLACEHOLDER.format(name) in str(error)}
                # Where Compose knows all possible values, its error does not contain the one that it rejects.
                if not (names or self._without(self.real())):
                    raise
                self.plain |= names
            else:
                return variables.written(printed, self.hidden)

    def read(self) -> tuple[Printed, Json]:
        """Return the project with as few plain values as possible, and with all values."""
        while True:
            try:
                printed = self.masked(self.plain)
            except RefusedError as error:
                if self._named(str(error)) or self._emptied() or self._flagged(str(error)):
                    continue
                if self._without(self.real()):
                    continue
                raise
            held = variables.holding(printed.json, self.hidden)
            if understood := {name for name, path in held if variables.is_understood(path)}:
                self.plain |= understood
                continue
            found = self.filled(printed)
            real = self.real() if self.given else found
            if real and self._same(real, found):
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
        used = list(variables.used(self.template))
        durations = {name for name, path in used if variables.is_duration(path)}
        paths = {name for name, path in used if variables.is_mount(path)}
        for name in others - self.numbers.keys():
            self.numbers[name] = DURATION if name in durations else PATH if name in paths else NUMBER
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

    def _emptied(self) -> bool:
        """Require each variable whose empty text Compose rejects; False if there are no new ones."""
        marks = {name: PLACEHOLDER.format(name) for name in self.optional if name not in self.required}
        if not marks:
            return False
        error = self._rejected(marks)
        if error is not None:
            self.required += [name for name, mark in marks.items() if mark in error]
            return self._named(error)
        names = [name for name in marks if self._rejected({n: m for n, m in marks.items() if n != name})]
        self.required += names
        return bool(names)

    def _rejected(self, further: dict[str, str]) -> str | None:
        """Return Compose's error for the project with further variables; None if it accepts them."""
        try:
            self.masked(self.plain, further=further)
        except RefusedError as error:
            return str(error)
        return None

    def _with(self, found: Json) -> bool:
        """Make each variable plain whose value alone changes the project."""
        names = set()
        for name in self.hidden:
            try:
                other = self.filled(self.masked(self.plain | {name}))
            except RefusedError:
                names.add(name)
            else:
                names |= set() if self._same(other, found) else {name}
        self.plain |= names
        return bool(names)

    def _without(self, real: Json | None) -> bool:
        """Make each variable plain without whose value the project changes, given all others."""
        names = set()
        for name in self.hidden if real else ():
            other = self.real(without=name)
            names |= set() if other and real and self._same(real, other) else {name}
        self.plain |= names
        return bool(names)

    def _same(self, one: Json, other: Json) -> bool:
        """Return whether two projects differ only in places where the text as written is used."""
        return all(
            self.as_written and variables.hidden_at(path) for path in variables.differences(one, other)
        )

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
