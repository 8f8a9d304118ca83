"""Test each image by itself, and all together."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, dag

from ci import parallel
from ci._dagger import check, function
from ci.report import tables
from ci.stack.plan import plan
from ci.testing import integration, results
from ci.testing.suite import Suite, no_files
from ci.testing.unit import UnitTests
from ci.user_errors import user_errors
from ci.verbs.arguments import Jobs, Only, Profiles, ProjectDirectory
from ci.verbs.base import Base

if TYPE_CHECKING:
    import anyio

    from ci.build.builder import BuiltImage
    from ci.project.load import Project
    from ci.stack.run import Stack

__all__ = ["Test", "suite_of"]

# Stacks that are disrupted at the same time: each has an engine of its own.
DISRUPTED_AT_ONCE = 2

Cases = Annotated[list[str] | None, Doc("Cases to run, by parts of their names; default: all")]
Rerun = Annotated[bool, Doc("Run the suite although it was green for the same images")]


class Test(Base):
    """Tests inside containers."""

    @check
    @function()
    @user_errors
    async def test(
        self,
        only: Only = None,
        jobs: Jobs = 2,
        rerun: Annotated[
            str, Doc("Any new text here runs the tests again that are unchanged and green")
        ] = "",
    ) -> str:
        """Run each service's unit tests inside its image's environment; red fails the call."""
        loaded = await self._load()
        artifacts = await loaded.build(only or [])
        return tables.tested([result for result, _ in await self._tests(loaded, artifacts, jobs, rerun)])

    @function()
    @user_errors
    async def test_report(self, only: Only = None, jobs: Jobs = 2) -> dagger.Directory:
        """Return the same as files, also when red: table, Markdown, JSON; per service JUnit and coverage."""
        loaded = await self._load()
        artifacts = await loaded.build(only or [])
        return await self._tests_directory(await self._tests(loaded, artifacts, jobs, ""))

    @check
    @function(cache="session")
    @user_errors
    async def test_integration(
        self,
        cases: Cases = None,
        profiles: Profiles = None,
        project_directory: ProjectDirectory = ".",
        rerun: Rerun = False,
    ) -> str:
        """Start the stack, run the suite in tests/integration beside it, stop it; red fails the call."""
        suite, stack = await self._suite(cases, profiles, project_directory)
        return await self._integrated(suite, stack, rerun=rerun)

    @function(cache="session")
    @user_errors
    async def test_integration_report(
        self,
        cases: Cases = None,
        profiles: Profiles = None,
        project_directory: ProjectDirectory = ".",
        rerun: Rerun = False,
    ) -> dagger.Directory:
        """Return the same as files, also when red: JUnit, table, each service's log, what was not ready."""
        suite, stack = await self._suite(cases, profiles, project_directory)
        return await integration.report(await integration.run(stack, suite, rerun=rerun))

    @function(cache="session")
    @user_errors
    async def test_disruption(
        self,
        cases: Cases = None,
        project_directory: ProjectDirectory = ".",
        rerun: Rerun = False,
    ) -> str:
        """Run each file of tests/disruption in its own stack, whose services it may stop."""
        suite, stack = await self._suite(None, None, project_directory)
        files = [
            name for name in await suite.disruption_files() if not cases or any(c in name for c in cases)
        ]
        if not files:
            raise no_files(suite.policy.disruption, cases or [])
        isolated = {name: dataclasses.replace(suite, isolated=name) for name in files}
        runs = {name: partial(_disrupted, stack, each, rerun=rerun) for name, each in isolated.items()}
        return tables.tested(list((await parallel.run(runs, limit=DISRUPTED_AT_ONCE)).values()))

    async def _tests_directory(self, done: list[tuple[results.Result, dagger.Directory]]) -> dagger.Directory:
        """Return the report of unit tests that ran."""
        directory, coverage = dag.directory(), {}
        for result, output in done:
            written = "coverage.xml" in await output.entries()
            xml = await output.file("coverage.xml").contents() if written else ""
            coverage[result.name] = results.covered(xml)
            directory = directory.with_directory(result.name, output)
        for name, text in tables.test_files([result for result, _ in done], coverage).items():
            directory = directory.with_new_file(name, text)
        return directory

    async def _integrated(self, suite: Suite, stack: Stack, *, rerun: bool) -> str:
        """Run the suite and return its table; a red one is raised."""
        tested = await integration.run(stack, suite, rerun=rerun)
        if error := integration.red(tested):
            raise error
        return integration.text(tested)

    async def _suite(
        self, cases: list[str] | None, profiles: list[str] | None, folder: str
    ) -> tuple[Suite, Stack]:
        loaded = await self._under_test(profiles, folder)
        suite = suite_of(loaded, cases)
        await suite.check()
        return suite, await plan(loaded, await loaded.build([]), list(loaded.compose.services))

    async def _tests(
        self,
        loaded: Project,
        artifacts: dict[str, BuiltImage],
        limit: int | anyio.CapacityLimiter,
        rerun: str,
    ) -> list[tuple[results.Result, dagger.Directory]]:
        tests = UnitTests(loaded.builder, loaded.compose, loaded.policy, rerun)
        runs = {
            name: partial(tests.run, artifact)
            for name, artifact in artifacts.items()
            if name not in loaded.policy.services_without_tests
        }
        done = list((await parallel.run(runs, limit=limit)).values())
        return done + [(results.untested(name), dag.directory()) for name in artifacts if name not in runs]


def suite_of(loaded: Project, cases: list[str] | None = None) -> Suite:
    """Return the project's suite, which gets the variables that its compose files require."""
    variables = tuple(sorted(loaded.compose.placeholders))
    return Suite(loaded.builder, loaded.policy, tuple(cases or ()), variables=variables)


async def _disrupted(stack: Stack, suite: Suite, *, rerun: bool) -> results.Result:
    tested = await integration.run(stack, suite, rerun=rerun)
    if tested.result is None:
        raise tested.outcome.error or AssertionError("a stack that is up has a result")
    return tested.result
