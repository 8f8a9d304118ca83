"""The verdict of a run in a terminal, and what an earlier summary.json must be."""

from __future__ import annotations

import json

import msgspec
import pytest

from ci.report import summary
from ci.report.documents import Image, Step, Summary
from tests.raised import raises

SIZE = 56_000_000


def image(service: str, size: int = SIZE, *, built: bool = True) -> Image:
    return Image(service, "sha256:aa", size, built, "passes", "passed", "passes")


def step(name: str, *, failed: bool = False) -> Step:
    return Step(name, "failed: gateway" if failed else "passed", failed, 1.25)


def run(images: list[Image], *steps: Step) -> Summary:
    failed = tuple(each.name for each in steps if each.failed)
    by_name = {each.name: each for each in steps}
    return Summary(summary.SCHEMA, failed, {each.service: each for each in images}, by_name)


def test_a_green_run() -> None:
    text = summary.text(run([image("gateway"), image("agent", built=False)], step("scan")), None)
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
    found = run([image("gateway")], step("posture", failed=True), step("scan"))
    assert summary.text(found, None).startswith("Gate: failed in posture\n")
    assert json.loads(summary.write(found))["failed"] == ["posture"]


@pytest.mark.parametrize(
    ("size", "said"), [(SIZE, "none"), (SIZE + 1500, "+1.5 kB"), (SIZE - 2_000_000, "-2000.0 kB")]
)
def test_sizes_are_compared_with_an_earlier_run(size: int, said: str) -> None:
    earlier = summary.read(summary.write(run([image("gateway")])))
    assert f"  {said}  " in summary.text(run([image("gateway", size)]), earlier)


def test_an_image_that_was_not_there_is_new() -> None:
    assert "  new  " in summary.text(run([image("gateway")]), run([]))


def test_what_is_written_is_what_is_read() -> None:
    found = msgspec.structs.replace(run([image("gateway")], step("scan")), project="shop", began="2026-11-30")
    assert summary.read(summary.write(found)) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 2, "images": {"a": {}}}'])
def test_what_is_no_summary_is_refused(text: str) -> None:
    with raises("report.base-invalid"):
        summary.read(text)


def test_a_summary_of_another_version_is_refused() -> None:
    with raises("report.base-wrong-schema", "schema 3", "2"):
        summary.read('{"schema": 3, "images": {}}')


def test_what_did_not_run_for_a_platform_is_the_last_line_and_in_the_file() -> None:
    other = msgspec.structs.replace(image("gateway@arm64"), skipped=("start", "unit"))
    found = run([image("gateway"), other], step("scan"))
    assert summary.text(found, None).splitlines()[-1] == "skipped: gateway@arm64: start, unit"
    assert json.loads(summary.write(found))["images"]["gateway@arm64"]["skipped"] == ["start", "unit"]
