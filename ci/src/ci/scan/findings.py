"""Findings of a scan, and the subjects that were scanned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["NO_LAYER", "SEVERITIES", "Finding", "Licensed", "Scan"]

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
NO_LAYER = -1


@dataclass(frozen=True)
class Finding:
    """One thing that Trivy found; `fixed` is empty where there is no version to upgrade to.

    `kind` is vulnerability, misconfiguration, secret or license. `place` is the file in the image or the
    source, or the distribution's family for its packages; `line` is 0 where there is none. `layer` is the
    number of the image's layer that brought it. `commit` introduced what is in the history only.
    `denied_by` is the entry of `tool.ci.denied-licenses` that a license falls under, `excepted_by` the entry
    of the exceptions file that Trivy applied.
    """

    kind: str
    id: str
    severity: str
    title: str
    place: str
    package: str = ""
    version: str = ""
    fixed: str = ""
    purl: str = ""
    url: str = ""
    line: int = 0
    commit: str = ""
    denied_by: str = ""
    excepted_by: str = ""
    layer: int = NO_LAYER
    published: str = ""

    @property
    def fixable(self) -> bool:
        """Whether something can be done: all but vulnerabilities are in one's own hands."""
        return self.kind != "vulnerability" or bool(self.fixed)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The identity of a finding across reports: no version, and so no path that has one."""
        return self.kind, self.id, self.package, "" if self.package else self.place

    def to_json(self) -> dict[str, Any]:
        """Return the fields that have a value."""
        fields = {name: value for name, value in asdict(self).items() if value and name != "layer"}
        return fields if self.layer == NO_LAYER else {**fields, "layer": self.layer}


@dataclass(frozen=True)
class Licensed:
    """A package and one of its licenses, as Trivy names it; empty if it names none."""

    license: str
    package: str
    version: str
    place: str
    purl: str
    excepted_by: str = ""


@dataclass(frozen=True)
class Scan:
    """One report: the findings, and what there was to look at.

    `packages` counts the packages of each type (debian, python-pkg, uv, …); `incomparable` has the
    Python packages whose version Trivy passes over. `distribution` is family and version. `licensed` has a
    line for each license of each package, without the distribution's own; `suppressed` the ids that VEX
    statements took out, with their status; `inline` the places where a comment in a file lets findings pass.
    `unread` are files that list or contain packages and of which Trivy has none; `without_java` says that
    there was no Java database for such archives. `instructions` made the layers, from the first.
    """

    findings: tuple[Finding, ...]
    packages: dict[str, int]
    incomparable: tuple[str, ...] = ()
    distribution: tuple[str, str] = ("", "")
    end_of_life: bool = False
    scanner: str = ""
    licensed: tuple[Licensed, ...] = ()
    suppressed: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    without_java: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    @property
    def licenses(self) -> dict[str, tuple[str, ...]]:
        """The packages under each license, `unknown` those that name none."""
        found: dict[str, set[str]] = {}
        for each in self.licensed:
            found.setdefault(each.license or "unknown", set()).add(f"{each.package} {each.version}")
        return {name: tuple(sorted(packages)) for name, packages in sorted(found.items())}
