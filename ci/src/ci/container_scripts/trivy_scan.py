"""Run Trivy on a folder, or on a tar that is unpacked for it, without a network.

    trivy_scan.py TRIVY OUTPUT SECONDS EXCEPTIONS ARGUMENT ... FOLDER

OUTPUT gets trivy.json and outcome.json: exit code, seconds, `inline` (where a comment makes Trivy pass
over findings) and `unread` (lock files from which it read no package): its report names neither.
EXCEPTIONS is the file of what is let through, or `-`. Where Trivy fails this ends with its exit code, and
nothing is cached.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

from ci.container_scripts import trivy_exceptions
from ci.container_scripts.trivy_process import QUIET, FailedError, cut_network, run, unpacked

# A word of a line, as Trivy's pkg/iac/ignore/parse.go finds it.
INLINE = re.compile(r"(?<!\S)[#/*]*(?:trivy|tfsec):(?:\S*:)?ignore:\S")
# Files that list packages. Trivy skips one that it cannot parse, with a line in its log only.
LOCKS = frozenset(
    {
        *("Cargo.lock", "Gemfile.lock", "Pipfile.lock", "Podfile.lock", "Package.resolved", "build.sbt.lock"),
        *(
            "bun.lock",
            "composer.lock",
            "conan.lock",
            "go.mod",
            "gradle.lockfile",
            "mix.lock",
            "package-lock.json",
        ),
        *("packages.lock.json", "pnpm-lock.yaml", "poetry.lock", "pubspec.lock", "pylock.toml"),
        *("requirements.txt", "uv.lock", "yarn.lock"),
    }
)
# Trivy looks into neither.
NOT_ENTERED = frozenset({".git", "node_modules"})
CACHE = Path("/cache")


def scan(trivy: str, output: Path, seconds: float, exceptions: str, arguments: list[str]) -> None:
    """Run Trivy, and write its report and the outcome."""
    output.mkdir(parents=True, exist_ok=True)
    report = output / "trivy.json"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        words = [unpacked(argument, Path(work, "files")) for argument in arguments]
        exit_code = run(
            trivy,
            [
                words[0],
                *QUIET,
                "--cache-dir",
                str(CACHE),
                "--cache-backend",
                "memory",
                *trivy_exceptions.flags(exceptions),
                *words[1:],
            ],
            report,
            seconds,
            work,
        )
    if exceptions != "-":
        trivy_exceptions.add_licenses(trivy, report, exceptions)
    source = Path(arguments[-1])
    results = read_results(report)
    outcome = {
        "exit_code": exit_code,
        "seconds": round(time.monotonic() - started, 2),
        "inline": inline(results, source),
        "unread": unread(results, source, options(arguments, "--skip-dirs")) if source.is_dir() else [],
    }
    (output / "outcome.json").write_text(json.dumps(outcome))


def read_results(report: Path) -> list[dict[str, Any]]:
    """Return the report's results; what is wrong with it is for its reader to say."""
    try:
        results: list[dict[str, Any]] = json.loads(report.read_text()).get("Results") or []
    except (json.JSONDecodeError, AttributeError):
        return []
    return results


def options(arguments: list[str], name: str) -> list[str]:
    """Return the values of an option that may be given several times."""
    return [value for word, value in pairwise(arguments) if word == name]


def inline(results: list[dict[str, Any]], source: Path) -> list[str]:
    """Return FILE:LINE of each comment that makes Trivy pass over findings in a configuration it read."""
    read = sorted({each["Target"] for each in results if each.get("Class") == "config"})
    return [
        f"{name}:{number}"
        for name in read
        if (source / name).is_file()
        for number, line in enumerate((source / name).read_text(errors="replace").split("\n"), 1)
        if INLINE.search(line)
    ]


def unread(results: list[dict[str, Any]], source: Path, skipped: list[str]) -> list[str]:
    """Return the lock files of which the report has no package, but those that have no content."""
    read = {each["Target"] for each in results if each.get("Packages")}
    found = []
    for folder, below, names in os.walk(source):
        below[:] = sorted(
            name
            for name in below
            if name not in NOT_ENTERED
            and not any(fnmatchcase(str(Path(folder, name)), pattern) for pattern in skipped)
        )
        for name in sorted(LOCKS.intersection(names)):
            path = Path(folder, name)
            place = path.relative_to(source).as_posix()
            if place not in read and path.is_file() and path.read_bytes().strip():
                found.append(place)
    return found


def main(arguments: list[str]) -> None:
    """Scan."""
    match arguments:
        case [trivy, output, seconds, exceptions, *rest] if rest:
            cut_network()
            try:
                scan(trivy, Path(output), float(seconds), exceptions, rest)
            except FailedError as error:
                print(error, file=sys.stderr)
                sys.exit(error.code)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
