"""What anyone on this machine can see of its processes."""

from __future__ import annotations

from pathlib import Path


def visible() -> list[bytes]:
    """Return the command lines and environments of all processes of this machine."""
    seen = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            seen += [(folder / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue  # it has ended in the meantime
    return seen
