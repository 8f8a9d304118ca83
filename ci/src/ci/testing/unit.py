"""Run each service's unit tests with pytest, in the environment of its image."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci.errors import PipelineError
from ci.module_source import program
from ci.testing import convention, results
from ci.testing.dependencies import FOLDER, Python, install

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.image import BuiltImage
    from ci.project.model import Service
    from ci.project.policy import Policy
    from ci.testing.convention import Found
    from ci.workspace import Workspace

__all__ = ["interpreters", "measured", "prepared", "run", "tests"]

_OUTPUT = "/ci/output"
_CONFIG = "/ci/config"
# Where packages are, for which Python, and on which system library.
_FACTS = """
import json, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
musl = "musl" in (sysconfig.get_config_var("SOABI") or "")
print(json.dumps([sysconfig.get_paths()["purelib"], version, musl, sysconfig.get_platform()]))
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RUNNERS = frozenset({"uv", "poetry", "pdm", "hatch", "pipenv"})
_COMMON = ("-v", "--rootdir=/ci/tests", "-p", "no:cacheprovider", "--import-mode=importlib")


def pytest(found: Found) -> list[str]:
    """Return pytest's arguments.

    With a uv.lock all projects have the same strict rules. The others keep their own settings, without which
    many a plugin does nothing.
    """
    rules = ["-c", "/dev/null", "-W", "error"]
    if found.kind != convention.UV:
        rules = ["-c", f"{_CONFIG}/{posixpath.basename(found.config)}" if found.config else "/dev/null"]
    return ["-m", "pytest", "/ci/tests", *_COMMON, *rules, f"--junitxml={_OUTPUT}/junit.xml"]


async def run(  # noqa: PLR0913, PLR0917 - what a run is made of
    container: dagger.Container,
    source: dagger.Directory,
    policy: Policy,
    service: Service,
    found: Found,
    asked_at: float,
) -> tuple[results.Result, dagger.Directory]:
    """Run pytest in a prepared container; return the result, and the folder of JUnit, coverage and output."""
    packages = await measured(source, policy, service)
    coverage = ["-m", "coverage", "run", f"--source={packages}"] if packages else []
    command = ["python", *coverage, *pytest(found)]
    # sys.monitoring costs less than tracing and sees what runs in greenlets; a Python before 3.12 says
    # that it takes the other one.
    container = container.with_env_variable("COVERAGE_CORE", "sysmon")
    container = container.with_exec(
        ["python", "/ci/run_tests.py", f"{policy.test_timeout}", _OUTPUT, "--", *command]
    )
    if packages:
        # A run that was killed left no data: then there is no coverage, and the run fails by itself.
        written = ["python", "-m", "coverage", "xml", "-q", "-o", "coverage.xml"]
        container = container.with_exec(written, expect=dagger.ReturnType.ANY)
    output = container.directory(_OUTPUT).without_file(".coverage")
    outcome = json.loads(await output.file("outcome.json").contents())
    result = results.read(service.name, outcome, outcome["junit"], outcome["output"], asked_at=asked_at)
    return result, output


async def prepared(
    workspace: Workspace, policy: Policy, artifact: BuiltImage, found: Found
) -> dagger.Container:
    """Return the image with the tests and their dependencies."""
    settings = artifact.facts["config"]["config"] or {}
    workdir = settings.get("WorkingDir") or "/"
    image = await artifact.container()
    container = (
        image.with_mounted_directory("/ci/tests", tests(workspace.source, policy, found))
        .with_mounted_file("/ci/run_tests.py", program("run_tests.py"))
        .with_mounted_temp("/tmp")  # noqa: S108 - the container's, as in compose.yaml
        .with_directory(_OUTPUT, dag.directory(), owner=settings.get("User") or "0")
        .with_env_variable("HOME", "/tmp")  # noqa: S108 - as above
        .with_workdir(_OUTPUT)
    )
    container = await _with_interpreter(container, settings)
    if found.config:
        place = f"{_CONFIG}/{posixpath.basename(found.config)}"
        container = container.with_mounted_file(place, workspace.source.file(found.config))
    packages, python = await _python(container, artifact, policy.place)
    dependencies = await install(workspace, policy, found, python)
    # A .pth file adds them after the image's own packages; PYTHONPATH would add them before.
    added = [FOLDER, *([workdir] if workdir != "/" else [])]
    return container.with_mounted_directory(FOLDER, dependencies).with_mounted_file(
        f"{packages}/tests.pth", dag.file("tests.pth", "\n".join(added) + "\n")
    )


async def _with_interpreter(container: dagger.Container, settings: Mapping[str, Any]) -> dagger.Container:
    """Put the Python of the image's command first on PATH, if PATH does not lead to it."""
    variables = dict(each.partition("=")[::2] for each in settings.get("Env") or ())
    path = variables.get("PATH", _PATH)
    for folder in interpreters(settings):
        if folder not in path.split(":") and await container.exists(f"{folder}/python"):
            return container.with_env_variable("PATH", f"{folder}:{path}")
    return container


def interpreters(settings: Mapping[str, Any]) -> list[str]:
    """Return folders that may have the Python in which an image's command runs.

    These are the folders of the programs in the command, and `.venv` if something like `uv run` or a script
    chooses the program.
    """
    workdir = settings.get("WorkingDir") or "/"
    words = [*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())]
    tokens = [token for word in words for token in word.split()]
    found = [posixpath.dirname(token) for token in tokens if posixpath.dirname(token).endswith("bin")]
    if any(posixpath.basename(token) in _RUNNERS or token.endswith(".sh") for token in tokens):
        found.append(".venv/bin")
    return list(dict.fromkeys(posixpath.normpath(posixpath.join(workdir, folder)) for folder in found))


def tests(source: dagger.Directory, policy: Policy, found: Found) -> dagger.Directory:
    """Return the folder of tests without the suites of the stack, which a project at the root has in it."""
    folder = source.directory(found.tests)
    for suite in (policy.integration, policy.disruption):
        if suite.startswith(f"{found.tests}/"):
            folder = folder.without_directory(posixpath.relpath(suite, found.tests))
    return folder


async def _python(container: dagger.Container, artifact: BuiltImage, place: str) -> tuple[str, Python]:
    """Return the folder of the image's packages, and its Python."""
    service = artifact.service
    try:
        facts = await container.with_exec(["python", "-c", _FACTS]).stdout()
    except dagger.QueryError as error:
        raise PipelineError(
            "test.no-python",
            f"service '{service.name}': its image has no program 'python', which its tests need",
            hint=f'set a command: {place}services.{service.name}.test = "npm test", '
            "or add a stage called test to the Dockerfile",
        ) from error
    packages, version, musl, platform = json.loads(facts)
    machine = platform.rpartition("-")[2]
    glibc = f"{machine}-unknown-linux-gnu" if artifact.platform else ""
    return packages, Python(version, f"{machine}-unknown-linux-musl" if musl else glibc)


async def measured(source: dagger.Directory, policy: Policy, service: Service) -> str:
    """Return the service's packages as arguments of coverage; empty if the policy sets none."""
    if not policy.coverage or service.build is None:
        return ""
    path = policy.coverage.format(folder=convention.folders(service)[0])
    entries = await source.directory(path).glob("*/__init__.py")
    return ",".join(sorted(posixpath.basename(posixpath.dirname(entry)) for entry in entries))
