"""The class that Dagger calls: each function delegates to `ci.pipeline`."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import check, function, object_type, up
from ci.errors import hide_tracebacks
from ci.functions import project
from ci.functions.options import (
    Cases,
    DefaultBranch,
    EarlierReport,
    EarlierScan,
    ErrorCode,
    GitDirectory,
    History,
    ModuleAddress,
    Only,
    Parts,
    Password,
    PlanFormat,
    Platform,
    Ref,
    RegistryAddress,
    RegistryService,
    Rerun,
    Severity,
    StartTimeout,
    StopTimeout,
    Username,
)
from ci.functions.registry import Registry
from ci.functions.stack import ComposeStack
from ci.lint import linters
from ci.lint.run import Lint
from ci.pipeline import builds, drift, gates, onboard, publish, releases, report, services
from ci.pipeline.gate import gate, part, shard
from ci.pipeline.inputs import Inputs, RegistryOptions
from ci.pipeline.stack import create, ports
from ci.sandbox import usage
from ci.scan import gate as scan_gate

hide_tracebacks()


@object_type
class Ci:
    """The pipeline between `git push` and a trusted image, driven by compose.yaml."""

    source: project.Source
    files: project.Files = None
    profiles: project.Profiles = None
    project_directory: project.ProjectDirectory = ""
    env_file: project.EnvFile = None
    images: project.Images = None
    docker_config: project.DockerConfig = None
    ssh_agent: project.SshAgent = None
    database: project.Database = None
    database_registry: project.DatabaseRegistry = None
    database_mirrors: project.DatabaseMirrors = None
    cache: project.LayerCache = ""
    cache_branch: project.CacheBranch = ""
    cache_write: project.CacheWrite = False
    evidence: project.EvidenceRepository = ""
    run_url: project.RunUrl = ""
    fresh: project.Fresh = False
    jobs: project.Jobs = 8
    platform: project.Platforms = ""
    emulate_tests: project.EmulateTests = False

    @function()
    async def services(self, format: PlanFormat = "table") -> str:  # noqa: A002 - the option's name
        """Print the plan: each service, its image, its ports, what it waits for, and how it is tested."""
        return await services.services(self._inputs(), format)

    @function()
    async def build(self, only: Only = None, platform: Platform = "") -> str:
        """Build all images in parallel and print each one's digest, size and layers."""
        return await builds.build(self._inputs(), only or [], platform)

    @function()
    async def image(
        self, service: Annotated[str, Doc("The service, by its compose name")], platform: Platform = ""
    ) -> dagger.Container:
        """Return one service's image as a container, for chaining."""
        return await builds.image(self._inputs(), service, platform)

    @check
    @function()
    async def lint(self) -> str:
        """Run the linters that tool.ci.lint names; fail if one of them finds something."""
        return linters.judge(await Lint(await self._inputs().under_test()).run(self.jobs))

    @function()
    async def format(self) -> dagger.Changeset:
        """Return ruff's changes; the command line shows them and asks whether to apply them."""
        return Lint(await self._inputs().project()).formatted()

    # Waivers and exceptions end on a day, so a result is not cached beyond its session.
    @check
    @function(cache="session")
    async def posture(self, only: Only = None) -> str:
        """Check each image against the posture rules (user, layers, secrets, size, start and stop)."""
        return await gates.posture(self._inputs(), only or [])

    @check
    @function(cache="session")
    async def test(self, only: Only = None, rerun: Rerun = False) -> str:
        """Run each service's unit tests inside its image's environment."""
        return await gates.test(self._inputs(), only or [], rerun=rerun)

    @check
    @function(cache="session")
    async def scan(
        self,
        only: Only = None,
        severity: Severity = None,
        ignore_unfixed: Annotated[bool, Doc("Accept vulnerabilities that have no fix yet")] = False,
        database_days: Annotated[int, Doc("How old Trivy's database may be, in days")] = 3,
        vex: Annotated[list[str] | None, Doc("VEX files, by their paths in --source; default: none")] = None,
        base: EarlierScan = None,
        history: History = None,
    ) -> str:
        """Scan each image and the source with Trivy and print one table."""
        rules = scan_gate.rules(
            severity or [], ignore_unfixed=ignore_unfixed, database_days=database_days, complete=not only
        )
        return await gates.scan(self._inputs(), only or [], rules, vex or [], history, base)

    @check
    @function(cache="session")
    async def test_integration(self, cases: Cases = None, rerun: Rerun = False) -> str:
        """Start the stack, run the suite in tests/integration as one more container of it, and stop it."""
        return await gates.test_integration(self._inputs(), cases or [], rerun=rerun)

    @function(cache="session")
    async def test_disruption(self, cases: Cases = None, rerun: Rerun = False) -> str:
        """Run each file of tests/disruption in its own stack, whose services it may stop."""
        return await gates.test_disruption(self._inputs(), cases or [], rerun=rerun)

    @function(cache="session")
    async def gate(self, history: History = None, only: Parts = None) -> str:
        """Build, check, test and scan all images; the first failure cancels the rest."""
        if only:
            return await part(self._inputs(), only, history)
        return (await gate(self._inputs(), history)).text

    @function(cache="never")
    async def shards(
        self, count: Annotated[int, Doc("The number of machines; each runs its part with gate --only")]
    ) -> str:
        """Divide the gates among machines by their recorded times, and print the matrix as JSON."""
        return await shard(self._inputs(), count)

    @function(cache="session")
    async def report(
        self,
        only: Annotated[
            list[str] | None, Doc(f"Gates to run: {', '.join(report.GATES)}; default: all")
        ] = None,
        history: History = None,
        base: EarlierReport = None,
    ) -> dagger.Directory:
        """Run all gates, even after a failure; return a page, a summary and each gate's files."""
        return await report.report(self._inputs(), only or [], history, base)

    @function(cache="never")
    async def report_site(
        self,
        folder: Annotated[
            dagger.Directory | None, Doc("An existing report; default: a new one of all gates")
        ] = None,
        base: EarlierReport = None,
    ) -> dagger.Service:
        """Serve a report to a browser: `report-site up`; --folder and --base compare two existing ones."""
        return await report.site(self._inputs(), folder, base)

    @function(cache="session")
    async def reproduce(
        self, manifest: Annotated[dagger.File, Doc("build/build.json of another engine's report")]
    ) -> str:
        """Build the images of another engine's report; where a digest differs, print the layer and file."""
        return await builds.reproduce(self._inputs(), manifest)

    @function()
    async def stack(
        self,
        only: Annotated[list[str] | None, Doc("Services to run, with dependencies; default: all")] = None,
        start_timeout: StartTimeout = 120,
        stop_timeout: StopTimeout = 10,
    ) -> ComposeStack:
        """Return the compose project as a stack, for `check`, `logs`, `ports up` and `service`."""
        return ComposeStack(
            inputs=self._inputs(), only=only, start_timeout=start_timeout, stop_timeout=stop_timeout
        )

    @up
    @function(cache="never")
    async def up(self) -> dagger.Service:
        """Start the stack and return its published ports as one service; `dagger up` opens them here."""
        return await ports(await create(self._inputs(), [], 120, 10))

    @function()
    async def tags(
        self,
        ref: Ref,
        commit: Annotated[str, Doc("The full id of the commit, for its own tag; default: none")] = "",
        default_branch: DefaultBranch = "main",
    ) -> str:
        """Print the tags that a git ref gives its images, without building any."""
        return await publish.image_tags(self._inputs(), ref, commit, default_branch)

    @function()
    async def releases(
        self,
        history: GitDirectory,
        format: Annotated[str, Doc("table or json")] = "table",  # noqa: A002 - the option's name
    ) -> str:
        """Print the last release of all services, and of each service that has a later one of its own."""
        return await releases.releases(self._inputs(), history, format)

    @function(cache="never")
    async def drift(self) -> str:
        """Compare each image pinned by digest with its tag's current digest; fail if a tag has moved."""
        return await drift.drift(self._inputs())

    @function()
    async def registry(
        self,
        address: RegistryAddress,
        username: Username = "",
        password: Password = None,
        service: RegistryService = None,
        sign_key: Annotated[
            dagger.Secret | None,
            Doc("cosign's private key, which signs each digest: env:VARIABLE or file:PATH; default: none"),
        ] = None,
        sign_password: Annotated[
            dagger.Secret | None,
            Doc("The password of --sign-key, as env:VARIABLE or file:PATH; default: none"),
        ] = None,
    ) -> Registry:
        """Select a registry and its credentials, to `publish`, `release`, `promote` and `verify` images."""
        given = RegistryOptions(address, username, password, service, sign_key, sign_password)
        return Registry(inputs=self._inputs(), given=given)

    @function(cache="never")
    async def sandbox(
        self, empty: Annotated[bool, Doc("Remove the data that no running call uses")] = False
    ) -> str:
        """Print what the volume of the sandbox's Docker Engine contains."""
        return await usage.render(await self._inputs().workspace(), empty=empty)

    @function(cache="session")
    async def doctor(self) -> str:
        """Print what the project lacks for each function, with the line to add."""
        return await onboard.examine(self._inputs())

    @function(cache="session")
    async def init(self, module: ModuleAddress = "") -> dagger.Changeset:
        """Return the files that the project lacks: settings, digests, first test, ignored files, workflow."""
        return await onboard.init(self._inputs(), module)

    @function(cache="session")
    async def pin(self) -> dagger.Changeset:
        """Return the project's files with the digest of each image that they name; the tags stay."""
        return await onboard.pin(self._inputs())

    @function()
    async def explain(self, code: ErrorCode) -> str:
        """Print what an error code means and what to do next; {…} represents a value of the actual error."""
        # Imported here because every other call does without.
        from ci.catalogue import codes  # noqa: PLC0415

        return codes.explain(code)

    def _inputs(self) -> Inputs:
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(Inputs)}
        return Inputs(**{name: value for name, value in given.items() if value is not None})
