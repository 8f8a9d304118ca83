"""Run the project's integration suite as an additional container of its stack."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError
from ci.evidence import claims
from ci.module_source import program
from ci.testing import dependencies, discover, results
from ci.testing.dependencies import FOLDER

if TYPE_CHECKING:
    from ci.project.policy import Policy
    from ci.stack.model import Model
    from ci.stack.run import Outcome
    from ci.workspace import Workspace

__all__ = ["Suite", "no_files"]

_DISRUPTION = "disruption"
_SOCKET = "/run/docker-sandbox.sock"
_PYTEST = [
    *("python3", "-m", "pytest", "-v", "-c", "/dev/null", "--rootdir=/ci/tests"),
    *("-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--junitxml=/ci/output/junit.xml"),
]


@dataclass(frozen=True)
class Suite:
    """The tests in the policy's folder; `cases` are parts of the names of tests to run.

    `isolated` is one file of the policy's disruption tests, which may stop the stack's services. It gets
    Docker's socket at DOCKER_HOST, and the project's name in COMPOSE_PROJECT_NAME. `variables` are passed to
    the tests.
    """

    NAME: ClassVar[str] = "ci-suite"

    workspace: Workspace
    policy: Policy
    cases: tuple[str, ...] = ()
    isolated: str = ""
    variables: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Name the tests: the file, or those that were chosen."""
        return self.isolated or " ".join(self.cases) or "stack"

    async def disruption_files(self) -> list[str]:
        """List the files of disruption tests, each of which needs its own stack."""
        found = await self.workspace.source.glob(f"{self.policy.disruption}/test_*.py")
        return sorted(PurePosixPath(path).name for path in found)

    async def check(self) -> None:
        """Raise if the project has no suite, unless its policy allows that."""
        folder = self.policy.integration
        if not folder or not await self.workspace.listing.has_folder(folder):
            raise PipelineError(
                "test.no-suite",
                f"there is no integration suite: {folder or f'{self.policy.place}integration is empty'}",
                hint=f"add tests there, or name the folder in {self.policy.place}integration; "
                "the gate goes without one only if that is empty",
            )

    def model(self, model: Model, workspace: Workspace) -> str:
        """Return the suite as a service of Compose's model, in all networks of the stack, as JSON."""
        binds = {
            "/suite/tests": "/ci/tests",
            "/suite/dependencies": FOLDER,
            "/suite/run_tests.py": "/ci/run_tests.py",
        }
        mounts = [{"type": "bind", "source": s, "target": t, "read_only": True} for s, t in binds.items()]
        mounts.append({"type": "bind", "source": "/output/suite", "target": "/ci/output"})
        environment = {name: f"${{{name}}}" for name in self.variables}
        environment |= {"PYTHONPATH": FOLDER, "PYTHONDONTWRITEBYTECODE": "1"}
        if self.isolated:
            mounts.append({"type": "bind", "source": _SOCKET, "target": "/run/docker.sock"})
            environment |= {
                "DOCKER_HOST": "unix:///run/docker.sock",
                "COMPOSE_PROJECT_NAME": model.project,
            }
        limit = self.policy.disruption_timeout if self.isolated else self.policy.integration_timeout
        service: dict[str, Any] = {
            "image": workspace.images.resolve(tools.PYTHON, where="tool image"),
            "command": [
                "python3",
                "/ci/run_tests.py",
                str(limit),
                "/ci/output",
                "--",
                *_PYTEST,
                *(word.replace("$", "$$") for word in self._selection()),
            ],
            "environment": environment,
            "volumes": mounts,
            "working_dir": "/ci/output",
            "networks": sorted({n for each in model.services.values() for n in each.networks}),
            "profiles": [self.NAME],
        }
        return json.dumps({"services": {self.NAME: service}}, indent=1, sort_keys=True)

    async def mounted(self, container: dagger.Container) -> dagger.Container:
        """Mount the suite's files and dependencies into the sandbox's container."""
        policy = self.policy
        found = await discover.suite(self.workspace.listing, policy.integration, policy)
        packages = await dependencies.install(self.workspace, policy, found)
        tests = self._folder(self.policy.integration)
        if self.isolated:  # next to the suite's own files, because these tests use its fixtures too
            tests = tests.with_directory(_DISRUPTION, self._folder(self.policy.disruption))
        return (
            container.with_mounted_directory("/suite/tests", tests)
            .with_mounted_directory("/suite/dependencies", packages)
            .with_mounted_file("/suite/run_tests.py", program("run_tests.py"))
            .with_directory("/output/suite", dag.directory())
        )

    async def given(self) -> dict[str, str]:
        """Return the digests of the tests and of what their dependencies come from."""
        source, policy = self.workspace.source, self.policy
        found = await discover.suite(self.workspace.listing, policy.integration, policy)
        folders = [policy.integration, *([policy.disruption] if self.isolated else [])]
        return {
            "suite": await source.filter(include=folders).digest(),
            "dependencies": await source.filter(include=dependencies.sources(policy, found)).digest(),
            "convention": claims.digest(asdict(found)),
            "limits": claims.digest([policy.integration_timeout, policy.disruption_timeout]),
        }

    async def judge(self, outcome: Outcome) -> results.Result:
        """Judge the suite's run in a stack that came up."""
        found = json.loads(await outcome.output.file("suite/outcome.json").contents())
        name = self.isolated.removesuffix(".py") or "integration"
        return results.read(name, found, found["junit"], found["output"], asked_at=outcome.asked_at)

    def _selection(self) -> list[str]:
        if self.isolated:
            return [f"/ci/tests/{_DISRUPTION}/{self.isolated}"]
        return ["/ci/tests", "-k", " or ".join(self.cases)] if self.cases else ["/ci/tests"]

    def _folder(self, path: str) -> dagger.Directory:
        return self.workspace.source.filter(include=[path]).directory(path)


def no_files(folder: str, cases: list[str]) -> PipelineError:
    """Return the error for a missing file of disruption tests."""
    wanted = f" that match {', '.join(cases)}" if cases else ""
    return PipelineError(
        "test.no-disruption-tests",
        f"there are no files test_*.py{wanted} in {folder}",
        hint="add one there, or name another case",
    )
