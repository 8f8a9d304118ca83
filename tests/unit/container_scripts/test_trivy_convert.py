"""What Trivy's report becomes in other formats."""

from __future__ import annotations

from typing import Any

from ci.container_scripts import trivy_convert


def sarif(results: int, runs: int = 1) -> dict[str, Any]:
    rules = [{"properties": {"security-severity": "2.0"}}, {"properties": {"security-severity": "9.8"}}, {}]
    items = [{"ruleId": str(n), "ruleIndex": (0, 1, 2)[n % 3]} for n in range(results)]
    return {"runs": [{"tool": {"driver": {"rules": rules}}, "results": list(items)} for _ in range(runs)]}


def test_a_log_within_the_limits_stays_and_gets_its_category() -> None:
    log = sarif(trivy_convert.SARIF_RESULTS)
    assert trivy_convert.cap(log, "trivy/gateway") == []
    assert len(log["runs"][0]["results"]) == trivy_convert.SARIF_RESULTS
    assert log["runs"][0]["automationDetails"] == {"id": "trivy/gateway/"}
    assert "invocations" not in log["runs"][0]


def test_of_thirty_thousand_results_the_least_severe_are_cut_and_it_is_said() -> None:
    log = sarif(30_000)
    (said,) = trivy_convert.cap(log, "trivy/gateway")
    kept = log["runs"][0]["results"]
    assert said.startswith("the 5000 least severe of 30000 results left out")
    assert len(kept) == 25_000
    assert sum(each["ruleIndex"] == 1 for each in kept) == 10_000
    assert sum(each["ruleIndex"] == 0 for each in kept) == 10_000
    (notification,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == said


def test_of_more_than_twenty_runs_the_rest_is_cut_and_it_is_said() -> None:
    log = sarif(1, runs=22)
    assert trivy_convert.cap(log, "x") == ["2 of 22 runs left out: a file may have 20"]
    assert len(log["runs"]) == 20


def test_the_report_says_what_was_scanned_not_where_it_lay() -> None:
    report: dict[str, Any] = {
        "ArtifactName": "/somewhere/image",
        "Results": [{"Target": "/somewhere/image (debian 13.8)", "Class": "os-pkgs"}, {"Target": "Python"}],
    }
    trivy_convert.name_artifact(report, "gateway", "sha256:1")
    assert report["ArtifactName"] == "gateway"
    assert report["Metadata"]["RepoDigests"] == ["localhost/gateway@sha256:1"]
    assert [result["Target"] for result in report["Results"]] == ["gateway", "Python"]
    trivy_convert.name_artifact(report, "source", "")
    assert report["ArtifactName"] == "source"
