"""The shell scripts: what shellcheck finds in them, and two of them as they run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPTS = sorted(Path(FOLDER).rglob("*.sh"))
EPOCH = "SOURCE_DATE_EPOCH=315532800"
# Notes its words, a line each, and what it sees of the environment.
RUNC = """#!/bin/sh
printf '%s\\n' "$@" >"$SEEN/words"
printf '%s' "$PATH" >"$SEEN/path"
cat >"$SEEN/stdin"
exit 7
"""


def checked(path: Path) -> str:
    """Return what shellcheck finds, empty if nothing."""
    assert shutil.which("shellcheck"), "`make test-packages` installs it"
    command = ["shellcheck", "--shell=sh", "--format=gcc", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    assert checked(script) == ""


def test_shellcheck_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "x.sh").write_text("#!/bin/sh\nrm -rf $1\n")
    assert "SC2086" in checked(tmp_path / "x.sh")


def test_scripts_that_are_started_by_their_path_can_be_executed() -> None:
    started = [path for path in SCRIPTS if path.read_text().startswith("#!")]
    assert {"bake.sh", "runc.sh", "sandbox.sh", "sandbox_usage.sh"} <= {path.name for path in started}
    assert [path.name for path in started if not os.access(path, os.X_OK)] == []


class Runc:
    """The script before a runc that notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bundle = folder / "a bundle"
        self.bundle.mkdir()
        (folder / "bin").mkdir()
        program = folder / "bin" / "runc"
        program.write_text(RUNC)
        program.chmod(0o755)
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"

    def __call__(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        name, _, value = EPOCH.partition("=")
        given = {"PATH": f"/ci/runtime:{self.path}", "SEEN": str(self.folder), name: value, **env}
        return subprocess.run(
            [str(FOLDER / "runc.sh"), *map(str, words)],
            env={name: value for name, value in given.items() if value},
            input="stdin",
            capture_output=True,
            text=True,
            check=False,
        )

    def configure(self, **process: Any) -> dict[str, Any]:  # noqa: ANN401 - of the OCI runtime's specification
        """Write the bundle's config as Go does: without blanks, a process's words before its environment."""
        config = {
            "ociVersion": "1.2.1",
            "process": {"args": ["/bin/sh", "-c", "make"], "env": ["PATH=/bin", "A=b c"], **process},
            "hooks": {"prestart": [{"path": "/hook", "env": ["H=1"]}]},
            "annotations": {"note": '"env":["x"]'},
        }
        (self.bundle / "config.json").write_text(json.dumps(config, separators=(",", ":")))
        return config

    @property
    def config(self) -> dict[str, Any]:
        """The bundle's config."""
        read: dict[str, Any] = json.loads((self.bundle / "config.json").read_text())
        return read

    @property
    def words(self) -> list[str]:
        """What the real runc was called with."""
        return (self.folder / "words").read_text().splitlines()


@pytest.fixture
def runc(tmp_path: Path) -> Runc:
    return Runc(tmp_path)


@pytest.mark.parametrize("option", ["--bundle", "-b"])
@pytest.mark.parametrize("command", ["create", "run"])
def test_the_time_comes_first_in_the_environment_of_a_container(
    command: str, option: str, runc: Runc
) -> None:
    before = runc.configure()
    words = ["--root", "/run/x", command, option, str(runc.bundle), "--pid-file", "/run/pid", "name"]
    assert runc(*words).returncode == 7
    before["process"]["env"].insert(0, EPOCH)
    assert runc.config == before
    assert runc.words == words


def test_the_real_runc_is_found_and_gets_what_is_written_to_it(runc: Runc) -> None:
    runc.configure()
    done = runc("create", "--bundle", runc.bundle, "name")
    assert (done.stdout, done.stderr) == ("", "")
    assert (runc.folder / "path").read_text() == runc.path
    assert (runc.folder / "stdin").read_text() == "stdin"


def test_a_text_that_looks_like_an_environment_is_left_alone(runc: Runc) -> None:
    before = runc.configure(args=["echo", '"env":[', '{"env":["A=1"]}', '\\"env":['])
    runc("create", "--bundle", runc.bundle, "name")
    before["process"]["env"].insert(0, EPOCH)
    assert runc.config == before


@pytest.mark.parametrize(
    "words",
    [
        ["state", "name"],
        ["delete", "--force", "name"],
        ["exec", "--process", "/run/process.json", "name"],
        ["--version"],
        ["kill", "name", "", "a  b", "'\"$x"],
    ],
    ids=lambda words: words[0],
)
def test_other_commands_are_passed_on(words: list[str], runc: Runc) -> None:
    before = runc.configure()
    assert runc(*words).returncode == 7
    assert runc.words == words
    assert runc.config == before


def test_a_bundle_without_a_config_is_left_to_runc(runc: Runc) -> None:
    assert runc("create", "--bundle", runc.bundle, "name").returncode == 7
    assert list(runc.bundle.iterdir()) == []


def test_without_the_time_nothing_is_started(runc: Runc) -> None:
    before = runc.configure()
    done = runc("create", "--bundle", runc.bundle, "name", SOURCE_DATE_EPOCH="")
    assert done.returncode not in (0, 7)
    assert "SOURCE_DATE_EPOCH" in done.stderr
    assert runc.config == before
    assert not (runc.folder / "words").exists()
    runc("create", "--bundle", runc.bundle, "name")
    assert (runc.folder / "words").exists()


class Volume:
    """A volume with slots, as sandbox.sh leaves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()

    def slot(self, number: int, files: Mapping[str, int]) -> Path:
        """Make a slot with files of these sizes; return its lock."""
        for name, size in files.items():
            path = self.folder / f"slot-{number}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))
        lock = self.folder / f"slot-{number}.lock"
        lock.touch()
        return lock

    def usage(self, *words: str) -> list[list[str]]:
        """Return what the script prints, a list of words a line."""
        env = {"PATH": os.environ["PATH"], "SANDBOX_STATE": str(self.folder)}
        command = [str(FOLDER / "sandbox_usage.sh"), *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return [line.split(" ") for line in done.stdout.splitlines()]


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "a-volume of-slots")


@pytest.mark.parametrize("command", ["show", "empty"])
def test_a_volume_without_slots_prints_nothing(command: str, volume: Volume) -> None:
    assert volume.usage(command) == []
    assert list(volume.folder.iterdir()) == []
    volume.slot(1, {})
    assert volume.usage(command) == [["slot-1", "free", "0"]]


def test_slots_and_exported_images_are_printed_with_their_size(volume: Volume) -> None:
    volume.slot(1, {"docker/layer": 300_000, "version": 17})
    volume.slot(2, {})
    (volume.folder / "images" / "version" / "web-1").mkdir(parents=True)
    (volume.folder / "images" / "version" / "web-1" / "image.tar").write_bytes(os.urandom(100_000))
    first, second, images = volume.usage("show")
    assert first[:2] == ["slot-1", "free"]
    assert 290 < int(first[2]) < 400
    assert second == ["slot-2", "free", "0"]
    assert images[:2] == ["images", "free"]
    assert 95 < int(images[2]) < 150
    assert [name for name, *_ in volume.usage("empty")] == ["slot-1", "slot-2", "images"]
    assert not (volume.folder / "slot-1").exists()
    assert list((volume.folder / "images").iterdir()) == []


@pytest.mark.parametrize("command", ["show", "empty"])
def test_a_slot_that_is_used_stays(command: str, volume: Volume) -> None:
    lock = volume.slot(1, {"docker/layer": 1})
    volume.slot(2, {"docker/layer": 1})
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        first, second = volume.usage(command)
    assert [first[:2], second[:2]] == [["slot-1", "used"], ["slot-2", "free"]]
    assert (volume.folder / "slot-1" / "docker").exists()
    assert (volume.folder / "slot-2").exists() == (command == "show")


def test_a_slot_that_was_emptied_can_be_taken(volume: Volume) -> None:
    lock = volume.slot(1, {"docker/layer": 1})
    assert volume.usage("empty") == [["slot-1", "free", "0"]]
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert volume.usage("empty") == [["slot-1", "free", "0"]]


def test_a_volume_has_to_be_named() -> None:
    done = subprocess.run([FOLDER / "sandbox_usage.sh", "show"], env={}, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"SANDBOX_STATE" in done.stderr
