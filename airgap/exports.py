"""Let a shell use the engine: a `dagger` launcher in front of Dagger's CLI, and environment variables."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import engine, enginebuild
from airgap.errors import AirgapError
from airgap.state import write

if TYPE_CHECKING:
    from airgap.settings import Settings
    from airgap.state import State

CHOSEN = "CI_ENGINE_CHOSEN"  # tells later programs which kind of engine was chosen
RUNNER, CLI = "_EXPERIMENTAL_DAGGER_RUNNER_HOST", "_EXPERIMENTAL_DAGGER_CLI_BIN"
QUIET = {"DO_NOT_TRACK": "1", "DAGGER_NO_NAG": "1", "DAGGER_NO_UPDATE_CHECK": "1"}

_LAUNCHER = Path(__file__).with_name("launcher.py")


def launcher(state: State) -> Path:
    """Return the path of the `dagger` that users run."""
    return state / "bin" / "dagger"


def write_launcher(state: State, settings: Settings) -> None:
    """Write the launcher, independent of this checkout, which may be deleted."""
    copy = state / "bin" / ".launcher.py"
    python = next(str(each) for each in (Path("/usr/bin/python3"), Path(sys.executable)) if each.exists())
    words = (python, "-ISB", str(copy), str(enginebuild.programs(state) / "dagger"), str(settings.socket))
    for path, text, mode in (
        (copy, _LAUNCHER.read_text(encoding="utf-8"), 0o644),
        (launcher(state), f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', 0o755),
    ):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write(path, text, mode=mode)


def variables(state: State, settings: Settings) -> dict[str, str]:
    """Return the variables for the engine of this state folder. Raise AirgapError if it does not run."""
    if not engine.answers_here(state, settings):
        raise AirgapError(f"no Dagger engine at {settings.runner_host}", hint="run python3 -m airgap up")
    return {
        CHOSEN: "airgap",
        RUNNER: settings.runner_host,
        CLI: str(launcher(state)),
        **QUIET,
        "CI_REGISTRY": settings.registry,
    }


def of_docker() -> str:
    """Format lines for a shell's `eval` that let Dagger's CLI start its own engine.

    The variables of another engine are removed, because the CLI would silently use that one.
    """
    return f"unset {RUNNER} {CLI}\n" + shell({CHOSEN: "docker", **QUIET})


def shell(variables: dict[str, str], *, path: Path | None = None) -> str:
    """Format lines for a shell's `eval`; ``path`` is put first in PATH."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if path is not None:
        lines.append(f'export PATH={shlex.quote(str(path))}:"$PATH"')
    return "\n".join(lines) + "\n"
