"""Run each service's unit tests in the environment of its image."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from time import time
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError
from ci.module_source import program
from ci.references import parse
from ci.testing import results
from ci.testing.backing import BACKING

if TYPE_CHECKING:
    from ci.build.image import BuiltImage
    from ci.project.model import ComposeModel, Service
    from ci.project.policy import Policy
    from ci.workspace import Workspace

__all__ = ["UnitTests", "dependencies", "requirements"]

DEPENDENCIES = "/opt/test-dependencies"
_PACKAGES = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
# The project's pytest settings are not used, so that all projects have the same strict rules.
_PYTEST = [
    *("-m", "pytest", "/ci/tests", "-v", "-c", "/dev/null", "--rootdir=/ci/tests"),
    *("-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--junitxml=/ci/output/junit.xml"),
]


def requirements(workspace: Workspace, policy: Policy) -> dagger.File:
    """Export the tests' dependencies from the root's lock.

    Dagger caches later steps by this file's content, so other changes of the lock do not affect them.
    """
    export = ("export", "--frozen", "--no-emit-workspace", "--no-header", "--no-annotate", "--only-group")
    return (
        _uv(workspace)
        .with_workdir("/project")
        .with_file("/project/pyproject.toml", workspace.source.file("pyproject.toml"))
        .with_file("/project/uv.lock", workspace.source.file("uv.lock"))
        .with_exec(["/opt/uv/uv", *export, policy.test_group, "--output-file", "/out/requirements.txt"])
        .directory("/out")
        .file("requirements.txt")
    )


def dependencies(workspace: Workspace, policy: Policy) -> dagger.Directory:
    """Install the tests' dependencies into a site-packages folder for the images' Python."""
    install = ("pip", "install", "--no-deps", "--target", DEPENDENCIES)
    container = (
        _uv(workspace)
        .with_mounted_cache("/root/.cache/uv", dag.cache_volume("uv"))
        .with_mounted_file("/requirements.txt", requirements(workspace, policy))
        .with_exec(["/opt/uv/uv", *install, "--require-hashes", "--requirements", "/requirements.txt"])
    )
    for package in policy.test_packages:
        container = container.with_directory(f"/packages/{package}", workspace.source.directory(package))
        container = container.with_exec(["/opt/uv/uv", *install, f"/packages/{package}"])
    return container.directory(DEPENDENCIES)


def _uv(workspace: Workspace) -> dagger.Container:
    """Return Python with uv, which must use that Python and the system's certificate authorities."""
    return (
        workspace.tool(tools.PYTHON)
        .with_directory("/opt/uv", workspace.tool(tools.UV).rootfs())
        .with_env_variable("UV_SYSTEM_CERTS", "1")
        .with_env_variable("UV_LINK_MODE", "copy")
        .with_env_variable("UV_PYTHON_DOWNLOADS", "never")
        .with_env_variable("UV_PYTHON", "/usr/local/bin/python3")
        .with_directory("/out", dag.directory())
    )


