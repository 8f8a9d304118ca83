"""One run as typed data: the documents of its report, and what was read of the files beside them.

Every format for people is made from this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from ci.report.documents import Evidence, Integration, Plan, Posture, Scan, Summary, Tests

__all__ = [
    "Case",
    "Covered",
    "Entry",
    "Flaky",
    "History",
    "Life",
    "Log",
    "PackageChange",
    "Ran",
    "Run",
    "SuiteRun",
]


class Case(Struct, frozen=True):
    """A test in a JUnit file: passed, failed or skipped. `message` and `text` are a failure's.

    `unstable`: it passed after it had failed in the same run.
    """

    suite: str
    name: str
    where: str
    seconds: float
    status: str
    message: str = ""
    text: str = ""
    unstable: bool = False


class Covered(Struct, frozen=True):
    """A source file in a coverage.xml: its lines, how many of them ran, and which did not."""

    suite: str
    path: str
    lines: int
    ran: int
    missed: str


class Life(Struct, frozen=True):
    """When a container started, became healthy and ended, in seconds since the stack's first container."""

    name: str
    started: float
    healthy: float | None = None
    ended: float | None = None


class Log(Struct, frozen=True):
    """A log in the report: its path, its size in bytes, and the text to show; `cut` bytes are left out."""

    name: str
    path: str
    size: int
    text: str
    cut: int = 0


class Ran(Struct, frozen=True):
    """When something ran, as seconds since the epoch by the clock of the engine."""

    at: float
    seconds: float


class PackageChange(Struct, frozen=True):
    """A package of an image with another version than before; empty is without it. `kind` is deb, pypi, …."""

    name: str
    kind: str
    before: str
    now: str


class SuiteRun(Struct, frozen=True):
    """A suite in a run: the digest of its tests and images, whether it passed, and which tests failed."""

    inputs: str
    passed: bool
    failed: tuple[str, ...] = ()


class Entry(Struct, frozen=True):
    """A run: when it began (UTC), the sizes of its images in bytes, and its suites."""

    began: str
    sizes: dict[str, int]
    suites: dict[str, SuiteRun] = {}


class History(Struct, frozen=True):
    """history.json: runs, the oldest first, and the report's own last."""

    schema: int = 1
    runs: tuple[Entry, ...] = ()


class Flaky(Struct, frozen=True):
    """A test that failed and passed with the same tests and images, and when the runs began."""

    suite: str
    test: str
    failed: str
    passed: str


class Run(Struct, frozen=True):
    """A run; the document of a gate that did not run is None.

    - `outputs`: what suites wrote, by suite
    - `errors`: why gates could not end, by gate
    - `lives`: when containers ran, by container
    - `ran`: when suites and the start of the stack ran, by what it is called
    - `packages`: what changed since the earlier run, by image, None where a run has no SBOM
    - `history`: earlier runs, as far as they are known, and this one
    - `flaky`: tests that failed and passed with the same inputs
    - `files`: the paths of the report's files
    """

    summary: Summary
    history: History
    posture: Posture | None = None
    tests: Tests | None = None
    scan: Scan | None = None
    integration: Integration | None = None
    plan: Plan | None = None
    evidence: Evidence | None = None
    earlier: Summary | None = None
    cases: tuple[Case, ...] = ()
    coverage: tuple[Covered, ...] = ()
    logs: tuple[Log, ...] = ()
    outputs: dict[str, Log] = {}
    errors: dict[str, str] = {}
    lives: dict[str, Life] = {}
    ran: dict[str, Ran] = {}
    packages: dict[str, tuple[PackageChange, ...] | None] = {}
    flaky: tuple[Flaky, ...] = ()
    files: tuple[str, ...] = ()
