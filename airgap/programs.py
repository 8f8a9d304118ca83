"""Compile the Go programs of images, each recipe's as an artifact of its own.

They need nothing but Go, so compiling starts first. A change to how images are made does not repeat it.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from airgap import golang
from airgap.process import run
from airgap.state import fingerprint_of
from airgap.steps import Step

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.recipe import Go, Recipe
    from airgap.state import State


def fingerprint(recipe: Recipe, go: Go) -> str:
    """Hash everything that decides the programs: the module's files and the build flags."""
    files = (recipe.folder / "go.mod", recipe.folder / "go.sum")
    return fingerprint_of(platform.machine(), repr(go), repr(_flags(go)), *files)


def compiled(state: State, recipe: Recipe) -> dict[str, Path]:
    """Return the programs by their paths in the image, whether or not they are compiled."""
    if recipe.go is None:
        return {}
    folder = _folder(state, recipe, recipe.go)
    return {target: folder / _file(target) for target in recipe.go.programs}


def step_name(recipe: Recipe) -> str:
    """Return the name of the step that compiles a recipe's programs."""
    return f"{recipe.name}-build"


def step(state: State, recipe: Recipe, go: Go) -> Step:
    """Return the step that compiles a recipe's programs."""
    place = _folder(state, recipe, go)

    def compile_all(state: State) -> None:
        def into(made: Path) -> None:
            env = {"GOEXPERIMENT": go.experiment, **golang.environment(state)}
            for target, package in go.programs.items():
                argv = ("go", "build", "-v", *_flags(go), "-o", str(made / _file(target)), package)
                run(argv, log=state.log(step_name(recipe)), cwd=recipe.folder, env=env)

        state.make(f"programs/{recipe.name}", place.name, into)

    return Step(
        step_name(recipe),
        f"compiling {recipe.title} {recipe.version} from its Go module",
        place.exists,
        compile_all,
        needs=("go",),
        tool=True,
    )


def _folder(state: State, recipe: Recipe, go: Go) -> Path:
    return state.artifact(f"programs/{recipe.name}", fingerprint(recipe, go))


def _file(target: str) -> str:
    return target.rpartition("/")[2]


def _flags(go: Go) -> tuple[str, ...]:
    return (
        "-trimpath",
        *golang.inlined(*go.inlined),
        f"-tags={go.tags}",
        f"-ldflags=-s -w {go.ldflags}",
    )
