"""Servers on this machine's loopback, for containers of the air-gapped engine."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.release.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.release.registry import Registry

__all__ = ["BRIDGE", "forwarded"]

BRIDGE = "10.87.0.1"  # the address of the engine's bridge


@contextmanager
def forwarded(registry: Registry) -> Iterator[None]:
    """While this lasts, the engine's containers reach a registry of this machine's loopback."""
    listen = f"TCP4-LISTEN:{registry.port},bind={BRIDGE},ip-freebind,reuseaddr,fork,range=10.87.0.0/16"
    socat = find("SOCAT", "socat", "apt-get install socat")
    with subprocess.Popen([socat, listen, f"TCP4:{registry.host}"]) as forwarder:
        try:
            yield
        finally:
            forwarder.kill()
