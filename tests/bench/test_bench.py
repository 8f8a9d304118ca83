"""The benchmark's parts: the edits of cases, the cost of a run, and exceeded budgets."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from bench import growth, measure, overhead, report, sides, stack
from bench.cases import CASES
from bench.measure import Cost
from bench.peer import images, project

if TYPE_CHECKING:
    from pathlib import Path

ASSISTANT = "services/assistant/src/assistant_service/__init__.py"
EDITS = {
    "nothing": set(),
    "readme": {"README.md"},
    "source-line": {ASSISTANT},
    "dependency": {"services/assistant/pyproject.toml", "uv.lock"},
    "shared-package": {"services/common/src/aip_common/__init__.py"},
    "cold": set(),
    "two-at-once": {ASSISTANT},
}


def cost(seconds: float, code: int = 0) -> Cost:
    return Cost(seconds, 2 * seconds, 10_000_000, 20_000_000, 0, code)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_each_case_edits_what_it_is_called_after_and_twice_is_another_edit(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    project.checkout(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=before")
    assert set(EDITS) == set(CASES)
    for name, edit in CASES.items():
        for number in (1, 2, 8):
            edit(folder, number)
            assert set(git(folder, "diff", "--name-only").split()) == EDITS[name], name
            if EDITS[name]:
                git(folder, "commit", "--all", "--quiet", f"--message={name} {number}")


def test_a_run_is_measured_and_its_failure_is_kept(tmp_path: Path) -> None:
    done = measure.run(["sh", "-c", "exit 3"], tmp_path, disk=tmp_path, log=tmp_path / "log", limit=60)
    assert done.exit_code == 3
    assert done.seconds > 0
    late = measure.run(["sleep", "60"], tmp_path, disk=tmp_path, log=tmp_path / "log", limit=0.1)
    assert late.exit_code != 0


def test_the_table_has_the_factor_and_says_what_failed() -> None:
    cases = {
        "nothing": {
            "ours": report.summary([cost(2), cost(4), cost(3)]),
            "peer": report.summary([cost(60)]),
        },
        "cold": {"ours": report.summary([cost(9, code=1)])},
    }
    text = report.table(cases)
    assert "| nothing | ours | 3 | 3.0 | 2.0 to 4.0 | 20.0 | 6 | 10 | 20 | 0 |" in text
    assert "| cold | ours | 1 failed |" in text
    assert report.chart(cases).count("<rect") == 3


@pytest.mark.parametrize(("above", "imports", "found"), [(0.2, 0.2, 0), (0.4, 0.2, 1), (0.4, 0.5, 2)])
def test_a_budget_that_is_exceeded_is_named(above: float, imports: float, found: int) -> None:
    rows = {
        "ours, cached (services)": {"median": 0.7 + above},
        "empty module, cached": {"median": 0.7},
        overhead.IMPORT: {"median": imports},
    }
    assert len(overhead.exceeded(rows)) == found


def stacks(**more: float) -> dict[str, dict[str, float]]:
    seen = {f"{side}, {size}, up": 1 + 0.1 * size for side in ("ours", "peer") for size in stack.SIZES}
    seen |= {"ours, project, up": 11, "peer, project, up": 9, "ours, project, call": 30}
    seen |= {"ours, 50, down": 3, "peer, 50, down": 2}
    return {title: {"median": found} for title, found in {**seen, **more}.items()}


def test_a_stack_that_takes_too_long_beside_compose_is_named() -> None:
    assert stack.exceeded(stacks()) == []
    assert stack.exceeded(stacks(**{"ours, 30, up": 6.2})) == [
        "30: up after 6.2 s, 4.0 s with plain Compose; at most 1.15 times that and 1.5 s"
    ]
    assert stack.exceeded(stacks(**{"ours, 50, down": 3.6})) == [
        "50: down after 3.6 s, 2.0 s with plain Compose; at most 1 times that and 1.5 s"
    ]
    assert [text[:12] for text in stack.exceeded(stacks(**{"ours, project, up": 12}))] == ["project: up "]
    assert stack.exponent(stacks(), "ours") < 1 < stack.exponent(stacks(**{"ours, 50, up": 80}), "ours")
    assert len(json.loads(stack.project(30))["services"]) == 30


def test_plans_are_measured_with_all_their_services() -> None:
    seen = growth.measure(lambda _: None, sizes=(20, 40))
    assert [row["services"] for row in seen["rows"]] == [20, 40]
    assert all(row["plan"] > 0 for row in seen["rows"])


def test_two_pipelines_have_copies_commits_and_edits_of_their_own(tmp_path: Path) -> None:
    ours = sides.Ours(tmp_path / "first", tmp_path / "second", "127.0.0.1:5000")
    for folder in (ours.folder, ours.second):
        project.checkout(folder)
    CASES["two-at-once"](ours.folder, 8)
    shell, flag, script = sides.twice(ours, CASES["two-at-once"], 8, "all")
    assert (shell, flag) == ("sh", "-c")
    assert f"--chdir={ours.folder} " in script.partition(" & ")[0]
    assert f"--chdir={ours.second} " in script.partition(" & ")[2]
    assert (sides.commit(8) in script, sides.commit(9) in script) == (True, True)
    assert sides.commit(8)[:7] != sides.commit(9)[:7]
    assert (ours.folder / ASSISTANT).read_text() != (ours.second / ASSISTANT).read_text()


def test_a_push_by_itself_goes_to_new_repositories_with_every_gate_before_it(tmp_path: Path) -> None:
    ours = sides.Ours(tmp_path / "first", tmp_path / "second", "127.0.0.1:5000")
    assert "127.0.0.1:5000/bench-8" in ours.command(8, "push")
    before = ours.command(8, ours.before["push"])
    assert {"publish", "127.0.0.1:5000/bench"} <= set(before)


def test_stand_ins_replace_references_only_and_what_is_missing_is_named() -> None:
    services = {
        "cache": {"image": "redis:7.4.11-alpine@sha256:0"},
        "web": {"build": {"context": "."}, "image": "redis:7.4.11-alpine"},
        "board": {"image": "grafana/grafana:13.2.3"},
    }
    model = json.dumps({"services": services})
    text, missing = images.override(model)
    assert missing == ["board"]
    assert '"cache": {"image": "redis:7.4.11-alpine", "pull_policy": "never"}' in text
    assert '"web"' not in text


def test_a_docker_that_starts_empty_pulls_stand_ins_from_the_registry() -> None:
    model = json.dumps({"services": {"cache": {"image": "redis:7.4.11-alpine"}}})
    text, _ = images.override(model, "registry:5000")
    (service,) = json.loads(text)["services"].values()
    assert service["image"].startswith("registry:5000/")
    assert "pull_policy" not in service


@pytest.mark.parametrize(("writes", "keys"), [(True, {"cache-from", "cache-to"}), (False, {"cache-from"})])
def test_only_a_run_that_writes_the_layer_cache_names_a_place_for_it(*, writes: bool, keys: set[str]) -> None:
    found = project.Remote("registry:5000", "registry:5000/cache", writes).of_target("web")
    assert found.keys() == keys
    assert found["cache-from"] == ["type=registry,ref=registry:5000/cache:web"]
