"""Steps that build the base images and push them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap import catalogue, images, programs
from airgap.recipe import read
from airgap.state import read_json, write_json
from airgap.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airgap.catalogue import Image
    from airgap.settings import Settings
    from airgap.state import State


def compiling(state: State) -> Iterator[Step]:
    """Yield one step per image that has Go programs: it compiles them."""
    for image in catalogue.IMAGES:
        recipe = read(image.name)
        if recipe.go:
            yield programs.step(state, recipe, recipe.go)


def steps(state: State, settings: Settings) -> Iterator[Step]:
    """Yield one step per image, each after its bases, then a step for the images map."""
    for image in catalogue.IMAGES:
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
    recipe = read(image.name)
    layout = _layout(state, image, fingerprint)
    stamp = {"fingerprint": fingerprint, "registry": settings.registry}

    def done() -> bool:
        last = pushed(state, image)
        return {key: last.get(key) for key in stamp} == stamp and layout.exists()

    def build_and_push(state: State) -> str:
        log = state.log(f"image-{image.name}")
        notes: list[str] = []
        if not layout.exists():
            notes = _build(state, image, fingerprint, log)
        digest = images.push(image, layout, registry=settings.registry, log=log)
        write_json(state / "registry" / "pushed" / f"{image.name}.json", {**stamp, "digest": digest})
        return "; ".join(notes)

    return Step(
        f"image-{image.name}",
        f"building and pushing {image.target}",
        done,
        build_and_push,
        needs=(
            *("packages", "registry"),
            *([programs.step_name(recipe)] if recipe.go and not layout.exists() else []),
            *(f"image-{name}" for name in image.needs),
        ),
    )


def _layout(state: State, image: Image, fingerprint: str) -> Path:
    return state.artifact(f"images/{image.name}", fingerprint)


def _build(state: State, image: Image, fingerprint: str, log: Path) -> list[str]:
    needed = [catalogue.by_name(name) for name in image.needs]
    layouts = {each.name: _layout(state, each, images.fingerprint(each)) for each in needed}
    compiled = programs.compiled(state, read(image.name))
    notes: list[str] = []

    def into(made: Path) -> None:
        work = made.with_name("work")
        notes.extend(images.build(image, made, work=work, log=log, layouts=layouts, programs=compiled))

    state.make(f"images/{image.name}", fingerprint, into)
    return notes
