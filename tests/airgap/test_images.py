"""The list of images, and the parsing of recipes. Nothing is built here."""
# ruff: noqa: SLF001 - the parts of a build are tested separately; a complete one needs root and minutes

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, engineimage, images, imagesteps, layout, programs, recipe, rootfs, trivy
from airgap.errors import AirgapError
from airgap.settings import VERSION, Settings
from ci.references import ImagesMap, parse

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.state import State

NAMES = [image.name for image in catalogue.IMAGES]
# Recipes that `up` does not build, and so not in the images map.
APART = [engineimage.NAME]
FOLDERS = sorted(path.parent.name for path in recipe.RECIPES.glob("*/image.toml"))


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of recipes that a test may change."""
    copy = shutil.copytree(recipe.RECIPES, tmp_path / "images")
    monkeypatch.setattr(recipe, "RECIPES", copy)
    monkeypatch.setattr(images, "__file__", str(tmp_path / "images.py"))
    for name in images._BUILDERS:
        if not (tmp_path / name).exists():
            shutil.copy(recipe.__file__, tmp_path / name)
    return copy


def image(name: str) -> catalogue.Image:
    return next(each for each in catalogue.IMAGES if each.name == name)


def prints() -> dict[str, str]:
    # A recipe that was changed is read again, but IMAGES was read when the module was imported.
    return {each.name: images.fingerprint(each) for each in catalogue.IMAGES}


def test_every_recipe_is_an_image_and_comes_after_what_it_needs() -> None:
    assert sorted([*NAMES, *APART]) == FOLDERS
    for position, each in enumerate(catalogue.IMAGES):
        assert set(each.needs) <= set(NAMES[:position])


def test_references_are_written_as_compose_files_write_them_and_stand_for_one_image() -> None:
    references = [reference for each in catalogue.IMAGES for reference in each.references]
    references += catalogue.UNAVAILABLE
    assert len(set(references)) == len(references)
    for reference in references:
        assert str(parse(reference, where="test")) == reference
        assert parse(reference, where="test").tag


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("python", "library/python:3.13-slim-trixie"),
        ("uv", "astral-sh/uv:0.12.23"),
        ("prometheus", "prom/prometheus:v3.13.4"),
        ("redis", "library/redis:7.4.11-alpine"),
    ],
)
def test_target_is_the_path_that_a_mirror_is_asked_for(name: str, target: str) -> None:
    assert image(name).target == target
    assert recipe.read(name).targets[0] == target


def test_map_is_one_the_pipeline_reads() -> None:
    found = ImagesMap.from_json(json.dumps(catalogue.images_map("127.0.0.1:5000")), where="test")
    pinned = f"redis:7-alpine@sha256:{'0' * 64}"
    assert found.resolve(pinned, where="test") == "127.0.0.1:5000/library/redis:7.4.11-alpine"
    assert found.resolve("grafana/grafana:13.2.3", where="test") is None
    assert found.resolve("other:1", where="test") == "other:1"
    expected = {reference for each in catalogue.IMAGES for reference in each.references}
    databases = {*trivy.REFERENCES, trivy.IMAGE_REFERENCE}
    assert set(found.entries) == expected | set(catalogue.UNAVAILABLE) | databases


def test_every_image_has_a_step(state: State) -> None:
    steps = [step.name for step in imagesteps.steps(state, Settings(state.root))]
    assert steps == [*(f"image-{name}" for name in NAMES), "images-map"]


def test_programs_are_compiled_for_images_that_are_not_built_yet(state: State) -> None:
    def needs(name: str) -> tuple[str, ...]:
        steps = {step.name: step for step in imagesteps.steps(state, Settings(state.root))}
        return steps[f"image-{name}"].needs

    assert "trivy-build" in needs("trivy")
    (state / "images/trivy" / images.fingerprint(image("trivy"))).mkdir(parents=True)
    assert "trivy-build" not in needs("trivy")
    assert "actionlint-build" in needs("actionlint")


def test_a_programs_fingerprint_follows_its_module_and_flags_and_changes_the_image(recipes: Path) -> None:
    def found() -> tuple[str, str]:
        read = recipe.read("actionlint")
        assert read.go
        return programs.fingerprint(read, read.go), images.fingerprint(image("actionlint"))

    seen = [found()]
    for file, old, new in (
        ("go.sum", "h1:", "h2:"),
        ("image.toml", "[go.programs]", '[go]\ntags = "x"\n[go.programs]'),
    ):
        path = recipes / "actionlint" / file
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        seen.append(found())
    setup = recipes / "actionlint" / "setup.sh"
    setup.write_text("true\n", encoding="utf-8")
    seen.append(found())
    assert len({program for program, _ in seen}) == 3  # how the image is set up does not compile it again
    assert len({image for _, image in seen}) == 4


def test_only_uv_carries_the_map() -> None:
    assert [name for name in NAMES if recipe.read(name).map] == ["uv"]


def test_images_that_go_builds_say_so(state: State) -> None:
    built = {name for name in NAMES if recipe.read(name).go}
    assert [step.name for step in imagesteps.compiling(state)] == ["trivy-build", "actionlint-build"]
    assert built == {name for name in NAMES if (recipe.RECIPES / name / "go.mod").exists()}


@pytest.mark.parametrize("name", [*NAMES, *APART])
def test_recipe_is_whole(name: str) -> None:
    read = recipe.read(name)
    assert bool(read.version) != bool(read.version_of)
    assert set(read.config) <= set(layout._OPTIONS)
    assert any(each.startswith("PATH=/") for each in read.config["Env"])
    assert all((read.folder / source).exists() for source in read.files.values())
    assert read.needs or read.debian or not read.setup
    for program in [path for path in read.sources() if path.read_bytes().startswith(b"#!")]:
        assert os.access(program, os.X_OK), program


@pytest.mark.parametrize("script", sorted(recipe.RECIPES.rglob("*.sh")), ids=lambda path: str(path.name))
def test_script_is_valid_shell(script: Path) -> None:
    shell = "bash" if "bash" in script.read_text(encoding="utf-8").partition("\n")[0] else "sh"
    assert subprocess.run([shell, "-n", str(script)], check=False, capture_output=True).stderr == b""


@pytest.mark.parametrize("name", ["uv", "compose"])
def test_version_of_a_wheel_is_that_of_the_reference(name: str) -> None:
    read = recipe.read(name)
    wanted = (read.folder / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(rf"=={re.escape(read.version)}(\.0)? ", wanted)
    assert all(reference.rpartition(":")[2].lstrip("v") == read.version for reference in read.references)


@pytest.mark.parametrize("name", [name for name in NAMES if recipe.read(name).go])
def test_version_of_a_go_module_is_that_of_the_reference(name: str) -> None:
    read = recipe.read(name)
    assert read.go
    required = re.findall(rf"(\S+) v{re.escape(read.version)}\b", (read.folder / "go.mod").read_text())
    for program in read.go.programs.values():
        assert any(program.startswith(f"{module}/") for module in required)
    assert [reference.rpartition(":")[2].lstrip("v") for reference in read.references] == [read.version]


@pytest.mark.parametrize("name", ["docker", "prometheus", "cosign"])
def test_an_image_of_debian_testing_lists_its_packages_versions(name: str) -> None:
    read = recipe.read(name)
    assert read.debian
    assert (read.debian.suite, read.debian.expired) == ("forky", True)
    assert read.version_of in read.versions
    assert read.version_of in read.debian.packages
    assert f"{read.references[0]}: Debian testing's " in read.stand_in


def test_the_engine_s_image_has_the_name_that_its_cli_runs() -> None:
    read = recipe.read(engineimage.NAME)
    assert read.references == (engineimage.REFERENCE,) == (f"registry.dagger.io/engine:{read.version}",)
    assert read.version == VERSION
    assert read.stand_in.startswith(f"{engineimage.REFERENCE}: ")


def test_the_engine_s_image_is_not_built_without_what_it_is_made_of(state: State) -> None:
    with pytest.raises(AirgapError, match="the air-gapped engine is not built") as caught:
        engineimage.build(state)
    assert "airgap up" in caught.value.hint


def test_a_key_that_no_one_reads_is_refused(recipes: Path) -> None:
    toml = recipes / "redis" / "image.toml"
    toml.write_text('surprise = "x"\n' + toml.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(KeyError, match="surprise"):
        recipe.read("redis")


def test_fingerprint_is_stable_and_every_image_has_its_own() -> None:
    assert prints() == prints()
    assert len(set(prints().values())) == len(NAMES)


def test_fingerprint_follows_the_recipe_and_what_it_is_built_on(recipes: Path) -> None:
    before = prints()
    (recipes / "qdrant" / "qdrant_standin" / "more.pyc").write_bytes(b"x")
    assert prints() == before
    (recipes / "python" / "setup.sh").write_text("true\n", encoding="utf-8")
    after = prints()
    assert {name for name in NAMES if before[name] != after[name]} == {"python", "qdrant"}
    (recipes / "redis" / "docker-entrypoint.sh").chmod(0o644)
    assert prints()["redis"] != after["redis"]


def test_fingerprint_follows_the_hosts_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "AUTHORITIES", tmp_path)
    without = prints()
    (tmp_path / "ours.crt").write_text("a certificate", encoding="ascii")
    changed = {name for name, value in prints().items() if value != without[name]}
    assert changed == {name for name in NAMES if recipe.read(name).debian or image(name).needs}


def test_labels_say_what_it_is_not_and_whom_it_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, "AUTHORITIES", tmp_path)
    read = recipe.read("redis")
    labels = images._labels(read, "8.0.2")
    assert labels[images.STAND_IN_LABEL].startswith("redis:7.4.11-alpine: ")
    assert labels["org.opencontainers.image.version"] == "8.0.2"
    assert images.AUTHORITIES_LABEL not in labels
    (tmp_path / "ours.crt").write_text("a certificate", encoding="ascii")
    assert images._labels(read, "8.0.2")[images.AUTHORITIES_LABEL].endswith(": ours.crt")
    assert images.AUTHORITIES_LABEL not in images._labels(recipe.read("uv"), "1")


def test_version_goes_into_the_environment() -> None:
    assert "PYTHON_VERSION=3.13.5" in images._config(recipe.read("python"), "3.13.5")["Env"]
