"""Write and read the statement that a gate passed, in the form of in-toto.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Every predicate has what the result
depended on as `configuration`, which is where test-result has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ci.evidence import claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ci.evidence.claims import Claim

__all__ = ["MEDIA_TYPE", "Run", "UnusableError", "about", "passed", "read", "released", "write"]

MEDIA_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_TESTED = "tested image"
_BUILD_TYPE = "https://github.com/docker/buildx/bake"
_VERIFIER = "urn:containerise:gate"
_CLOCK = timedelta(minutes=10)  # how far two machines' clocks may be apart

Json = dict[str, Any]


class UnusableError(Exception):
    """A statement that proves nothing here; the text says why."""


@dataclass(frozen=True)
class Run:
    """Where and when a gate passed. `url` is empty for a run without an address; `machine` is its platform.

    `details` are of the gate: `tests` for unit tests, `scanner` and `database` for a scan.
    """

    url: str
    machine: str
    finished: datetime
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reused(self) -> dict[str, str]:
        """What a report says of a result that is known from this run."""
        at = self.finished.isoformat(timespec="seconds")
        return {"run": self.url, "at": at, "where": "" if self.url else f"a run on {self.machine}"}

    def __str__(self) -> str:
        return f"{self.url or f'a run on {self.machine}'}, {self.finished:%Y-%m-%d %H:%M}"


def write(claim: Claim, run: Run) -> str:
    """Return the statement, as JSON."""
    return about(_unaddressed(claim, run, claim.all_given), claim.subjects)


def about(statement: Json, subjects: Mapping[str, str]) -> str:
    """Return a statement without a subject as one about these images, as JSON."""
    return json.dumps({**statement, "subject": _described(subjects)}, sort_keys=True)


def released(claim: Claim, run: Run, service: str) -> Json:
    """Return what was proven of an image, without its subject.

    Labels are added to an image when it is released, so the digest that was tested is one of the things
    that the result depended on.
    """
    return _unaddressed(claim, run, {**claim.all_given, _TESTED: claim.subjects[service]})


def passed(text: str, digest: str) -> str:
    """Return the gate that a statement proves to have passed for a digest; "" for any other text."""
    try:
        statement: Json = json.loads(text)
        predicate: Json = statement["predicate"]
        gate = str(predicate["gate"])
        (subject,) = _digests(statement["subject"]).values()
        kinds = (statement["_type"], statement["predicateType"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    proves = kinds == (_STATEMENT, claims.TYPES.get(gate)) and predicate.get("result") in {None, "PASSED"}
    return gate if proves and subject == digest else ""


def _unaddressed(claim: Claim, run: Run, given: Mapping[str, str]) -> Json:
    predicate = _PREDICATES[claim.gate](claim, run)
    predicate["gate"] = claim.gate
    predicate["configuration"] = _described(given)
    predicate["run"] = {"url": run.url, "machine": run.machine, "seconds": run.seconds, **run.details}
    predicate["finishedOn"] = run.finished.isoformat(timespec="seconds")
    return {"_type": _STATEMENT, "predicateType": claims.TYPES[claim.gate], "predicate": predicate}


def read(text: str, claim: Claim, now: datetime, longest: timedelta) -> Run:
    """Return the run of a statement that proves the claim; raise for any other."""
    try:
        statement: Json = json.loads(text)
        predicate: Json = statement["predicate"]
        kinds = (statement["_type"], statement["predicateType"])
        subjects, given = _digests(statement["subject"]), _digests(predicate["configuration"])
        finished = datetime.fromisoformat(predicate["finishedOn"]).astimezone(UTC)
        run = {**predicate["run"]}
        found = Run(str(run.pop("url")), str(run.pop("machine")), finished, float(run.pop("seconds")), run)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableError(f"it is no statement of ours ({type(error).__name__})") from error
    if kinds != (_STATEMENT, claims.TYPES[claim.gate]):
        raise UnusableError(f"it is a {kinds[1]}")
    if claim.subjects and subjects != dict(claim.subjects):
        raise UnusableError("it is about other images")
    if given != claim.all_given:
        raise UnusableError("it depended on something else")
    if (result := predicate.get("result")) not in {None, "PASSED"}:
        raise UnusableError(f"its result is {result}")
    if found.finished > now + _CLOCK:
        raise UnusableError(f"it is of {found.finished:%Y-%m-%d %H:%M}, which is in the future")
    if now - found.finished > longest:
        raise UnusableError(f"it is of {found.finished:%Y-%m-%d}, older than {longest.days} days")
    return found


def _described(digests: Mapping[str, str]) -> list[Json]:
    """Return resource descriptors."""
    found = []
    for name, value in sorted(digests.items()):
        algorithm, _, encoded = value.partition(":")
        found.append({"name": name, "digest": {algorithm: encoded}})
    return found


def _digests(descriptors: list[Json]) -> dict[str, str]:
    found = {}
    for item in descriptors:
        ((algorithm, encoded),) = item["digest"].items()
        found[str(item["name"])] = f"{algorithm}:{encoded}"
    if len(found) != len(descriptors):
        raise ValueError("a name is there twice")
    return found


def _provenance(claim: Claim, run: Run) -> Json:
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {"project": claim.name},
            "resolvedDependencies": _described(claim.all_given),
        },
        "runDetails": {
            "builder": {"id": run.url or "urn:local"},
            "metadata": {"finishedOn": run.finished.isoformat(timespec="seconds")},
        },
    }


def _link(claim: Claim, _: Run) -> Json:
    return {"name": claim.title, "command": [], "materials": _described(claim.subjects), "byproducts": {}}


def _test_result(claim: Claim, run: Run) -> Json:
    return {"result": "PASSED", "url": run.url, "passedTests": [claim.title], "failedTests": []}


def _vulns(_: Claim, run: Run) -> Json:
    when = run.finished.isoformat(timespec="seconds")
    return {
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy",
            "version": run.details.get("scanner", ""),
            "db": run.details.get("database", {}),
            "result": run.details.get("vulnerabilities", []),
        },
        "metadata": {"scanStartedOn": when, "scanFinishedOn": when},
    }


def _policy(_: Claim, run: Run) -> Json:
    return {
        "verifier": {"id": _VERIFIER},
        "timeCreated": run.finished.isoformat(timespec="seconds"),
        "properties": ["POSTURE_PASSED"],
    }


_PREDICATES: dict[str, Callable[[Claim, Run], Json]] = {
    claims.BUILD: _provenance,
    claims.CONTENTS: _link,
    claims.POSTURE: _policy,
    claims.UNIT: _test_result,
    claims.SCAN: _vulns,
    claims.INTEGRATION: _test_result,
}
