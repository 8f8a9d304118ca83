"""Gaps: what was there and was not looked at, so that no finding means nothing.

Each gap fails the scan, or is only reported where `tool.ci.accepted-gaps` names it: by kind, or by kind and
name as in `ecosystem:maven`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.spelling import closest, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.scan.database import Database
    from ci.scan.findings import Scan

__all__ = ["DEFAULT_ACCEPTED", "KINDS", "Gap", "check", "find"]

# The kinds, with what a user reads of each.
KINDS = {
    "ecosystem": "packages for which the vulnerability database has no data, by ecosystem or distribution",
    "empty": "an image in which no package was recognized",
    "end-of-life": "a distribution that nobody maintains any more",
    "file": "a lock file or Java archive of which Trivy read no package",
    "java-database": "Java archives, and no Java database to identify them by",
    "version": "a package whose version cannot be compared",
}
# A lock without a package, or an archive of one's own, is mostly what it seems to be.
DEFAULT_ACCEPTED = ("file",)

# The database's names for Trivy's package types, where they differ: pkg/detector/library/driver.go.
_ECOSYSTEMS = {
    **dict.fromkeys(("bundler", "gemspec"), "rubygems"),
    **dict.fromkeys(("cargo", "rustbinary"), "cargo"),
    **dict.fromkeys(("composer", "composer-vendor"), "composer"),
    **dict.fromkeys(("gobinary", "gomod"), "go"),
    **dict.fromkeys(("jar", "pom", "gradle", "sbt"), "maven"),
    **dict.fromkeys(("npm", "yarn", "pnpm", "bun", "node-pkg", "javascript"), "npm"),
    **dict.fromkeys(("nuget", "dotnet-core", "packages-props"), "nuget"),
    **dict.fromkeys(("pip", "pipenv", "poetry", "pylock", "python-pkg", "uv"), "pip"),
    "hex": "erlang",
    "kubernetes": "k8s",
}
# What a distribution's bucket is called in the database, and how many parts of its version it names.
_DISTRIBUTIONS = {
    "alma": ("alma", 1),
    "alpine": ("alpine", 2),
    "amazon": ("amazon linux", 1),
    "azurelinux": ("Azure Linux", 2),
    "bottlerocket": ("bottlerocket", 0),
    "cbl-mariner": ("CBL-Mariner", 2),
    "centos": ("Red Hat", 0),
    "centos-stream": ("Red Hat", 0),
    "chainguard": ("chainguard", 0),
    "debian": ("debian", 1),
    "echo": ("echo", 0),
    "fedora": ("fedora", 1),
    "minimos": ("minimos", 0),
    "opensuse-leap": ("openSUSE Leap", 2),
    "opensuse-tumbleweed": ("openSUSE Tumbleweed", 0),
    "oracle": ("Oracle Linux", 1),
    "photon": ("Photon OS", 2),
    "redhat": ("Red Hat", 0),
    "rocky": ("rocky", 1),
    "sles": ("SUSE Linux Enterprise", 2),
    "slem": ("SUSE Linux Enterprise Micro", 2),
    "ubuntu": ("ubuntu", 2),
    "wolfi": ("wolfi", 0),
}


@dataclass(frozen=True)
class Gap:
    """One gap of one scan: its kind, what it is about, and the text that a user reads."""

    kind: str
    name: str
    text: str

    def accepted_by(self, accepted: tuple[str, ...]) -> bool:
        """Whether the policy has this only reported."""
        return self.kind in accepted or f"{self.kind}:{self.name}" in accepted


def check(entries: list[object], *, where: str) -> tuple[str, ...]:
    """Return the entries of a policy; one of no known kind is an error."""
    for entry in entries:
        kind = entry.partition(":")[0] if isinstance(entry, str) else ""
        if kind not in KINDS:
            near = closest(str(entry), KINDS)
            hint = f"did you mean '{near}'? " if near else ""
            raise PipelineError(
                "scan.unknown-gap",
                f"{where} names {written(entry)}, which is not a kind of gap",
                hint=f"{hint}choose from {', '.join(KINDS)}, or name one of a kind as ecosystem:maven",
            )
    return tuple(str(entry) for entry in entries)


def find(scan: Scan, database: Database, *, packaged: bool) -> Iterator[Gap]:
    """Yield what the scan did not cover; `packaged` says that there must be packages."""
    family, version = scan.distribution
    if scan.end_of_life:
        release = f"{family} {version}"
        yield Gap(
            "end-of-life",
            release,
            f"{release} is past its end of life: nobody looks for its vulnerabilities any more",
        )
    if packaged and not scan.packages:
        yield Gap("empty", "", "Trivy recognized no package in it: that it found nothing means nothing")
    for package in scan.incomparable:
        yield Gap(
            "version",
            package.partition(" ")[0],
            f"the version of {package} is not one that Trivy can compare: it was passed over",
        )
    for name in scan.without_java:
        yield Gap("java-database", name, f"{name}: there is no Java database to identify it by")
    for name in scan.unread:
        yield Gap("file", name, f"{name}: Trivy read no package of it")
    for name, there in _uncovered(scan, database.buckets):
        yield Gap(
            "ecosystem", name, f"the database has no data on {there}: that none is vulnerable means nothing"
        )


def _uncovered(scan: Scan, buckets: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each ecosystem or distribution without data, and what is there of it."""
    family, version = scan.distribution
    if family in scan.packages:
        bucket, parts = _DISTRIBUTIONS.get(family, (family, 1))
        number = (version.split() or [""])[0].split(".")[:parts]
        release = f"{bucket} {'.'.join(number)}".strip()
        if release not in buckets:
            yield release, f"{scan.packages[family]} packages of {release}"
    known = {name.partition("::")[0] for name in buckets if "::" in name}
    kinds = {kind for kind in scan.packages if kind != family}
    there = {_ECOSYSTEMS.get(kind, kind) for kind in kinds}
    for ecosystem in sorted(there - known):
        yield ecosystem, f"packages of {ecosystem}"
