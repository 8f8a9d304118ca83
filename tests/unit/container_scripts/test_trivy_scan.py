"""The program that runs Trivy, with stand-ins for Trivy that behave as it was seen to."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ci.container_scripts import trivy_scan

PROGRAM = Path(trivy_scan.__file__)


def stand_in(folder: Path, body: str) -> Path:
    """Make a program that is called as Trivy is; `output` is what it was told to write."""
    path = folder / "trivy"
    lines = ["#!" + sys.executable, "import os, signal, sys, time", "a = sys.argv[1:]"]
    lines += ["output = a[a.index('--output') + 1]", body]
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 10])
def test_clean_and_findings_both_succeed_and_the_code_is_kept(tmp_path: Path, code: int) -> None:
    trivy = stand_in(tmp_path, f"open(output, 'w').write('{{}}'); sys.exit({code})")
    assert run("scan", trivy, tmp_path / "out", 30, "image").returncode == 0
    assert json.loads((tmp_path / "out/outcome.json").read_text())["exit_code"] == code


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_crash_ends_with_its_code_and_its_words(tmp_path: Path, code: int) -> None:
    trivy = stand_in(tmp_path, f"print('FATAL x', file=sys.stderr); sys.exit({code})")
    done = run("scan", trivy, tmp_path / "out", 30, "image")
    assert done.returncode == code
    assert "FATAL x" in done.stderr
    assert not (tmp_path / "out/outcome.json").exists()


def test_a_trivy_that_was_killed_is_a_crash(tmp_path: Path) -> None:
    trivy = stand_in(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert run("scan", trivy, tmp_path / "out", 30, "image").returncode == trivy_scan.CRASHED


def test_a_trivy_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    trivy = stand_in(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    done = run("scan", trivy, tmp_path / "out", 0.5, "image")
    assert done.returncode == trivy_scan.TIMED_OUT
    assert "not done within 0.5 s" in done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("#trivy:ignore:DS-0002", True),
        ("USER root # trivy:ignore:*", True),
        ("// tfsec:ignore:aws-s3", True),
        ("# trivy:exp:2099-01-01:ignore:DS-0002", True),
        ("# see the how-to for a trivy:ignore of ours", False),
        ("LABEL a=xtrivy:ignore:DS-0002", False),
    ],
)
def test_a_comment_that_trivy_obeys_is_found(tmp_path: Path, line: str, found: bool) -> None:  # noqa: FBT001 - a case
    source = tmp_path / "source"
    source.mkdir()
    (source / "Dockerfile").write_text(f"FROM scratch\n{line}\n")
    (source / "notes.txt").write_text("#trivy:ignore:DS-0002\n")
    results = {"Results": [{"Target": "Dockerfile", "Class": "config"}, {"Target": "uv.lock"}]}
    trivy = stand_in(tmp_path, f"open(output, 'w').write({json.dumps(results)!r})")
    assert run("scan", trivy, tmp_path / "out", 30, "fs", source).returncode == 0
    outcome = json.loads((tmp_path / "out/outcome.json").read_text())
    assert outcome["inline"] == (["Dockerfile:2"] if found else [])


def test_trivy_gets_no_variable_of_the_caller_and_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "canary")
    body = "open(output, 'w').write(repr(dict(os.environ)))"
    run("scan", stand_in(tmp_path, body), tmp_path / "out", 30, "image")
    text = (tmp_path / "out/trivy.json").read_text()
    assert "canary" not in text
    assert "'HOME': '/nonexistent'" in text


def test_trivy_cannot_open_a_network_socket(tmp_path: Path) -> None:
    body = """
import socket
words = []
socket.socketpair()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family)
        words.append(f'{family} open')
    except PermissionError:
        words.append('denied')
open(output, 'w').write(' '.join(words))
"""
    done = run("scan", stand_in(tmp_path, body), tmp_path / "out", 30, "image")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/trivy.json").read_text() == "denied denied denied"


def test_a_machine_whose_calls_are_not_known_is_refused() -> None:
    with pytest.raises(OSError, match="cannot be cut from the network on riscv64"):
        trivy_scan.no_network_filter("riscv64")


def test_a_packed_image_is_unpacked_for_trivy(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    with tarfile.open(tmp_path / "image.tar", "w") as image:
        image.add(tmp_path / "index.json", "index.json")
    body = "i = a[a.index('--input') + 1]; open(output, 'w').write(repr(os.listdir(i)))"
    run("scan", stand_in(tmp_path, body), tmp_path / "out", 30, "image", "--input", tmp_path / "image.tar")
    assert (tmp_path / "out/trivy.json").read_text() == "['index.json']"


def sarif(results: int, runs: int = 1) -> dict[str, Any]:
    rules = [{"properties": {"security-severity": "2.0"}}, {"properties": {"security-severity": "9.8"}}, {}]
    items = [{"ruleId": str(n), "ruleIndex": (0, 1, 2)[n % 3]} for n in range(results)]
    return {"runs": [{"tool": {"driver": {"rules": rules}}, "results": list(items)} for _ in range(runs)]}


def test_a_log_within_the_limits_stays_and_gets_its_category() -> None:
    log = sarif(trivy_scan.SARIF_RESULTS)
    assert trivy_scan.cap(log, "trivy/gateway") == []
    assert len(log["runs"][0]["results"]) == trivy_scan.SARIF_RESULTS
    assert log["runs"][0]["automationDetails"] == {"id": "trivy/gateway/"}
    assert "invocations" not in log["runs"][0]


def test_of_thirty_thousand_results_the_least_severe_are_cut_and_it_is_said() -> None:
    log = sarif(30_000)
    (said,) = trivy_scan.cap(log, "trivy/gateway")
    kept = log["runs"][0]["results"]
    assert said.startswith("the 5000 least severe of 30000 results left out")
    assert len(kept) == 25_000
    assert sum(each["ruleIndex"] == 1 for each in kept) == 10_000
    assert sum(each["ruleIndex"] == 0 for each in kept) == 10_000
    (notification,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == said


def test_of_more_than_twenty_runs_the_rest_is_cut_and_it_is_said() -> None:
    log = sarif(1, runs=22)
    assert trivy_scan.cap(log, "x") == ["2 of 22 runs left out: a file may have 20"]
    assert len(log["runs"]) == 20


def test_the_report_says_what_was_scanned_not_where_it_lay() -> None:
    report: dict[str, Any] = {
        "ArtifactName": "/somewhere/image",
        "Results": [{"Target": "/somewhere/image (debian 13.8)", "Class": "os-pkgs"}, {"Target": "Python"}],
    }
    trivy_scan.name_artifact(report, "gateway", "sha256:1")
    assert report["ArtifactName"] == "gateway"
    assert report["Metadata"]["RepoDigests"] == ["localhost/gateway@sha256:1"]
    assert [result["Target"] for result in report["Results"]] == ["gateway", "Python"]
    trivy_scan.name_artifact(report, "source", "")
    assert report["ArtifactName"] == "source"
