"""What is known of a project before anything is written to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.onboarding.pins import Unpinned
    from ci.project.model import ComposeModel
    from ci.project.policy import Policy
    from ci.testing.convention import Found

__all__ = ["Known"]


@dataclass(frozen=True)
class Known:
    """A project as `doctor` and `init` see it.

    - `texts`: the files that matter here and exist, by path
    - `found`: how each built service is tested
    - `left_out`: services whose image is not available
    - `unpinned`: references without a digest
    - `digests`: the digests of those that could be resolved
    - `replaced`: those that the images map replaces
    """

    compose: ComposeModel
    policy: Policy
    texts: Mapping[str, str]
    found: Mapping[str, Found]
    left_out: Mapping[str, str] = field(default_factory=dict)
    unpinned: tuple[Unpinned, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()
    has_suite: bool = False
    suite_obstacle: str = ""

    @property
    def untested(self) -> list[str]:
        """The services for which no tests were found, and which the settings do not exclude."""
        excluded = self.policy.services_without_tests
        return [name for name, each in self.found.items() if each.kind == "none" and name not in excluded]

    @property
    def open_pins(self) -> list[Unpinned]:
        """The references that nobody but the user can pin."""
        return [each for each in self.unpinned if each.obstacle or each.reference not in self.digests]
