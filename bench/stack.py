"""How long stacks take, up and down: trivial ones, ours and Compose on Docker, and this project's own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import growth
from bench.measure import failure, run, spread
from bench.peer import images

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peer.docker import Docker

ROOT = Path(__file__).parents[1]
SIZES = (1, 5, 20, 30, 50)
IMAGE = "python:3.13-slim-trixie"
LIMIT = 600.0  # seconds, for one run
WITH_STAND_IN = ("--files", "compose.yaml,compose.test.yaml")  # for Azure OpenAI
# Budgets: seconds that thirty services take to be up, that any stack takes to be down, how the time until all
# are up grows (1 is linear), and the whole of our stack against its slowest service with what that needs.
MOST_UP = 5.0
MOST_DOWN = 10.0
MOST_EXPONENT = 1.2
MOST_ABOVE_CHAIN = 1.3

Row = dict[str, float]


def project(size: int) -> str:
    """Return a compose file of that many services which end at once when asked to."""
    service = {"image": IMAGE, "command": ["sleep", "600"], "init": True, "stop_grace_period": "2s"}
    return json.dumps(
        {"name": "trivial", "services": {f"service-{number}": service for number in range(size)}}
    )


def measure(repeat: int, docker: Docker, say: Callable[[str], None]) -> dict[str, Any]:
    """Return medians and spreads in seconds for each side and size, and the budgets exceeded."""
    docker.up()
    images.load(docker, os.environ.get("CI_REGISTRY", "127.0.0.1:5000"), [IMAGE])
    seen: dict[str, list[float]] = {}

    def note(took: Row) -> None:
        for title, found in took.items():
            say(f"stack: {title}: {found:.2f}")
            seen.setdefault(title, []).append(found)

    for size in SIZES:
        folder = docker.shared / f"trivial-{size}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "compose.yaml").write_text(project(size))
        for turn in range(repeat + 1):  # the first is not measured
            took = {**_ours(folder, f"ours, {size}"), **_peer(docker, folder, f"peer, {size}")}
            if turn:
                note(took)
    for _ in range(repeat):
        note(_chain())
    rows = {title: spread(found) for title, found in seen.items()}
    for title, row in rows.items():
        say(f"stack: {title}: median {row['median']} ({row['least']} to {row['most']})")
    exponents = {side: exponent(rows, side) for side in ("ours", "peer")}
    return {"rows": rows, "exponents": exponents, "exceeded": exceeded(rows)}


def exponent(rows: dict[str, Row], side: str) -> float:
    """Return the slope of log(seconds until all are up) over log(services), from five services on."""
    return growth.exponent([(size, rows[f"{side}, {size}, up"]["median"]) for size in SIZES[1:]])


def exceeded(rows: dict[str, Row]) -> list[str]:
    """Return the budgets that the medians exceed."""
    up = rows["ours, 30, up"]["median"]
    found = [f"30 services are up after {up:.1f} s"] if up > MOST_UP else []
    for title, row in rows.items():
        if title.startswith("ours") and title.endswith("down") and row["median"] > MOST_DOWN:
            found.append(f"{title} after {row['median']:.1f} s")
    grows = exponent(rows, "ours")
    found += [f"exponent of a stack's start: {grows}"] if grows > MOST_EXPONENT else []
    whole, chain = (rows[f"ours, {what}, up"]["median"] for what in ("this project", "its slowest alone"))
    if whole > MOST_ABOVE_CHAIN * chain:
        found.append(f"this project's stack is up after {whole:.1f} s, its slowest alone after {chain:.1f} s")
    return found


def _ours(folder: Path, title: str, *words: str) -> Row:
    """Return the times of a call that starts all and stops all when all are up, and its memory in MB."""
    return _row(title, *_logs(folder, *words))


def _row(title: str, times: dict[str, Any], seconds: float, memory: float) -> Row:
    return {
        f"{title}, call": seconds,
        f"{title}, up": max(times["up_after"].values()),
        f"{title}, down": times["down_after"],
        f"{title}, MB": memory,
    }


def _logs(folder: Path, *words: str) -> tuple[dict[str, Any], float, float]:
    with tempfile.TemporaryDirectory() as output:
        stack = ("dagger", "--progress=plain", "call", "--source", str(folder), "stack", *words)
        command = [*stack, "logs", "export", f"--path={output}", "--wipe"]
        seconds, memory = _run(command, ROOT)
        return json.loads(Path(output, "times.json").read_text()), seconds, memory


def _peer(docker: Docker, folder: Path, title: str) -> Row:
    up, down = ("up", "--wait", "--quiet-pull"), ("down", "--volumes")
    first, memory = _run(docker.command(["docker", "compose", *up], folder=folder), folder)
    last, _ = _run(docker.command(["docker", "compose", *down], folder=folder), folder)
    return {f"{title}, up": first, f"{title}, down": last, f"{title}, MB": memory}


def _run(command: list[str], folder: Path) -> tuple[float, float]:
    """Return seconds, and the most memory in MB; AirgapError if the program fails."""
    with tempfile.NamedTemporaryFile() as log:
        cost = run(command, folder, disk=folder, log=Path(log.name), limit=LIMIT)
        if cost.exit_code:
            raise failure(command, cost.exit_code, Path(log.name).read_text(errors="replace"))
    return cost.seconds, cost.memory / 1e6


def _chain() -> Row:
    """Return the times of this project's stack, and of its slowest service with what that needs, alone."""
    times, seconds, memory = _logs(ROOT, *WITH_STAND_IN)
    slowest = max(times["up_after"], key=lambda name: float(times["up_after"][name]))
    return {
        **_row("ours, this project", times, seconds, memory),
        **_ours(ROOT, "ours, its slowest alone", *WITH_STAND_IN, "--only", slowest),
    }