@dataclass(frozen=True)
class UnitTests:
    """Run the tests of one project's services; `rerun` is a nonce that makes them run again."""

    workspace: Workspace
    project: ComposeModel
    policy: Policy
    rerun: str = ""

    async def run(self, artifact: BuiltImage) -> tuple[results.Result, dagger.Directory]:
        """Return the result, and the directory with JUnit, coverage and output.

        The engine caches every result. If a cached result failed, the tests run again; a passing result of
        such a run is then found in the same way.
        """
        asked_at = time()
        prepared = await self._prepared(artifact)
        for attempt in itertools.count():
            nonce = f"{self.rerun}{attempt or ''}"
            container = prepared.with_env_variable("CI_RERUN", nonce) if nonce else prepared
            result, output = await self._once(artifact.service, container, asked_at)
            if not (result.red and result.cached):
                break
        return result, output

    async def _once(
        self, service: Service, container: dagger.Container, asked_at: float
    ) -> tuple[results.Result, dagger.Directory]:
        measured = await self._measured(service)
        coverage = ["-m", "coverage", "run", f"--source={measured}"] if measured else []
        command = ["python", *coverage, *_PYTEST]
        limit = f"{self.policy.test_timeout}"
        # sys.monitoring costs less than tracing and sees what runs in greenlets; a Python before 3.12 says
        # that it takes the other one.
        container = container.with_env_variable("COVERAGE_CORE", "sysmon")
        container = container.with_exec(["python", "/ci/run_tests.py", limit, "/ci/output", "--", *command])
        if measured:
            # A run that was killed left no data: then there is no coverage, and the run is red by itself.
            written = ["python", "-m", "coverage", "xml", "-q", "-o", "coverage.xml"]
            container = container.with_exec(written, expect=dagger.ReturnType.ANY)
        output = await container.directory("/ci/output").without_file(".coverage").sync()
        files = await output.entries()
        junit = await output.file("junit.xml").contents() if "junit.xml" in files else ""
        outcome = json.loads(await output.file("outcome.json").contents())
        text = await output.file("output.txt").contents()
        return results.read(service.name, outcome, junit, text, asked_at=asked_at), output

    async def _prepared(self, artifact: BuiltImage) -> dagger.Container:
        """Return the image with the tests, their dependencies, and the services they use."""
        service = artifact.service
        container = (
            artifact.container()
            .with_mounted_directory(DEPENDENCIES, dependencies(self.workspace, self.policy))
            .with_mounted_directory("/ci/tests", await self._tests(service))
            .with_mounted_file("/ci/run_tests.py", program("run_tests.py"))
            .with_mounted_temp("/tmp")  # noqa: S108 - the container's, as in compose.yaml
            .with_directory("/ci/output", dag.directory(), owner="10001:10001", permissions=0o777)
            .with_env_variable("HOME", "/tmp")  # noqa: S108 - as above
            .with_workdir("/ci/output")
        )
        # A .pth file adds them after the image's own packages; PYTHONPATH would add them before.
        packages = (await container.with_exec(["python", "-c", _PACKAGES]).stdout()).strip()
        container = container.with_mounted_file(f"{packages}/tests.pth", dag.file("tests.pth", DEPENDENCIES))
        return self._bind(container, service)

    async def _tests(self, service: Service) -> dagger.Directory:
        build = service.build
        if build is None:
            raise PipelineError(
                "test.not-built", f"service '{service.name}' has no build", hint="choose one that has"
            )
        folder = PurePosixPath(build.context, build.dockerfile).parent
        path = self.policy.tests.format(folder=folder)
        if not await self.workspace.source.exists(path, expected_type=dagger.ExistsType.DIRECTORY_TYPE):
            raise PipelineError(
                "test.no-tests",
                f"service '{service.name}' has no tests at {path}",
                hint="add tests, list it in tool.ci.services-without-tests, or correct tool.ci.tests "
                f"({self.policy.tests})",
            )
        return self.workspace.source.directory(path)

    async def _measured(self, service: Service) -> str:
        """Return the service's packages as arguments of coverage; empty if the policy sets none."""
        if not self.policy.coverage or service.build is None:
            return ""
        folder = PurePosixPath(service.build.context, service.build.dockerfile).parent
        path = self.policy.coverage.format(folder=folder)
        entries = await self.workspace.source.directory(path).glob("*/__init__.py")
        return ",".join(sorted(PurePosixPath(entry).parent.name for entry in entries))

    def _bind(self, container: dagger.Container, service: Service) -> dagger.Container:
        """Bind new instances of the services that this service depends on, for its tests."""
        for other in service.depends_on:
            dependency = self.project.services[other]
            if not dependency.image:
                continue
            name = parse(dependency.image, where=f"service '{other}'").name.rpartition("/")[2]
            backing = BACKING.get(name)
            image = self.workspace.images.resolve(dependency.image, where=f"service '{other}'")
            if backing is None or image is None:
                continue
            beside = dag.container().from_(image).with_exposed_port(backing.port)
            for variable, value in sorted({**backing.environment, "FOR": service.name}.items()):
                beside = beside.with_env_variable(variable, value)
            container = container.with_service_binding(other, beside.as_service(use_entrypoint=True))
            container = container.with_env_variable(backing.variable, backing.url.format(host=other))
        return container
