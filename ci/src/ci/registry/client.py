"""Read from and write to registries: tags, manifests, blobs."""

from __future__ import annotations

import json
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.registry import answers, failures, uploads
from ci.registry.connection import Ask, Connection
from ci.registry.digests import READABLE, digest_of, media_type
from ci.registry.hosts import Endpoint, is_loopback, reference
from ci.registry.retrying import AttemptError, RegistryError, persist, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Self

    from ci.registry.hosts import Reference
    from ci.registry.retrying import Limits
    from ci.registry.uploads import Content

__all__ = ["Client"]

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _PARTIAL, _NOT_FOUND = 200, 201, 202, 204, 206, 404
_UNREADABLE = 500
_UNKNOWN = {401, 403}
# Names on a page; registries give fewer where they have a limit of their own.
_PAGE = "1000"
# Bytes of a small blob that is read into memory: an SBOM has some megabytes.
_ACCEPT = ", ".join(READABLE)


class Client:
    """Connections to several registries; safe to use from several threads, to be used in a `with` block."""

    def __init__(self, endpoints: Iterable[Endpoint], limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._connections = {endpoint.host: Connection(endpoint, limits) for endpoint in endpoints}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def connection(self, host: str) -> Connection:
        """Return the connection to a registry; one that was not named is reached without credentials."""
        with self._lock:
            if host not in self._connections:
                endpoint = Endpoint(host, plain_http=is_loopback(host))
                self._connections[host] = Connection(endpoint, self._limits)
            return self._connections[host]

    def tags(self, repository: str) -> tuple[str, ...]:
        """List a repository's tags; a repository that does not exist has none."""
        at = reference(repository)
        connection = self.connection(at.host)
        path = f"{at.repository}/tags/list?n={_PAGE}"
        tags: list[str] = []
        seen: set[str] = set()
        while path and path not in seen:
            seen.add(path)
            ask = Ask("GET", path, at.repository, accepted=(_OK, _NOT_FOUND))
            reply = connection.ask(ask, f"list the tags of {repository}")
            if reply.status == _NOT_FOUND:
                break
            tags += _listed(reply.content, "tags", f"list the tags of {repository}")
            link = answers.next_page(reply.headers.get("Link", ""))
            path = connection.url(link) if link else ""
        return tuple(dict.fromkeys(tags))

    def check_readable(self, repository: str) -> bool:
        """Refuse a registry that does not answer or does not accept the credentials.

        Returns whether the registry says what the repository holds, or that it does not exist.
        """
        at = reference(repository)
        ask = Ask("GET", f"{at.repository}/tags/list?n=1", at.repository, accepted=(_OK, _NOT_FOUND))
        try:
            self.connection(at.host).ask(ask, f"list the tags of {repository}")
        except RegistryError as error:
            if error.failure.status not in _UNKNOWN:
                raise
            self.check_credentials(at.host)
            return False
        return True

    def tags_if_readable(self, repository: str) -> tuple[str, ...] | None:
        """List a repository's tags; none if the registry does not say, as some do before the first push.

        Quay and GHCR answer 401 or 403 for a repository that does not exist. Credentials that the registry
        accepts at its root are not what is wrong then.
        """
        try:
            return self.tags(repository)
        except RegistryError as error:
            if error.failure.status not in _UNKNOWN:
                raise
            self.check_credentials(reference(repository).host)
        return None

    def manifest_if_readable(self, text: str) -> bytes | None:
        """Read a manifest, or `None`, also where the registry does not say before the first push."""
        try:
            return self.manifest(text)
        except RegistryError as error:
            if error.failure.status not in _UNKNOWN:
                raise
            self.check_credentials(reference(text).host)
        return None

    def check_credentials(self, host: str) -> None:
        """Refuse credentials that the registry does not accept."""
        self.connection(host).ask(Ask("GET", "", accepted=(_OK, _NOT_FOUND)), f"log in to {host}")

    def check_writable(self, repository: str) -> None:
        """Refuse a repository that may not be written to: begin an upload and cancel it.

        Nobody sees either: it makes no blob, no tag and no repository in a list. Only for a repository that
        the registry tells of: where it does not (Quay, GHCR, Docker Hub), asking for the right to write may
        create it.
        """
        at = reference(repository)
        connection = self.connection(at.host)
        what = f"see whether {repository} can be written to"
        ask = Ask("POST", f"{at.repository}/blobs/uploads/", at.repository, accepted=(_ACCEPTED, _NOT_FOUND))
        reply = connection.ask(ask, what)
        if reply.status == _NOT_FOUND:
            raise PipelineError(
                "registry.repository-missing",
                f"{repository} does not exist, and the registry does not create repositories",
                details=answers.error_body(reply.content).text,
                hint="create the repository, then run it again",
            )
        cancel = Ask(
            "DELETE",
            connection.url(reply.headers.get("Location", "")),
            at.repository,
            accepted=(_NO_CONTENT, _ACCEPTED, _OK),
        )
        try:
            connection.once(cancel)
        except AttemptError:
            # An upload that is not continued ends by itself.
            return

    def manifest(self, text: str) -> bytes | None:
        """Read a manifest's bytes as stored, or `None`; bytes of another digest are an error."""
        at = reference(text)
        what = f"read {text}"
        path = f"{at.repository}/manifests/{at.target}"
        reply = self._find(at, Ask("GET", path, at.repository, headers={"Accept": _ACCEPT}), what)
        if reply is not None and at.is_digest and digest_of(reply) != at.target:
            raise PipelineError(
                "registry.wrong-content",
                f"{what}: the registry gave {digest_of(reply)}",
                hint="do not use this registry until that is explained",
            )
        return reply

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a blob is in a repository and can be read."""
        at = reference(f"{repository}@{digest}")
        ask = Ask("HEAD", f"{at.repository}/blobs/{digest}", at.repository)
        return self._find(at, ask, f"look for {digest} in {repository}") is not None

    def blob(self, repository: str, digest: str) -> bytes:
        """Read a small blob and verify its digest."""
        at = reference(repository)

        def once() -> bytes:
            ask = Ask("GET", f"{at.repository}/blobs/{digest}", at.repository)
            content = self.connection(at.host).once(ask).content
            if digest_of(content) != digest:
                raise AttemptError(failures.INCOMPLETE, f"it gave {digest_of(content)}")
            return content

        return persist(once, f"read {digest} of {repository}", self._limits)

    def download(self, repository: str, digest: str, file: Path) -> None:
        """Write a blob of any size to a file and verify its digest."""
        at = reference(repository)
        ask = Ask("GET", f"{at.repository}/blobs/{digest}", at.repository)

        def once() -> None:
            found = sha256()
            with self.connection(at.host).opened(ask) as response, file.open("wb") as output:
                for part in response.iter_bytes(1 << 16):
                    found.update(part)
                    output.write(part)
            if f"sha256:{found.hexdigest()}" != digest:
                raise AttemptError(failures.INCOMPLETE, f"it gave sha256:{found.hexdigest()}")

        persist(once, f"read {digest} of {repository}", self._limits)

    def put_blob(self, repository: str, digest: str, content: Content) -> None:
        """Upload one blob."""
        at = reference(repository)
        what = f"upload {digest} to {repository}"
        uploads.upload(self.connection(at.host), at.repository, digest, content, what)

    def mount(self, source: str, repository: str, digest: str, content: Content) -> bool:
        """Make a blob of one repository be in another of the same registry; return whether it was sent.

        A registry may refuse to mount: it begins an upload instead, which `content` then goes to.
        """
        origin, at = reference(source), reference(repository)
        what = f"mount {digest} of {source} in {repository}"
        connection = self.connection(at.host)
        ask = Ask(
            "POST",
            f"{at.repository}/blobs/uploads/",
            at.repository,
            parameters={"mount": digest, "from": origin.repository},
            accepted=(_CREATED, _ACCEPTED),
        )
        reply = connection.ask(ask, what)
        if reply.status == _CREATED:
            return False
        location = connection.url(reply.headers.get("Location", ""))
        uploads.upload(connection, at.repository, digest, content, what, location=location)
        return True

    def stored(self, repository: str, digest: str, size: int) -> Content:
        """Return a registry's blob as content to upload elsewhere, readable from any offset."""
        at = reference(repository)
        connection = self.connection(at.host)

        def read(offset: int) -> Iterator[bytes]:
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            path = f"{at.repository}/blobs/{digest}"
            ask = Ask("GET", path, at.repository, headers=headers, accepted=(_OK, _PARTIAL))
            with connection.opened(ask) as response:
                skip = offset if response.status_code == _OK else 0
                for part in response.iter_bytes(1 << 16):
                    yield part[skip:]
                    skip = max(0, skip - len(part))

        return uploads.Content(size, read)

    def put_manifest(self, text: str, content: bytes, *, what: str = "") -> bool:
        """Put a manifest under a digest or tag; return whether the registry lists its subject's referrers.

        `what` names the operation in messages, if that is not to push or to tag.
        """
        at = reference(text)

        def once() -> bool:
            reply = self.connection(at.host).once(
                Ask(
                    "PUT",
                    f"{at.repository}/manifests/{at.target}",
                    at.repository,
                    headers={"Content-Type": media_type(content)},
                    content=lambda: iter((content,)),
                    size=len(content),
                    accepted=(_CREATED, _OK, _ACCEPTED),
                )
            )
            there = reply.headers.get("Docker-Content-Digest", digest_of(content))
            if there != digest_of(content):
                raise AttemptError(failures.CORRUPTED, f"it has {there} instead of {digest_of(content)}")
            return "OCI-Subject" in reply.headers

        what = what or f"{'push' if at.is_digest else 'tag'} {text}"
        return persist(once, what, self._limits)

    def _find(self, at: Reference, ask: Ask, what: str) -> bytes | None:
        """Return an answer's body, `None` if the registry does not have it.

        A registry whose disk was full may keep an entry that it cannot read, and answers 500 for it until
        it is sent again. A digest says what is sent, a tag does not: only the former is taken so.
        """
        try:
            return self.connection(at.host).ask(ask, what).content
        except RegistryError as error:
            if error.failure is failures.ABSENT:
                return None
            if at.is_digest and error.failure.status == _UNREADABLE:
                say(f"{what}: the registry cannot read it; it is sent again")
                return None
            raise


def _listed(content: bytes, field: str, what: str) -> list[str]:
    try:
        data: dict[str, Any] = json.loads(content)
        names = data.get(field) or []
        return [str(name) for name in names]
    except (ValueError, AttributeError, TypeError) as error:
        raise RegistryError(what, failures.INCOMPLETE, f"{type(error).__name__}: {error}") from error
