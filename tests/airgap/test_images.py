"""The list of images, and the parsing of recipes. Nothing is built here."""
# ruff: noqa: SLF001 - the parts of a build are tested separately; a complete one needs root and minutes

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, images, imagesteps, layout, recipe, rootfs, trivy
from airgap.settings import Settings
from ci.references import ImagesMap, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airgap.state import State

NAMES = [image.name for image in catalogue.IMAGES]
FOLDERS = sorted(path.parent.name for path in recipe.RECIPES.glob("*/image.toml"))


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of recipes that a test may change."""
    copy = shutil.copytree(recipe.RECIPES, tmp_path / "images")
    monkeypatch.setattr(recipe, "RECIPES", copy)
    return copy


def image(name: str) -> catalogue.Image:
    return next(each for each in catalogue.IMAGES if each.name == name)


def prints() -> dict[str, str]:
    # A recipe that was changed is read again, but IMAGES was read when the module was imported.
    return {each.name: images.fingerprint(each) for each in catalogue.IMAGES}


def test_every_recipe_is_an_image_and_comes_after_what_it_needs() -> None:
    assert sorted(NAMES) == FOLDERS
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


def test_what_is_made_on_request_is_in_the_map_and_needed_by_no_other() -> None:
    assert (
        catalogue.images_map("r")["ghcr.io/sigstore/cosign/cosign:v3.1.3"]
        == "r/sigstore/cosign/cosign:v3.1.3"
    )
    for each in catalogue.IMAGES:
        assert set(each.needs).isdisjoint(catalogue.ON_REQUEST)


def test_up_leaves_out_what_is_made_on_request(state: State) -> None:
    settings = Settings(state.root)
    ups = {step.name for step in imagesteps.steps(state, settings)}
    assert imagesteps.pushed(state, image("cosign")) == {}
    assert {step.name for step in imagesteps.steps(state, settings, also="cosign")} - ups == {"image-cosign"}
    assert ups == {f"image-{name}" for name in NAMES if name not in catalogue.ON_REQUEST} | {"images-map"}


def test_only_uv_carries_the_map() -> None:
    assert [name for name in NAMES if recipe.read(name).map] == ["uv"]


def test_images_that_go_builds_say_so() -> None:
    built = {name for name in NAMES if images.needs_go(image(name))}
    assert {"regctl", "trivy"} <= built
    assert built == {name for name in NAMES if (recipe.RECIPES / name / "go.mod").exists()}


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", ["docker", "prometheus"])
def test_an_image_of_debian_testing_lists_its_packages_versions(name: str) -> None:
    read = recipe.read(name)
    assert read.debian
    assert (read.debian.suite, read.debian.expired) == ("forky", True)
    assert read.version_of in read.versions
    assert read.version_of in read.debian.packages
    assert f"{read.references[0]}: Debian testing's " in read.stand_in


def test_a_key_that_no_one_reads_is_refused(recipes: Path) -> None:
    toml = recipes / "redis" / "image.toml"
    toml.write_text('surprise = "x"\n' + toml.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(KeyError, match="surprise"):
        recipe.read("redis")


def test_fingerprint_is_stable_and_every_image_has_its_own() -> None:
    assert prints() == prints()
    assert len(set(prints().values())) == len(NAMES)


def test_fingerprint_follows_the_recipe_and_what_it_is_built_on(
    monkeypatch: pytest.MonkeyPatch, recipes: Path
) -> None:
    monkeypatch.setattr(images, "__file__", str(recipes.parent / "images.py"))
    for name in images._BUILDERS:
        if not (recipes.parent / name).exists():
            shutil.copy(recipe.__file__, recipes.parent / name)
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


class Runs:
    """Records the commands instead of running them."""

    def __init__(self) -> None:
        self.argv: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        assert log.name == "log"
        assert env is None
        self.argv.append(argv)
        for word in argv:
            if word.startswith("--digestfile="):
                Path(word.partition("=")[2]).write_text("sha256:1\n", encoding="ascii")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr(images, "run", found)
    monkeypatch.setattr(layout, "run", found)
    return found


def test_push_gives_every_name_it_stands_for_and_the_digest(runs: Runs, tmp_path: Path) -> None:
    digest = images.push(image("redis"), tmp_path / "layout", registry="127.0.0.1:5", log=tmp_path / "log")
    assert digest == "sha256:1"
    assert [argv[-1] for argv in runs.argv] == [
        "docker://127.0.0.1:5/library/redis:7.4.11-alpine",
        "docker://127.0.0.1:5/library/redis:7-alpine",
    ]


def test_push_adds_the_map_to_a_copy(runs: Runs, tmp_path: Path) -> None:
    whole = tmp_path / "layout"
    whole.mkdir()
    images.push(image("uv"), whole, registry="127.0.0.1:5", log=tmp_path / "log")
    insert, copy = runs.argv
    assert insert[:2] == ("umoci", "insert")
    assert insert[-1] == "/images.json"
    assert str(whole) not in " ".join((*insert, *copy))


def test_configure_clears_what_the_base_said(runs: Runs, tmp_path: Path) -> None:
    config = {"Env": ["A=1", "B=2"], "User": "nobody", "Cmd": ["x"]}
    layout.configure(tmp_path, config, {"l": "v"}, log=tmp_path / "log")
    words = runs.argv[0]
    for wanted in ("--clear=config.cmd", "--clear=config.labels", "--config.env=A=1", "--config.env=B=2"):
        assert wanted in words
    assert "--config.user=nobody" in words
    assert "--config.label=l=v" in words
    assert words.index("--clear=config.env") < words.index("--config.env=A=1")


def test_newer_times_become_the_constant(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    (tmp_path / "old").touch()
    (tmp_path / "link").symlink_to("/nowhere")
    os.utime(tmp_path / "old", (1, 1))
    layout.even_out_times(tmp_path)
    assert [path.lstat().st_mtime for path in (tmp_path, tmp_path / "new", tmp_path / "link")] == [
        layout.EPOCH
    ] * 3
    assert (tmp_path / "old").stat().st_mtime == 1


def test_version_comes_from_dpkg_or_status_d(tmp_path: Path) -> None:
    database = tmp_path / "var/lib/dpkg"
    (database / "status.d").mkdir(parents=True)
    (database / "status").write_text(
        "Package: redis\nVersion: 1-1\n\nPackage: redis-server\nStatus: x\nVersion: 5:8.0.2-3+deb13u2\n\n",
        encoding="utf-8",
    )
    (database / "status.d" / "pg").write_text("Package: pg\nVersion: 17.12-0+deb13u1\n", encoding="utf-8")
    assert rootfs.version_of("redis-server", tmp_path) == "8.0.2"
    assert rootfs.version_of("pg", tmp_path) == "17.12"
    with pytest.raises(KeyError, match="none"):
        rootfs.version_of("none", tmp_path)


def answer(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "output_of", lambda _argv: text)


def test_packages_come_from_where_the_host_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        "Debian bookworm http://mirror.example/debian/\n"
        "Debian bookworm-security http://mirror.example/security/\n"
        "Debian bookworm-backports http://mirror.example/debian/\n"
        " nodistro https://other.example\n"
        "Other Vendor bookworm https://vendor.example\n",
        monkeypatch,
    )
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert list(rootfs.mirrors("trixie")) == [
        f"deb {keyring} http://mirror.example/debian/ trixie main",
        f"deb {keyring} http://mirror.example/security/ trixie-security main",
    ]


def test_without_an_answer_mmdebstrap_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(None, monkeypatch)
    assert list(rootfs.mirrors("trixie")) == []
    assert rootfs.proxies() == {}


def test_apts_proxy_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer("http_proxy='http://proxy.example:3128/'\n", monkeypatch)
    assert rootfs.proxies() == {"http_proxy": "http://proxy.example:3128/"}


def test_copied_files_have_the_modes_of_an_image(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    (source / "sub").mkdir(parents=True)
    root.mkdir()
    (source / "sub" / "program").touch(0o700)
    (source / "text").touch(0o600)
    (source / "text.pyc").touch()
    before = os.umask(0o077)
    try:
        rootfs._copy(source, root, "/opt/deep/folder")
    finally:
        os.umask(before)
    modes = {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    folder = dict.fromkeys(("opt", "opt/deep", "opt/deep/folder", "opt/deep/folder/sub"), 0o755)
    assert modes == folder | {"opt/deep/folder/sub/program": 0o755, "opt/deep/folder/text": 0o644}


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    (root / "bin").symlink_to("usr")
    (root / "out").symlink_to(tmp_path)
    assert rootfs._inside(root, "/bin/x") == root / "bin" / "x"
    with pytest.raises(ValueError, match="leads out"):
        rootfs._inside(root, "/out/x")
