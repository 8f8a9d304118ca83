"""OCI layouts: one image, tagged `latest`, made with umoci. Every time in them is one constant."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.process import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPOCH = 1_767_225_600  # 2026-01-01; so that the same files give the same layer whenever they are packed
_CREATED = "2026-01-01T00:00:00Z"

# OCI's names of what a configuration can say, and umoci's.
_OPTIONS = {
    "Env": "env",
    "Entrypoint": "entrypoint",
    "Cmd": "cmd",
    "User": "user",
    "WorkingDir": "workingdir",
    "Volumes": "volume",
    "ExposedPorts": "exposedports",
    "StopSignal": "stopsignal",
}
_LISTS = ("labels", "env", "entrypoint", "cmd", "volume", "exposedports")


def unpack(layout: Path, bundle: Path, *, base: Path | None, log: Path) -> Path:
    """Make a layout that begins as ``base``, or empty; return its root, unpacked in ``bundle``."""
    if base is not None:
        shutil.copytree(base, layout)
    else:
        run(("umoci", "init", "--layout", str(layout)), log=log)
        run(("umoci", "new", "--image", f"{layout}:latest"), log=log)
    run(("umoci", "unpack", "--image", f"{layout}:latest", str(bundle)), log=log)
    return bundle / "rootfs"


def repack(layout: Path, bundle: Path, *, title: str, log: Path) -> None:
    """Add what changed in the unpacked root as one layer."""
    even_out_times(bundle / "rootfs")
    history = ("--history.created", _CREATED, "--history.created_by", title)
    run(("umoci", "repack", *history, "--image", f"{layout}:latest", str(bundle)), log=log)


def configure(
    layout: Path, config: Mapping[str, str | Sequence[str]], labels: Mapping[str, str], *, log: Path
) -> None:
    """Set configuration and labels; of the base's only user, working directory and stop signal stay."""
    argv = ["umoci", "config", "--no-history", "--created", _CREATED]
    argv += [f"--clear=config.{each}" for each in _LISTS]
    for key, value in config.items():
        values = [value] if isinstance(value, str) else value
        argv += [f"--config.{_OPTIONS[key]}={each}" for each in values]
    argv += [f"--config.label={key}={value}" for key, value in sorted(labels.items())]
    run((*argv, "--image", f"{layout}:latest"), log=log)
    run(("umoci", "gc", "--layout", str(layout)), log=log)


def insert(layout: Path, file: Path, target: str, *, log: Path) -> None:
    """Add one file as a layer."""
    os.utime(file, (EPOCH, EPOCH))
    history = ("--history.created", _CREATED, "--history.created_by", target)
    run(("umoci", "insert", *history, "--image", f"{layout}:latest", str(file), target), log=log)


def even_out_times(root: Path) -> None:
    """Give everything that is newer than the constant that time."""
    for folder, folders, files in os.walk(root, topdown=False):
        for path in (Path(folder), *(Path(folder, name) for name in (*folders, *files))):
            if path.lstat().st_mtime > EPOCH:
                os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
