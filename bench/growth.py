"""Measure how planning time grows with the number of services, in addition to Compose's own time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import timed
from bench.peer.docker import compose_binary

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1, 5, 20, 50, 200)
LINEAR_FROM = 20  # services; with fewer, the cost of a plan is mostly constant
ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "ci" / "src"
_READ = "ci.container_scripts.compose_config"
# Budgets: the time of a plan in addition to Compose's, and its growth.
MOST_ADDED = 1.0  # seconds in addition to the Compose binary's own time, for each size
MOST_EXPONENT = 1.2  # 1 is linear; small sizes are mostly constant
_PLAN = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from ci.project import model
from ci.sandbox.place import PROJECT
from ci.stack.model import Images, make
text = open(sys.argv[2]).read().replace(sys.argv[4], PROJECT)
times = []
for _ in range(5):
    began = time.monotonic()
    project = model.read(text)
    pulled = {name: service.image for name, service in project.services.items()}
    made = make(project, list(project.services), Images({}, pulled), {})
    assert made.text
    times.append(time.monotonic() - began)
assert len(made.services) == int(sys.argv[3])
print(json.dumps([min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def project(size: int) -> str:
    """Return a compose file with that many services, each waiting for an earlier one, in networks of ten."""
    services: dict[str, Any] = {}
    for number in range(size):
        services[f"service-{number}"] = {
            "image": "python:3.13-slim-trixie",
            "command": ["sleep", "60"],
            "environment": {"NUMBER": str(number), "TOKEN": "${TOKEN:?a token}"},
            "read_only": True,
            "tmpfs": ["/scratch"],
            "cap_drop": ["ALL"],
            "networks": [f"network-{number // 10}"],
            "volumes": [f"volume-{number}:/data"],
            "ports": [f"{20000 + number}:80"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
            "depends_on": {f"service-{number // 2}": {"condition": "service_healthy"}} if number else {},
        }
    return json.dumps(
        {
            "services": services,
            "networks": {f"network-{number}": {} for number in range((size + 9) // 10)},
            "volumes": {f"volume-{number}": {} for number in range(size)},
        }
    )


def measure(say: Callable[[str], None], sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Measure for each size the seconds of Compose, reading and planning.

    Return exponents and exceeded budgets.
    """
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"services": size, **_one(Path(folder), size)})
        say(f"plan of {size} services: {rows[-1]}")
    large = [row for row in rows if row["services"] >= LINEAR_FROM]
    exponents = {
        key: exponent([(row["services"], row[key]) for row in large]) for key in ("compose", "read", "plan")
    }
    exceeded = [f"{row['services']} services: {row['added']} s" for row in rows if row["added"] > MOST_ADDED]
    if exponents["plan"] > MOST_EXPONENT:
        exceeded.append(f"exponent of the plan: {exponents['plan']}")
    return {"rows": rows, "exponents": exponents, "exceeded": exceeded}


def _one(folder: Path, size: int) -> dict[str, float]:
    (folder / "compose.yaml").write_text(project(size))
    binary, outcome = str(compose_binary()), folder / "outcome.json"
    config = [binary, "--project-directory", str(folder), "config", "--format", "json", "--quiet"]
    compose = min(timed(["env", "TOKEN=x", *config], folder) for _ in range(3))
    words = [sys.executable, "-m", _READ, binary, str(folder), str(outcome), "{}"]
    read = min(timed(words, folder, {"PYTHONPATH": str(SOURCE)}) for _ in range(3))
    command = [sys.executable, "-c", _PLAN, str(SOURCE), str(outcome), str(size), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    plan, memory = json.loads(done.stdout)
    added = read + plan - compose
    return {
        **{
            k: round(v, 4)
            for k, v in {"compose": compose, "read": read, "plan": plan, "added": added}.items()
        },
        "memory": memory,
    }


def exponent(points: list[tuple[float, float]]) -> float:
    """Return the slope of log(seconds) over log(services)."""
    logs = [(math.log(services), math.log(seconds)) for services, seconds in points]
    middle = [sum(values) / len(logs) for values in zip(*logs, strict=True)]
    above = sum((x - middle[0]) * (y - middle[1]) for x, y in logs)
    slope: float = above / sum((x - middle[0]) ** 2 for x, _ in logs)
    return round(slope, 2)
