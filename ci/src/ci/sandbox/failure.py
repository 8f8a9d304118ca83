"""Errors of the sandbox itself."""

from __future__ import annotations

from ci.errors import PipelineError

__all__ = ["ended", "refused"]

# Exit codes of container_scripts/sandbox.sh.
NOT_PRIVILEGED, NOT_STARTED, ENGINE_ENDED, DISK_FULL = 121, 122, 123, 124
# The exit code of container_scripts/emulate.sh.
NO_HANDLERS = 120
_LAST_LINES = 40


def refused(details: str) -> PipelineError:
    """Return the error for an engine that forbids privileged containers."""
    return PipelineError(
        "sandbox.not-privileged",
        "this engine forbids privileged containers, which the sandbox's Docker Engine needs",
        details=details,
        hint="set security.insecureRootCapabilities to true in the engine's engine.json",
    )


def ended(exit_code: int, stderr: str) -> PipelineError | None:
    """Return the error for an exit code of the sandbox; `None` for one of the command in it."""
    tail = "\n".join(stderr.splitlines()[-_LAST_LINES:])
    if exit_code == NOT_PRIVILEGED:
        return refused(tail)
    if exit_code == NO_HANDLERS:
        return PipelineError(
            "sandbox.no-emulation",
            "the kernel of the engine's machine has no binfmt_misc, which runs programs of other platforms",
            details=tail,
            hint="load its module (modprobe binfmt_misc), or build for the engine's own platform only: "
            "--platform linux/amd64",
        )
    if exit_code == NOT_STARTED:
        return PipelineError(
            "sandbox.not-started",
            "the sandbox's Docker Engine did not start",
            details=tail,
            hint="see the end of its log above; `dagger call sandbox --empty` removes its data",
        )
    if exit_code == ENGINE_ENDED:
        return PipelineError(
            "sandbox.ended",
            "the sandbox's Docker Engine exited during the run",
            details=tail,
            hint="retry; if it persists, give the engine's machine more memory",
        )
    if exit_code == DISK_FULL:
        return PipelineError(
            "sandbox.disk-full",
            "the disk with the sandbox's data is full",
            details=tail,
            hint="free space on the engine's machine, or remove the data: dagger call sandbox --empty",
        )
    return None
