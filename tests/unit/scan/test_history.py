"""What is made of Trivy's report on a history, and what is said of how much there was."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from ci.container_scripts import git_history
from ci.scan import history, parse

if TYPE_CHECKING:
    from pathlib import Path


def report(*found: tuple[str, int]) -> dict[str, Any]:
    secret = {"RuleID": "github-pat", "Title": "GitHub Personal RegistryAccess Token", "Severity": "CRITICAL"}
    return {
        "SchemaVersion": 2,
        "Results": [
            {"Target": name, "Secrets": [{**secret, "StartLine": line, "EndLine": line}]}
            for name, line in found
        ],
    }


def archive(folder: Path, **texts: str) -> Path:
    path = folder / "history.tar"
    with tarfile.open(path, "w") as packing:
        for name, text in texts.items():
            (folder / "text").write_text(text)
            packing.add(folder / "text", name.replace("__", "/"))
    return path


def test_of_a_secret_in_many_versions_the_first_commit_is_named(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        **{"0000001-aaa__s.py": "x\nT=1\n", "0000002-bbb__s.py": "T=1\n", "0000003-ccc__s.py": "T=2\nT=1\n"},
    )
    found = report(("0000003-ccc/s.py", 1), ("0000002-bbb/s.py", 1), ("0000001-aaa/s.py", 2))
    git_history.first(path, found)
    assert [(each["Target"], each["Secrets"][0]["Commit"]) for each in found["Results"]] == [
        ("s.py", "aaa"),
        ("s.py", "ccc"),
    ]
    scan = parse.read(json.dumps(found), parse.FOUND, where=history.SUBJECT)
    assert [(each.place, each.line, each.commit) for each in scan.findings] == [
        ("s.py", 2, "aaa"),
        ("s.py", 1, "ccc"),
    ]
    assert scan.findings[0].title == "GitHub Personal RegistryAccess Token, introduced by commit aaa"


def test_a_report_without_secrets_stays_one(tmp_path: Path) -> None:
    found: dict[str, Any] = {
        "SchemaVersion": 2,
        "Results": [{"Target": "0000001-aaa/uv.lock", "Packages": []}],
    }
    git_history.first(archive(tmp_path), found)
    assert found["Results"] == []


def test_what_was_not_looked_at_is_said() -> None:
    whole = history.read(
        '{"commits": 2, "texts": 3, "shallow": false, "missing": 0, "large": 0, "limit": 1048576}'
    )
    assert whole.remark() == "history: 3 texts of 2 commits"
    part = history.History(1, 0, shallow=True, missing=4, large=5, limit=history.LIMIT).remark()
    assert "shallow clone" in part
    assert "5 files over 1024 KiB" in part
    assert "4 files that are not in this clone" in part
