"""release.json in the registry: attached to each image that it describes, and found again by a tag.

So whoever has an image's name has the release: what belongs together, what was tested, and how. It is
written after the tags, because it names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.release import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ci.release.manifest import Release

__all__ = ["TYPE", "choose", "compose"]

TYPE = "application/vnd.containerise.release.v1+json"


def compose(
    about: Mapping[str, str], facts: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]]
) -> Release:
    """Compose the release of a set.

    `about` are its ref, version, commit, time and registry; `facts` are sizes and gates of each image, and
    `done` what was pushed of it: digests and tags.
    """
    images = tuple(
        manifest.Released(
            service=item["service"],
            reference=item["reference"],
            digest=item["digest"],
            tags=tuple(item["tags"]),
            size=fact["size"],
            uncompressed=fact["uncompressed"],
            sbom=item["sbom"],
            provenance=item["provenance"],
            gates=dict(fact["gates"]),
            platforms=tuple(_platform(each) for each in item.get("platforms", ())),
        )
        for fact, item in zip(facts, done, strict=True)
    )
    return manifest.Release(images=images, **about)


def _platform(done: Mapping[str, Any]) -> manifest.Platform:
    digests = {key: done[key] for key in ("platform", "digest", "sbom", "provenance")}
    return manifest.Platform(**digests, **done["facts"])


def choose(texts: Iterable[str], reference: str, *, digest: str, tag: str) -> Release:
    """Choose the release that an image was published in, of all that are attached to it.

    There are several after a promotion, which copies those of where it came from, and after a later run of
    an older release, whose moving tags have gone on. It is the one of this repository, that has the tag if
    one has.
    """
    fitting: list[tuple[bool, int, str, Release]] = []
    for text in texts:
        try:
            release = manifest.read(text, where=f"of {reference}")
            image = release.image(digest)
        except PipelineError:
            continue  # not ours, or damaged: the others are looked at
        if image.reference.partition("@")[0] == reference.partition("@")[0].removesuffix(f":{tag}"):
            fits = tag in {release.version, *image.tags}
            fitting.append((fits, len(image.tags), text, release))
    if not fitting:
        raise PipelineError(
            "release-manifest.not-stored",
            f"{reference} ({digest}) has no release.json attached",
            hint="publish it again, or give the file that `release` wrote",
        )
    # The text makes the choice the same each time.
    return max(fitting, key=lambda each: each[:3])[-1]
