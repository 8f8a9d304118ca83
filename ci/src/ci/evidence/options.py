"""Where evidence is, as options and settings say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from ci.layer_cache import repository

if TYPE_CHECKING:
    from ci.layer_cache import CacheOptions

__all__ = ["EvidenceOptions", "Place", "choose"]


@dataclass(frozen=True)
class EvidenceOptions:
    """Options of the constructor: `--evidence`, `--run-url` and `--fresh`."""

    repository: str = ""
    run_url: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class Place:
    """A repository with evidence; `read` and `write` say what this call may do there."""

    repository: str
    longest: timedelta
    read: bool
    write: bool


class Settings(Protocol):
    """The project's settings, as `ci.project.policy` reads them; `place` is where they are, for errors."""

    @property
    def evidence(self) -> str:
        """The repository of evidence."""

    @property
    def evidence_days(self) -> int:
        """How old evidence may be."""

    @property
    def cache(self) -> str:
        """The repository of the layer cache."""

    @property
    def place(self) -> str:
        """The file that has the settings, and the table in it."""


def choose(options: EvidenceOptions, cache: CacheOptions, settings: Settings) -> Place | None:
    """Return where evidence is; None if neither options nor settings name it, nor a layer cache."""
    named = (
        (options.repository, "--evidence"),
        (settings.evidence, f"{settings.place}evidence"),
        (cache.repository, "--cache"),
        (settings.cache, f"{settings.place}cache"),
    )
    for text, where in named:
        if text:
            longest = timedelta(days=settings.evidence_days)
            return Place(repository(text, where), longest, read=not options.fresh, write=cache.write)
    return None
