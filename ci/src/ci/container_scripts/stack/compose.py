"""Run Docker Compose with the pipeline's model, and prepare images, volumes and networks."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.stack import engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.container_scripts.stack.journal import Journal

__all__ = ["BINARY", "ENV_FILE", "MODEL", "SUITE", "Compose", "NotPulled", "load_images", "make_externals"]

BINARY = "/docker-compose"
MODEL, SUITE = Path("/stack/model.json"), Path("/stack/suite.json")
ENV_FILE = Path("/variables.env")
_NOT_FOUND = 404
_PULLS = 4


class NotPulled(Exception):  # noqa: N818 - what came of it
    """A service's image cannot be pulled; `output` is Compose's output."""

    def __init__(self, service: str, image: str, output: str) -> None:
        super().__init__(f"{service}: {image}")
        self.service, self.image, self.output = service, image, output


class Compose:
    """Run Compose's commands for one project, showing their output while they run."""

    def __init__(self, request: Mapping[str, Any], random: Mapping[str, str], journal: Journal) -> None:
        self._words = [
            BINARY,
            *("--ansi", "never", "--progress", "plain"),
            *("--project-name", request["project"], "--project-directory", request["folder"]),
            *("--env-file", str(ENV_FILE) if ENV_FILE.is_file() else "/dev/null"),
        ]
        kept = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG")
        self._variables = {name: os.environ[name] for name in kept if name in os.environ}
        self._variables |= {"PWD": request["folder"], **random}
        self._journal = journal

    def start(self, *words: str, files: tuple[Path, ...] = (MODEL,), name: str = "compose") -> _Running:
        """Start a command."""
        named = [word for file in files for word in ("--file", str(file))]
        process = subprocess.Popen(
            [*self._words, *named, *words],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return _Running(process, name, self._journal)

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; return its exit code and output."""
        running = self.start(*words)
        return running.wait(), running.output

    def ask(self, *words: str) -> list[dict[str, Any]]:
        """Run a command that prints lines of JSON and return them parsed."""
        command = [*self._words, "--file", str(MODEL), *words, "--format", "json"]
        done = subprocess.run(command, env=self._variables, capture_output=True, text=True, check=False)
        if done.returncode:  # Compose rejects the model, and has reported that already
            return []
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def pull(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Pull missing images, a few at a time. Raise `NotPulled` for the first that fails."""
        missing = [name for name, item in services.items() if not _is_there(item.get("image", ""))]
        for first in range(0, len(missing), _PULLS):
            names = missing[first : first + _PULLS]
            pulls = {name: self.start("pull", "--quiet", "--policy", "missing", name) for name in names}
            for name, pull in pulls.items():
                if pull.wait():
                    raise NotPulled(name, services[name].get("image", ""), pull.output)


class _Running:
    """A running command; `output` is its output so far."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, journal: Journal) -> None:
        self._process, self._name = process, name
        self._pieces: list[bytes] = []
        self._thread = threading.Thread(target=journal.show, args=(name, self._read()), daemon=True)
        self._thread.start()

    def _read(self) -> Iterator[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._pieces.append(line)
            yield line

    @property
    def output(self) -> str:
        return b"".join(self._pieces).decode(errors="replace")

    @property
    def code(self) -> int | None:
        """The exit code, `None` while the command runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait until all output is read; return the exit code."""
        code = self._process.wait()
        self._thread.join()
        return code

    def end(self) -> None:
        """Stop the command if it still runs."""
        self._process.terminate()
        self.wait()


def _is_there(reference: str) -> bool:
    if not reference:
        return True
    try:
        engine.ask("GET", f"/images/{reference}/json")
    except engine.Refused as refused:
        if refused.status != _NOT_FOUND:
            raise
        return False
    return True


def load_images(images: list[dict[str, str]]) -> None:
    """Tag each built image: by its digest if the engine has it, else load its layout."""
    missing = [image for image in images if not _is_there(image["digest"])]
    for image in missing:
        engine.load(Path(image["file"]))
    for image in images:
        repository, _, tag = image["tag"].rpartition(":")
        engine.ask("POST", f"/images/{image['digest']}/tag", repo=repository, tag=tag)
    if missing:
        engine.ask("POST", "/images/prune")  # images that had these tags before


def make_externals(request: Mapping[str, Any]) -> None:
    """Create the project's external volumes and networks, empty."""
    for name in request["volumes"]:
        engine.ask("POST", "/volumes/create", {"Name": name})
    for name in request["networks"]:
        subnet = request["subnets"].get(name)
        pool = {"IPAM": {"Config": [subnet]}} if subnet else {}
        engine.ask("POST", "/networks/create", {"Name": name, **pool})
