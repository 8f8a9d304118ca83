"""The facts about an image that the rules judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Declared", "Found", "Image", "Layer", "Secret", "Started", "by_rules", "image"]


@dataclass(frozen=True)
class Layer:
    """One layer; sizes are bytes. `wasted` is what later layers overwrite or delete of its files."""

    digest: str
    base: bool
    size: int
    files: int
    bytes: int
    wasted: int
    largest: tuple[tuple[str, int], ...] = ()
    instruction: str = ""

    @property
    def made_by(self) -> str:
        """What made it, as far as that is known."""
        if self.base:
            return f"base: {self.instruction}" if self.instruction else "base image"
        return self.instruction or "not certain"


@dataclass(frozen=True)
class Found:
    """Files of one kind: how many, how large, and the first of them by path."""

    count: int = 0
    bytes: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Secret:
    """Something in a layer, or in the config, that looks like a secret; never its value."""

    path: str
    what: str
    layer: int


@dataclass(frozen=True)
class Started:
    """How the image's own command ran with a read-only root.

    `problem` says why it did not come up or stay; `exit_code` is that of its
    end after the stop signal, `killed` that it outlived its grace of `grace` seconds. An image that the
    engine cannot run is `skipped`: it was not started. One that does not run by itself was started
    `beside` the services that it depends on.
    """

    problem: str = ""
    exit_code: int = 0
    killed: bool = False
    grace: float = 10.0
    skipped: bool = False
    beside: bool = False

    @property
    def well(self) -> bool:
        """Whether it came up, stayed and stopped as it should."""
        return not (self.problem or self.killed or self.exit_code)


@dataclass(frozen=True)
class Declared:
    """Settings of an image in the project's files; `instructions` made its layers above the base."""

    instructions: tuple[str, ...]
    references: tuple[str, ...]
    ports: frozenset[str]


@dataclass(frozen=True)
class Image:
    """One image: its config, layers, what was found in them, what it is made of and how it starts.

    `references` are the images its Dockerfile names, before the images map;
    `ports` those that the compose file publishes or exposes.
    """

    service: str
    digest: str
    size: int
    config: dict[str, Any]
    layers: tuple[Layer, ...]
    found: dict[str, Found]
    secrets: tuple[Secret, ...]
    references: tuple[str, ...]
    ports: frozenset[str]
    started: Started

    @property
    def settings(self) -> dict[str, Any]:
        """The config's part that says how to run it: `User`, `Env`, `Healthcheck` and so on."""
        return self.config.get("config") or {}

    def kind(self, name: str) -> Found:
        """Return the files of a kind of `container_scripts/image_facts.py`."""
        return self.found[name]


def image(  # noqa: PLR0913 - all but the first are by name
    service: str,
    *,
    artifact: dict[str, Any],
    found: str,
    secrets: tuple[Secret, ...],
    declared: Declared,
    started: Started,
) -> Image:
    """Combine what `layout.py` and `image_facts.py` of `container_scripts` wrote with the rest."""
    data = json.loads(found)
    kinds = {
        name: Found(item["count"], item["bytes"], tuple(_shown(name, entry) for entry in item["shown"]))
        for name, item in data.items()
        if name not in ("layers", "secrets")
    }
    return Image(
        service=service,
        digest=artifact["digest"],
        size=artifact["size"],
        config=artifact["config"],
        layers=tuple(_layers(artifact, data["layers"], declared.instructions)),
        found=kinds,
        secrets=(*secrets, *(Secret(**item) for item in data["secrets"])),
        references=tuple(declared.references),
        ports=declared.ports,
        started=started,
    )


def _layers(
    artifact: dict[str, Any], read: list[dict[str, Any]], instructions: tuple[str, ...]
) -> Iterator[Layer]:
    # The base's history names its layers' instructions, if it is complete.
    history = [each for each in artifact["config"].get("history") or () if not each.get("empty_layer")]
    below = history if len(history) == len(read) else [{}] * len(read)
    above = iter(instructions)
    for one, found, made_by in zip(artifact["layers"], read, below, strict=True):
        yield Layer(
            digest=one["digest"],
            base=one["base"],
            size=one["size"],
            files=found["files"],
            bytes=found["bytes"],
            wasted=found["wasted"],
            largest=tuple((path, size) for path, size in found["largest"]),
            instruction=made_by.get("created_by", "") if one["base"] else next(above, ""),
        )


def by_rules(report: dict[str, Any], artifact: dict[str, Any]) -> tuple[Secret, ...]:
    """Return the findings of Trivy's rules above the base and in the config, from a report of secrets."""
    numbers = {digest: number for number, digest in enumerate(artifact["config"]["rootfs"]["diff_ids"])}
    base = sum(layer["base"] for layer in artifact["layers"])
    found = []
    for result in report.get("Results") or ():
        for secret in result.get("Secrets") or ():
            layer = numbers.get((secret.get("Layer") or {}).get("DiffID", ""), len(numbers))
            if layer >= base:
                found.append(
                    Secret(result["Target"].lstrip("/"), f"{secret['Title']} ({secret['RuleID']})", layer)
                )
    return tuple(found)


def _shown(kind: str, entry: dict[str, str]) -> str:
    more = {"not_root": entry["owner"], "setuid": entry["mode"], "writable": entry["mode"]}.get(kind)
    return f"/{entry['path']}" + (f" ({more})" if more else "")
