"""The engine's four programs, built from Go modules by the small module in `engine/`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from airgap import golang
from airgap.process import run
from airgap.settings import VERSION
from airgap.state import fingerprint_of

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.state import State

KIND = "engine"
PROGRAMS = ("engine", "dagger", "dnsname", "init")

_PACKAGE = "github.com/dagger/dagger/engine"
# Clients of clouds and language models, large and not called by any build.
_ASIDE = (
    "cloud.google.com/...",
    "github.com/1password/...",
    "github.com/Azure/...",
    "github.com/anthropics/...",
    "github.com/aws/...",
    "github.com/google/go-github/...",
    "github.com/hashicorp/...",
    "github.com/modelcontextprotocol/...",
    "github.com/openai/...",
    "google.golang.org/genai/...",
)
_FLAGS = (
    "-trimpath",
    *golang.not_inlined(*_ASIDE),
    "-tags=dfexcludepatterns,dfparents",
    f"-ldflags=-s -w -X {_PACKAGE}.Version={VERSION} -X {_PACKAGE}.Tag={VERSION}",
)


@cache  # one answer a run, whatever an editor does meanwhile
def fingerprint() -> str:
    """Return what decides the programs: our module's sources and the build's flags."""
    sources = sorted(
        path for path in golang.ENGINE_SOURCE.rglob("*") if path.suffix in {".go", ".mod", ".sum"}
    )
    return fingerprint_of(
        *(part for path in sources for part in (str(path.relative_to(golang.ENGINE_SOURCE)), path)), *_FLAGS
    )


def programs(state: State) -> Path:
    """Return the folder the programs are in, or would be in."""
    return state.artefact(KIND, fingerprint())


def build(state: State) -> None:
    """Build all four; the Go module and build caches are the user's own."""

    def compile_into(made: Path) -> None:
        run(
            ("go", "build", "-v", *_FLAGS, "-o", f"{made}/", "tool"),
            log=state.log("engine-build"),
            cwd=golang.ENGINE_SOURCE,
            env=golang.environment(state),
        )

    state.make(KIND, fingerprint(), compile_into)
