"""Write build.json, which lists layers and files of built images, and compare it with another engine's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci import table
from ci.errors import PipelineError
from ci.spelling import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Difference", "Image", "compare", "read", "text", "write"]

_SCHEMA = 2
_SHOWN = 20  # differences that are listed per layer; the rest is counted


@dataclass(frozen=True)
class Image:
    """An image: its digest, config, and layers from `BuiltImage.facts`.

    `contents` lists the entries of each layer above the base, `made_by` the
    instructions of these layers, `versions` the programs that built the image.
    """

    digest: str
    config: dict[str, Any]
    layers: list[dict[str, Any]]
    contents: list[list[dict[str, Any]]]
    made_by: list[str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Difference:
    """A difference and its place."""

    service: str
    place: str
    what: str


def write(images: Mapping[str, Image]) -> str:
    """Format build.json."""
    data = {name: image.__dict__ for name, image in images.items()}
    return json.dumps({"schema": _SCHEMA, "kind": "build", "images": data}) + "\n"


def read(text: str, *, where: str = "--manifest") -> dict[str, Image]:
    """Read build.json. Raise for any other file."""
    try:
        data: Any = json.loads(text)
        if data["schema"] != _SCHEMA or data["kind"] != "build":
            raise KeyError("kind")  # noqa: TRY301 - as any other file that is none
        return {name: Image(**item) for name, item in data["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PipelineError(
            "reproduce.not-a-build-report",
            f"{where}: not a build.json",
            hint="give build/build.json of the other engine's report; release.json has the "
            "digests of labeled images, which differ by commit",
        ) from error


def compare(there: Mapping[str, Image], here: Mapping[str, Image]) -> list[Difference]:
    """List the differences of each image; images with equal digests are equal."""
    found = [
        Difference(name, "image", f"not built {'here' if name in there else 'there'}")
        for name in sorted(set(there) ^ set(here))
    ]
    for name in sorted(set(there) & set(here)):
        if there[name].digest != here[name].digest:
            differences = list(_image(there[name], here[name]))
            found += [Difference(name, place, what) for place, what in differences]
            if not differences:
                found.append(Difference(name, "image", "digest differs, by how its layers are packed"))
    return found


def _image(there: Image, here: Image) -> Iterator[tuple[str, str]]:
    for name in sorted(set(there.versions) | set(here.versions)):
        before, now = there.versions.get(name, "none"), here.versions.get(name, "none")
        if before != now:
            yield "sandbox", f"{name} {before} there, {now} here: it may pack an image differently"
    if len(there.layers) != len(here.layers):
        yield "image", f"{len(there.layers)} layers there, {len(here.layers)} here"
    above = -1
    for number, (old, new) in enumerate(zip(there.layers, here.layers, strict=False)):
        above += not new["base"]
        if old["digest"] == new["digest"]:
            continue
        if old["base"] or new["base"]:
            yield f"layer {number}", "of the base image: another base"
            continue
        made_by = here.made_by[above] if above < len(here.made_by) else ""
        place = f"layer {number}" + (f" ({made_by})" if made_by else "")
        differences = list(_layer(there.contents[above], here.contents[above]))
        yield from ((place, what) for what in differences[:_SHOWN])
        if len(differences) > _SHOWN:
            yield place, f"and {len(differences) - _SHOWN} more"
    yield from _config(there.config, here.config)


def _layer(there: list[dict[str, Any]], here: list[dict[str, Any]]) -> Iterator[str]:
    old = {entry["path"]: entry for entry in there}
    new = {entry["path"]: entry for entry in here}
    for path in sorted(set(old) | set(new)):
        if path not in new or path not in old:
            yield f"/{path}: only {'there' if path in old else 'here'}"
        elif old[path] != new[path]:
            yield f"/{path}: {', '.join(_entry(old[path], new[path]))}"
    if [entry["path"] for entry in there] != [entry["path"] for entry in here] and set(old) == set(new):
        first = next(b["path"] for a, b in zip(there, here, strict=True) if a["path"] != b["path"])
        yield f"the same files in another order, from /{first} on"


def _entry(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in ("kind", "mode", "owner", "target", "attributes"):
        if old.get(key) != new.get(key):
            yield f"{key} {old.get(key)} there, {new.get(key)} here"
    if old.get("sha256") == new.get("sha256"):
        return
    if old.get("sorted") and old.get("sorted") == new.get("sorted"):
        yield "the same lines in another order: sort what lists them"
    elif old.get("without_numbers") and old.get("without_numbers") == new.get("without_numbers"):
        yield "content differs in numbers only: a time, a counter or a random number"
    else:
        yield f"content differs ({old.get('size', 0)} bytes there, {new.get('size', 0)} here)"


def _config(there: dict[str, Any], here: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in sorted((set(there) | set(here)) - {"config", "rootfs"}):
        if there.get(key) != here.get(key):
            yield "config", f"{key} differs"
    old, new = there.get("config") or {}, here.get("config") or {}
    for key in sorted(set(old) | set(new)):
        if old.get(key) != new.get(key):
            yield "config", f"{key}: {written(old.get(key))} there, {written(new.get(key))} here"


def text(here: Mapping[str, Image], differences: list[Difference]) -> str:
    """Return the table of images. Raise with all differences if there are any."""
    changed = {difference.service for difference in differences}
    rows = [[name, image.digest, "differs" if name in changed else "equal"] for name, image in here.items()]
    shown = table.text(["service", "digest here", "is"], rows)
    if differences:
        lines = [f"{each.service}: {each.place}: {each.what}" for each in differences]
        raise PipelineError(
            "reproduce.images-differ",
            f"not reproduced: {', '.join(sorted(changed))}",
            details="\n".join([shown, *lines]),
            hint="make the named step depend only on its inputs: no time, no random order",
        )
    return shown
