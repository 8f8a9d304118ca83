"""Which platforms each service's image is built for, and what the image of one is called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "GATES",
    "MACHINES",
    "Gate",
    "Platforms",
    "check_skipped",
    "choose",
    "fits",
    "named",
    "parse",
    "service_of",
    "skipped",
]

# What runs an image, and so runs only for the engine's own platform.
Gate = Literal["start", "unit", "integration"]
GATES: tuple[Gate, ...] = ("start", "unit", "integration")

# Names of architectures: as in platforms, and as the kernel reports them.
MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "arm": "armv7l",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_PLATFORM = re.compile(rf"linux/({'|'.join(MACHINES)})(/v\d)?", re.ASCII)


@dataclass(frozen=True)
class Platforms:
    """The platforms of one call; a service that is not in `services` has one image, as ever.

    `own` is the engine's. `single` is the platform of all images, if one was chosen for them. `services` have
    several each, in the order of the index. `emulated` says that unit tests run for the others as well.
    """

    own: str = ""
    single: str = ""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    emulated: bool = False

    @property
    def others(self) -> dict[str, list[str]]:
        """Map each platform but the engine's own to the services that have an image for it."""
        found: dict[str, list[str]] = {}
        for name, platforms in self.services.items():
            for platform in platforms:
                if platform != self.own:
                    found.setdefault(platform, []).append(name)
        return found

    def images(self, service: str) -> dict[str, str]:
        """Map the names of a service's images to their platforms; that of a single one is not known here."""
        return {
            named(service, "" if platform == self.own else platform): platform
            for platform in self.services.get(service, ("",))
        }


def named(service: str, platform: str) -> str:
    """Return the name of a service's image for another platform than the engine's: web@arm64, web@arm-v7.

    No service has an @ in its name. Without a platform it is the service's own name.
    """
    return f"{service}@{platform.removeprefix('linux/').replace('/', '-')}" if platform else service


def service_of(name: str) -> str:
    """Return the service of an image's name."""
    return name.partition("@")[0]


def fits(config: Mapping[str, Any], platform: str) -> bool:
    """Tell whether an image's config is one of a platform, whatever the variant of that."""
    system, architecture = platform.split("/")[:2]
    return (config.get("os"), config.get("architecture")) == (system, architecture)


def skipped(name: str, *, tests: bool, integration: bool) -> tuple[str, ...]:
    """Return the gates that do not run for an image; `tests` and `integration` say whether there are any."""
    if name == service_of(name):
        return ()
    there = {"start": True, "unit": tests, "integration": integration}
    return tuple(gate for gate in GATES if there[gate])


def check_skipped(platforms: Platforms, skippable: Sequence[str], place: str, *, integration: bool) -> None:
    """Reject platforms for which a gate would not run that the settings at `place` do not let be skipped."""
    runs = {"unit": platforms.emulated, "integration": not integration}
    needed = [gate for gate in GATES if gate not in skippable and not runs.get(gate)]
    if needed and platforms.others:
        raise PipelineError(
            "policy.gate-not-skippable",
            f"{place}skippable-gates lacks {', '.join(needed)}, which cannot run for "
            f"{', '.join(platforms.others)} on this engine",
            hint=f"build for the engine's own platform only (--platform {platforms.own}), or add "
            f'"{needed[0]}" to {place}skippable-gates',
        )


def parse(text: str, *, where: str = "--platform") -> tuple[str, ...]:
    """Read a list of platforms, separated by commas; none may be listed twice."""
    return _checked([each.strip() for each in text.split(",")] if text.strip() else [], where)


def choose(asked: Sequence[str], written: Mapping[str, Sequence[str]], own: str) -> Platforms:
    """Choose the platforms: those that are asked for, else those of the compose file.

    `written` has the platforms of each service's build. One platform there is the build's own affair.
    """
    if len(asked) == 1:
        return Platforms(own, single=asked[0])
    services = {
        name: tuple(asked) or _checked(platforms, f"services.{name}.build.platforms")
        for name, platforms in written.items()
        if asked or len(platforms) > 1
    }
    for name, platforms in services.items():
        if own not in platforms:
            raise PipelineError(
                "build.own-platform-missing",
                f"service '{name}': its platforms are {', '.join(platforms)}, and this engine runs {own}",
                hint=f"add {own}, for the tests and the stack, or use an engine of one of these platforms",
            )
    # Without it, a build would take the only platform that the compose file has for it.
    return Platforms(own, single=own if asked else "", services=services)


def _checked(platforms: Sequence[str], where: str) -> tuple[str, ...]:
    for platform in platforms:
        if not _PLATFORM.fullmatch(platform):
            raise PipelineError(
                "build.unknown-platform",
                f"{where}: '{platform}' is not a platform that images are built for",
                hint=f"choose from {', '.join(f'linux/{name}' for name in MACHINES)}",
            )
        if list(platforms).count(platform) > 1:
            raise PipelineError(
                "build.platform-twice", f"{where}: {platform} is listed twice", hint="remove one of them"
            )
    return tuple(platforms)
