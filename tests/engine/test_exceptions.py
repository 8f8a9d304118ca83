"""Exceptions files: our verdict against Trivy's own with the same file, without an engine's containers."""

from __future__ import annotations

import json
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import trivy_exceptions, trivy_image, trivy_process, trivy_scan
from ci.container_scripts.trivy_process import QUIET
from ci.scan import exceptions, gate, parse
from ci.scan.database import Database
from ci.scan.findings import SEVERITIES
from tests.engine.exceptions_files import PACKAGES, TODAY, generated
from tests.engine.image_layouts import metadata, pack
from tests.engine.trivy_database import PIP, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.engine
FILES = 500
# Two more calls of Trivy each.
LICENSE_FILES = 30
# `trivy fs` loads all its checks of configurations each time.
SOURCE_FILES = 8
MISCONFIGURATIONS = ("--scanners", "misconfig", "--misconfig-scanners", "dockerfile")
SITES = ("opt/app", "opt/worker", "opt/v2/deep", "srv/a b")
LICENSES = ("MIT", "GPL-3.0-only", "MIT AND Apache-2.0")
KEY = "\n".join(
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        *["MIIEowIBAAKCAQEAq3Zx8vQ2mT5r"] * 9,
        "-----END RSA PRIVATE KEY-----\n",
    ]
)
DOCKERFILE = "FROM scratch\nUSER root\n"
RULES = gate.Rules(frozenset(SEVERITIES), accepted_gaps=("ecosystem", "file"), denied=LICENSES)


@dataclass(frozen=True)
class Prepared:
    """An image that is analyzed, as we do and as Trivy does, a source, and the database."""

    trivy: str
    folder: Path
    database: Path

    def ours(self, text: str, work: Path, *, source: bool) -> set[tuple[str, ...]]:
        """Return what fails by our verdict."""
        exemptions = exceptions.read(text, TODAY)
        rules = work / "exceptions.yaml"
        rules.write_text(exemptions.for_trivy())
        given = str(rules) if exemptions.live else "-"
        if source:
            words = ["fs", *MISCONFIGURATIONS, str(self.folder / "source")]
            trivy_scan.scan(self.trivy, work / "ours", 60, given, words)
            subject = gate.SOURCE
        else:
            trivy_image.judge(self.trivy, self.folder / "analysis", work / "ours", 60, given, [])
            subject = "image"
        outcome = json.loads((work / "ours/outcome.json").read_text())
        report = (work / "ours/trivy.json").read_text()
        scan = parse.read(report, outcome["exit_code"], where=subject)
        database = Database(datetime.now(UTC), "", "", "", frozenset())
        verdict = gate.judge({subject: scan}, RULES, exemptions, database)
        return {(each.kind, each.id, each.package, each.place) for each in verdict.failing(subject)}

    def theirs(self, text: str, work: Path, *, source: bool) -> set[tuple[str, ...]]:
        """Return what Trivy reports with the file as it is."""
        rules, output = work / ".trivyignore.yaml", work / "theirs.json"
        rules.write_text(text)
        if source:
            words = ["fs", *MISCONFIGURATIONS, str(self.folder / "source")]
        else:
            scanners = ("--scanners", "vuln,secret,license", "--input", str(self.folder / "thin"))
            words = ["image", *scanners]
        command = [self.trivy, words[0], *QUIET, "--quiet", "--cache-backend", "memory", *words[1:]]
        command += [
            "--cache-dir",
            str(self.folder / "cache"),
            "--ignorefile",
            str(rules),
            "--format",
            "json",
            "--output",
            str(output),
        ]
        subprocess.run(command, check=True, capture_output=True)
        results = json.loads(output.read_text()).get("Results") or []
        found: set[tuple[str, ...]] = set()
        for result in results:
            for item in result.get("Vulnerabilities") or ():
                found.add(("vulnerability", item["VulnerabilityID"], item["PkgName"], item["PkgPath"]))
            for item in result.get("Secrets") or ():
                found.add(("secret", item["RuleID"], "", result["Target"]))
            for item in result.get("Misconfigurations") or ():
                found.add(("misconfiguration", item["ID"], "", result["Target"]))
            for item in result.get("Licenses") or ():
                found.add(("license", item["Name"], item["PkgName"], item["FilePath"]))
        return found


@pytest.fixture(scope="module")
def prepared(trivy: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("exceptions")
    advisories = {
        name: {identifier: (f"<={version}", f"{version}.1")}
        for name, (version, identifier) in PACKAGES.items()
    }
    write(folder / "cache/db", {PIP: advisories}, "2026-01-01T00:00:00Z")
    files = {
        f"{site}/{name}-{version}.dist-info/METADATA": metadata(name, version, license_name)
        for site in SITES
        for (name, (version, _)), license_name in zip(PACKAGES.items(), LICENSES, strict=True)
    }
    files |= {f"{site}/key.pem": KEY.encode() for site in SITES}
    pack(folder / "image.tar", files)
    for name in ("one", "two", "three"):
        (folder / "source" / name).mkdir(parents=True)
        (folder / "source" / name / "Dockerfile").write_text(DOCKERFILE)
    trivy_image.analyze(str(trivy), folder / "image.tar", folder, 60, None)
    made = Prepared(str(trivy), folder, folder / "cache/db")
    unpacked = trivy_process.unpacked(str(folder / "image.tar"), folder / "thin")
    assert unpacked == str(folder / "thin")
    return made


@pytest.fixture(scope="module", autouse=True)
def database(prepared: Prepared) -> Any:  # noqa: ANN401 - a generator
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trivy_image, "DATABASE", prepared.database)
        patch.setattr(trivy_scan, "CACHE", prepared.folder / "cache")
        yield


