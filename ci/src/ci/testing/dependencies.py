"""Install what tests need, beside the packages of the image that they run in."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError
from ci.testing import convention, locks
from ci.workspace import literal

if TYPE_CHECKING:
    from ci.project.policy import Policy
    from ci.testing.convention import Found
    from ci.workspace import Workspace

__all__ = ["FOLDER", "Python", "install", "sources"]

FOLDER = "/opt/test-dependencies"
_UV = "/opt/uv/uv"


@dataclass(frozen=True)
class Python:
    """The Python that packages are installed for; the default is that of the tool image."""

    version: str = tools.PYTHON.partition(":")[2].partition("-")[0]
    platform: str = ""  # as uv names it; empty: that of the engine, with glibc

    @property
    def options(self) -> list[str]:
        """Return uv's options; none for the tool image, so that all its users share one result."""
        version = [] if self.version == Python.version else ["--python-version", self.version]
        return version + (["--python-platform", self.platform] if self.platform else [])


async def install(
    workspace: Workspace, policy: Policy, found: Found, python: Python | None = None
) -> dagger.Directory:
    """Install the tests' dependencies into a site-packages folder."""
    words = ("pip", "install", "--quiet", "--target", FOLDER, *(python or Python()).options)
    container = (await _uv(workspace)).with_mounted_cache("/root/.cache/uv", dag.cache_volume("uv"))
    if found.kind == convention.REQUIREMENTS:
        files = workspace.source.filter(include=["**/*.txt"])
        container = container.with_mounted_directory("/source", files)
        command = [*words, "--requirements", f"/source/{found.path}"]
    elif found.kind == convention.IMAGE:
        command = ["mkdir", "-p", FOLDER]
    else:
        locked = await _locked(workspace, found)
        container = container.with_mounted_file("/requirements.txt", locked)
        command = [*words, "--no-deps", "--require-hashes", "--requirements", "/requirements.txt"]
    if found.kind != convention.IMAGE:
        command = [_UV, *command]
    container = container.with_exec(command)
    for package in policy.test_packages:
        container = container.with_directory(f"/packages/{package}", workspace.source.directory(package))
        container = container.with_exec([_UV, *words, "--no-deps", f"/packages/{package}"])
    try:
        return await container.directory(FOLDER).sync()
    except dagger.ExecError as error:
        raise PipelineError(
            "test.dependencies-not-installed",
            f"the dependencies of {found.tests} cannot be installed: {found.why}",
            details=error.stderr,
            hint="correct what uv names above, or set a command that runs the tests: "
            f"{policy.place}services.NAME.test",
        ) from error


def sources(policy: Policy, found: Found) -> list[str]:
    """Return patterns of all files of the source that `install` reads."""
    paths = set(policy.test_packages)
    if found.kind == convention.REQUIREMENTS:
        return sorted({"**/*.txt", *map(literal, paths)})
    if found.kind == convention.UV:
        folder = posixpath.dirname(found.path)
        paths |= {posixpath.join(folder, name) for name in ("pyproject.toml", "uv.lock")}
    elif found.path:
        paths.add(found.path)
    return sorted(map(literal, paths))


async def _locked(workspace: Workspace, found: Found) -> dagger.File:
    """Return a lock's group as requirements with hashes.

    Dagger caches later steps by this file's content, so other changes of the lock do not affect them.
    """
    if found.kind != convention.UV:
        text = await workspace.source.file(found.path).contents()
        lines = locks.requirements(text, found.group, where=found.path)
        return dag.file("requirements.txt", lines)
    export = ("export", "--frozen", "--no-emit-workspace", "--no-header", "--no-annotate", "--only-group")
    folder = posixpath.dirname(found.path)
    project = workspace.source.directory(folder) if folder else workspace.source
    return (
        (await _uv(workspace))
        .with_workdir("/project")
        .with_file("/project/pyproject.toml", project.file("pyproject.toml"))
        .with_file("/project/uv.lock", project.file("uv.lock"))
        .with_exec([_UV, *export, found.group, "--output-file", "/out/requirements.txt"])
        .directory("/out")
        .file("requirements.txt")
    )


async def _uv(workspace: Workspace) -> dagger.Container:
    """Return Python with uv, which must use that Python and the system's certificate authorities."""
    return await workspace.once("uv", lambda: _with_uv(workspace).sync())


def _with_uv(workspace: Workspace) -> dagger.Container:
    return (
        workspace.tool(tools.PYTHON)
        .with_directory("/opt/uv", workspace.tool(tools.UV).rootfs())
        .with_env_variable("UV_SYSTEM_CERTS", "1")
        .with_env_variable("UV_LINK_MODE", "copy")
        .with_env_variable("UV_PYTHON_DOWNLOADS", "never")
        .with_env_variable("UV_PYTHON", "/usr/local/bin/python3")
        .with_directory("/out", dag.directory())
    )
