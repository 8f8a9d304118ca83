"""The container that Trivy runs in, and the commands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import module_source, references, tools
from ci.errors import PipelineError
from ci.scan import scanner

if TYPE_CHECKING:
    import dagger

    from ci.workspace import Workspace

__all__ = ["EXCEPTIONS", "TRIVY", "analyzed", "command", "failed", "prepare"]

TRIVY = "/usr/local/bin/trivy"
EXCEPTIONS = "/exceptions.yaml"
SECONDS = "600"
_PROGRAMS = "ci/container_scripts/trivy_*"


async def prepare(workspace: Workspace) -> dagger.Container:
    """Return Python with Trivy's binary and our programs: no credential and no socket is in it."""
    return await workspace.once("trivy", lambda: _prepared(workspace).sync())


def _prepared(workspace: Workspace) -> dagger.Container:
    resolved = workspace.images.resolve(scanner.TRIVY, where="tool image")
    for text in (scanner.TRIVY, resolved or ""):
        if text:
            scanner.check_reference(references.parse(text, where="the scanner"), where="the scanner")
    return (
        workspace.tool(tools.PYTHON)
        .with_file(TRIVY, workspace.tool(scanner.TRIVY).file(TRIVY))
        .with_mounted_directory("/program", module_source.files().filter(include=[_PROGRAMS]))
        .with_env_variable("PYTHONPATH", "/program")
    )


def command(program: str, *words: str) -> list[str]:
    """Return the words that run one of our programs."""
    return ["python3", "-m", f"ci.container_scripts.{program}", *words]


def analyzed(container: dagger.Container, image: dagger.File, base: dagger.File | None) -> dagger.Directory:
    """Let Trivy analyze an image; the base is read once for all images that are built on it."""
    earlier: list[str] = []
    if base:
        container = container.with_mounted_directory(
            "/earlier", analyzed(container, base, None).directory("analysis")
        )
        earlier = ["/earlier"]
    words = ("analyze", TRIVY, "/image.tar", "/output", SECONDS, *earlier)
    return (
        container.with_mounted_file("/image.tar", image)
        .with_exec(command("trivy_image", *words))
        .directory("/output")
    )


def failed(name: str, error: dagger.ExecError) -> PipelineError:
    """Return the error of a Trivy that ended with neither findings nor none."""
    return PipelineError(
        "scan.trivy-failed",
        f"{name}: Trivy failed with exit code {error.exit_code}",
        details=error.stderr,
        hint="see its output above; a panic is most often a corrupted database. Nothing of this run is "
        "cached: the next one tries again",
    )
