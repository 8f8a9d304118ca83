"""Read a run from the folder of its report: JSON documents, test results and logs.

Texts are cut so that a page of any run stays small. Whoever shows a cut text says so and names the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from ci.errors import PipelineError
from ci.report import documents, history, model, packages, read_stack, read_tests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["EARLIER_FILES", "FILES", "INTEGRATION", "INTEGRATION_TESTS", "START", "read"]

T = TypeVar("T")

# What is read. The rest of a report is large, and the page only refers to it.
FILES = (
    "summary.json",
    "plan.json",
    "earlier.json",
    "evidence.json",
    history.NAME,
    "*/error.txt",
    "posture/posture.json",
    "scan/scan.json",
    "test/tests.json",
    "test/*/junit.xml",
    "test/*/coverage.xml",
    "test/*/output.txt",
    "test/*/outcome.json",
    "test-integration/summary.json",
    "test-integration/junit.xml",
    "test-integration/output.txt",
    "test-integration/outcome.json",
    "test-integration/logs/*.log",
    "test-integration/logs/events.json",
)
# What is read of both runs, if there is an earlier one.
EARLIER_FILES = (packages.SBOM.format("*"), history.NAME)
INTEGRATION = "test-integration"
# What its parts are called; no service can have a name with a space.
INTEGRATION_TESTS = "integration tests"
START = "start of the stack"
# Bytes of all logs together, and of all outputs of failed suites together.
_LOGS, _OUTPUTS = 2_500_000, 500_000
# The part of a cut text that is its beginning: what went wrong is usually at its end.
_HEAD = 0.25


def read(folder: Path, earlier: Path | None = None) -> model.Run:
    """Read a run; documents that do not exist are those of gates that did not run.

    `earlier` is the folder of the run that earlier.json is of. A report that has a history already keeps it.
    """
    summary = _decoded(folder / "summary.json", documents.Summary)
    tests = _document(folder, "test/tests.json", documents.Tests)
    suites = {f"test/{name}": name for name in (tests.services if tests else ())} | {
        INTEGRATION: INTEGRATION_TESTS
    }
    events = read_stack.events(folder / INTEGRATION / "logs" / "events.json")
    integration = _document(folder, f"{INTEGRATION}/summary.json", documents.Integration)
    cases = tuple(read_tests.cases(folder, suites))
    past = _history(folder, earlier, history.entry(summary, _inputs(tests, integration), cases))
    ran = {name: _document(folder, f"{place}/outcome.json", model.Ran) for place, name in suites.items()}
    if events and integration:
        ran[START] = model.Ran(events[0].seconds, max(integration.up_after.values(), default=0))
    return model.Run(
        summary=summary,
        posture=_document(folder, "posture/posture.json", documents.Posture),
        tests=tests,
        scan=_document(folder, "scan/scan.json", documents.Scan),
        integration=integration,
        plan=_document(folder, "plan.json", documents.Plan),
        evidence=_document(folder, "evidence.json", documents.Evidence),
        earlier=_document(folder, "earlier.json", documents.Summary),
        cases=cases,
        coverage=tuple(read_tests.coverage(folder, suites)),
        logs=_logs(folder, sorted(folder.glob(f"{INTEGRATION}/logs/*.log")), _LOGS),
        outputs={
            suites[log.path.rpartition("/")[0]]: log
            for log in _logs(folder, [folder / place / "output.txt" for place in suites], _OUTPUTS)
        },
        errors={path.parent.name: path.read_text() for path in sorted(folder.glob("*/error.txt"))},
        lives=read_stack.lives(events),
        ran={name: each for name, each in ran.items() if each},
        packages=_packages(folder, earlier, summary) if earlier else {},
        history=past,
        flaky=tuple(history.flaky(past, cases)),
        files=tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())),
    )


def _inputs(
    tests: documents.Tests | None, integration: documents.Integration | None
) -> dict[str, tuple[str, bool]]:
    """Map each suite to the digest of its inputs, and to whether it passed."""
    found = {
        name: (suite.inputs, not suite.failure) for name, suite in (tests.services if tests else {}).items()
    }
    if integration:
        found[INTEGRATION_TESTS] = (integration.inputs, integration.outcome == "passed")
    return found


def _history(folder: Path, earlier: Path | None, now: model.Entry) -> model.History:
    own = folder / history.NAME
    if own.is_file():
        return history.read(own.read_bytes())
    before = earlier / history.NAME if earlier else own
    return history.added(history.read(before.read_bytes()) if before.is_file() else model.History(), now)


def _packages(
    folder: Path, earlier: Path, summary: documents.Summary
) -> dict[str, tuple[model.PackageChange, ...] | None]:
    places = {name: packages.SBOM.format(name) for name in summary.images}
    return {name: packages.changes(folder / place, earlier / place) for name, place in places.items()}


def _document(folder: Path, name: str, kind: type[T]) -> T | None:
    path = folder / name
    return _decoded(path, kind) if path.is_file() else None


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise PipelineError(
            "report.folder-invalid",
            f"{path.name} is not from a report: {error}",
            hint="pass the folder of a report that this version made: report export --path FOLDER",
        ) from error


def _logs(folder: Path, paths: Iterable[Path], most: int) -> tuple[model.Log, ...]:
    """Read texts of which all together have `most` bytes: large ones share what small ones leave."""
    sizes = {path: path.stat().st_size for path in paths if path.is_file()}
    left, shares = most, {}
    for number, (path, size) in enumerate(sorted(sizes.items(), key=lambda each: each[1])):
        shares[path] = min(size, left // (len(sizes) - number))
        left -= shares[path]
    return tuple(_log(folder, path, size, shares[path]) for path, size in sizes.items())


def _log(folder: Path, path: Path, size: int, most: int) -> model.Log:
    name = path.stem if path.suffix == ".log" else path.parent.name
    place = str(path.relative_to(folder))
    if size <= most:
        return model.Log(name, place, size, path.read_bytes().decode(errors="replace"))
    with path.open("rb") as file:
        head = file.read(int(most * _HEAD)).rpartition(b"\n")[0]
        file.seek(size - int(most * (1 - _HEAD)))
        tail = file.read().partition(b"\n")[2]
    cut = size - len(head) - len(tail)
    text = head.decode(errors="replace") + f"\n… {cut} bytes are left out here …\n"
    return model.Log(name, place, size, text + tail.decode(errors="replace"), cut)
