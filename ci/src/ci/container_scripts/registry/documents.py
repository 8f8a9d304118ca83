"""Store release.json beside each image that it describes, and find it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.container_scripts.registry import attachments
from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from ci.registry import referrers
from ci.registry.digests import digest_of
from ci.registry.hosts import reference
from ci.registry.retrying import say
from ci.release import manifest, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.registry.client import Client
    from ci.release.manifest import Release

__all__ = ["find", "store"]


def store(client: Client, release: Release, images: Mapping[str, bytes], *, limit: int) -> None:
    """Attach a release's document to each of its images; `images` are their manifests by reference."""
    content = manifest.write(release).encode()

    def one(subject: str) -> bool:
        return referrers.attach_once(client, subject, images[subject], content, stored.TYPE)

    written = each(images, one, limit=limit)
    say(f"release.json is attached to {len(written)} images, of these now: {sum(written)}")


def find(client: Client, text: str) -> str:
    """Return the release.json of an image that is named by tag or digest."""
    at = reference(text)
    content = client.manifest(text)
    if content is None or not at.target:
        raise PipelineError(
            "registry.release-image-missing",
            f"{text} is not there",
            hint="name an image with a tag or digest: HOST/PREFIX/SERVICE:TAG",
        )
    repository = text.partition("@")[0].removesuffix(f":{at.target}")
    digest = digest_of(content)
    found = attachments.files(client, f"{repository}@{digest}", {stored.TYPE})
    texts = [client.blob(repository, file).decode() for file in found.get(stored.TYPE, [])]
    tag = "" if at.is_digest else at.target
    return manifest.write(stored.choose(texts, text, digest=digest, tag=tag))
