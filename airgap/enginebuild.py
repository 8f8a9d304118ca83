"""Build the engine's four programs from Go modules, with the small module in `engine/`."""

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
# Clients of clouds and language models: large, and no build calls them.
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


@cache  # so that edits during a run do not change it
def fingerprint() -> str:
    """Hash everything that decides the programs: our module's sources and the build flags."""
    sources = sorted(
        path for path in golang.ENGINE_SOURCE.rglob("*") if path.suffix in {".go", ".mod", ".sum"}
    )
    return fingerprint_of(
        *(part for path in sources for part in (str(path.relative_to(golang.ENGINE_SOURCE)), path)), *_FLAGS
    )


def programs(state: State) -> Path:
    """Return the folder of the programs, whether or not they are built."""
    return state.artifact(KIND, fingerprint())


def build(state: State) -> None:
    """Build all four programs with the user's own Go module and build caches."""
    state.make(KIND, fingerprint(), lambda made: compile_into(state, made, "tool"))


def compile_into(state: State, folder: Path, package: str) -> None:
    """Build the programs of a package of this Go module, or of one that it requires, into a folder."""
    run(
        ("go", "build", "-v", *_FLAGS, "-o", f"{folder}/", package),
        log=state.log("engine-build"),
        cwd=golang.ENGINE_SOURCE,
        env=golang.environment(state),
    )
