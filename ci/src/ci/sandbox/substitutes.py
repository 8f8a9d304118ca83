"""Convert the images map to rules for BuildKit, and BuildKit's references back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.references import ImagesMap

__all__ = ["full_name", "loopback_ports", "original", "rules", "targets"]

_HUB = "docker.io"
_LOOPBACK = ("127.0.0.1", "localhost")


def full_name(reference: str) -> str:
    """Expand a reference with registry and tag, as BuildKit does: `docker.io/library/redis:7`."""
    parsed = parse(reference, where="images map")
    name = parsed.name
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"{_HUB}/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"{_HUB}/{name}"
    tag = parsed.tag or ("" if parsed.digest else "latest")
    return name + (f":{tag}" if tag else "") + (f"@{parsed.digest}" if parsed.digest else "")


def targets(images: ImagesMap) -> list[str]:
    """Return the substitutes that have no digest."""
    pairs = ((full_name(key), full_name(value)) for key, value in images.entries.items() if value)
    return sorted({value for key, value in pairs if key != value and "@" not in value})


def rules(images: ImagesMap, digests: Mapping[str, str]) -> str:
    """Return lines `FROM TO PINNED` for `container_scripts/bake.sh`, the keys with a digest first.

    `digests` maps `targets` to their current digests. BuildKit pulls a target
    without a digest by its tag, and reports if that fails.
    """
    pairs = {full_name(key): value and full_name(value) for key, value in images.entries.items()}
    ordered = sorted(pairs.items(), key=lambda pair: ("@" not in pair[0], pair[0]))
    lines = []
    for key, value in ordered:
        if value is None:
            lines.append(f"{key} - -\n")
        elif key != value:
            pinned = f"{value}@{digests[value]}" if value in digests else value
            lines.append(f"{key} {value} {pinned}\n")
    return "".join(lines)


def original(images: ImagesMap, reference: str) -> str:
    """Return the reference of the project that BuildKit replaced by `reference`."""
    wanted = full_name(reference).partition("@")[0]
    for key, value in sorted(images.entries.items()):
        if value and full_name(value).partition("@")[0] == wanted:
            return key
    return reference


def loopback_ports(images: ImagesMap, *others: str) -> list[str]:
    """Return the ports of registries on the loopback of the Dagger engine's machine.

    `others` are references besides those of the images map.
    """
    references = [*filter(None, images.entries.values()), *others]
    hosts = {full_name(reference).partition("/")[0] for reference in references}
    found = [host.partition(":") for host in hosts]
    return sorted({port or "80" for name, _, port in found if name in _LOOPBACK})
