"""One summary of all gates: what is in it, and what an earlier one must be."""

from __future__ import annotations

import json

import pytest

from ci.report import summary
from tests.raised import raises

SIZE = 56_000_000


def image(service: str, size: int = SIZE, *, built: bool = True) -> summary.Image:
    return summary.Image(service, "sha256:aa", size, built, "passes", "passed", "passes")


def step(name: str, *, failed: bool = False) -> summary.Step:
    return summary.Step(name, "failed: gateway" if failed else "passed", failed, 1.25)


def test_a_green_run() -> None:
    text = summary.Summary([image("gateway"), image("agent", built=False)], [step("scan")]).text()
    assert text.splitlines() == [
        "Gate: passed",
        "",
        "service  digest     size     change  image   posture  unit tests  scan",
        "gateway  sha256:aa  56.0 MB  -       built   passes   passed      passes",
        "agent    sha256:aa  56.0 MB  -       cached  passes   passed      passes",
        "",
        "step  outcome  seconds",
        "scan  passed   1.2",
    ]


def test_a_red_run_names_its_red_steps() -> None:
    run = summary.Summary([image("gateway")], [step("posture", failed=True), step("scan")])
    assert run.text().startswith("Gate: failed in posture\n")
    assert run.markdown().startswith("# Gate: failed in posture\n")
    assert json.loads(run.json())["failed"] == ["posture"]


def test_the_gates_own_sections_follow() -> None:
    text = summary.Summary([image("gateway")], [step("scan")]).markdown(["## Scan: green\n", "## Posture"])
    assert text.endswith("| scan | passed | 1.2 |\n\n## Scan: green\n\n## Posture\n")


@pytest.mark.parametrize(
    ("size", "said"), [(SIZE, "none"), (SIZE + 1500, "+1.5 kB"), (SIZE - 2_000_000, "-2000.0 kB")]
)
def test_sizes_are_compared_with_an_earlier_run(size: int, said: str) -> None:
    earlier = summary.sizes(summary.Summary([image("gateway")], []).json())
    assert f"  {said}  " in summary.Summary([image("gateway", size)], [], earlier).text()


def test_an_image_that_was_not_there_is_new() -> None:
    assert "  new  " in summary.Summary([image("gateway")], [], {}).text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 2, "images": {"a": {}}}'])
def test_what_is_no_summary_is_refused(text: str) -> None:
    with raises("report.base-invalid"):
        summary.sizes(text)


def test_a_summary_of_another_version_is_refused() -> None:
    with raises("report.base-wrong-schema", "schema 3", "2"):
        summary.sizes('{"schema": 3, "images": {}}')
