"""Upload a blob: whole where the registry takes it, in pieces where it does not, from where it broke off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.registry import answers, failures
from ci.registry.connection import Ask, Reply
from ci.registry.failures import Failure
from ci.registry.retrying import AttemptError, RegistryError, persist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ci.registry.connection import Connection

__all__ = ["Content", "of_bytes", "of_file", "of_part", "upload"]

_READ = 1 << 16
# Sizes of pieces, tried in this order after a whole body is refused with 413 or its connection is lost: nginx
# takes 1 MiB unless it is configured, Cloudflare 100 MB.
_PIECES = (32 << 20, 8 << 20, 1 << 20, 256 << 10, 64 << 10)
_CREATED, _ACCEPTED, _NO_CONTENT, _OK = 201, 202, 204, 200
_NOT_FOUND, _TOO_LARGE = 404, 413
_FORGOTTEN = {"registry.upload-forgotten", failures.CORRUPTED.code}
_CHANGED = Failure(
    "registry.digest-mismatch",
    "the file does not match its digest",
    hint="build again: the image's files were changed",
)


@dataclass(frozen=True)
class Content:
    """A blob to upload: `read` gives its bytes from an offset on, `intact` whether its digest still holds."""

    size: int
    read: Callable[[int], Iterator[bytes]]
    intact: Callable[[str], bool] = lambda _digest: True


def of_file(path: Path) -> Content:
    """Return a file as content."""
    return of_part(path, 0, path.stat().st_size)


def of_part(path: Path, start: int, size: int) -> Content:
    """Return a part of a file as content; `start` and `size` are in bytes."""

    def read(offset: int) -> Iterator[bytes]:
        left = size - offset
        with path.open("rb") as file:
            file.seek(start + offset)
            while left > 0 and (part := file.read(min(_READ, left))):
                left -= len(part)
                yield part

    def intact(digest: str) -> bool:
        import hashlib  # noqa: PLC0415 - for a fault alone

        found = hashlib.sha256()
        for part in read(0):
            found.update(part)
        return digest == f"sha256:{found.hexdigest()}"

    return Content(size, read, intact)


def of_bytes(content: bytes) -> Content:
    """Return some bytes as content."""

    def read(offset: int) -> Iterator[bytes]:
        yield content[offset:]

    return Content(len(content), read)


def upload(  # noqa: PLR0913 - an upload is made of these
    connection: Connection, repository: str, digest: str, content: Content, what: str, *, location: str = ""
) -> None:
    """Upload a blob and verify the digest that the registry computes; `location` is an upload that began."""
    session = _Session(connection, repository, digest, content, what, location)
    persist(session.attempt, what, connection.limits, progress=lambda: session.progress)


@dataclass
class _Session:
    """One blob on its way; `offset` bytes of it are with the registry."""

    connection: Connection
    repository: str
    digest: str
    content: Content
    what: str
    location: str = ""
    offset: int = 0
    unsure: bool = False
    # Whether the last request of an upload was sent, and whether a body was refused with 413.
    ended: bool = False
    refused: bool = False
    # The place in _PIECES, -1 = whole; the least size that the registry accepts for a piece.
    rung: int = -1
    smallest: int = 0
    furthest: int = 0

    @property
    def progress(self) -> int:
        """Return a number that grows with each byte that arrives and each size of pieces that is tried."""
        return self.furthest + (self.rung + 1) * (self.content.size + 1)

    def attempt(self) -> None:
        """Go on from where the upload is, to its end; raises AttemptError."""
        while True:
            try:
                self._attempt()
            except AttemptError as error:
                self._take_note(error)
            else:
                if self.refused:
                    self.connection.largest_body = self._piece()
                return

    def _attempt(self) -> None:
        if self.ended and self._is_there():
            return
        if self.location and self.unsure:
            self._ask_where()
        if not self.location:
            self._begin()
        piece = self._piece()
        start = 0 if piece is None and not self.offset else self.content.size
        while start and self.offset < self.content.size:
            self._patch(min(self.offset + (piece or self.content.size), self.content.size))
        self.ended = True
        self._check(self._send("PUT", start, self.content.size, (_CREATED, _NO_CONTENT)))

    def _take_note(self, error: AttemptError) -> None:
        """Choose how the next attempt continues; return if it may start now, else raise the failure."""
        failure = error.failure
        self.unsure = True
        whole = not self.offset and self._piece() is None
        if whole or failure.status == _TOO_LARGE or failure.code in _FORGOTTEN:
            self._restart()
        if failure is failures.CORRUPTED and not self.content.intact(self.digest):
            raise AttemptError(_CHANGED, error.details) from error
        # nginx answers before it has read the body and closes: what arrives is its 413, or a reset.
        if failure.status == _TOO_LARGE and self._smaller():
            self.refused = True
            return
        if whole and failure is failures.LOST:
            self._smaller()
        raise error

    def _piece(self) -> int | None:
        """Return the size of the pieces, or none to send the whole in one request."""
        rung = self.rung
        known = self.connection.largest_body
        if known is not None:
            rung = max(rung, next(i for i, size in enumerate(_PIECES) if size <= known))
        return None if rung < 0 else max(_PIECES[rung], self.smallest)

    def _smaller(self) -> bool:
        """Take the next size of pieces that is smaller than the content; return whether there is one."""
        current = self._piece() or self.content.size
        for rung, size in enumerate(_PIECES):
            if max(size, self.smallest) < current:
                self.rung = rung
                return True
        return False

    def _restart(self) -> None:
        self.location, self.offset, self.unsure = "", 0, False

    def _begin(self) -> None:
        path = f"{self.repository}/blobs/uploads/"
        ask = Ask("POST", path, self.repository, accepted=(_ACCEPTED,))
        reply = self._located(self.connection.ask(ask, self.what))
        if not self.location:
            raise AttemptError(failures.INCOMPLETE, "the registry names no location to upload to")
        self.offset, self.unsure = 0, False
        least = reply.headers.get("OCI-Chunk-Min-Length", "")
        self.smallest = int(least) if least.isdecimal() else 0

    def _ask_where(self) -> None:
        """Ask how much has arrived; begin again where that is not known."""
        accepted = (_NO_CONTENT, _OK, _ACCEPTED, _NOT_FOUND)
        ask = Ask("GET", self.location, self.repository, accepted=accepted)
        try:
            # By itself: a fault here says nothing of the piece that is sent next.
            reply = self.connection.ask(ask, self.what)
        except RegistryError as error:
            if error.failure.delays:
                raise
            self._restart()
            return
        if reply.status == _NOT_FOUND:
            self._restart()
            return
        self._arrived(self._located(reply), None)

    def _patch(self, end: int) -> None:
        reply = self._send("PATCH", self.offset, end, (_ACCEPTED,))
        self._arrived(reply, end)

    def _arrived(self, reply: Reply, expected: int | None) -> None:
        """Take over how much the registry has, by its own word where it gives one."""
        confirmed = answers.offset(reply.headers.get("Range", ""))
        if expected is not None and (confirmed is None or expected == 1):
            confirmed = expected
        if confirmed is None or confirmed > self.content.size:
            self._restart()
            raise AttemptError(failures.INCOMPLETE, "the registry does not tell how much has arrived")
        if expected is not None and confirmed < expected and confirmed <= self.offset:
            self.unsure = True
            raise AttemptError(failures.INCOMPLETE, f"{confirmed} bytes arrived of {expected}")
        self.offset, self.unsure = confirmed, False
        self.furthest = max(self.furthest, confirmed)

    def _send(self, method: str, start: int, end: int, accepted: tuple[int, ...]) -> Reply:
        """Send the bytes from `start` to `end`: a PUT is the last request, a PATCH a piece."""
        size = end - start
        headers = {"Content-Type": "application/octet-stream"}
        if method == "PATCH":
            headers["Content-Range"] = f"{start}-{end - 1}"
        parameters = {"digest": self.digest} if method == "PUT" else {}
        # What is stored at the end is all of it.
        storing = self.content.size if method == "PUT" else size
        return self._located(
            self.connection.once(
                Ask(
                    method,
                    self.location,
                    self.repository,
                    headers=headers,
                    parameters=parameters,
                    content=lambda: _part(self.content.read(start), size),
                    size=size,
                    accepted=accepted,
                    storing=storing,
                    sending=True,
                )
            )
        )

    def _located(self, reply: Reply) -> Reply:
        """Take note of where the next request goes."""
        location = reply.headers.get("Location")
        if location and reply.status != _CREATED:
            self.location = self.connection.url(location)
        return reply

    def _check(self, reply: Reply) -> None:
        """Verify the digest that the registry has computed, or that the blob is there if it names none."""
        there = reply.headers.get("Docker-Content-Digest")
        if there is None and not self._is_there():
            raise AttemptError(failures.INCOMPLETE, "it confirmed the upload and does not have it")
        if there not in {None, self.digest}:
            raise AttemptError(failures.CORRUPTED, f"it has {there} instead of {self.digest}")

    def _is_there(self) -> bool:
        path = f"{self.repository}/blobs/{self.digest}"
        ask = Ask("HEAD", path, self.repository, accepted=(_OK, _NOT_FOUND))
        reply = self.connection.ask(ask, self.what)
        return reply.status == _OK


def _part(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes."""
    left = size
    for part in parts:
        if not left:
            return
        yield part[:left]
        left -= min(left, len(part))
