"""Files attached to a digest: the referrers API, and the list under a tag where a registry has none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.registry import answers, uploads
from ci.registry.connection import Ask
from ci.registry.digests import EMPTY, INDEX, MANIFEST, digest_of, media_type
from ci.registry.hosts import reference
from ci.registry.retrying import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.registry.client import Client

__all__ = ["attach", "attach_once", "copy", "put_all", "referrers"]

Json = dict[str, Any]
_OK, _NOT_FOUND = 200, 404
# Another run's write can push ours out of the list of a registry that keeps it under a tag.
_ROUNDS = 3
_EMPTY_CONFIG = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": digest_of(EMPTY),
    "size": len(EMPTY),
    "data": "e30=",
}
_CYCLES = 5


def referrers(client: Client, subject: str) -> list[Json]:
    """List the descriptors of what is attached to a digest."""
    at = reference(subject)
    connection = client.connection(at.host)
    what = f"list what is attached to {subject}"
    path = f"{at.repository}/referrers/{at.target}"
    found: list[Json] = []
    while path and connection.has_referrers is not False:
        headers = {"Accept": INDEX}
        reply = connection.ask(
            Ask("GET", path, at.repository, headers=headers, accepted=(_OK, _NOT_FOUND)), what
        )
        # The specification has no 404 here: one without the media type of a list has no such API.
        connection.has_referrers = reply.status == _OK
        if reply.status == _OK:
            found += _entries(reply.content)
            link = answers.next_page(reply.headers.get("Link", ""))
            path = connection.url(link) if link else ""
    if connection.has_referrers:
        return found
    return _entries(client.manifest(_list_tag(subject)) or b"{}")


def attach(client: Client, subject: str, files: Iterable[tuple[bytes, str]]) -> None:
    """Attach files (content and media type) to a digest, unless they are attached already."""
    repository = subject.partition("@")[0]
    image = client.manifest(subject)
    if image is None:
        raise PipelineError(
            "registry.subject-missing", f"{subject} is not there", hint="push it before what belongs to it"
        )
    client.put_blob(repository, digest_of(EMPTY), uploads.of_bytes(EMPTY))
    made: list[tuple[Json, bytes]] = []
    for content, kind in files:
        client.put_blob(repository, digest_of(content), uploads.of_bytes(content))
        manifest = _artifact(content, kind, image)
        made.append((_descriptor(manifest, kind), manifest))
    put_all(client, subject, made)


def attach_once(client: Client, subject: str, image: bytes, content: bytes, kind: str) -> bool:
    """Attach a file unless it is attached and listed; return whether it was done.

    `image` is the subject's manifest.
    """
    digest = digest_of(_artifact(content, kind, image))
    there = client.manifest(f"{subject.partition('@')[0]}@{digest}") is not None
    if there and digest in {entry["digest"] for entry in referrers(client, subject)}:
        return False
    attach(client, subject, [(content, kind)])
    return True


def put_all(client: Client, subject: str, made: list[tuple[Json, bytes]]) -> None:
    """Put manifests whose subject is this digest, and have all of them in its list.

    Where the list is kept under a tag, written concurrently, entries get lost: it is read back and completed.
    """
    repository = subject.partition("@")[0]
    wanted = {entry["digest"] for entry, _ in made}
    for _ in range(_ROUNDS):
        unlisted = [
            entry
            for entry, manifest in made
            if not client.put_manifest(
                f"{repository}@{entry['digest']}", manifest, what=f"attach {entry['digest']} to {subject}"
            )
        ]
        if unlisted:
            _add_to_list(client, subject, unlisted)
        if wanted <= {entry["digest"] for entry in referrers(client, subject)}:
            return
    raise PipelineError(
        "registry.attachment-lost",
        f"a file attached to {subject} has disappeared from its list",
        hint="check that no other run is writing to the same images, then run it again",
    )


def copy(client: Client, source: str, subject: str, *, depth: int = 0) -> None:
    """Copy what is attached to a digest to the same digest in another repository, and what refers to that."""
    origin, repository = source.partition("@")[0], subject.partition("@")[0]
    if depth > _CYCLES:
        return
    there = {entry["digest"] for entry in referrers(client, subject)}
    made: list[tuple[Json, bytes]] = []
    for entry in referrers(client, source):
        manifest = client.manifest(f"{origin}@{entry['digest']}")
        if manifest is None:
            say(f"{origin}@{entry['digest']} is in the list of {source}, but not there any more")
            continue
        if entry["digest"] not in there:
            data: Json = json.loads(manifest)
            for blob in (data.get("config"), *data.get("layers", ())):
                if blob and not client.has_blob(repository, blob["digest"]):
                    content = client.stored(origin, blob["digest"], blob["size"])
                    client.put_blob(repository, blob["digest"], content)
            made.append((entry, manifest))
    if made:
        put_all(client, subject, made)
    for entry, _ in made:
        copy(client, f"{origin}@{entry['digest']}", f"{repository}@{entry['digest']}", depth=depth + 1)


def _add_to_list(client: Client, subject: str, entries: list[Json]) -> None:
    tag = _list_tag(subject)
    content = client.manifest(tag)
    listed = _entries(content or b"{}")
    new = [entry for entry in entries if entry["digest"] not in {item["digest"] for item in listed}]
    if new:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *new]}
        client.put_manifest(tag, _bytes(index), what=f"list what is attached to {subject}")


def _list_tag(subject: str) -> str:
    """Return the tag that the specification has for the list of a digest's referrers."""
    repository, _, digest = subject.partition("@")
    return f"{repository}:{digest.replace(':', '-')}"


def _entries(content: bytes) -> list[Json]:
    data: Json = json.loads(content)
    return [entry for entry in data.get("manifests") or () if "digest" in entry]


def _artifact(content: bytes, kind: str, image: bytes) -> bytes:
    subject = {"mediaType": media_type(image), "digest": digest_of(image), "size": len(image)}
    layer = {"mediaType": kind, "digest": digest_of(content), "size": len(content)}
    return _bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": _EMPTY_CONFIG,
            "layers": [layer],
            "subject": subject,
        }
    )


def _descriptor(manifest: bytes, kind: str) -> Json:
    return {
        "mediaType": MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "artifactType": kind,
    }


def _bytes(data: Json) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
