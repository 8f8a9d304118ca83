"""The steps of a scan: prepare, judge the images, scan the source and its history."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import parallel
from ci.build.image import pulled
from ci.module_source import program
from ci.scan import exceptions, gate, history, parse
from ci.scan.container import EXCEPTIONS, SECONDS, TRIVY, analyzed, command, failed
from ci.scan.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from ci.scan.exceptions import Exemptions
    from ci.scan.fetch import Databases, Request
    from ci.scan.findings import Scan
    from ci.workspace import Workspace

__all__ = ["Analysis", "Run", "Scanned", "Target"]

# A lock's workspace members are development dependencies of its root, as Trivy sees it.
_SOURCE = ("fs", "--scanners", "vuln,secret,misconfig,license", "--include-dev-deps")
_HISTORY = ("fs", "--scanners", "secret")
# Where Trivy looks for rules of the project's own.
_SECRETS = "trivy-secret.yaml"
_NO_EXCEPTIONS = "-"


@dataclass(frozen=True)
class Target:
    """One image: its OCI layout packed, its digest, its base and how many layers that has.

    A file of a directory is what the engine keys by content, a directory by how it was made: so an
    image that was built again and is the same is not scanned again.
    """

    packed: Callable[[], Awaitable[dagger.File]]
    digest: str
    base: str
    base_layers: int
    platform: str = ""


# A scan and Trivy's output, by subject.
Scanned = dict[str, tuple["Scan", dagger.Directory]]


@dataclass(frozen=True)
class Analysis:
    """What Trivy read in an image.

    `unread` are Java archives that it knows nothing of, `java` says that it had its Java database.
    """

    folder: dagger.Directory
    archives: bool
    unread: tuple[str, ...]
    java: bool

    def completed(self, result: Scan) -> Scan:
        """Return the scan of this analysis with what Trivy read no package of."""
        if self.java:
            return replace(result, unread=self.unread)
        return replace(result, without_java=self.unread)


@dataclass(frozen=True)
class Run:
    """One scan: what it was given, and its steps in their order."""

    workspace: Workspace
    container: dagger.Container
    request: Request
    exemptions: Exemptions

    async def prepare(
        self, targets: Mapping[str, Target], now: datetime
    ) -> tuple[Databases, dict[str, Analysis]]:
        """Fetch the databases, check the exceptions and analyze the images, all concurrently."""
        fetched: list[Databases] = []

        async def database() -> None:
            databases = await fetch(self.workspace, self.container, self.request, now)
            databases.about.check_age(now, self.request.rules.database_age)
            fetched.append(databases)

        analyses: dict[str, Analysis] = {}

        async def analysis(name: str) -> None:
            analyses[name] = await self._analysis(name, targets[name], None)

        work: dict[str, Callable[[], Awaitable[None]]] = {
            "the database": database,
            exceptions.FILE: self._check_exceptions,
            **{name: partial(analysis, name) for name in targets},
        }
        await parallel.run(work, limit=self.request.jobs + 2)
        (databases,) = fetched
        if any(each.archives for each in analyses.values()) and (java := await databases.java()):
            for name in [name for name, each in analyses.items() if each.archives]:
                analyses[name] = await self._analysis(name, targets[name], java)
        # In the order of the targets and not of completion: Dagger caches by the order of mounts as well.
        return databases, {name: analyses[name] for name in targets}

    async def _analysis(self, name: str, target: Target, java: dagger.Directory | None) -> Analysis:
        container = self.container.with_mounted_directory("/java-db", java) if java else self.container
        base = None
        if target.base:
            base = pulled(target.base, target.platform).as_tarball()
        folder = analyzed(container, await target.packed(), base)
        try:
            outcome = json.loads(await folder.file("outcome.json").contents())
        except dagger.ExecError as error:
            raise failed(name, error) from error
        unread = tuple(outcome["unread"])
        return Analysis(folder.directory("analysis"), bool(outcome["archives"]), unread, java is not None)

    async def _check_exceptions(self) -> None:
        if not self.exemptions.live:
            return
        words = command("trivy_exceptions", "check", TRIVY, EXCEPTIONS, "/wrong.json")
        checked = self._excepting(self.container).with_exec(words)
        exceptions.refused(await checked.file("/wrong.json").contents(), self.exemptions)

    def _excepting(self, container: dagger.Container) -> dagger.Container:
        if not self.exemptions.live:
            return container
        folder = dag.directory().with_new_file("exceptions.yaml", self.exemptions.for_trivy())
        return container.with_mounted_file(EXCEPTIONS, folder.file("exceptions.yaml"))

    @property
    def _rules(self) -> str:
        return EXCEPTIONS if self.exemptions.live else _NO_EXCEPTIONS

    def _with_database(self, databases: Databases) -> dagger.Container:
        container = self._excepting(self.container)
        for name in ("trivy.db", "metadata.json"):
            container = container.with_mounted_file(f"/cache/db/{name}", databases.folder.file(name))
        return container

    async def images(self, databases: Databases, analyses: dict[str, Analysis]) -> Scanned:
        """Judge all analyses against the database."""
        container = self._with_database(databases)
        for name, analysis in analyses.items():
            container = container.with_mounted_directory(f"/analyses/{_folder(name)}", analysis.folder)
        vex = []
        for number, path in enumerate(self.request.vex):
            container = container.with_mounted_file(f"/vex/{number}.json", self.workspace.source.file(path))
            vex += ["--vex", f"/vex/{number}.json"]
        if vex and not self.exemptions.live:
            vex.append("--show-suppressed")
        words = ("judge", TRIVY, "/analyses", "/output", SECONDS, self._rules, *vex)
        try:
            output = await container.with_exec(command("trivy_image", *words)).directory("/output").sync()
        except dagger.ExecError as error:
            raise failed("images", error) from error
        work = {name: partial(self._read, name, output.directory(_folder(name))) for name in analyses}
        done = await parallel.run(work, limit=len(work))
        return {name: (analyses[name].completed(result), folder) for name, (result, folder) in done.items()}

    async def source(self, databases: Databases) -> Scanned:
        """Scan the source: locks, secrets, Dockerfiles."""
        source = self.workspace.source
        for name, text in self.request.beside.items():
            source = source.with_new_file(name, text)
        container = self._with_database(databases)
        container = container.with_mounted_directory("/source", source, read_only=True)
        settings = [word for path in self.request.skip for word in ("--skip-dirs", f"/source/{path}")]
        if await self.workspace.listing.has(_SECRETS):
            settings += ["--secret-config", f"/source/{_SECRETS}"]
        words = (TRIVY, "/output", SECONDS, self._rules, *_SOURCE, *settings, "/source")
        output = container.with_exec(command("trivy_scan", *words)).directory("/output")
        return {gate.SOURCE: await self._read(gate.SOURCE, output)}

    async def history(self, texts: dagger.File) -> Scanned:
        """Scan what the source once had, by the rules for what it has."""
        container = self.container.with_mounted_file("/history.tar", texts)
        settings: list[str] = []
        if await self.workspace.listing.has(_SECRETS):
            container = container.with_mounted_file(f"/{_SECRETS}", self.workspace.source.file(_SECRETS))
            settings = ["--secret-config", f"/{_SECRETS}"]
        words = (TRIVY, "/output", SECONDS, _NO_EXCEPTIONS, *_HISTORY, *settings, "/history.tar")
        container = container.with_exec(command("trivy_scan", *words))
        container = container.with_mounted_file("/git_history.py", program("git_history.py"))
        container = container.with_exec(
            ["python3", "/git_history.py", "first", "/history.tar", "/output/trivy.json"]
        )
        if self.exemptions.live:
            words = ("apply", TRIVY, EXCEPTIONS, "/output/trivy.json")
            container = self._excepting(container).with_exec(command("trivy_exceptions", *words))
        output = container.directory("/output")
        return {history.SUBJECT: await self._read(history.SUBJECT, output, excepted=False)}

    async def known(self, name: str, output: dagger.Directory) -> Scanned:
        """Read the scan of an image or the source that was made before."""
        return {name: await self._read(name, output)}

    async def _read(
        self, name: str, output: dagger.Directory, *, excepted: bool = True
    ) -> tuple[Scan, dagger.Directory]:
        try:
            outcome = json.loads(await output.file("outcome.json").contents())
            report = await output.file("trivy.json").contents()
        except dagger.ExecError as error:
            raise failed(name, error) from error
        result = parse.read(report, outcome["exit_code"], outcome["inline"], where=name, excepted=excepted)
        return replace(result, unread=tuple(outcome["unread"])), output


def _folder(name: str) -> str:
    """Return the folder of an image; Trivy takes what comes after an @ in a path for a digest."""
    return name.replace("@", "+")
