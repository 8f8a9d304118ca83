"""Print progress for people: one line per event on stderr, with the seconds since the start."""

from __future__ import annotations

import sys
import threading
import time

_lock = threading.Lock()


class Progress:
    """Print lines like ``[12.3s] engine-build: compiling the engine``; safe to share between threads."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def __call__(self, text: str) -> None:
        """Print one event."""
        with _lock:
            print(f"[{self.elapsed:.1f}s] {text}", file=sys.stderr, flush=True)
