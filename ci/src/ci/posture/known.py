"""What is in an image and how it starts, if that is known from evidence. Rules judge it each time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dagger import dag

from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.posture import facts, start
from ci.scan.secrets import live_exceptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ci.build.image import BuiltImage
    from ci.evidence.evidence import Known
    from ci.project.load import Project

__all__ = ["Found", "claim", "found"]

_FILE = "found.json"


@dataclass(frozen=True)
class Found:
    """What an image contains, as JSON of `container_scripts/image_facts.py`, its secrets, and its start."""

    contents: str
    secrets: tuple[facts.Secret, ...]
    started: facts.Started


async def found(project: Project, image: BuiltImage, make: Callable[[], Awaitable[Found]]) -> Found:
    """Return what is known of an image, else look into it and start it."""

    async def made() -> tuple[Found, Passed | None]:
        seen = await make()
        output = dag.directory().with_new_file(_FILE, json.dumps(asdict(seen)))
        # What others that it was started beside depend on is no part of the claim.
        return seen, Passed(output) if seen.started.well and not seen.started.beside else None

    async def describe() -> Claim | None:
        return await claim(project, image)

    return await project.evidence.reuse(describe, _read, made)


async def _read(known: Known) -> Found:
    written = json.loads(await known.output.file(_FILE).contents())
    secrets = tuple(facts.Secret(**each) for each in written["secrets"])
    return Found(written["contents"], secrets, facts.Started(**written["started"]))


async def claim(project: Project, image: BuiltImage) -> Claim | None:
    """Describe a look into an image; none with build secrets, whose values are looked for in it."""
    if image.service.build and image.service.build.secrets:
        return None
    given: dict[str, str] | None = {"started": claims.digest("no")}
    if not image.platform:
        given = await (await start.alone(project, image)).given()
    if given is None:
        return None
    given["exceptions"] = claims.digest(await live_exceptions(project.workspace))
    given["base"] = claims.digest([image.base_layers, str(image.base or "")])
    return Claim(claims.POSTURE, image.name, {image.name: image.digest}, given)
