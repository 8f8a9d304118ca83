from __future__ import annotations

from dataclasses import replace

import pytest

from ci.platforms import Platforms, check_skipped, choose, fits, named, parse, service_of, skipped
from tests.raised import raises

AMD, ARM, V7 = "linux/amd64", "linux/arm64", "linux/arm/v7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), (ARM, (ARM,)), ("linux/amd64, linux/arm64", (AMD, ARM)), (f"{V7},{AMD}", (V7, AMD))],
)
def test_platforms_are_separated_by_commas(text: str, expected: tuple[str, ...]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["arm64", "linux/vax", "windows/amd64", "linux/arm64,", "linux/arm64/v8/9"])
def test_another_platform_is_refused(text: str) -> None:
    with raises("build.unknown-platform", "--platform", "linux/riscv64"):
        parse(text)


def test_a_platform_that_is_there_twice_is_refused() -> None:
    with raises("build.platform-twice", "--platform: linux/arm64"):
        parse(f"{ARM},{AMD},{ARM}")
    with raises("build.platform-twice", "services.web.build.platforms: linux/amd64"):
        choose((), {"web": (AMD, AMD)}, AMD)


def test_services_may_have_different_platforms_and_one_is_the_builds_own_affair() -> None:
    written = {"web": (AMD, ARM), "worker": (AMD, ARM, V7), "job": (ARM,), "plain": ()}
    chosen = choose((), written, AMD)
    assert chosen == Platforms(AMD, services={"web": (AMD, ARM), "worker": (AMD, ARM, V7)})
    assert chosen.others == {ARM: ["web", "worker"], V7: ["worker"]}


def test_what_is_asked_for_counts_for_all_and_one_platform_is_no_list() -> None:
    written = {"web": (AMD, ARM, V7), "job": (ARM,)}
    chosen = choose((ARM, AMD), written, AMD)
    assert chosen == Platforms(AMD, single=AMD, services={"web": (ARM, AMD), "job": (ARM, AMD)})
    assert choose((ARM,), written, AMD) == Platforms(AMD, single=ARM)


def test_platforms_without_the_engines_own_are_refused() -> None:
    with raises("build.own-platform-missing", "service 'web'", f"{ARM}, {V7}", AMD):
        choose((), {"web": (ARM, V7)}, AMD)


def test_each_image_of_a_service_has_a_name() -> None:
    chosen = choose((), {"web": (ARM, AMD, V7)}, AMD)
    assert chosen.images("web") == {"web@arm64": ARM, "web": AMD, "web@arm-v7": V7}
    assert chosen.images("plain") == {"plain": ""}
    assert [service_of(name) for name in (named("web", V7), "web")] == ["web", "web"]


def test_gates_that_run_an_image_are_skipped_for_another_platform() -> None:
    assert skipped("web", tests=True, integration=True) == ()
    assert skipped("web@arm64", tests=True, integration=True) == ("start", "unit", "integration")
    assert skipped("web@arm64", tests=False, integration=False) == ("start",)


def test_a_gate_that_must_not_be_skipped_is_an_error_where_there_is_another_platform() -> None:
    several = choose((), {"web": (AMD, ARM)}, AMD)
    check_skipped(several, ("start", "unit", "integration"), "tool.ci.", integration=True)
    check_skipped(several, ("start", "unit"), "tool.ci.", integration=False)
    check_skipped(choose((), {"web": (AMD,)}, AMD), (), "tool.ci.", integration=True)
    check_skipped(replace(several, emulated=True), ("start", "integration"), "tool.ci.", integration=True)
    with raises("policy.gate-not-skippable", "tool.ci.skippable-gates lacks unit", ARM, f"--platform {AMD}"):
        check_skipped(several, ("start", "integration"), "tool.ci.", integration=True)


@pytest.mark.parametrize(
    ("config", "fitting"),
    [
        ({"os": "linux", "architecture": "arm"}, True),
        ({"os": "linux", "architecture": "arm64"}, False),
        ({"os": "windows", "architecture": "arm"}, False),
        ({}, False),
    ],
)
def test_a_config_tells_its_platform(config: dict[str, str], *, fitting: bool) -> None:
    assert fits(config, V7) == fitting
