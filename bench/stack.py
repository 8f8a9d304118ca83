"""How long a stack of trivial services takes, up and down again: ours, and Compose on Docker."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import spread, timed
from bench.peer import images

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peer.docker import Docker

ROOT = Path(__file__).parents[1]
SIZES = (1, 30)
IMAGE = "python:3.13-slim-trixie"
# Seconds that the larger stack may take above the smaller one, up and down together.
MOST_ADDED = 15.0


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
    for size in SIZES:
        folder = docker.shared / f"trivial-{size}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "compose.yaml").write_text(project(size))
        for turn in range(repeat + 1):  # the first is not measured
            took = {f"ours, {size}": _ours(folder), f"peer, {size}": _peer(docker, folder)}
            for title, seconds in took.items() if turn else ():
                seen.setdefault(title, []).append(seconds)
    rows = {title: spread(times) for title, times in seen.items()}
    for title, row in rows.items():
        say(f"stack: {title} services: {row['median']} s ({row['least']} to {row['most']})")
    return {"rows": rows, "exceeded": exceeded(rows)}


def exceeded(rows: dict[str, dict[str, float]]) -> list[str]:
    """Return the budget that the medians exceed."""
    less, more = (rows[f"ours, {size}"]["median"] for size in SIZES)
    above = more - less
    return [f"{SIZES[1] - SIZES[0]} services more take {above:.1f} s"] if above > MOST_ADDED else []


def _ours(folder: Path) -> float:
    """Return the seconds of a call that starts all, and stops all when all are started."""
    stack = ("dagger", "--progress=plain", "call", "--source", str(folder), "stack")
    return timed([*stack, "logs", "export", f"--path={folder}/logs", "--wipe"], ROOT)


def _peer(docker: Docker, folder: Path) -> float:
    up, down = ("up", "--wait", "--quiet-pull"), ("down", "--volumes")
    return sum(timed(docker.command(["docker", "compose", *w], folder=folder), folder) for w in (up, down))
