"""Turn the sandbox's report of a failed build into one error."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.sandbox.failure import ended
from ci.tools import BINFMT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.bake import Bake

__all__ = ["STEP", "error", "gone", "missing", "not_emulated"]

STEP = "build.step-failed"

_LAST_LINES, _WIDTH, _MOST = 40, 300, 3000
# BuildKit's prefix for the folder that it searched.
_REFERENCE = re.compile(r" of ref \w+::\w+")
# The directive, in the lines of the Dockerfile that BuildKit marks.
_SYNTAX = re.compile(r">>>\s*#\s*syntax\s*=", re.IGNORECASE)


def error(planned: Bake, exit_code: int, stdout: str, stderr: str, *, credentials: bool) -> PipelineError:
    """Return the error for a run of `container_scripts/bake.sh` that ended with `exit_code`."""
    tail = "\n".join(stderr.splitlines()[-_LAST_LINES:])
    if own := ended(exit_code, stderr):
        return own
    failed = _failed(stdout)
    if not failed:
        return PipelineError(
            "build.bake-failed",
            "the images cannot be built",
            details=tail[-_MOST:],
            hint="correct what Bake names above",
        )
    return PipelineError(
        "build.step-failed",
        "; ".join(_what(each, planned) for each in failed),
        details="\n\n".join(_details(each) for each in failed),
        hint=_hint(failed, credentials=credentials),
    )


def not_emulated(platform: str, error: PipelineError) -> PipelineError:
    """Return the error for a step that failed on a platform for which there is no emulator."""
    return PipelineError(
        "build.platform-not-emulated",
        f"{error.what}; there is no emulator here for {platform}",
        details=error.details,
        hint="move a RUN step to a stage that begins with FROM --platform=$BUILDPLATFORM, or give an image "
        f"with an emulator for {platform} as {BINFMT.partition('@')[0]} with --images",
    )


def gone() -> PipelineError:
    """Return the error for exported images that were removed before they were read."""
    return PipelineError(
        "build.images-removed",
        "the exported images were removed while this call read them",
        hint="retry; `dagger call sandbox --empty` and calls with many images remove them",
    )


def missing(service: str, key: str, path: str) -> PipelineError:
    """Return the error for a path of a build that does not exist in the source."""
    return PipelineError(
        "build.path-missing",
        f"service '{service}': build.{key} is {path}, which is not in the project",
        hint=f"create it, or correct services.{service}.build in the compose file",
    )


def _failed(stdout: str) -> list[dict[str, Any]]:
    """Return Buildx's records of failed builds; of several with the same step, the first."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in stdout.splitlines():
        if line.startswith("{"):
            record: dict[str, Any] = ast.literal_eval(line)
            found.setdefault((record["step"], record["message"]), record)
    return list(found.values())


def _what(record: Mapping[str, Any], planned: Bake) -> str:
    service = planned.services.get(record["target"])
    who = f"service '{service}'" if service else record["name"]
    if not record["step"]:
        return f"{who}: its image cannot be built"
    return f"{who}: a step of its build failed: {record['step'][:_WIDTH]}"


def _details(record: Mapping[str, Any]) -> str:
    message = _REFERENCE.sub("", record["message"])
    lines = [*record["output"][-_LAST_LINES:], *record["source"].strip().splitlines(), message]
    return "\n".join(line[:_WIDTH] for line in lines if line)[-_MOST:]


def _hint(failed: list[dict[str, Any]], *, credentials: bool) -> str:
    given = "those of --docker-config were given" if credentials else "no --docker-config was given"
    frontend = (
        "; `# syntax=` names an image that is pulled as well: remove that line if the Dockerfile needs "
        "nothing newer than the built-in syntax"
        if any(_SYNTAX.search(record["source"]) for record in failed)
        else ""
    )
    return (
        "correct that step; an image that cannot be pulled can be replaced with --images, a private one "
        f"needs credentials ({given}){frontend}"
    )
