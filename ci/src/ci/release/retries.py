"""What a registry's failure means: try again, or tell the user at once.

The texts are those of regctl, which ends with 1 for every failure, and of the
registries behind it. regctl itself tries 429, 500, 502, 504 and lost
connections again for some three seconds; this policy is for what lasts longer.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass

__all__ = ["ABSENT", "DELAYS", "DELAYS_SILENT", "UNKNOWN", "Verdict", "judge", "silent"]

# Seconds before the second, third and fourth try.
DELAYS = (1.0, 3.0, 9.0)
# A registry that does not answer at all is asked twice, not four times.
DELAYS_SILENT = (1.0,)

_STATUS = re.compile(r"\[http (\d{3})\]")
_TRANSIENT = {"408", "425", "429", "500", "502", "503", "504"}
# Without a status: the words of regctl and of Go's net, net/http and syscall. A connection that is cut while
# its body is sent ends in one of several, by what of it is seen first: the reset, or the closing after it.
_LOST = re.compile(
    r"connection (?:refused|reset|timed out|lost|force closed)|broken pipe|connection broken|\bEOF"
    r"|use of closed network connection|server closed idle connection|software caused connection abort"
    r"|i/o timeout|TLS handshake timeout|context deadline exceeded|request canceled"
    r"|server sent GOAWAY|stream error"
    r"|server misbehaving|retry limit exceeded|backoff limit reached"
    r"|network is (?:unreachable|down)|no route to host|host is down"
)
_REFUSED = re.compile(r"unauthorized|empty challenge header|no new challenge")
# With any status: Harbor says it with 403, a registry on a full disk with 500 (28 is ENOSPC).
_FULL = re.compile(
    r'no space left on device|"Err":28\b|quota|exceed the configured upper limit', re.IGNORECASE
)
# A registry that was restarted does not know the uploads that it had begun.
_BEGUN = re.compile(r"failed to send blob.*\[http 404\]")


@dataclass(frozen=True)
class Verdict:
    """What a failure means: the code, text and next step of its error.

    `delays` are the seconds to wait before each further try, none = give up.
    `status` is the HTTP status behind it, if it is one that may pass.
    """

    code: str
    reason: str
    _: KW_ONLY
    hint: str
    delays: tuple[float, ...] = ()
    status: str = ""


_CREDENTIALS = (
    "check --username and --password, that a token has not expired, and its role on this repository"
)

ABSENT = Verdict("registry.absent", "the registry does not have it", hint="push it first, or check the name")
UNKNOWN = Verdict(
    "registry.unknown-error", "the registry answered with an error", hint="see its output above"
)
_LOST_UPLOAD = Verdict(
    "registry.upload-forgotten",
    "the registry lost the upload",
    hint="check the registry, then run it again",
    delays=DELAYS,
)
_NO_ROOM = Verdict(
    "registry.full",
    "the registry has no room left",
    hint="free space or raise the quota of the registry, then run it again",
)
_CHANGED = Verdict(
    "registry.digest-mismatch",
    "the registry was sent something else than the digest says",
    hint="build again: the image's files were changed",
)
_UNAUTHORIZED = Verdict("registry.unauthorized", "the registry refuses the credentials", hint=_CREDENTIALS)
_FINAL = {
    "401": _UNAUTHORIZED,
    "403": Verdict("registry.denied", "the registry denies this to these credentials", hint=_CREDENTIALS),
    "404": ABSENT,
    "405": Verdict(
        "registry.read-only",
        "the registry does not accept writes",
        hint="check that the registry is not in read-only mode",
    ),
    "507": _NO_ROOM,
}


def silent(seconds: float) -> Verdict:
    """Return what it means that a call was ended by its time limit."""
    return Verdict(
        "registry.timeout",
        f"the registry did not finish within {seconds:g} s",
        hint="check that the registry answers and the network is fast enough, then run it again",
        delays=DELAYS_SILENT,
    )


def judge(output: str) -> Verdict:
    """Return what regctl's error output means."""
    last = (output.strip().splitlines() or [""])[-1]
    found = _STATUS.search(last)
    status = found[1] if found else ""
    if "digest mismatch" in last:
        return _CHANGED
    # Behind the status, because a service may be called quota.
    if found and _FULL.search(last, found.end()):
        return _NO_ROOM
    if status in _FINAL:
        return _LOST_UPLOAD if _BEGUN.search(last) else _FINAL[status]
    if status in _TRANSIENT or (not status and _LOST.search(last)):
        return _transient(status)
    if not status and _REFUSED.search(last):
        return _UNAUTHORIZED
    return UNKNOWN


def _transient(status: str) -> Verdict:
    hint = "check the registry, then run it again: it goes on from here"
    if status:
        return Verdict(
            "registry.unavailable",
            f"the registry answered {status}",
            hint=hint,
            delays=DELAYS,
            status=status,
        )
    return Verdict(
        "registry.unreachable",
        "the registry lost the connection or refused it",
        hint=hint,
        delays=DELAYS,
    )
