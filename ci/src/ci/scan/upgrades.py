"""Which change removes most of what fails: a newer base image, or an upgrade of one package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ci.scan.findings import Finding

__all__ = ["Base", "Change", "changes", "lowest_fix"]

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Base:
    """The image that another one is built on, and how many of its layers are that image's."""

    reference: str
    layers: int


@dataclass(frozen=True)
class Change:
    """One change, and what it removes: each finding with its subject."""

    text: str
    found: tuple[tuple[str, Finding], ...]

    @property
    def removes(self) -> tuple[str, ...]:
        """The ids that it removes."""
        return tuple(each.id for _, each in self.found)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that have them, each once."""
        return tuple(dict.fromkeys(subject for subject, _ in self.found))


def changes(failing: Iterable[tuple[str, Finding]], bases: Mapping[str, Base]) -> list[Change]:
    """Return the changes that remove vulnerabilities with a fix, the one that removes most first.

    A finding counts once for each image or lock that has it.
    """
    groups: dict[tuple[str, str, str], list[tuple[str, Finding]]] = {}
    for subject, finding in failing:
        if finding.kind == "vulnerability" and finding.fixed:
            base = bases.get(subject)
            if base and 0 <= finding.layer < base.layers:
                key = ("base", base.reference, "")
            else:
                key = ("package", finding.package, finding.version)
            groups.setdefault(key, []).append((subject, finding))
    made = [_change(key, found) for key, found in groups.items()]
    return sorted(made, key=lambda each: (-len(each.removes), each.text))


def _change(key: tuple[str, str, str], found: list[tuple[str, Finding]]) -> Change:
    kind, name, version = key
    if kind == "base":
        text = f"rebuild on a newer {name}"
    else:
        target = _sorted({lowest_fix(each.version, each.fixed) for _, each in found})[-1]
        text = f"upgrade {name} from {version} to {target}"
    return Change(text, tuple(found))


def lowest_fix(installed: str, fixed: str) -> str:
    """Return the lowest version with a fix above the installed one: 1.26.17, of 1.26.17 and 2.0.6."""
    versions = {each.strip() for each in fixed.split(",")}
    ordered = _sorted({installed, *versions})
    above = [each for each in ordered[ordered.index(installed) + 1 :] if each in versions]
    return above[0] if above else ordered[-1]


def _sorted(versions: set[str]) -> list[str]:
    """Return versions in their order: by PEP 440 if each is such a version, otherwise number by number."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - most calls need none of it

    try:
        return sorted(versions, key=Version)
    except InvalidVersion:
        return sorted(versions, key=_numbers)


def _numbers(version: str) -> tuple[int, list[tuple[int, str]]]:
    """Return a sort key for versions of distributions, which may begin with an epoch."""
    epoch, colon, rest = version.rpartition(":")
    parts = _NUMBER.split(rest)
    return int(epoch) if colon and epoch.isdigit() else 0, [
        (int(part), "") if part.isdigit() else (-1, part) for part in parts
    ]
