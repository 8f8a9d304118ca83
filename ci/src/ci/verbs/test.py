"""Test each image by itself, and all together."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, dag

from ci import parallel, reports
from ci._dagger import check, function
from ci.testing import integration, results
from ci.testing.unit import UnitTests
from ci.told import told
from ci.verbs.arguments import Jobs, Only, Profiles, ProjectDirectory
from ci.verbs.base import Base

if TYPE_CHECKING:
    import anyio

    from ci import project
    from ci.images import BuiltImage
    from ci.stack.start import Stack

__all__ = ["Test"]

Cases = Annotated[list[str] | None, Doc("Cases to run, by parts of their names; default: all")]
Rerun = Annotated[bool, Doc("Run the suite although it was green for the same images")]


class Test(Base):
    """Tests inside containers."""

    @check
    @function()
    @told
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
        artefacts = await loaded.build(only or [])
        return reports.tested([result for result, _ in await self._tests(loaded, artefacts, jobs, rerun)])

    @function()
    @told
    async def test_report(self, only: Only = None, jobs: Jobs = 2) -> dagger.Directory:
        """Return the same as files, also when red: table, Markdown, JSON; per service JUnit and coverage."""
        loaded = await self._load()
        artefacts = await loaded.build(only or [])
        return await self._tests_directory(await self._tests(loaded, artefacts, jobs, ""))

    @check
    @function(cache="session")
    @told
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
    @told
    async def test_integration_report(
        self,
        cases: Cases = None,
        profiles: Profiles = None,
        project_directory: ProjectDirectory = ".",
        rerun: Rerun = False,
    ) -> dagger.Directory:
        """Return the same as files, also when red: JUnit, table, each service's log, what was not ready."""
        suite, stack = await self._suite(cases, profiles, project_directory)
        return await suite.report(stack, stack.containers.named, rerun=rerun)

    @function(cache="session")
    @told
    async def test_disruption(
        self,
        cases: Cases = None,
        project_directory: ProjectDirectory = ".",
        rerun: Rerun = False,
    ) -> str:
        """Run each file of tests/integration/alone on a stack of its own, whose services it may stop."""
        suite, stack = await self._suite(None, None, project_directory)
        files = [name for name in await suite.alone_files() if not cases or any(c in name for c in cases)]
        if not files:
            raise integration.no_files(suite.policy.integration, cases or [])
        done = []
        for name in files:  # one after the other: in one session, services of one name would be the same
            alone = dataclasses.replace(suite, alone=name)
            result, _ = await alone.run(stack.another(), stack.containers.named, rerun=rerun)
            done.append(result)
        return reports.tested(done)

    async def _tests_directory(self, done: list[tuple[results.Result, dagger.Directory]]) -> dagger.Directory:
        """Return the report of unit tests that ran."""
        directory, coverage = dag.directory(), {}
        for result, output in done:
            written = "coverage.xml" in await output.entries()
            xml = await output.file("coverage.xml").contents() if written else ""
            coverage[result.name] = results.covered(xml)
            directory = directory.with_directory(result.name, output)
        for name, text in reports.test_files([result for result, _ in done], coverage).items():
            directory = directory.with_new_file(name, text)
        return directory

    async def _integrated(self, suite: integration.Suite, stack: Stack, *, rerun: bool) -> str:
        """Run the suite and return its table; a red one is raised."""
        result, _ = await suite.run(stack, stack.containers.named, rerun=rerun)
        if result.red:
            raise integration.red(result)
        return reports.integrated(result, stack)

    async def _suite(
        self, cases: list[str] | None, profiles: list[str] | None, folder: str
    ) -> tuple[integration.Suite, Stack]:
        loaded = await self._under_test(profiles, folder)
        suite = integration.Suite(loaded.builder, loaded.policy, tuple(cases or ()))
        await suite.check()
        artefacts = await loaded.build([])
        return suite, await loaded.stack(artefacts, {}, loaded.compose.services)

    async def _tests(
        self,
        loaded: project.Loaded,
        artefacts: dict[str, BuiltImage],
        limit: int | anyio.CapacityLimiter,
        rerun: str,
    ) -> list[tuple[results.Result, dagger.Directory]]:
        tests = UnitTests(loaded.builder, loaded.compose, loaded.policy, rerun)
        runs = {
            name: partial(tests.run, artefact)
            for name, artefact in artefacts.items()
            if name not in loaded.policy.without_tests
        }
        done = list((await parallel.run(runs, limit=limit)).values())
        return done + [(results.untested(name), dag.directory()) for name in artefacts if name not in runs]
