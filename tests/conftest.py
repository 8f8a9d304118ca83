"""Export the programs that tests run on this machine from the engine's images, for one version everywhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import registry
from airgap.settings import from_environment
from airgap.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
CHOSEN = "CI_ENGINE_CHOSEN"
# The variable that names the program, and where it is: an image and a path in it.
PROGRAMS = {
    "PROMTOOL": ("docker.io/prom/prometheus:v3.13.4", "/bin/promtool"),
    "ACTIONLINT": ("docker.io/rhysd/actionlint:1.7.12", "/usr/local/bin/actionlint"),
}
# 100 MB each, so only tests that request them get them.
COSIGN = ("ghcr.io/sigstore/cosign/cosign:v3.1.3", "/ko-app/cosign")
TRIVY = ("docker.io/aquasec/trivy:0.74.0", "/usr/local/bin/trivy")
# Unpacked by `make test`.
NGINX = ROOT / ".venv" / "nginx" / "usr" / "sbin" / "nginx"
# Tests in these folders need one of these programs.
NEED_PROGRAMS = (ROOT / "tests" / "release", ROOT / "tests" / "observability")


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark tests that need a program of the engine's images."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in NEED_PROGRAMS):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session", autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set the programs' variables, if an engine is chosen and the caller has not set them."""
    with pytest.MonkeyPatch.context() as patch:
        if CHOSEN in os.environ:
            folder = tmp_path_factory.mktemp("programs")
            for variable, (image, path) in PROGRAMS.items():
                if variable not in os.environ:
                    target = folder / variable.lower()
                    export(image, path, target)
                    patch.setenv(variable, str(target))
            place = registry.program(State(from_environment(os.environ).state))
            if "DOCKER_REGISTRY" not in os.environ and place.exists():
                patch.setenv("DOCKER_REGISTRY", str(place))
        if "NGINX_PROGRAM" not in os.environ and NGINX.exists():
            patch.setenv("NGINX_PROGRAM", str(NGINX))
        yield


@pytest.fixture(scope="session")
def cosign(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - chosen before
    """The cosign binary."""
    if "COSIGN" in os.environ:
        return Path(os.environ["COSIGN"])
    target = tmp_path_factory.mktemp("cosign") / "cosign"
    export(*COSIGN, target)
    return target


@pytest.fixture(scope="session")
def trivy(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - chosen before
    """Trivy itself."""
    if "TRIVY" in os.environ:
        return Path(os.environ["TRIVY"])
    target = tmp_path_factory.mktemp("trivy") / "trivy"
    export(*TRIVY, target)
    target.chmod(0o755)
    return target


def export(image: str, path: str, target: Path) -> None:
    """Export a file of an image to this machine."""
    words = ["container", "from", f"--address={image}", "file", f"--path={path}"]
    command = ["dagger", "core", *words, "export", f"--path={target}"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
