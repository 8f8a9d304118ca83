"""Divide the work of the gates among machines, so that all end at about the same time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.evidence import claims

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SOURCE", "STACK", "Part", "chosen", "divide", "matrix"]

# Parts beside services; a service's name has no plus.
STACK, SOURCE = "+stack", "+source"
# Seconds of a gate of which none are recorded.
_USUAL = {claims.UNIT: 20.0, claims.POSTURE: 10.0, claims.SCAN: 5.0, claims.INTEGRATION: 60.0}
_OF_SERVICE = (claims.UNIT, claims.POSTURE, claims.SCAN)


@dataclass(frozen=True)
class Part:
    """What one machine does, in `--only`, and how long that takes in seconds."""

    only: tuple[str, ...]
    seconds: float


def divide(services: Sequence[str], count: int, recorded: Mapping[str, float], *, suite: bool) -> list[Part]:
    """Divide services, the source and the stack into at most `count` parts, the longest first.

    `recorded` has seconds by the title of a claim. All gates of a service are in one part, because they
    need its image.
    """
    if count < 1:
        raise PipelineError(
            "shards.too-few", f"--count {count} is less than 1", hint="use the number of machines"
        )
    work = {name: sum(_seconds(recorded, gate, name) for gate in _OF_SERVICE) for name in services}
    work[SOURCE] = _seconds(recorded, claims.SCAN, "(source)")
    if suite:
        work[STACK] = _seconds(recorded, claims.INTEGRATION, "stack")
    parts: list[list[str]] = [[] for _ in range(min(count, len(work)))]
    # The longest first, each to the part that is done first (Graham, 1969: at most 4/3 of the best).
    for name in sorted(work, key=lambda name: (-work[name], name)):
        min(parts, key=lambda part: sum(work[each] for each in part)).append(name)
    made = [Part(tuple(part), round(sum(work[each] for each in part), 1)) for part in parts]
    return sorted(made, key=lambda part: -part.seconds)


def _seconds(recorded: Mapping[str, float], gate: str, name: str) -> float:
    return recorded.get(f"{gate} {name}") or _USUAL[gate]


def matrix(parts: Sequence[Part]) -> str:
    """Return the parts as JSON: a list for GitHub's `matrix.include` and GitLab's `parallel.matrix`."""
    found = [
        {"name": f"{number} of {len(parts)}", "only": ",".join(part.only), "seconds": part.seconds}
        for number, part in enumerate(parts, 1)
    ]
    return json.dumps(found)


def chosen(only: Sequence[str], services: Sequence[str]) -> tuple[list[str], bool, bool]:
    """Return the services of `--only`, whether the source is scanned, and whether the stack is tested."""
    known = [*services, SOURCE, STACK]
    for name in only:
        if name not in known:
            raise PipelineError(
                "gate.unknown-part",
                f"--only {name}: there is no such service or part",
                hint=f"choose from {', '.join(known)}",
            )
    if not only:
        return list(services), True, True
    return [name for name in services if name in only], SOURCE in only, STACK in only
