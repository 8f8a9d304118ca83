"""The project's integration suite, run inside its stack."""

from __future__ import annotations

import json
import secrets as random
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from time import time
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import parallel, table, tools
from ci.errors import PipelineError
from ci.images import program
from ci.stack import failures
from ci.testing import kept, results
from ci.testing.unit import DEPENDENCIES, dependencies, requirements

if TYPE_CHECKING:
    from ci.images import Builder
    from ci.policy import Policy
    from ci.stack.start import Stack

__all__ = ["ALONE", "Suite", "no_files", "red"]

ALONE = "alone"
_STATES = "/ci/stack"


@dataclass(frozen=True)
class Suite:
    """Runs the suite against one stack; `variables` are what the tests get to know of it.

    `alone` names one file of the suite's folder ALONE, which may stop the
    stack's services: it finds a folder for each in CI_STACK, with the pipe
    `control` that takes `stop`, `kill` and `start`, and `outcome.json`.
    """

    builder: Builder
    policy: Policy
    cases: tuple[str, ...]
    alone: str = ""

    async def alone_files(self) -> list[str]:
        """Return the files that want a stack of their own."""
        found = await self.builder.source.glob(f"{self.policy.integration}/{ALONE}/test_*.py")
        return sorted(PurePosixPath(path).name for path in found)

    async def check(self) -> None:
        """Refuse a project without a suite, unless its policy says so."""
        folder = self.policy.integration
        kind = dagger.ExistsType.DIRECTORY_TYPE
        if not folder or not await self.builder.source.exists(folder, expected_type=kind):
            raise PipelineError(
                f"there is no integration suite: {folder or 'tool.ci.integration is empty'}",
                next_step="add tests there, or name the folder in tool.ci.integration; "
                "the gate goes without one only if that is empty",
            )

    async def key(self, stack: Stack) -> str:
        """Return what a result is the result of: images, model, suite and what runs it."""
        containers = stack.containers
        return kept.key(
            cases=(*self.cases, self.alone),
            images={name: artefact.digest for name, artefact in containers.artefacts.items()},
            init=await containers.init.digest(exclude_metadata=True),
            model={name: planned.service.raw for name, planned in stack.plan.containers.items()},
            left_out=stack.plan.left_out,
            policy=repr(self.policy),
            suite=await self._content(),
            requirements=await requirements(self.builder, self.policy).digest(exclude_metadata=True),
        )

    async def _content(self) -> dict[str, str]:
        """Return each file's digest: that of a folder is not always the same for the same content."""
        folder = self.builder.source.directory(self.policy.integration)
        names = [name for name in await folder.glob("**/*") if not name.endswith("/")]
        digests = {name: partial(folder.file(name).digest, exclude_metadata=True) for name in sorted(names)}
        return await parallel.run(digests, limit=8)

    async def run(
        self, stack: Stack, variables: dict[str, str], *, rerun: bool
    ) -> tuple[results.Result, dagger.Directory]:
        """Run the suite, or return the kept green result of the same; with all its reports."""
        asked_at = time()
        memory, name = kept.Kept(self.builder), await self.key(stack)
        reports = None if rerun else await memory.find(name)
        if reports is not None:
            return await self._judge(reports, asked_at), reports
        reports = await self._run(stack, variables)
        result = await self._judge(reports, asked_at)
        if not result.red:
            await memory.keep(name, reports)
        return result, reports

    async def report(self, stack: Stack, variables: dict[str, str], *, rerun: bool) -> dagger.Directory:
        """Return what is known of a run, red or green: JUnit, table, logs, and why the stack is not up."""
        try:
            result, reports = await self.run(stack, variables, rerun=rerun)
        except PipelineError as error:
            reports = dag.directory().with_directory("logs", await stack.logs())
            reports = reports.with_new_file("error.txt", f"{error}\n")
            summary: dict[str, Any] = {"outcome": "the stack did not come up", "tests": 0, "failed": 0}
        else:
            reports = reports.with_new_file("table.txt", table.text(results.HEADER, [result.row]) + "\n")
            summary = {"outcome": result.red or "passed", "tests": result.tests, "failed": result.failed}
        causes = failures.find(stack.plan, stack.outcomes)
        summary["not_ready"] = {cause.service: cause.text for cause in causes}
        summary |= stack.times
        return reports.with_new_file("summary.json", json.dumps(summary, indent=1) + "\n")

    async def _run(self, stack: Stack, variables: dict[str, str]) -> dagger.Directory:
        try:
            await stack.start()
            output = await self._container(stack, variables).directory("/ci/output").sync()
        finally:
            await stack.stop()
        return output.with_directory("logs", await stack.logs())

    async def _judge(self, reports: dagger.Directory, asked_at: float) -> results.Result:
        files = await reports.entries()
        junit = await reports.file("junit.xml").contents() if "junit.xml" in files else ""
        outcome = json.loads(await reports.file("outcome.json").contents())
        text = await reports.file("output.txt").contents()
        return results.read(
            self.alone.removesuffix(".py") or "integration", outcome, junit, text, asked_at=asked_at
        )

    def _container(self, stack: Stack, variables: dict[str, str]) -> dagger.Container:
        source = self.builder.source.directory(self.policy.integration)
        container = (
            self.builder.tool(tools.PYTHON)
            .with_mounted_directory(DEPENDENCIES, dependencies(self.builder, self.policy))
            .with_mounted_directory("/ci/tests", source)
            .with_mounted_file("/ci/run_tests.py", program("run_tests.py"))
            .with_directory("/ci/output", dag.directory())
            .with_env_variable("PYTHONPATH", DEPENDENCIES)
            .with_env_variable("PYTHONDONTWRITEBYTECODE", "1")
            .with_workdir("/ci/output")
            .with_env_variable("CI_RUN", random.token_hex(6))
        )
        for name, value in sorted(variables.items()):
            secret = dag.set_secret(f"suite-{name}", value)
            container = container.with_secret_variable(name, secret)
        if self.alone:
            container = container.with_env_variable("CI_STACK", _STATES)
            for name in stack.running:
                container = container.with_mounted_cache(f"{_STATES}/{name}", stack.state(name))
        limit = f"{self.policy.alone_timeout if self.alone else self.policy.integration_timeout}"
        return container.with_exec(
            ["python3", "/ci/run_tests.py", limit, "/ci/output", "--", *_PYTEST, *self._selection()]
        )

    def _selection(self) -> list[str]:
        files = (
            [f"/ci/tests/{ALONE}/{self.alone}"]
            if self.alone
            else ["/ci/tests", f"--ignore=/ci/tests/{ALONE}"]
        )
        return [*files, "-k", " or ".join(self.cases)] if self.cases else files


def no_files(folder: str, cases: list[str]) -> PipelineError:
    """Return the error that no file wants a stack of its own."""
    wanted = f" that match {', '.join(cases)}" if cases else ""
    return PipelineError(
        f"there are no files test_*.py{wanted} in {folder}/{ALONE}",
        next_step="add one there, or name another case",
    )


def red(result: results.Result) -> PipelineError:
    """Return the error of a red suite: its output says which case and why."""
    return PipelineError(
        f"integration: {result.red}",
        details=result.output,
        next_step="mend it, or see every service's log: test-integration-report export --path reports",
    )


_PYTEST = [
    *("python3", "-m", "pytest", "-v", "-c", "/dev/null", "--rootdir=/ci/tests"),
    *("-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--junitxml=/ci/output/junit.xml"),
]
