"""What each JSON document of a report contains, as far as a format shows it.

The types decode the documents directly, so a figure in a format is the document's own.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ci.posture.facts import Layer  # noqa: TC001 - msgspec reads the types
from ci.testing.results import Result  # noqa: TC001


class Reused(Struct, frozen=True):
    """Where a verdict comes from that this run did not make itself."""

    run: str = ""
    at: str = ""
    where: str = ""


class Step(Struct, frozen=True):
    """A gate: its outcome, and when it started, in seconds since the run's first step."""

    name: str
    outcome: str
    failed: bool
    seconds: float
    started: float | None = None
    reused: Reused | None = None

    @property
    def ended(self) -> float | None:
        """When it ended, if its start is known."""
        return None if self.started is None else self.started + self.seconds


class Image(Struct, frozen=True):
    """An image in summary.json: `size` in bytes as a registry counts, `built` whether this run built it.

    `skipped` are the gates that did not run for it, because the engine does not run its platform.
    """

    service: str
    digest: str
    size: int
    built: bool
    posture: str
    tests: str
    scan: str
    base: str = ""
    skipped: tuple[str, ...] = ()


class Summary(Struct, frozen=True):
    """summary.json: the verdict; `began` is the time in UTC."""

    schema: int
    failed: tuple[str, ...]
    images: dict[str, Image]
    steps: dict[str, Step]
    project: str = ""
    began: str = ""


class Broken(Struct, frozen=True):
    """A rule that an image breaks; `waiver` is what lets it pass."""

    rule: str
    found: tuple[str, ...]
    why: str
    do: str
    waiver: str | None = None


class PostureImage(Struct, frozen=True):
    """An image in posture.json; `kept` are the rules that it keeps."""

    digest: str
    size: int
    layers: tuple[Layer, ...]
    broken: tuple[Broken, ...]
    kept: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    @property
    def wasted(self) -> int:
        """Bytes of files that a later layer overwrites or deletes."""
        return sum(layer.wasted for layer in self.layers)

    def rules(self) -> dict[str, str]:
        """Map each rule to kept, skipped, waived or broken."""
        found = {**dict.fromkeys(self.kept, "kept"), **dict.fromkeys(self.skipped, "skipped")}
        for each in self.broken:
            if found.get(each.rule) != "broken":
                found[each.rule] = "waived" if each.waiver else "broken"
        return found


class Waiver(Struct, frozen=True):
    """A waiver of a posture rule; `status` is used, unused or expired."""

    rule: str
    service: str
    reason: str
    until: str
    status: str
    names: tuple[str, ...] = ()


class Posture(Struct, frozen=True):
    """posture.json."""

    failures: tuple[str, ...]
    images: dict[str, PostureImage]
    waivers: tuple[Waiver, ...] = ()


class Tests(Struct, frozen=True):
    """tests.json."""

    services: dict[str, Result]


class Exempt(Struct, frozen=True):
    """What lets a finding pass, until its last day."""

    until: str
    reason: str


class Finding(Struct, frozen=True):
    """A finding in scan.json; its status is fails, exempt or passes."""

    kind: str
    id: str
    severity: str
    title: str
    place: str
    status: str
    package: str = ""
    version: str = ""
    fixed: str = ""
    upgrade_to: str = ""
    url: str = ""
    line: int = 0
    commit: str = ""
    brought_by: str = ""
    removed_by: str = ""
    exempt: Exempt | None = None
    new: bool | None = None


class Subject(Struct, frozen=True):
    """What was scanned: an image, the source, the history."""

    findings: tuple[Finding, ...]
    digest: str = ""


class Change(Struct, frozen=True):
    """A change that removes findings that fail."""

    text: str
    removes: tuple[str, ...]
    subjects: tuple[str, ...]


class Exempted(Struct, frozen=True):
    """An entry of the exceptions file, and how many findings it lets pass."""

    id: str
    section: str
    reason: str
    until: str
    status: str
    covers: int


class Scan(Struct, frozen=True):
    """scan.json."""

    failures: tuple[str, ...]
    scanner: str
    database: dict[str, Any]
    changes: tuple[Change, ...]
    subjects: dict[str, Subject]
    warnings: tuple[str, ...] = ()
    errors: dict[str, tuple[str, ...]] = {}
    exceptions: tuple[Exempted, ...] = ()


class Ended(Struct, frozen=True):
    """How a container ended."""

    exit_code: int
    killed: bool = False
    error: str = ""


class Integration(Struct, frozen=True):
    """test-integration/summary.json. `up_after` has seconds since the stack's start, by container.

    `inputs` is the digest of the built images and the tests.
    """

    outcome: str
    tests: int
    failed: int
    not_ready: dict[str, str]
    up_after: dict[str, float]
    down_after: float
    at: float | None = None
    cached: bool = False
    ended: dict[str, Ended] = {}
    inputs: str = ""


class Port(Struct, frozen=True):
    """A port of a service."""

    target: int
    published: str = ""
    protocol: str = "tcp"


class Planned(Struct, frozen=True):
    """A service in plan.json."""

    name: str
    image_is: str
    reference: str
    ports: tuple[Port, ...] = ()
    waits_for: dict[str, str] = {}
    networks: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """plan.json."""

    project: str
    services: tuple[Planned, ...]
    left_out: dict[str, str] = {}


class Claim(Struct, frozen=True):
    """A verdict that is evidence; `reused` says where it was made, if this run did not make it."""

    gate: str
    name: str
    key: str
    reused: Reused | None = None


class Evidence(Struct, frozen=True):
    """evidence.json; a run without a repository for evidence has none."""

    repository: str
    claims: tuple[Claim, ...]
