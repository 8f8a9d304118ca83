"""Ports as Dockerfiles and compose files write them, each by number and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["expand"]


def expand(texts: Iterable[str]) -> frozenset[str]:
    """Return the single ports of texts such as `8000`, `8000-8002/udp` and `9/SCTP`, as `8000/tcp`."""
    return frozenset(port for text in texts for port in _single(text))


def _single(text: str) -> Iterable[str]:
    numbers, _, protocol = text.strip().lower().partition("/")
    first, _, last = numbers.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        return [text]
    return [f"{number}/{protocol or 'tcp'}" for number in range(int(first), int(last or first) + 1)]
