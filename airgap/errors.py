"""What can go wrong, in words a user can act on.

AirgapError
├── StepFailed        a program that a step ran ended badly
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

TAIL_LINES = 15
_SHORT = 160


class AirgapError(Exception):
    """What was wrong and with which value (``what``), and what to do next (``hint``)."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  next: {self.hint}" if self.hint else self.what


class StepFailed(AirgapError):  # noqa: N818 - says what happened; it is caught by this name
    """A program ended with a bad exit code: the command, the end of its output, the log that has it all."""

    def __init__(self, argv: Sequence[str], code: int, *, log: Path, output: str) -> None:
        registry = registry_trouble(output)
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        shown = "\n".join(f"    {line}" for line in tail(output))
        reason = f"{registry}\n" if registry else ""
        super().__init__(
            f"{reason}`{_short(argv)}` {ended}:\n{shown}\n  log: {log}",
            hint=RETRY.format(source=_configured_by(argv)) if registry else "see the log, then run it again",
        )
        self.argv = tuple(argv)
        self.code = code


class StepsFailed(AirgapError):  # noqa: N818 - as StepFailed
    """Several steps failed in one run; each with its own text."""

    def __init__(self, failures: dict[str, AirgapError]) -> None:
        super().__init__("\n".join(f"{name}: {error}" for name, error in failures.items()))


class Interrupted(AirgapError):  # noqa: N818 - as StepFailed
    """Ctrl-C (exit code 130) or SIGTERM (143); what was finished by then is kept."""

    def __init__(self, signum: int) -> None:
        super().__init__("interrupted", hint="run it again: what was finished is kept")
        self.exit_code = 128 + signum


RETRY = (
    "run it again in a while: what was finished is kept. If it stays, check the registry's address: {source}"
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
)  # pip leaves the address out of these
_REFUSALS = (
    (r"\b([45]\d\d)\s+[A-Z][a-z]+|HTTP error (\d+)|too many (\d+) error responses", "answered {}"),
    (r"(?i:connection refused)", "refused the connection"),
    (r"(?i:timed? ?out|i/o timeout)", "did not answer in time"),
    (
        r"(?i:no such host|could not resolve|failure (?:in name resolution|resolving)|dns error)",
        "cannot be found",
    ),
    (r"\(from versions: none\)", "refuses to say what it has, or has nothing of that name"),
)


def registry_trouble(output: str) -> str:
    """Return one sentence on the package registry that failed, read from a program's output; else "".

    A line counts when it has both an address and a refusal: an error status, no answer, no such name.
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
    """Return the last lines of a program's output that have something on them."""
    return [line.rstrip() for line in output.splitlines() if line.strip()][-lines:]


def _short(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."


def _configured_by(argv: Sequence[str]) -> str:
    words = [word.rpartition("/")[2] for word in argv]
    return next(
        (source for name, source in _SOURCES.items() if name in words), "the tool's own configuration"
    )
