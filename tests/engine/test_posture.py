"""The posture gate on real images: ours comply with every rule, and each violation is reported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

PROJECT = FIXTURES / "posture"
# The rule that each service of the fixture violates, and a part of the message.
BROKEN = {
    ("root", "non-root-user"): "no USER: it runs as root",
    ("env-secret", "no-secret-settings"): "ENV API_KEY has a value",
    ("writes", "read-only-start"): "Read-only file system: '/app/state'",
    ("stays", "stops-in-time"): "still runs 1 s after SIGTERM",
    ("large", "size-budget"): "head -c 2000000",
    ("files", "no-setuid"): "/app/tool (4755)",
    ("files", "no-build-tools"): "/usr/bin/gcc",
    ("files", "no-caches"): "/root/.cache/uv/x",
    ("files", "no-unexpected-pth"): "extra.pth",
    ("files", "root-owned"): "/app/serve.py (10001:0)",
    ("files", "no-secret-files"): "/app/vault: a KeePass database",
    ("tagged", "pinned-base"): "python:3.13-slim-trixie",
    ("tagged", "healthcheck"): "no HEALTHCHECK",
    ("tagged", "non-root-user"): "USER app is a name",
    ("tagged", "ports-match"): "the compose file has port 8000/tcp",
}


def test_our_images_keep_every_rule(dagger: Dagger) -> None:
    called = dagger.call("posture")
    assert called.code == 0, called.error
    rows = called.stdout.splitlines()
    assert len(rows) == 6
    assert all("15 of 15" in row for row in rows[1:])


def _report(source: Path, output: Path) -> list[str]:
    return ["--source", str(source), "report", "--only", "posture", "export", "--path", str(output)]


@pytest.fixture(scope="module")
def report(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("report")
    called = dagger.call(*_report(PROJECT, folder))
    output = folder / "posture"
    assert called.code == 0, called.error
    assert (output / "posture.md").read_text().startswith("## Posture: failed")
    data: dict[str, Any] = json.loads((output / "posture.json").read_text())
    return data


@pytest.mark.parametrize(("service", "rule"), BROKEN)
def test_a_broken_rule_is_found(report: dict[str, Any], service: str, rule: str) -> None:
    broken = {each["rule"]: each for each in report["images"][service]["broken"]}
    assert BROKEN[service, rule] in "\n".join(broken[rule]["found"])


def test_nothing_else_is_broken(report: dict[str, Any]) -> None:
    found = {
        (name, each["rule"])
        for name, image in report["images"].items()
        for each in image["broken"]
        if name != "tagged"
    }
    assert found == {key for key in BROKEN if key[0] != "tagged"}
    assert report["images"]["sound"]["broken"] == []


def test_the_call_fails_with_the_rule_s_text(dagger: Dagger) -> None:
    called = dagger.call("--source", str(PROJECT), "posture", "--only", "sound,root")
    assert called.code == 1
    assert "Code: posture.failed" in called.error
    assert "root: non-root-user" in called.error
    assert "Traceback" not in called.stderr


def test_no_image_gets_through_the_gate_with_a_broken_rule(dagger: Dagger) -> None:
    called = dagger.call("--source", str(PROJECT), "gate")
    assert called.code == 1
    red = "env-secret, files, large, root, stays, tagged, writes"
    assert "Code: posture.failed" in called.error
    assert red in called.error


def test_a_base_that_is_pinned_now_is_seen_though_the_image_is_the_same(
    dagger: Dagger, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")
    digests = set()
    for reference, pinned in {
        "debian:trixie-slim": False,
        f"debian:trixie-slim@sha256:{'0' * 64}": True,
    }.items():
        (tmp_path / "Dockerfile").write_text(f"FROM {reference}\nCMD sleep 60\n")
        output = tmp_path / f"report-{pinned}"
        called = dagger.call(*_report(tmp_path, output))
        assert called.code == 0, called.error
        image = json.loads((output / "posture" / "posture.json").read_text())["images"]["web"]
        assert ("pinned-base" in {each["rule"] for each in image["broken"]}) is not pinned
        digests.add(image["digest"])
    assert len(digests) == 1