def differences(
    prepared: Prepared, folder: Path, count: int, sections: Sequence[str]
) -> tuple[list[str], set[int]]:
    """Return the files for which the verdicts differ, and how many findings there were left."""
    source = sections == ("misconfigurations",)

    def one(number: int) -> tuple[str, int]:
        seeded = random.Random(number)  # noqa: S311 - the same files each time
        text = generated(seeded, sections)
        work = folder / str(number)
        work.mkdir()
        ours = prepared.ours(text, work, source=source)
        theirs = prepared.theirs(text, work, source=source)
        return ("" if ours == theirs else f"{text}\n{ours ^ theirs}"), len(theirs)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        done = list(threads.map(one, range(count)))
    return [text for text, _ in done if text], {left for _, left in done}


@pytest.mark.long
def test_an_image_s_verdict_is_trivy_s_with_the_same_file(prepared: Prepared, tmp_path: Path) -> None:
    different, left = differences(prepared, tmp_path, FILES, ("vulnerabilities", "secrets"))
    assert different == []
    assert len(left) > 5  # the files do let through different findings


def test_what_is_decided_of_licenses_is_trivy_s_with_the_same_file(
    prepared: Prepared, tmp_path: Path
) -> None:
    different, left = differences(prepared, tmp_path, LICENSE_FILES, ("licenses",))
    assert different == []
    assert len(left) > 2


@pytest.mark.long
def test_a_source_s_verdict_is_trivy_s_with_the_same_file(prepared: Prepared, tmp_path: Path) -> None:
    different, left = differences(prepared, tmp_path, SOURCE_FILES, ("misconfigurations",))
    assert different == []
    assert len(left) > 1


def entry(identifier: str, *paths: str) -> dict[str, Any]:
    last = str(TODAY + timedelta(days=60))
    return {"id": identifier, "statement": "why", "expired_at": last, "paths": list(paths)}


def test_braces_classes_and_stars_are_those_of_trivy(prepared: Prepared, tmp_path: Path) -> None:
    found = partial(prepared.ours, work=tmp_path, source=False)
    entries = [
        entry("CVE-2023-37920", "opt/{app,worker}/**"),
        entry("CVE-2023-37920", "opt/[a-b]pp/**"),
        entry("CVE-2023-37920", "opt/v2/**METADATA"),
    ]
    left = {
        each[3].rpartition("/certifi")[0]
        for each in found(json.dumps({"vulnerabilities": entries}))
        if each[2] == "certifi" and each[0] == "vulnerability"
    }
    assert left == {"opt/v2/deep", "srv/a b"}


def test_a_check_is_let_through_under_each_of_its_names(prepared: Prepared, tmp_path: Path) -> None:
    names = {"one": "AVD-DS-0002", "two": "DS002", "three": "least-privilege-user"}
    entries = [entry(identifier, f"{name}/Dockerfile") for name, identifier in names.items()]
    found = prepared.ours(json.dumps({"misconfigurations": entries}), tmp_path, source=True)
    assert "DS-0002" not in {each[1] for each in found}
    assert "DS-0002" in {each[1] for each in prepared.ours("", tmp_path, source=True)}


def test_what_trivy_refuses_is_found_entry_by_entry(prepared: Prepared) -> None:
    good, pattern, package = (
        {"id": "CVE-1"},
        {"id": "CVE-2", "paths": ["opt/["]},
        {"id": "CVE-3", "purls": ["urllib3"]},
    )
    wrong = trivy_exceptions.check(prepared.trivy, {"vulnerabilities": [good, pattern, package]})
    assert [(each["section"], each["number"]) for each in wrong] == [
        ("vulnerabilities", 2),
        ("vulnerabilities", 3),
    ]
    assert all(each["message"] for each in wrong)
    assert trivy_exceptions.check(prepared.trivy, {"vulnerabilities": [good]}) == []


def test_an_entry_that_ended_yesterday_lets_nothing_through(prepared: Prepared, tmp_path: Path) -> None:
    ended = {**entry("private-key"), "expired_at": str(date.fromordinal(TODAY.toordinal() - 1))}
    del ended["paths"]
    text = json.dumps({"secrets": [ended]})
    keys = {each for each in prepared.ours(text, tmp_path, source=False) if each[0] == "secret"}
    assert len(keys) == len(SITES)
