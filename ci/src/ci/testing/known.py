"""Unit tests whose result is known from evidence."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build.run import digest_of, substitutes_of
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.testing import backing, convention, dependencies, unit
from ci.testing.results import Result
from ci.workspace import literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import dagger

    from ci.build.image import BuiltImage
    from ci.evidence.evidence import Known
    from ci.project.load import Project
    from ci.testing.backing import Backing
    from ci.testing.convention import Found

__all__ = ["claim", "run"]

Run = tuple[Result, "dagger.Directory"]
_RESULT = "result.json"


async def run(
    project: Project, artifact: BuiltImage, found: Found, make: Callable[[], Awaitable[Run]], *, rerun: bool
) -> Run:
    """Return the known result of a service's tests, else run them."""

    async def made() -> tuple[Run, Passed | None]:
        result, output = await make()
        if result.failure:
            return (result, output), None
        kept = output.with_new_file(_RESULT, json.dumps(asdict(result)))
        details = {"tests": result.tests, "skipped": result.skipped}
        return (result, output), Passed(kept, result.seconds, result.at, details)

    async def describe() -> Claim | None:
        return None if rerun else await claim(project, artifact, found)

    return await project.evidence.reuse(describe, _read, made)


async def _read(known: Known) -> Run:
    written = json.loads(await known.output.file(_RESULT).contents())
    note = f"passed (known of {known.run.finished:%Y-%m-%d})"
    result = replace(Result(**written), cached=True, note=note, reused=known.run.reused)
    return result, known.output.without_file(_RESULT)


async def claim(project: Project, artifact: BuiltImage, found: Found) -> Claim | None:
    """Describe a run of unit tests; none with secrets, or for a stage, whose build may read anything."""
    if found.stage or found.kind in {convention.NONE, convention.STAGE}:
        return None
    name, source = artifact.name, project.workspace.source
    beside = backing.of(project.compose, artifact.service)
    secrets = backing.secrets(project.compose, project.workspace.values)
    plain, hidden = backing.variables(artifact.service, beside, secrets)
    described = [json.dumps(asdict(each), sort_keys=True) for each in beside]
    if hidden or any(backing.inserted(text, secrets) != text for text in described):
        return None
    given = {
        "convention": claims.digest(asdict(found)),
        "settings": claims.digest(_settings(project)),
        "coverage": claims.digest(await unit.measured(source, project.policy, artifact.service)),
        "substitutes": claims.digest(await substitutes_of(project.workspace)),
        "services beside": claims.digest([sorted(plain.items()), *described]),
    }
    work = {"tests": partial(_tests, project, found)}
    work |= {f"mount {path}": partial(_path, source, path) for path in _mounted(found, beside, project)}
    work |= {
        f"image {each.image}": partial(_image, project, each.image) for each in backing.everything(beside)
    }
    digests = await parallel.run(work, limit=16)
    if "" in digests.values():  # a reference that cannot be resolved may mean anything
        return None
    return Claim(claims.UNIT, name, {name: artifact.digest}, given | digests)


def _settings(project: Project) -> Mapping[str, object]:
    """Return all settings but the waivers, which unit tests do not know."""
    settings = {each.name: getattr(project.policy, each.name) for each in dataclasses.fields(project.policy)}
    del settings["waivers"]
    return {key: repr(value) for key, value in settings.items()}


async def _tests(project: Project, found: Found) -> str:
    if not found.tests:
        return claims.digest("")
    return await unit.tests(project.workspace.source, project.policy, found).digest()


def _mounted(found: Found, beside: list[Backing], project: Project) -> list[str]:
    """List patterns of what the tests, their dependencies and the services beside them get of the source."""
    paths = {path for each in backing.everything(beside) for path in each.mounts.values()}
    paths |= {found.config} if found.config else set()
    return sorted({*map(literal, paths), *dependencies.sources(project.policy, found)})


async def _path(source: dagger.Directory, pattern: str) -> str:
    return await source.filter(include=[pattern]).digest()


async def _image(project: Project, text: str) -> str:
    """Return the digest that a reference has now; one that is not available does not run beside the tests."""
    resolved = project.workspace.images.resolve(text, where="unit tests")
    return await digest_of(resolved) if resolved else claims.digest("")
