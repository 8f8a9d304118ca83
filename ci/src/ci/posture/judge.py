"""Judge images by the rules, with the waivers of one day."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.posture.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ci.posture.facts import Image
    from ci.posture.rules import Rule
    from ci.project.policy import Policy
    from ci.project.waivers import Waiver

__all__ = ["Broken", "Verdict", "judge"]


@dataclass(frozen=True)
class Broken:
    """One rule that one image breaks; `waiver` is the one that lets it pass."""

    service: str
    rule: Rule
    found: tuple[str, ...]
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate says of all images. `expired` waivers make it red; `unused` ones are said."""

    images: tuple[Image, ...]
    broken: tuple[Broken, ...]
    expired: tuple[Waiver, ...]
    unused: tuple[Waiver, ...]

    @property
    def failing(self) -> list[Broken]:
        """The rules that are broken and not waived."""
        return [each for each in self.broken if each.waiver is None]

    def of(self, service: str) -> list[Broken]:
        """Return what one image breaks."""
        return [each for each in self.broken if each.service == service]

    @property
    def reds(self) -> list[str]:
        """What is red: services, and the waivers if one of them has expired."""
        services = list(dict.fromkeys(each.service for each in self.failing))
        return [*services, *(["tool.ci.waivers"] if self.expired else [])]


def judge(images: Sequence[Image], policy: Policy, today: date, services: Sequence[str]) -> Verdict:
    """Judge the images; `services` are all that there are, of which `images` may be some."""
    _check_names(policy, services)
    live = [waiver for waiver in policy.waivers if waiver.until >= today]
    broken = []
    for image in images:
        for rule in RULES:
            found = tuple(rule.check(image, policy))
            if found:
                matching = (w for w in live if w.rule == rule.id and w.service == image.service)
                broken.append(Broken(image.service, rule, found, next(matching, None)))
    judged = {image.service for image in images}
    used = {each.waiver for each in broken if each.waiver}
    return Verdict(
        images=tuple(images),
        broken=tuple(broken),
        expired=tuple(waiver for waiver in policy.waivers if waiver.until < today),
        unused=tuple(waiver for waiver in live if waiver.service in judged and waiver not in used),
    )


def _check_names(policy: Policy, services: Sequence[str]) -> None:
    """Refuse what names no rule or no service: a waiver with a slip would never be used."""
    rules = [rule.id for rule in RULES]
    named = [("waivers", "rule", waiver.rule, rules) for waiver in policy.waivers]
    named += [("waivers", "service", waiver.service, list(services)) for waiver in policy.waivers]
    named += [("size-budgets", "service", name, list(services)) for name in policy.size_budgets]
    for key, what, name, known in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
            if what == "rule":
                raise PipelineError(
                    "posture.unknown-rule",
                    f"pyproject.toml: tool.ci.{key}: there is no rule '{name}'",
                    hint=hint,
                )
            raise PipelineError(
                "posture.unknown-service",
                f"pyproject.toml: tool.ci.{key}: there is no service '{name}'",
                hint=hint,
            )
