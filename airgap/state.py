"""The state folder: paths, artifacts that are complete or absent, and the lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from airgap.process import check_interrupted, command_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEARTBEAT = 15.0


@dataclass(frozen=True)
class State:
    """A state folder. Artifacts of ``shared``, another state folder, are used but never written."""

    root: Path
    shared: Path | None = None

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def logs(self) -> Path:
        """The folder of logs, one file per step and daemon."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """Return the log of a step or a daemon."""
        return self.logs / f"{name}.log"

    @property
    def scratch(self) -> Path:
        """The folder of unfinished work, on the same file system. The holder of the lock may empty it."""
        return self.root / "tmp"

    def prepare(self) -> None:
        """Create the folders and remove the unfinished work of a killed run. Requires the lock."""
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.scratch.is_dir():
            for left in self.scratch.iterdir():
                _remove(left)
        self.scratch.mkdir(exist_ok=True)

    def artifact(self, kind: str, fingerprint: str) -> Path:
        """Return the path of an artifact, whether or not it exists."""
        own = self.root / kind / fingerprint
        if self.shared is not None and not own.exists():
            theirs = self.shared / kind / fingerprint
            if theirs.exists():
                return theirs
        return own

    def make(self, kind: str, fingerprint: str, build: Callable[[Path], None]) -> Path:
        """Build an artifact in a scratch folder, then move it into place: complete or not at all."""
        target = self.root / kind / fingerprint
        with self.scratch_folder(kind.replace("/", "-")) as folder:
            made = folder / "made"
            build(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            made.rename(target)
        return target

    @contextmanager
    def scratch_folder(self, name: str) -> Iterator[Path]:
        """Create a temporary folder and remove it afterwards."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))
        try:
            yield folder
        finally:
            _remove(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # A program of a killed run may still be writing; the next run removes the rest.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file atomically: a reader sees the old content or the new one, even after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, as `write` does."""
    write(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or {} if the file is missing or incomplete."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def fingerprint_of(*parts: str | bytes | Path) -> str:
    """Return a SHA-256 over texts, files and folders (names, executable bits, contents)."""
    digest = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            digest.update(f"{len(name)}:{name}:{len(content)}:".encode())
            digest.update(content)
    return digest.hexdigest()


def _contents(part: str | bytes | Path) -> Iterator[tuple[str, bytes]]:
    if isinstance(part, bytes):
        yield "", part
    elif isinstance(part, str):
        yield "", part.encode()
    elif part.is_dir():
        for path in sorted(part.rglob("*")):
            if path.is_file():
                executable = "x" if os.access(path, os.X_OK) else ""
                yield f"{executable}/{path.relative_to(part)}", path.read_bytes()
    else:
        yield part.name, part.read_bytes()


def check_free(folder: Path, least_gb: float) -> None:
    """Raise AirgapError if the disk of ``folder`` has less than ``least_gb`` GB (10^9 bytes) free."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < least_gb:
        raise AirgapError(
            f"the disk of {folder} has {free:.1f} GB free, but {least_gb:.1f} GB are required to start",
            hint="free some space, or move AIRGAP_STATE to another disk; AIRGAP_MIN_FREE_GB sets the amount",
        )


@contextmanager
def locked(state: State, say: Callable[[str], None]) -> Iterator[int]:
    """Hold the state's lock, and report who holds it while waiting.

    Duplicates of the yielded file prolong it.
    """
    state.root.mkdir(parents=True, exist_ok=True)
    path = state / "lock"
    file = _acquire(path, say)
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        yield file
    finally:
        os.close(file)


def _acquire(path: Path, say: Callable[[str], None]) -> int:
    said = float("-inf")
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):  # because `reset` removes the file with the folder
                return file
        except BlockingIOError:
            if time.monotonic() - said > _HEARTBEAT:
                said = time.monotonic()
                say(f"waiting for {_holder(file)}, which is using {path.parent}")
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        check_interrupted()
        time.sleep(0.1)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _holder(file: int) -> str:
    pid = os.pread(file, 32, 0).decode(errors="replace").strip()
    command = command_of(int(pid)) if pid.isdigit() else ""
    return f"pid {pid} ({command})" if command else "another process"
