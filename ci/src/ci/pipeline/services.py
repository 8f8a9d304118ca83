"""Print what is known of a project before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.project.render import render
from ci.testing.convention import NONE
from ci.testing.discover import discover

if TYPE_CHECKING:
    from ci.pipeline.inputs import Inputs

__all__ = ["services"]

_EXCLUDED = ("none", "it is in services-without-tests")


async def services(inputs: Inputs, form: str) -> str:
    """Print the services, and how the tests of each are run."""
    project = await inputs.project()
    found = await discover(project.workspace.listing, project.policy, project.compose.services.values())
    tests = {name: (each.kind if each.kind != NONE else "missing", each.why) for name, each in found.items()}
    tests |= dict.fromkeys(project.policy.services_without_tests, _EXCLUDED)
    return render(project.compose, project.left_out(), form, tests)
