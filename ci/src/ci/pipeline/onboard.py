"""Look at a project from outside: what each function lacks, and files that add it."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build.run import digest_of
from ci.errors import PipelineError
from ci.listing import Listing
from ci.onboarding import doctor, files
from ci.onboarding.gather import gather

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.onboarding.project import Known
    from ci.pipeline.inputs import Inputs
    from ci.project.load import Project

__all__ = ["examine", "init", "pin"]

_AT_ONCE = 16


async def examine(inputs: Inputs) -> str:
    """Print for each function what the project lacks, and the line that adds it."""
    try:
        project = await inputs.project()
    except PipelineError as error:
        return doctor.broken(error)
    return doctor.text(await _known(inputs, project))


async def init(inputs: Inputs, module: str) -> dagger.Changeset:
    """Return the files that a project lacks; what they do not change is printed to the log."""
    known, options = await _known(inputs, await inputs.project()), _options(inputs)
    return _changes(inputs, files.added(known, module, options), files.untouched(known, module, options))


async def pin(inputs: Inputs) -> dagger.Changeset:
    """Return the project's files with the digest of each image that they name; what stays open is logged."""
    known = await _known(inputs, await inputs.project())
    return _changes(inputs, files.pinned(known), files.unpinned(known))


def _changes(inputs: Inputs, texts: Mapping[str, str], unchanged: list[str]) -> dagger.Changeset:
    for line in unchanged:
        sys.stderr.write(f"not changed: {line}\n")
    changed = inputs.source
    for path, text in texts.items():
        changed = changed.with_new_file(path, text)
    return changed.changes(inputs.source)


def _options(inputs: Inputs) -> list[str]:
    """Return the options of this call without which the project is not read in the same way."""
    options = []
    for name, values in (("--files", inputs.files), ("--profiles", inputs.profiles)):
        options += [name, ",".join(values)] if values else []
    if inputs.project_directory:
        options += ["--project-directory", inputs.project_directory]
    return options + (["--env-file", f"env:{files.ENV_FILE_VARIABLE}"] if inputs.env_file else [])


async def _known(inputs: Inputs, project: Project) -> Known:
    images = project.workspace.images

    def replaced(reference: str) -> bool:
        return images.resolve(reference, where="image") != reference

    async def resolve(references: set[str]) -> dict[str, str]:
        """Resolve references; those that the images map replaces have another digest elsewhere."""
        own = [each for each in sorted(references) if not replaced(each)]
        found = await parallel.run({each: partial(digest_of, each) for each in own}, limit=_AT_ONCE)
        return {reference: digest for reference, digest in found.items() if digest}

    return await gather(
        Listing(inputs.source),
        project.compose,
        project.policy,
        named=inputs.compose.placed().files,
        left_out=project.left_out(),
        resolve=resolve,
        replaced=replaced,
    )
