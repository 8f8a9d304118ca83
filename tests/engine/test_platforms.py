"""One service for two platforms: built, judged, published as an index, verified and promoted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from tests.engine import platforms
from tests.engine.images import Image, sha256
from tests.engine.images import registry as registry_of_builds
from tests.engine.shops import ORIGIN, Shop, database
from tests.release import by_hand
from tests.release.registry import Registry

if TYPE_CHECKING:
    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

HANDLERS = Path("/proc/sys/fs/binfmt_misc")
TAG = "refs/tags/v1.2.3"


def copied(
    folder: Path, dockerfile: str = platforms.COPIED, settings: dict[str, list[str]] | None = None
) -> list[str]:
    """Write a project whose files only look like programs, and return its options."""
    platforms.project(folder, dockerfile, settings)
    for each in platforms.ARCHITECTURES:
        (folder / f"busybox-{each}").write_text(f"a program for {each}\n")
    return ["--source", str(folder)]


def test_what_is_only_copied_is_built_and_recorded_for_both(dagger: Dagger, tmp_path: Path) -> None:
    words = copied(tmp_path / "two")
    out = tmp_path / "report"
    called = dagger.call(*words, "report", "--only", "build", "export", "--path", str(out), "--wipe")
    assert called.code == 0, called.error
    images = json.loads((out / "build" / "build.json").read_text())["images"]
    assert {name: image["config"]["architecture"] for name, image in images.items()} == {
        "web": "amd64",
        "web@arm64": "arm64",
    }
    summary = json.loads((out / "summary.json").read_text())
    assert {name: image["skipped"] for name, image in summary["images"].items()} == {
        "web": [],
        "web@arm64": ["start"],
    }
    manifest = str(out / "build" / "build.json")
    called = dagger.call(*words, "reproduce", "--manifest", manifest)
    assert called.code == 0, called.error
    assert re.search(r"^web@arm64 .* equal$", called.stdout, re.MULTILINE)
    # One platform of the two, as it was without a list.
    called = dagger.call(*words, "--platform", "linux/amd64", "build")
    assert images["web"]["digest"] in called.stdout
    assert "arm64" not in called.stdout


def test_a_gate_that_must_not_be_skipped_is_an_error_before_anything_is_built(
    dagger: Dagger, tmp_path: Path
) -> None:
    words = copied(tmp_path / "two", settings={"skippable-gates": ["unit", "integration"]})
    called = dagger.call(*words, "gate")
    assert "Code: policy.gate-not-skippable" in called.error
    assert "linux/arm64" in called.error
    assert not [each for each in called.executed() if "bake.sh" in each]


def test_a_base_without_a_platform_is_named_with_it(dagger: Dagger, tmp_path: Path) -> None:
    words = copied(tmp_path / "two", "FROM debian:trixie-slim\nCOPY compose.yaml /\n")
    called = dagger.call(*words, "build")
    assert "Code: build.base-platform-missing" in called.error
    assert "linux/arm64" in called.error
    assert "debian:trixie-slim" in called.error


@pytest.mark.long
def test_an_index_of_both_is_published_verified_and_promoted(
    dagger: Dagger, registry: Registry, tmp_path: Path
) -> None:
    shop = Shop(dagger, platforms.with_busybox(platforms.project(tmp_path / "two")))
    called = shop.published("publish", registry.host, TAG)
    assert called.code == 0, called.error
    assert "skipped: web@arm64: start" in called.stdout
    assert not list(HANDLERS.glob("containerise-*"))
    index = json.loads(by_hand.get_manifest(registry.host, "team/web", "1.2.3"))
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]
    digests = [each["digest"] for each in index["manifests"]]
    again = shop.published("publish", registry.host, TAG)
    assert again.code == 0, again.error
    assert "was there" in again.stdout
    assert not [each for each in again.executed() if "bake.sh" in each]
    source = ["registry", "--address", f"{registry.host}/team", "--service", f"tcp://{registry.host}"]
    verified = shop.call(*source, "verify", "--version", "1.2.3")
    assert verified.code == 0, verified.error
    rows = re.findall(r"^web (\(.*?\))?", verified.stdout, re.MULTILINE)
    assert rows == ["", *(f"({each})" for each in platforms.PLATFORMS)]
    second = Registry(tmp_path / "second").start()
    try:
        target = ["with-target", "--address", f"{second.host}/live", "--service", f"tcp://{second.host}"]
        promoted = shop.call(*source, *target, "promote", "--version", "1.2.3")
        assert promoted.code == 0, promoted.error
        assert second.digest("live/web", "1.2.3") == registry.digest("team/web", "1.2.3")
        assert [second.digest("live/web", each) for each in digests] == digests
    finally:
        second.stop()


@pytest.mark.long
def test_a_step_runs_as_a_program_of_the_platform_and_a_base_is_that_of_the_platform(
    dagger: Dagger, tmp_path: Path
) -> None:
    folder = platforms.with_busybox(platforms.project(tmp_path / "two"))
    images = recorded(dagger, folder, tmp_path / "report")
    machines = {name: image.files["www/machine"] for name, image in images.items()}
    assert machines == {"web": sha256("x86_64\n"), "web@arm64": sha256("aarch64\n")}
    assert not list(HANDLERS.glob("containerise-*"))
    there = [
        "registry",
        "--address",
        f"{registry_of_builds()}/two",
        "--service",
        f"tcp://{registry_of_builds()}",
    ]
    words = [*there, "publish", *ORIGIN, "--ref", "refs/heads/base"]
    called = dagger.call("--source", str(folder), *database(), *words)
    assert called.code == 0, called.error
    dockerfile = f"FROM {registry_of_builds()}/two/web:base\nUSER 10001:10001\nCOPY compose.yaml /www/\n"
    above = recorded(dagger, platforms.project(tmp_path / "above", dockerfile), tmp_path / "report", "scan")
    assert {name: image.base for name, image in above.items()} == {
        name: [layer["digest"] for layer in image.data["layers"]] for name, image in images.items()
    }


def recorded(dagger: Dagger, folder: Path, out: Path, *gates: str) -> dict[str, Image]:
    """Build a project and run gates; return its images as build.json has them."""
    only = [word for gate in ("build", *gates) for word in ("--only", gate)]
    words = ["--source", str(folder), *database(), "report", *only, "export", "--path", str(out), "--wipe"]
    called = dagger.call(*words)
    assert called.code == 0, called.error
    assert json.loads((out / "summary.json").read_text())["failed"] == []
    images = json.loads((out / "build" / "build.json").read_text())["images"]
    return {name: Image(data) for name, data in images.items()}


@pytest.mark.long
def test_unit_tests_run_for_the_other_platform_where_that_is_asked_for(
    dagger: Dagger, tmp_path: Path
) -> None:
    # A command of tests needs a shell with the usual programs.
    installed = (
        'RUN ["/bin/busybox", "--install", "-s", "/bin"]\n\nFROM scratch\nCOPY --from=made /bin /bin\n'
    )
    dockerfile = platforms.DOCKERFILE.replace("\nFROM scratch\n", installed)
    folder = platforms.project(tmp_path / "two", dockerfile, {"services-without-tests": []})
    with (platforms.with_busybox(folder) / ".ci.toml").open("a") as settings:
        # A step that is cached would start no emulator.
        command = f"true {token_hex(8)}; uname -m | tee $CI_OUTPUT/machine"
        settings.write(f"[services.web]\ntest = '{command}'\n")
    out = tmp_path / "report"
    words = ["--source", str(folder), "--emulate-tests", "report", "--only", "test"]
    called = dagger.call(*words, "export", "--path", str(out), "--wipe")
    assert called.code == 0, called.error
    machines = {each: (out / "test" / each / "machine").read_text() for each in ("web", "web@arm64")}
    assert machines == {"web": "x86_64\n", "web@arm64": "aarch64\n"}
    images = json.loads((out / "summary.json").read_text())["images"]
    assert images["web@arm64"]["skipped"] == ["start"]
    assert images["web@arm64"]["tests"].startswith("passed")
    assert not list(HANDLERS.glob("containerise-*"))
