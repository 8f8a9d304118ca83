"""Judge images by the rules, with the waivers of one day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.platforms import service_of
from ci.posture.rules import RULES
from ci.spelling import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from ci.posture.facts import Image
    from ci.posture.rules import Rule, Violation
    from ci.project.policy import Policy
    from ci.project.waivers import Waiver

__all__ = ["Broken", "Verdict", "check_settings", "judge"]


@dataclass(frozen=True)
class Broken:
    """The violations of one rule in one image; `waiver` is the one that allows them."""

    service: str
    rule: Rule
    found: tuple[Violation, ...]
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict on all images. `expired` waivers make it fail; `unused` ones are reported."""

    images: tuple[Image, ...]
    broken: tuple[Broken, ...]
    expired: tuple[Waiver, ...]
    unused: tuple[Waiver, ...]

    @property
    def failing(self) -> list[Broken]:
        """The rules that are broken and not waived."""
        return [each for each in self.broken if each.waiver is None]

    def of(self, service: str) -> list[Broken]:
        """Return the rules that one image breaks."""
        return [each for each in self.broken if each.service == service]

    @property
    def failures(self) -> list[str]:
        """The services that fail, and the waivers if one of them has expired."""
        services = list(dict.fromkeys(each.service for each in self.failing))
        return [*services, *(["waivers"] if self.expired else [])]


def judge(images: Sequence[Image], policy: Policy, today: date, services: Sequence[str]) -> Verdict:
    """Judge the images; `services` are all that there are, of which `images` may be some."""
    check_settings(policy, services)
    live = [waiver for waiver in policy.waivers if waiver.until >= today]
    broken: list[Broken] = []
    for image in images:
        for rule in RULES:
            service = service_of(image.service)
            waivers = [each for each in live if each.rule == rule.id and each.service == service]
            broken += _broken(image.service, rule, list(rule.check(image, policy)), waivers)
    judged = {service_of(image.service) for image in images}
    used = {each.waiver for each in broken if each.waiver}
    return Verdict(
        images=tuple(images),
        broken=tuple(broken),
        expired=tuple(waiver for waiver in policy.waivers if waiver.until < today),
        unused=tuple(waiver for waiver in live if waiver.service in judged and waiver not in used),
    )


def _broken(service: str, rule: Rule, found: list[Violation], waivers: list[Waiver]) -> Iterator[Broken]:
    """Yield what no waiver covers, then what each one does."""
    by: dict[Waiver | None, list[Violation]] = {None: []}
    for each in found:
        by.setdefault(next((w for w in waivers if w.covers(each.name)), None), []).append(each)
    for waiver, covered in by.items():
        if covered:
            yield Broken(service, rule, tuple(covered), waiver)


def check_settings(policy: Policy, services: Sequence[str]) -> None:
    """Refuse settings that name no rule or no service: a waiver with a slip would never be used."""
    rules = [rule.id for rule in RULES]
    named_rules = {rule.id for rule in RULES if rule.named}
    for waiver in policy.waivers:
        if waiver.rule in named_rules and not waiver.names:
            raise PipelineError(
                "posture.waiver-without-names",
                f"{policy.place}waivers: {waiver}: it would cover whatever breaks this rule later",
                hint="give names: the files, variables, ports or images that may; "
                "patterns such as /app/* are allowed",
            )
    named = [("waivers", "rule", waiver.rule, rules) for waiver in policy.waivers]
    named += [("waivers", "service", waiver.service, list(services)) for waiver in policy.waivers]
    named += [("size-budgets", "service", name, list(services)) for name in policy.size_budgets]
    for key, what, name, known in named:
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean '{near}'?" if near else f"choose from {', '.join(known)}"
            if what == "rule":
                raise PipelineError(
                    "posture.unknown-rule",
                    f"{policy.place}{key}: there is no rule '{name}'",
                    hint=hint,
                )
            raise PipelineError(
                "posture.unknown-service",
                f"{policy.place}{key}: there is no service '{name}'",
                hint=hint,
            )
