"""Errors that a user can act on.

AirgapError
├── StepFailed        a program that a step ran failed
├── StepsFailed       more than one step failed in the same run
└── Interrupted       Ctrl-C or SIGTERM while a step ran
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AGAIN = "run it again: finished steps are not repeated"
TAIL_LINES = 15
_SHORT = 160


class AirgapError(Exception):
    """An error: what was wrong and the value (``what``), and what to do next (``hint``)."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  next: {self.hint}" if self.hint else self.what


class StepFailed(AirgapError):  # noqa: N818 - the name describes what happened
    """A program failed: the command, its exit code, the end of its output, and the path of the full log."""

    def __init__(self, argv: Sequence[str], code: int, *, log: Path, output: str) -> None:
        registry = registry_trouble(output)
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        shown = "\n".join(f"    {line}" for line in tail(output))
        reason = f"{registry}\n" if registry else ""
        super().__init__(
            f"{reason}`{_short(argv)}` {ended}:\n{shown}\n  log: {log}",
            hint=RETRY.format(source=_configured_by(argv)) if registry else f"see the log, then {AGAIN}",
        )
        self.argv = tuple(argv)
        self.code = code


class StepsFailed(AirgapError):  # noqa: N818 - as StepFailed
    """Several steps failed in one run; contains the text of each error."""

    def __init__(self, failures: dict[str, AirgapError]) -> None:
        super().__init__("\n".join(f"{name}: {error}" for name, error in failures.items()))


class Interrupted(AirgapError):  # noqa: N818 - as StepFailed
    """The run was interrupted by Ctrl-C (exit code 130) or SIGTERM (143); finished steps stay done."""

    def __init__(self, signum: int) -> None:
        super().__init__("interrupted", hint=AGAIN)
        self.exit_code = 128 + signum


def advised(error: AirgapError | OSError) -> AirgapError:
    """Return the error of a step with what to do next, if it does not say that itself, as for a full disk."""
    if isinstance(error, AirgapError) and error.hint:
        return error
    return AirgapError(str(error), hint=f"fix that, then {AGAIN}")


RETRY = (
    "try again later: finished steps are not repeated. If it persists, check the registry's address: {source}"
)

_SOURCES = {
    "go": "`go env GOPROXY`",
    "pip": "PIP_INDEX_URL or `pip config list`",
    "uv": "UV_DEFAULT_INDEX or uv.toml",
    "apt-get": "/etc/apt/sources.list and sources.list.d",
    "mmdebstrap": "/etc/apt/sources.list and sources.list.d",
}

_ADDRESS = re.compile(r"https?://([^/\s\"'`)\]]+)[^\s\"'`)\]]*")
_PIP_INDEX = "Looking in indexes: "
_PIP_TROUBLE = re.compile(
    r"Retrying \(Retry\(|\(from versions: none\)"
)  # pip prints no address in these lines
_REFUSALS = (
    (r"\b([45]\d\d)\s+[A-Z][a-z]+|HTTP error (\d+)|too many (\d+) error responses", "answered {}"),
    (r"(?i:connection refused)", "refused the connection"),
    (r"(?i:timed? ?out|i/o timeout)", "did not answer in time"),
    (
        r"(?i:no such host|could not resolve|failure (?:in name resolution|resolving)|dns error)",
        "cannot be found",
    ),
    (
        r"is expired \(invalid since",
        "has package lists that are past their date, or this machine's clock is wrong",
    ),
    (r"is not valid yet", "has package lists from the future, or this machine's clock is wrong"),
    (r"\(from versions: none\)", "lists no versions of the package"),
)


def registry_trouble(output: str) -> str:
    """Describe in one sentence which package registry failed, from a program's output; "" if none did.

    A line counts if it has an address and an error: an error status, no answer, or an unknown host name.
    """
    pip_index = "that pip is configured with"
    for line in output.splitlines():
        address = _ADDRESS.search(line)
        if address and line.startswith(_PIP_INDEX):
            pip_index = f"at {_host(address)}"
        elif address or _PIP_TROUBLE.search(line):
            words = _refusal(_ADDRESS.sub(" ", line))
            if words:
                return f"the package registry {f'at {_host(address)}' if address else pip_index} {words}"
    return ""


def _host(address: re.Match[str]) -> str:
    return address[1].rpartition("@")[2]  # without a user's name and password


def _refusal(line: str) -> str:
    for pattern, words in _REFUSALS:
        found = re.search(pattern, line)
        if found:
            return words.format(*(group for group in found.groups() if group))
    return ""


def tail(output: str, lines: int = TAIL_LINES) -> list[str]:
    """Return the last non-empty lines of a program's output."""
    return [line.rstrip() for line in output.splitlines() if line.strip()][-lines:]


def _short(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."


def _configured_by(argv: Sequence[str]) -> str:
    words = [word.rpartition("/")[2] for word in argv]
    return next(
        (source for name, source in _SOURCES.items() if name in words), "the tool's own configuration"
    )
