"""Measure how long stacks take to start and stop, compared with plain Compose."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import growth
from bench.measure import failure, run, spread
from bench.peer import images
from bench.peer import project as peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.peer.docker import Docker

ROOT = Path(__file__).parents[1]
SIZES = (1, 5, 20, 30, 50)
TWICE = 20  # services in each of two concurrent stacks
# The stacks to choose from: trivial ones by size, two concurrent ones, and this project's.
STACKS = (*map(str, SIZES), f"{TWICE}-twice", "project")
IMAGE = "python:3.13-slim-trixie"
TAG = "bench"  # tag of the images that the peer builds
LIMIT = 600.0  # seconds, for one run
FILES = ("compose.yaml", "compose.test.yaml")  # the second contains the stand-in for Azure OpenAI
# Budgets for the start and stop of each stack, relative to plain Compose.
MOST_UP = (1.15, 1.5)  # factor of Compose's time, and seconds in addition
MOST_DOWN = (1.0, 1.5)

Row = dict[str, float]


def project(size: int, name: str = "trivial") -> str:
    """Return a compose file with that many services, which stop immediately."""
    service = {"image": IMAGE, "command": ["sleep", "600"], "init": True, "stop_grace_period": "2s"}
    return json.dumps({"name": name, "services": {f"service-{number}": service for number in range(size)}})


def measure(
    repeat: int, docker: Docker, say: Callable[[str], None], chosen: Sequence[str] = STACKS
) -> dict[str, Any]:
    """Measure each side and stack in seconds; return medians, spreads, runs and exceeded budgets."""
    docker.up()
    registry = os.environ.get("CI_REGISTRY", "127.0.0.1:5000")
    images.load(docker, registry, [IMAGE])
    seen: dict[str, list[float]] = {}
    for stack in chosen:
        case = _case(stack, docker, registry)
        for turn in range(repeat + 1):  # the first is not measured
            took = case()
            for title, found in took.items() if turn else ():
                say(f"stack: {title}: {found:.2f}")
                seen.setdefault(title, []).append(found)
    rows = {title: spread(found) for title, found in seen.items()}
    for title, row in rows.items():
        say(f"stack: {title}: median {row['median']} ({row['least']} to {row['most']})")
    all_sizes = set(map(str, SIZES)) <= set(chosen)
    exponents = {side: exponent(rows, side) for side in ("ours", "peer") if all_sizes}
    return {"rows": rows, "runs": seen, "exponents": exponents, "exceeded": exceeded(rows)}


def exponent(rows: dict[str, Row], side: str) -> float:
    """Return the slope of log(seconds until all are up) over log(services), from five services on."""
    return growth.exponent([(size, rows[f"{side}, {size}, up"]["median"]) for size in SIZES[1:]])


def exceeded(rows: dict[str, Row]) -> list[str]:
    """Return the budgets that the medians exceed."""
    found = []
    for title, row in rows.items():
        side, case, what = title.split(", ")
        if side != "ours" or what not in ("up", "down"):
            continue
        compose = rows[f"peer, {case}, {what}"]["median"]
        times, more = MOST_UP if what == "up" else MOST_DOWN
        if row["median"] > times * compose + more:
            found.append(
                f"{case}: {what} after {row['median']:.1f} s, {compose:.1f} s with plain Compose; "
                f"at most {times:g} times that and {more:g} s"
            )
    return found


def _case(stack: str, docker: Docker, registry: str) -> Callable[[], Row]:
    """Return a function that runs a stack on both sides, one after the other."""
    if stack == "project":
        return _own(docker, registry)
    if stack == f"{TWICE}-twice":
        return _twice(docker)
    folder = _folder(docker, f"trivial-{stack}", int(stack))
    return lambda: {**_ours(folder, f"ours, {stack}"), **_peer(docker, folder, f"peer, {stack}")}


def _twice(docker: Docker) -> Callable[[], Row]:
    """Return a function that runs two trivial stacks concurrently and reports the slower one."""
    folders = [_folder(docker, f"twice-{number}", TWICE) for number in (1, 2)]

    def both(side: Callable[[Path], Row]) -> Row:
        with ThreadPoolExecutor() as threads:
            first, second = threads.map(side, folders)
        return {title: max(found, second[title]) for title, found in first.items()}

    return lambda: {
        **both(lambda folder: _ours(folder, f"ours, {TWICE}-twice")),
        **both(lambda folder: _peer(docker, folder, f"peer, {TWICE}-twice")),
    }


def _own(docker: Docker, registry: str) -> Callable[[], Row]:
    """Return a function that runs this project's stack, with images built beforehand on both sides."""
    images.load(docker, registry, list(peer.SERVICES))
    folder = docker.shared / "stack"
    peer.checkout(folder)
    peer.prepare(docker, folder, TAG)
    docker.run(*peer.pipeline("", TAG, "build"), folder=folder, limit=LIMIT)
    files = [word for file in (*FILES, peer.STAND_INS) for word in ("--file", file)]
    return lambda: {
        **_ours(ROOT, "ours, project", "--files", ",".join(FILES)),
        **_peer(docker, folder, "peer, project", *files),
    }


def _folder(docker: Docker, name: str, size: int) -> Path:
    folder = docker.shared / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "compose.yaml").write_text(project(size, name))
    return folder


def _ours(folder: Path, title: str, *words: str) -> Row:
    """Measure a call that starts a stack, waits until it is up, and stops it; memory in MB.

    `up` and `down` measure the stack alone; `call` includes the module, the sandbox's engine and the logs.
    """
    with tempfile.TemporaryDirectory() as output:
        call = ("dagger", "--progress=plain", "call", "--source", str(folder), *words)
        command = [*call, "stack", "logs", "export", f"--path={output}", "--wipe"]
        seconds, memory = _run(command, ROOT)
        times = json.loads(Path(output, "times.json").read_text())
    return {
        f"{title}, call": seconds,
        f"{title}, up": max(times["up_after"].values()),
        f"{title}, down": times["down_after"],
        f"{title}, MB": memory,
    }


def _peer(docker: Docker, folder: Path, title: str, *files: str) -> Row:
    compose = ["docker", "compose", *files]  # the folder's .env contains the tag
    up, down = ("up", "--wait", "--no-build", "--quiet-pull"), ("down", "--volumes")
    first, memory = _run(docker.command([*compose, *up], folder=folder), folder)
    last, _ = _run(docker.command([*compose, *down], folder=folder), folder)
    return {f"{title}, up": first, f"{title}, down": last, f"{title}, MB": memory}


def _run(command: list[str], folder: Path) -> tuple[float, float]:
    """Return seconds and peak memory in MB. Raise AirgapError if the program fails."""
    with tempfile.NamedTemporaryFile() as log:
        cost = run(command, folder, disk=folder, log=Path(log.name), limit=LIMIT)
        if cost.exit_code:
            raise failure(command, cost.exit_code, Path(log.name).read_text(errors="replace"))
    return cost.seconds, cost.memory / 1e6
