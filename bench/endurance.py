"""Run many pipelines, each with a kill of the client, engine, sandbox or registry at a random moment.

    python3 -m bench.endurance RUNS [SEED]

Each pipeline is repeated until it completes, as a user would do. After each call the registry is looked at: a
tag that points to an image that is not whole is a wrong state, and so is a completed pipeline whose tags are
not its commit's. What does not complete in five calls is a dead end. Engine and registry are in a network
namespace of their own, with the images of this machine's.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.airgap.site import ALL, linked, site

if TYPE_CHECKING:
    from tests.airgap.site import Site

ROOT = Path(__file__).parents[1]
REGISTRY, TEAM = "127.0.0.1:5000", "endurance"
SERVICES = ("api", "shop", "worker")
CALLS = 5
LIMIT = 900  # seconds of one call
VICTIMS = ("nothing", "client", "engine", "sandbox", "registry")
ACCEPT = "Accept: application/vnd.oci.image.manifest.v1+json"
SETTINGS = """[project]
name = "shop"
version = "1.2.3"
[tool.ci]
services-without-tests = ["api", "shop", "worker"]
integration = ""
"""


@dataclass
class Endurance:
    """The pipelines of one sitting, and what came of them."""

    place: Site
    source: Path
    random: random.Random
    calls: Counter[int] = field(default_factory=Counter)  # how many a pipeline took
    killed: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: float = 60.0  # seconds of a pipeline that nothing happened to

    def pipeline(self, number: int) -> None:
        """Change one service, and publish until that completes; something is killed in the first call."""
        service = self.random.choice(SERVICES)
        (self.source / service / "app" / "changed.txt").write_text(f"{number}\n")
        commit = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        victim = self.random.choice(VICTIMS) if number else "nothing"
        self.killed[victim] += 1
        for call in range(1, CALLS + 1):
            began = time.monotonic()
            code, said = self.publish(commit, number, victim if call == 1 else "nothing")
            if number == 0:
                self.longest = time.monotonic() - began
            self.recover()
            self.look(commit if code == 0 else "")
            if code == 0:
                self.calls[call] += 1
                return
            self.errors[said.rpartition("Code: ")[2].splitlines()[0] if "Code: " in said else victim] += 1
        self.calls[0] += 1

    def publish(self, commit: str, number: int, victim: str) -> tuple[int, str]:
        """Publish once; return the exit code and what was said."""
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_780_000_000 + number))
        registry = ("registry", "--address", f"{REGISTRY}/{TEAM}", "--service", f"tcp://{REGISTRY}")
        options = ("--ref", "refs/heads/main", "--commit", commit, "--created", created)
        given = ("-m", str(ROOT), "--source", str(self.source), "--database-registry", f"tcp://{REGISTRY}")
        words = ("--progress=plain", "call", *given, *registry, "publish", *options)
        with self.place.start(*self.place.dagger(*words)) as client:
            timer = threading.Timer(self.random.uniform(0.5, self.longest), self.kill, (victim, client.pid))
            timer.start()
            said = client.communicate(timeout=LIMIT)[1]
            timer.cancel()
            timer.join()
        return client.returncode, said

    def kill(self, victim: str, client: int) -> None:
        """Kill what is there of the victim, as a crash would."""
        status = self.place.status()
        pids = {
            "client": [client],
            "engine": [status["engine"]["pid"]],
            "registry": [status["registry"]["pid"]],
            "sandbox": sandboxes(status["engine"]["pid"]),
        }
        for pid in filter(None, pids.get(victim, ())):
            subprocess.run(
                ["kill", f"-{signal.SIGKILL}", "--", f"-{pid}" if pid == client else str(pid)], check=False
            )

    def recover(self) -> None:
        """Start again what was killed, with the one command that the docs name for it."""
        status = self.place.status()
        if not (status["engine"]["running"] and status["registry"]["running"]):
            self.place.up()

    def look(self, commit: str) -> None:
        """Note each tag of the branch that is wrong; `commit` is what it has to be, if that is known."""
        for service in SERVICES:
            manifest = self.get(f"{service}/manifests/main")
            if manifest is None:
                if commit:
                    self.wrong.append(f"{service}: no tag")
                continue
            data = json.loads(manifest)
            whole = [self.get(f"{service}/blobs/{each['digest']}", "--head") for each in data["layers"]]
            config = self.get(f"{service}/blobs/{data['config']['digest']}")
            if config is None or None in whole:
                self.wrong.append(f"{service}: its tag points to what is not whole")
            elif commit and revision(config) != commit:
                self.wrong.append(f"{service}: {revision(config)} instead of {commit}")

    def get(self, path: str, *options: str) -> str | None:
        """Ask the registry itself; None is what it does not have."""
        url = f"http://{REGISTRY}/v2/{TEAM}/{path}"
        done = self.place.run("curl", "--fail", "--silent", *options, "--header", ACCEPT, url)
        return done.stdout if done.code == 0 else None

    def figures(self) -> dict[str, Any]:
        """Return what came of it so far, with what is left behind: processes, and bytes on the disk."""
        engine = self.place.status()["engine"]["pid"]
        return {
            "pipelines": sum(self.calls.values()),
            "calls that each took": dict(sorted(self.calls.items())),
            "killed": dict(self.killed),
            "errors on the way": dict(self.errors),
            "wrong states": self.wrong,
            "dead ends": self.calls[0],
            "sandboxes left": len(sandboxes(engine)),
            "disk": {name: size(self.place.state / name) for name in ("engine-root", "registry")},
        }


def sandboxes(engine: int) -> list[int]:
    """Return the Docker Engines that run below a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    parents = {int(pid): int(parent) for pid, parent, _ in rows}

    def below(pid: int) -> bool:
        while pid := parents.get(pid, 0):
            if pid == engine:
                return True
        return False

    return [int(pid) for pid, _, name in rows if name == "dockerd" and below(int(pid))]


def revision(config: str) -> str:
    """Return the commit that an image names."""
    labels = json.loads(config)["config"].get("Labels") or {}
    return str(labels.get("org.opencontainers.image.revision", ""))


def size(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    done = subprocess.run(["du", "-sxk", str(folder)], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) * 1024 if done.stdout else 0


def project(folder: Path) -> None:
    """Write a project of three services that differ."""
    fixture = ROOT / "tests" / "fixtures" / "shop" / "shop"
    for service in SERVICES:
        shutil.copytree(fixture, folder / service)
        (folder / service / "app" / "name.txt").write_text(service)
        (folder / service / "requirements.txt").write_text("certifi==2024.12.14\n")
    (folder / "compose.yaml").write_text(
        json.dumps({"services": {each: {"build": each} for each in SERVICES}})
    )
    (folder / "pyproject.toml").write_text(SETTINGS)


def main(runs: int, seed: int = 0) -> int:
    """Run the pipelines and print figures after each ten; return 1 if something was wrong."""
    with tempfile.TemporaryDirectory() as name, site(*ALL) as place, linked(place):
        project(Path(name))
        place.up()
        sitting = Endurance(place, Path(name), random.Random(seed))  # noqa: S311 - the same each time
        began = time.monotonic()
        for number in range(runs):
            sitting.pipeline(number)
            if number % 10 == 0 or number == runs - 1:
                figures = {**sitting.figures(), "seconds": round(time.monotonic() - began)}
                sys.stdout.write(json.dumps(figures) + "\n")
                sys.stdout.flush()
    return int(bool(sitting.wrong or sitting.calls[0] or figures["sandboxes left"]))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
