"""Steps that build the base images and push them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap import catalogue, golang, images
from airgap.state import read_json, write_json
from airgap.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airgap.catalogue import Image
    from airgap.settings import Settings
    from airgap.state import State


def steps(state: State, settings: Settings, *, also: str = "") -> Iterator[Step]:
    """Yield one step per image, each after its bases, then a step for the images map.

    Images on request are left out, except for ``also``.
    """
    for image in catalogue.IMAGES:
        if image.name not in catalogue.ON_REQUEST or image.name == also:
            yield _step(state, settings, image)
    yield Step(
        "images-map",
        "writing the images map",
        lambda: read_json(state / "images.json") == catalogue.images_map(settings.registry),
        lambda state: write_json(state / "images.json", catalogue.images_map(settings.registry)),
    )


def pushed(state: State, image: Image) -> dict[str, str]:
    """Return the fingerprint, digest and registry of the last push of an image, or {}.

    The record is in the folder of the registry's storage, so that one cannot be lost without the other.
    """
    return read_json(state / "registry" / "pushed" / f"{image.name}.json")


def _step(state: State, settings: Settings, image: Image) -> Step:
    fingerprint = images.fingerprint(image)
    stamp = {"fingerprint": fingerprint, "registry": settings.registry}

    def done() -> bool:
        last = pushed(state, image)
        return {key: last.get(key) for key in stamp} == stamp and _layout(state, image, fingerprint).exists()

    def build_and_push(state: State) -> None:
        log = state.log(f"image-{image.name}")
        if not _layout(state, image, fingerprint).exists():
            _build(state, image, fingerprint, log)
        digest = images.push(image, _layout(state, image, fingerprint), registry=settings.registry, log=log)
        write_json(state / "registry" / "pushed" / f"{image.name}.json", {**stamp, "digest": digest})

    return Step(
        f"image-{image.name}",
        f"building and pushing {image.target}",
        done,
        build_and_push,
        needs=(
            *("packages", "registry"),
            *(["go"] if images.needs_go(image) else []),
            *(f"image-{name}" for name in image.needs),
        ),
    )


def _layout(state: State, image: Image, fingerprint: str) -> Path:
    return state.artifact(f"images/{image.name}", fingerprint)


def _build(state: State, image: Image, fingerprint: str, log: Path) -> None:
    needed = [catalogue.by_name(name) for name in image.needs]
    layouts = {each.name: _layout(state, each, images.fingerprint(each)) for each in needed}
    env = golang.environment(state) if images.needs_go(image) else None

    def into(made: Path) -> None:
        images.build(image, made, work=made.with_name("work"), log=log, layouts=layouts, env=env)

    state.make(f"images/{image.name}", fingerprint, into)
