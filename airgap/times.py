"""How long steps take, to run the longest chain of them first and to estimate what is left.

A step's time is that of its last run in this state folder; before that, of a first `up` on another machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from airgap.state import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airgap.state import State
    from airgap.steps import Step

MACHINE = "2 processors and 24 GB, every cache empty"
# Processor seconds of the steps of a first `up` on that machine, on 30 November 2026. Other programs used the
# processors, too, so the seconds on the clock would say more about them. Steps that are not named take a few.
MEASURED: dict[str, float] = {
    "trivy-build": 394,
    "engine-build": 284,
    "image-docker": 40,
    "image-prometheus": 29,
    "image-debian": 25,
    "image-cosign": 25,
    "trivy-database-program": 19,
    "actionlint-build": 17,
    "image-postgres": 11,
    "image-python": 10,
    "image-actionlint": 8,
    "image-registry": 8,
    "image-redis": 7,
    "image-qdrant": 6,
    "image-trivy": 5,
}
_FEW = 5.0
_MINUTE = 60


@dataclass
class Times:
    """The seconds of steps; ``recorded`` are those of this state folder."""

    state: State
    recorded: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, state: State) -> Times:
        """Read the recorded times; values that are not numbers are ignored."""
        found = read_json(state / "times.json")
        return cls(state, {name: float(value) for name, value in found.items() if _is_number(value)})

    def of(self, name: str) -> float:
        """Return the seconds that a step probably takes."""
        return self.recorded.get(name, MEASURED.get(name, _FEW))

    def record(self, name: str, seconds: float) -> None:
        """Record the time of a step that has ended well."""
        self.recorded[name] = round(seconds, 1)
        write_json(self.state / "times.json", self.recorded)

    def source(self, names: Iterable[str]) -> str:
        """Return where the times of these steps are from."""
        known = [name in self.recorded for name in names]
        if all(known):
            return "earlier runs here"
        return f"{'earlier runs here and on ' if any(known) else ''}a machine with {MACHINE}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def chains(steps: Sequence[Step], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return for each step how long it and the longest chain of steps that wait for it take."""

    @cache
    def chain(name: str) -> float:
        return seconds[name] + max((chain(each.name) for each in steps if name in each.needs), default=0.0)

    return {step.name: chain(step.name) for step in steps}


def left(steps: Sequence[Step], elapsed: Mapping[str, float], times: Times, *, jobs: int) -> float:
    """Estimate the seconds until all steps have ended, ``elapsed`` being those of the ones that run."""
    seconds = {step.name: max(0.0, times.of(step.name) - elapsed.get(step.name, 0.0)) for step in steps}
    longest = max(chains(steps, seconds).values(), default=0.0)
    return max(longest, sum(seconds.values()) / jobs)


def span(seconds: float) -> str:
    """Return an estimate for people: as coarse as it is uncertain."""
    if seconds >= 1.5 * _MINUTE:
        return f"about {seconds / _MINUTE:.0f} min"
    return f"about {max(10, round(seconds, -1)):.0f} s"
