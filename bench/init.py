"""What the init adds to a service's start: from its exec to the first instruction of the service."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import growth
from bench.measure import printed, spread
from bench.peer.docker import compose_binary

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
GO = "golang:1.26-trixie"
# One of those that ask for what all services of ours ask for, with a healthcheck in its image.
SERVICE = "gateway"
LEAST = 20  # starts of each kind
MOST_ADDED = 0.05  # seconds between the two medians
# As ci.project builds it; and the command that is started.
_BUILD = "go build -trimpath -ldflags '-s -w' -o /out/init . && go build -o /out/clock /bench/clock.go"
_CALL = ("dagger", "--progress=plain", "call", "image", f"--service={SERVICE}")


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return medians and spreads in seconds of both kinds of start, and the budget if it is exceeded."""
    count = max(repeat, LEAST)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _programs(folder)
        _configuration(folder)
        seen = json.loads(printed(_starts(folder, count), ROOT))
    rows = {key: spread([each / 1e9 for each in times], 4) for key, times in seen.items()}
    for key, row in rows.items():
        say(f"init: {key}: {row['median']} s ({row['least']} to {row['most']}) of {count} starts")
    say(f"init: it adds {added(rows):.4f} s to a start")
    return {"rows": rows, "starts": count, "added": added(rows), "exceeded": exceeded(rows)}


def added(rows: dict[str, dict[str, float]]) -> float:
    """Return the seconds between the medians."""
    return round(rows["init"]["median"] - rows["plain"]["median"], 4)


def exceeded(rows: dict[str, dict[str, float]]) -> list[str]:
    """Return the budget that the medians exceed."""
    above = added(rows)
    if above <= MOST_ADDED:
        return []
    return [f"the init adds {above * 1000:.0f} ms to a service's start, at most are {MOST_ADDED * 1000:.0f}"]


def outcome_of(root: Path, folder: Path) -> Path:
    """Have Compose read the project as the pipeline does."""
    outcome = folder / "outcome.json"
    read = [str(growth.READ), str(compose_binary()), str(root), str(outcome), growth.REQUEST]
    printed([sys.executable, *read], folder)
    return outcome


def _written(folder: Path, image: Path) -> dict[str, Any]:
    """Return what the pipeline writes for the service's init, by the pipeline's own code."""
    outcome = outcome_of(ROOT, folder)
    words = [sys.executable, "-m", "bench.written", str(outcome), str(image), SERVICE]
    found: dict[str, Any] = json.loads(printed(words, ROOT, {"PYTHONPATH": str(ROOT / "ci" / "src")}))
    return found


def _programs(folder: Path) -> None:
    """Have init and clock built by the engine, and put them where the container gets them from."""
    source = [
        "with-directory",
        "--path=/init",
        f"--source={ROOT / 'ci' / 'init'}",
        "with-workdir",
        "--path=/init",
    ]
    clock = ["with-file", "--path=/bench/clock.go", f"--source={ROOT / 'bench' / 'clock.go'}"]
    build = ["with-env-variable", "--name=CGO_ENABLED", "--value=0", "with-exec", f"--args=sh,-c,{_BUILD}"]
    out = ["directory", "--path=/out", "export", f"--path={folder / 'out'}"]
    printed(["dagger", "core", "container", "from", f"--address={GO}", *source, *clock, *build, *out], ROOT)
    for name, program in {"home": "init", "bench": "clock"}.items():
        (folder / name).mkdir()
        (folder / "out" / program).rename(folder / name / program)
    (folder / "home" / "run").mkdir()
    shutil.copy(ROOT / "bench" / "starts.py", folder / "bench")


def _configuration(folder: Path) -> None:
    image = folder / "image.tar"
    printed([*_CALL, "as-tarball", "export", f"--path={image}"], ROOT)
    found = _written(folder, image)
    (folder / "home" / "config.json").write_text(json.dumps(found["config"]))
    (folder / "bench" / "environment.json").write_text(json.dumps(found["environment"]))


def _starts(folder: Path, count: int) -> list[str]:
    """Return the call that does all starts in one container of the service's image, as its init is run."""
    mounts = [("/.ci", folder / "home"), ("/bench", folder / "bench")]
    return [
        *(*_CALL, "with-user", "--name=0:0"),
        *(
            w
            for path, source in mounts
            for w in ("with-mounted-directory", f"--path={path}", f"--source={source}")
        ),
        *("with-mounted-cache", "--path=/.ci-state", "--cache=bench-init-state"),
        *("with-env-variable", "--name=BENCH_RUN", f"--value={secrets.token_hex(6)}"),  # not the last result
        *("with-exec", f"--args=/usr/local/bin/python3,-I,-S,/bench/starts.py,{count}"),
        *("--insecure-root-capabilities", "--no-init", "stdout"),
    ]
