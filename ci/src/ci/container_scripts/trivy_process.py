"""Start Trivy without a network, and tell findings from failures by its exit code.

Findings are exit code 10, so that a crash, which is 1 or 2, is never read as one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOUND = 10
CRASHED, TIMED_OUT = 2, 3
TAIL = 4000

# Trivy opens no connection with these flags; without the first two it reports each run to its maker.
QUIET = (
    *("--skip-version-check", "--disable-telemetry", "--skip-db-update", "--skip-java-db-update"),
    *("--skip-check-update", "--skip-vex-repo-update", "--offline-scan", "--no-progress"),
)

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_ALLOW, SECCOMP_ERRNO, SECCOMP_KILL = 0x7FFF0000, 0x00050000, 0x80000000
# The audit architecture, and the numbers of socket(2) and io_uring_setup(2).
CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
X32_BIT = 0x40000000
AF_UNIX = 1


def instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """Return one classic BPF instruction."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def no_network_filter(machine: str) -> bytes:
    """Return a filter in which socket(2) makes Unix sockets only; all else stays as it is."""
    if machine not in CALLS:
        raise OSError(errno.ENOSYS, f"the scanner cannot be cut from the network on {machine}")
    architecture, socket_call, io_uring_setup = CALLS[machine]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    deny = SECCOMP_ERRNO | errno.EACCES
    return b"".join(
        (
            instruction(load, 0, 0, 4),  # the architecture
            instruction(equal, 1, 0, architecture),
            instruction(give, 0, 0, SECCOMP_KILL),
            instruction(load, 0, 0, 0),  # the call
            instruction(at_least, 4, 0, X32_BIT),
            instruction(equal, 3, 0, io_uring_setup),  # it makes sockets past this filter
            instruction(equal, 0, 3, socket_call),
            instruction(load, 0, 0, 16),  # its first argument, the family
            instruction(equal, 1, 0, AF_UNIX),
            instruction(give, 0, 0, deny),
            instruction(give, 0, 0, SECCOMP_ALLOW),
        )
    )


def cut_network() -> None:
    """Take from this process, and from all that it starts, the ability to open a network socket.

    A container's exec has a network and no setting to have none; this needs no privilege.
    """
    program = ctypes.create_string_buffer(no_network_filter(platform.machine()))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0),
    ):
        if libc.prctl(*arguments):
            code = ctypes.get_errno()
            raise OSError(code, f"the scanner cannot be cut from the network: {os.strerror(code)}")


class FailedError(Exception):
    """Trivy ended with neither findings nor none; `code` is what to end with."""

    def __init__(self, code: int, output: str) -> None:
        super().__init__(output)
        self.code = code


def run(trivy: str, arguments: list[str], report: Path, seconds: float, work: str) -> int:
    """Run Trivy, write its report, and return 0 or `FOUND`; `work` is a folder for its files."""
    output = ("--format", "json", "--output", str(report), "--exit-code", str(FOUND))
    try:
        done = subprocess.run(
            [trivy, *arguments, *output],
            env=environment(work),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FailedError(TIMED_OUT, f"not done within {seconds:g} s") from None
    if done.returncode not in (0, FOUND):
        text = done.stderr.partition("\ngoroutine ")[0][-TAIL:]  # without the stack of a panic
        raise FailedError(done.returncode if done.returncode > 0 else CRASHED, text)
    return done.returncode


def unpacked(argument: str, folder: Path) -> str:
    """Return the argument; of a tar, the folder that it is unpacked into."""
    if not argument.endswith(".tar"):
        return argument
    folder.mkdir()
    with tarfile.open(argument) as packed:
        packed.extractall(folder, filter="data")
    return str(folder)


def environment(work: str) -> dict[str, str]:
    """Return Trivy's environment: nothing of the caller's, and no folder with anybody's credentials."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": work}
