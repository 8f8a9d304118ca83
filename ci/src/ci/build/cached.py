"""Plan how a build reads and writes a layer cache, and describe how it went."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ci.build.bake import Bake
    from ci.layer_cache import LayerCache

__all__ = ["note", "reading", "writing"]

# One manifest for each reference, in the form that all registries accept; `max` includes layers of build
# stages. Another compression would change the digests of images.
_WRITE = "type=registry,ref={},mode=max,image-manifest=true,oci-mediatypes=true"


def reading(planned: Bake, cache: LayerCache) -> str:
    """Return the override of a build that reads the cache."""
    override: dict[str, Any] = json.loads(planned.override)
    for target, service in planned.services.items():
        sources = [f"type=registry,ref={reference}" for reference in cache.sources(service)]
        override["target"][target]["cache-from"] = sources
    return json.dumps(override)


def writing(planned: Bake, cache: LayerCache) -> str:
    """Return the Bake file that writes the cache; "" if it is only read."""
    if not cache.write:
        return ""
    written = {
        target: {"output": ["type=cacheonly"], "cache-to": [_WRITE.format(cache.destination(service))]}
        for target, service in planned.services.items()
    }
    return json.dumps({"target": written})


def note(cache: LayerCache, record: str, metadata: str, since: float) -> str:
    """Describe what `container_scripts/cached_bake.sh` recorded; "" if no build ran since then."""
    found: dict[str, list[str]] = {}
    for line in record.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    if not found or float(found["at"][0]) < int(since):
        return ""
    parts = [_steps(found.get("build", []), metadata)]
    parts += [f"it cannot be read: {text}" for text in found.get("unreadable", ())]
    if "repeated" in found:
        parts.append("the build failed with it and was repeated without it")
    if "written" in found:
        parts.append(f"written for branch {cache.branch}")
    parts += [f"not written: {text}" for text in found.get("unwritable", ())]
    return f"layer cache {cache.repository}: {'; '.join(parts)}"


def _steps(builds: list[str], metadata: str) -> str:
    """Count the steps of the builds that the metadata names; `builds` are Buildx's records of all builds."""
    made = [each for each in json.loads(metadata).values() if isinstance(each, dict)]
    references = {each.get("buildx.build.ref") for each in made}
    records = [json.loads(line) for line in builds]
    cached = sum(each["cached_steps"] for each in records if each["ref"] in references)
    return f"{cached} steps of {len(references)} builds were cached"
