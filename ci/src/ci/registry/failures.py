"""Map a registry's failure to an error and to whether a retry helps, by status and code, not by text."""

from __future__ import annotations

import errno
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = [
    "ABSENT",
    "BLOBS_MISSING",
    "CORRUPTED",
    "DELAYS",
    "DELAYS_SILENT",
    "DENIED",
    "INCOMPLETE",
    "LOST",
    "UNAUTHORIZED",
    "Failure",
    "of_status",
    "silent",
    "token_service",
]

# Seconds before the second, third … try. A registry that is started again is back within them.
DELAYS = (0.5, 1.0, 3.0, 9.0, 15.0)
# A registry that does not answer at all gets a second try, not five.
DELAYS_SILENT = (1.0,)

# By RFC 9110, and those by which Cloudflare says that what is behind it does not answer.
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORGOTTEN = {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"}
_NOT_FOUND, _CONFLICT, _PRECONDITION, _RANGE, _INSUFFICIENT_STORAGE = 404, 409, 412, 416, 507
_IMMUTABLE = {"TAG_INVALID", "TAG_IMMUTABLE", "IMMUTABLE_TAG", "PRECONDITION"}
_GO_ON = "check the registry and the network to it, then run it again: it continues from here"
_CREDENTIALS = (
    "check --username and --password, that a token has not expired, and its role on this repository"
)


@dataclass(frozen=True)
class Failure:
    """The meaning of a failure: code, reason and hint of its error.

    `delays` are the seconds to wait before each further try, none = give up. `status` is the HTTP status
    behind it, 0 = there was no answer. `wait` are the seconds that the registry asked for.
    """

    code: str
    reason: str
    _: KW_ONLY
    hint: str
    delays: tuple[float, ...] = ()
    status: int = 0
    wait: float | None = None


ABSENT = Failure(
    "registry.absent", "the registry does not have it", hint="push it first, or check the name", status=404
)
UNAUTHORIZED = Failure(
    "registry.unauthorized", "the registry refuses the credentials", hint=_CREDENTIALS, status=401
)
CORRUPTED = Failure(
    "registry.transfer-corrupted",
    "the registry received other bytes than were sent",
    hint="check the network to the registry, then run it again: the files are intact",
    delays=DELAYS,
)
LOST = Failure(
    "registry.unreachable",
    "the registry lost the connection or refused it",
    hint=_GO_ON,
    delays=DELAYS,
)
INCOMPLETE = Failure(
    "registry.answer-incomplete",
    "the registry's answer is incomplete or not what the protocol says",
    hint=_GO_ON,
    delays=DELAYS,
)
_FORGOTTEN_UPLOAD = Failure(
    "registry.upload-forgotten",
    "the registry lost the upload",
    hint="check the registry, then run it again",
    delays=DELAYS,
    status=404,
)
DENIED = Failure(
    "registry.denied",
    "the registry denies this to these credentials",
    hint=f"{_CREDENTIALS}, and the quota",
    status=403,
)
_NO_ROOM = Failure(
    "registry.full",
    "the registry's storage or quota is full",
    hint="free space or raise the quota of the registry, then run it again",
)
BLOBS_MISSING = Failure(
    "registry.blobs-missing",
    "the registry lacks blobs that the manifest names",
    hint="check the registry's storage and its clean-up, then run it again",
    delays=DELAYS[:2],
)
_TOO_LARGE_BODY = Failure(
    "registry.body-too-large",
    "a request of this size is refused with 413, even in the smallest chunks",
    hint="raise the limit of the proxy in front of the registry (nginx: client_max_body_size)",
    status=413,
)
_LOCKED = Failure(
    "registry.read-only",
    "writing is disallowed (405)",
    hint="see whether the registry is in read-only mode, or this tag or repository is locked; on Azure "
    "`az acr repository show --name REGISTRY --image REPOSITORY:TAG` shows it (changeableAttributes)",
    status=405,
)
_FIXED_TAG = Failure(
    "registry.tag-immutable",
    "the registry does not let this tag move",
    hint="exclude the tags that move (latest, branches) from the registry's rule for immutable tags",
)


def of_status(
    status: int,
    codes: AbstractSet[str] = frozenset(),
    *,
    errnos: AbstractSet[int] = frozenset(),
    wait: float | None = None,
    sending: bool = False,
) -> Failure:
    """Judge an answer by its status and the specification's error codes.

    `sending` says that the request was about an upload that had begun: a 404 then means that this is gone.
    """
    # The first that holds; a code says more than a status.
    by_code = (
        (status == _INSUFFICIENT_STORAGE or errnos & _FULL, _NO_ROOM),
        (codes & {"MANIFEST_BLOB_UNKNOWN"}, BLOBS_MISSING),
        (codes & {"DIGEST_INVALID", "SIZE_INVALID"}, CORRUPTED),
        (sending and status == _RANGE, INCOMPLETE),
        (sending and (status == _NOT_FOUND or codes & _FORGOTTEN), _FORGOTTEN_UPLOAD),
        (status in _TRANSIENT or codes & {"TOOMANYREQUESTS"}, _unavailable(status, wait)),
        (status in {_CONFLICT, _PRECONDITION} or codes & _IMMUTABLE, _FIXED_TAG),
    )
    final = {401: UNAUTHORIZED, 403: DENIED, 404: ABSENT, 405: _LOCKED, 413: _TOO_LARGE_BODY}
    found = [failure for holds, failure in by_code if holds]
    return found[0] if found else final.get(status) or _unknown(status)


def _unavailable(status: int, wait: float | None) -> Failure:
    reason = f"the registry answered {status}"
    return Failure("registry.unavailable", reason, hint=_GO_ON, delays=DELAYS, status=status, wait=wait)


def _unknown(status: int) -> Failure:
    reason = f"the registry answered {status}"
    return Failure("registry.unknown-error", reason, hint="see its answer above", status=status)


def token_service(status: int, *, wait: float | None = None) -> Failure:
    """Judge an answer of the service that gives out tokens: only 4xx is about the credentials."""
    if status in _TRANSIENT:
        return Failure(
            "registry.token-service-unavailable",
            f"the registry's token service answered {status}",
            hint="it is busy or down, the credentials are not the cause: run it again later",
            delays=DELAYS,
            status=status,
            wait=wait,
        )
    return UNAUTHORIZED


def silent(seconds: float) -> Failure:
    """Return the failure for a connection on which nothing moved for so long."""
    return Failure(
        "registry.timeout",
        f"no data moved to or from the registry for {seconds:g} s",
        hint="check that the registry answers, then run it again: it continues from here",
        delays=DELAYS_SILENT,
    )
