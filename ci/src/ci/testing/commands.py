"""Run a service's tests by a command, in its image or in a stage of its Dockerfile."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci.errors import PipelineError
from ci.module_source import program
from ci.testing import junit as junit_file
from ci.testing import results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.build.image import BuiltImage
    from ci.project.policy import Policy, ServiceSettings
    from ci.testing.convention import Found

__all__ = ["prepared", "run"]

_OUTPUT = "/ci/output"
_TESTS = "/ci/tests"
_PROGRAM = "/ci/run_command.sh"


async def prepared(image: BuiltImage, source: dagger.Directory, found: Found) -> dagger.Container:
    """Return an image with what a command gets: its tests, and a folder for JUnit files."""
    container = await image.container()
    user = (image.facts["config"]["config"] or {}).get("User") or "0"
    if found.tests:
        container = container.with_mounted_directory(_TESTS, source.directory(found.tests))
        container = container.with_env_variable("CI_TESTS", _TESTS)
    return (
        container.with_mounted_file(_PROGRAM, program("run_command.sh"))
        .with_directory(_OUTPUT, dag.directory(), owner=user)
        .with_env_variable("CI_OUTPUT", _OUTPUT)
    )


async def run(  # noqa: PLR0913, PLR0917 - what a run is made of
    container: dagger.Container,
    alone: dagger.Container,
    name: str,
    command: Sequence[str],
    policy: Policy,
    settings: ServiceSettings | None,
    asked_at: float,
) -> tuple[results.Result, dagger.Directory]:
    """Run a command; JUnit is read where it was written, else its exit code is the result.

    `alone` is the container without the services beside it, one of which may be what fails.
    """
    workdir = await container.workdir() or "/"
    words = ["sh", _PROGRAM, f"{policy.test_timeout}", _OUTPUT, "--", *command]
    try:
        done = await container.with_exec(words).sync()
    except dagger.QueryError as error:
        if await _has_shell(alone):
            raise
        raise PipelineError(
            "test.no-shell",
            f"service '{name}': its image has no shell, which a test command needs",
            hint=f'name a stage of the Dockerfile that has one: {policy.place}services.{name}.stage = "…"',
        ) from error
    output = await done.directory(_OUTPUT).sync()
    outcome = json.loads(await output.file("outcome.json").contents())
    text = await output.file("output.txt").contents()
    junit = await _junit(done, output, posixpath.join(workdir, settings.junit if settings else ""), settings)
    if not junit:
        return results.by_exit_code(name, outcome, text, asked_at=asked_at), output
    merged = junit_file.merged(junit, where=name)
    result = results.read(name, outcome, merged, text, asked_at=asked_at)
    return result, output.with_new_file("junit.xml", merged)  # the report reads one file


async def _has_shell(container: dagger.Container) -> bool:
    try:
        await container.with_exec(["sh", "-c", ":"]).sync()
    except dagger.QueryError:
        return False
    return True


async def _junit(
    done: dagger.Container, output: dagger.Directory, path: str, settings: ServiceSettings | None
) -> dict[str, str]:
    names = [name for name in await output.entries() if name.endswith(".xml")]
    found = {name: await output.file(name).contents() for name in names}
    found = {name: text for name, text in found.items() if junit_file.is_junit(text)}
    if settings and settings.junit:
        if not await done.exists(path):
            raise PipelineError(
                "test.junit-missing",
                f"the test command wrote no {settings.junit}",
                details=await output.file("output.txt").contents(),
                hint="correct `junit` or the command; without `junit` its exit code is the result",
            )
        found[settings.junit] = await done.file(path).contents()
    return found
