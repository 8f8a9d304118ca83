"""Write the folder of a report as the pipeline does, of any size and with any names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGAN = "2026-11-30T10:00:00.000+00:00"
EPOCH = 1_796_032_800.0  # the same time
RULES = ("non-root-user", "healthcheck", "size-budget", "read-only-start")
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
INTEGRATION = "test-integration"
# What would be markup, or would end what it is in.
HOSTILE = """<script>alert(1)</script></script x><i>"'>&</style><!--]]>\u2028`${7}{{7*7}}"""


@dataclass(frozen=True)
class Report:
    """What is in a report; `text` is in every place that a project decides."""

    services: tuple[str, ...] = ("gateway", "agent")
    findings: int = 6
    tests: int = 5
    log: int = 2_000
    red: bool = True
    text: str = "plain"
    earlier: int = 2  # runs in its history before this one

    def write(self, folder: Path) -> Path:
        """Write everything; return the folder."""
        for name, content in self.files():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    def files(self) -> Iterator[tuple[str, Any]]:
        yield "summary.json", self.summary()
        yield "plan.json", self.plan()
        if self.earlier:
            yield "history.json", self.history()
        yield "evidence.json", self.evidence()
        yield "posture/posture.json", self.posture()
        yield "scan/scan.json", self.scan()
        yield "test/tests.json", {"schema": 2, "services": {name: self.suite(name) for name in self.services}}
        for name in self.services:
            yield f"test/{name}/junit.xml", self.junit(name)
            yield f"test/{name}/coverage.xml", self.coverage()
            yield f"test/{name}/output.txt", f"output of {self.text}\n"
            yield f"test/{name}/outcome.json", {"exit_code": 0, "at": EPOCH + 12.0, "seconds": 3.5}
        yield f"{INTEGRATION}/summary.json", self.integration()
        yield f"{INTEGRATION}/junit.xml", self.junit("")
        yield f"{INTEGRATION}/output.txt", "passed\n"
        yield f"{INTEGRATION}/outcome.json", {"exit_code": 0, "at": EPOCH + 20.0, "seconds": 6.25}
        yield f"{INTEGRATION}/logs/events.json", [*self.events()]
        for number, name in enumerate(self.services):
            line = f'{{"service": "{number}", "message": "request <b>{self.text}</b> & more"}}\n'
            yield f"{INTEGRATION}/logs/{name}.log", line * max(1, self.log // len(line))

    def summary(self) -> dict[str, Any]:
        failed = ["test", "scan"] if self.red else []
        steps = {"build": (0.0, 10.5), "posture": (10.5, 4.2), "test": (10.5, 30.0), "scan": (10.5, 7.1)}
        steps[INTEGRATION] = (10.5, 22.75)
        return {
            "schema": 2,
            "failed": failed,
            "images": {
                name: {
                    "service": name,
                    "digest": f"sha256:{number:064x}",
                    "size": 50_000_000 + number,
                    "built": number % 2 == 0,
                    "posture": "passes",
                    "tests": "1 failed" if self.red else "passed",
                    "scan": "fails" if self.red else "passes",
                    "base": f"python:3.13@sha256:{7:064x}",
                }
                for number, name in enumerate(self.services)
            },
            "steps": {
                name: {
                    "name": name,
                    "outcome": f"failed: {self.text}" if name in failed else "passed",
                    "failed": name in failed,
                    "seconds": seconds,
                    "started": started,
                }
                for name, (started, seconds) in steps.items()
            },
            "project": self.text,
            "began": BEGAN,
        }

    def plan(self) -> dict[str, Any]:
        return {
            "project": self.text,
            "left_out": {},
            "services": [
                {
                    "name": name,
                    "image_is": "built",
                    "reference": f"{self.text}:dev",
                    "ports": [{"target": 8000, "published": str(8000 + number), "protocol": "tcp"}],
                    "waits_for": {self.services[(number - 1) // 3]: "service_healthy"} if number else {},
                    "networks": ["default", f"back-{number % 3}"],
                }
                for number, name in enumerate(self.services)
            ],
        }

    def evidence(self) -> dict[str, Any]:
        reused = {"run": "https://example.com/runs/7", "at": "2026-11-29T08:00:00+00:00", "where": ""}
        claims: list[dict[str, Any]] = [
            {"gate": "unit-tests", "name": name, "key": f"unit-tests-{number:064x}", "reused": None}
            for number, name in enumerate(self.services)
        ]
        claims[0]["reused"] = reused
        return {"repository": f"registry.example/{self.text}", "claims": claims}

    def history(self) -> dict[str, Any]:
        sizes = {name: 50_000_000 + number for number, name in enumerate(self.services)}
        suites = {
            name: {"inputs": f"sha256:{name}", "passed": False, "failed": ["test_it.test_red"]}
            for name in self.services
        }
        earlier = [
            {
                "began": f"2026-11-{number + 1:02}T10:00:00.000+00:00",
                "sizes": {name: size - 1_000_000 * (self.earlier - number) for name, size in sizes.items()},
                "suites": {name: {**each, "passed": True, "failed": []} for name, each in suites.items()}
                if self.red
                else suites,
            }
            for number in range(self.earlier)
        ]
        suites = {name: {**each, "passed": not self.red} for name, each in suites.items()}
        return {"schema": 1, "runs": [*earlier, {"began": BEGAN, "sizes": sizes, "suites": suites}]}

    def posture(self) -> dict[str, Any]:
        layer = {"digest": "sha256:aa", "base": True, "size": 30_000_000, "files": 900, "bytes": 80_000_000}
        layer |= {"wasted": 77_515, "largest": [["/usr/lib/x.so", 9_000_000]], "instruction": ""}
        own = layer | {"base": False, "size": 20_000_000, "instruction": f"COPY {self.text} /app"}
        broken = {"rule": "size-budget", "found": [f"50 MB: {self.text}"], "names": [self.text]}
        broken |= {"why": "it is slow to start", "do": "remove files", "waiver": f"until 2027 ({self.text})"}
        waivers = [{"rule": "size-budget", "service": name, "names": []} for name in self.services[:2]]
        return {
            "schema": 1,
            "failures": [],
            "waivers": [
                each | {"reason": self.text, "until": f"2027-0{9 - number}-01", "status": "used"}
                for number, each in enumerate(waivers)
            ],
            "images": {
                name: {
                    "digest": f"sha256:{number:064x}",
                    "size": 50_000_000 + number,
                    "layers": [layer, own],
                    "broken": [broken],
                    "kept": [rule for rule in RULES if rule != "size-budget"],
                }
                for number, name in enumerate(self.services)
            },
        }

    def scan(self) -> dict[str, Any]:
        subjects: dict[str, Any] = {
            name: {"digest": f"sha256:{number:064x}", "findings": []}
            for number, name in enumerate(self.services)
        }
        for number in range(self.findings):
            name = self.services[number % len(self.services)]
            subjects[name]["findings"].append(self.finding(number))
        change = f"upgrade {self.text}-0 from 1.0.0 to 2.0.0"
        removed = [number for number in range(self.findings) if number % 7 == 0]
        return {
            "schema": 1,
            "failures": list(self.services) if self.red else [],
            "scanner": "0.74.0",
            "database": {
                "updated_at": "2026-11-30T00:00:00+00:00",
                "origin": "registry/db",
                "note": self.text,
            },
            "changes": [
                {
                    "text": change,
                    "removes": [f"CVE-2026-{number}" for number in removed],
                    "subjects": [*self.services],
                }
            ]
            if removed
            else [],
            "exceptions": [
                {
                    "id": "CVE-2025-1",
                    "section": "vulnerabilities",
                    "reason": self.text,
                    "until": "2026-12-24",
                    "status": "used",
                    "covers": 1,
                }
            ],
            "warnings": [f"{self.text}: a warning"],
            "errors": {},
            "subjects": subjects,
        }

    def finding(self, number: int) -> dict[str, Any]:
        finding = {
            "kind": "vulnerability",
            "id": f"CVE-2026-{number}",
            "severity": SEVERITIES[number % 4],
            "title": f"{self.text}: a length is not checked in part {number % 900} of the parser",
            "place": f"app/lib/python/{number % 60}",
            "package": f"{self.text}-{number % 7}",
            "version": "1.0.0",
            "fixed": "2.0.0",
            "upgrade_to": "2.0.0",
            "url": f"https://example.com/{number}",
            "status": "fails" if self.red and number % 2 == 0 else "passes",
        }
        return finding | (
            {"removed_by": f"upgrade {self.text}-0 from 1.0.0 to 2.0.0"} if number % 7 == 0 else {}
        )

    def suite(self, name: str) -> dict[str, Any]:
        failure = f"1 failed {self.text}" if self.red else ""
        return {
            "name": name,
            "tests": self.tests,
            "failed": int(self.red),
            "skipped": 1,
            "seconds": 3.5,
            "failure": failure,
            "output": f"{name}/output.txt",
            "cached": False,
            "note": "",
            "coverage": "50%",
            "inputs": f"sha256:{name}",
        }

    def junit(self, service: str) -> str:
        cases = [
            f"<testcase classname={quoteattr(self.text)} name={quoteattr(f'test_{number}')} "
            f'time="{number / 10}"/>'
            for number in range(self.tests - 2 if service else self.tests)
        ]
        if service:
            said = f'<failure message="assert 1 == 2">assert 1 == 2 {escape(self.text)}</failure>'
            failure = said if self.red else ""
            cases.append(f'<testcase classname="test_it" name="test_red" time="0.02">{failure}</testcase>')
            cases.append(
                '<testcase classname="test_it" name="test_old" time="0"><skipped message="x"/></testcase>'
            )
        return f'<testsuites><testsuite name="pytest">{"".join(cases)}</testsuite></testsuites>'

    def coverage(self) -> str:
        lines = "".join(f'<line number="{number}" hits="{number % 2}"/>' for number in range(1, 9))
        name = quoteattr(f"/opt/venv/lib/python3.13/site-packages/{self.text}/api.py")
        return (
            f"<coverage><packages><class filename={name}><lines>{lines}</lines></class></packages></coverage>"
        )

    def integration(self) -> dict[str, Any]:
        return {
            "outcome": "passed",
            "tests": self.tests,
            "failed": 0,
            "not_ready": {},
            "up_after": {name: 1.5 + number for number, name in enumerate(self.services)},
            "down_after": 4.25,
            "at": EPOCH + 11.0,
            "cached": False,
            "ended": {name: {"exit_code": 0, "error": "", "killed": False} for name in self.services},
        }

    def events(self) -> Iterator[dict[str, Any]]:
        for second, action in (
            (0.0, "create"),
            (0.5, "start"),
            (1.5, "health_status: healthy"),
            (9.0, "die"),
        ):
            for name in self.services:
                labels = {"com.docker.compose.service": name, "com.docker.compose.container-number": "1"}
                nanoseconds = int((EPOCH + 11.0 + second) * 1e9)
                yield {"Action": action, "Actor": {"ID": name, "Attributes": labels}, "timeNano": nanoseconds}
