"""A repository with evidence, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio

from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Entry, Found
from ci.evidence.options import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

IMAGE = "sha256:" + "1" * 64
CLAIM = Claim(claims.UNIT, "web", {"web": IMAGE}, {"tests": "sha256:" + "2" * 64})
PLACE = Place("r.example.com/evidence", timedelta(days=30), read=True, write=True)
OUTPUT: Any = "a folder"


@dataclass
class Memory:
    """A repository; `asked` are the keys of each question."""

    entries: dict[str, Entry] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    beside: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def find(self, keys: Sequence[str], *, ahead: bool) -> tuple[dict[str, Found], list[str]]:
        self.asked.append(list(keys))
        await anyio.lowlevel.checkpoint()
        if self.problems:
            return {}, self.problems
        more = [other for key in keys for other in self.beside.get(key, {}).values()] if ahead else []
        there = {key: self.entries[key] for key in [*keys, *more] if key in self.entries}
        return {key: Found(each.statement, each.output) for key, each in there.items()}, []

    async def resolve(self, reference: str, service: dagger.Service | None) -> str:  # noqa: ARG002 - as the protocol
        return IMAGE if reference else ""

    async def durations(self) -> dict[str, float]:
        return self.times

    async def put(
        self,
        entries: Sequence[Entry],
        durations: Mapping[str, float],
        beside: Mapping[str, Mapping[str, str]],
    ) -> list[str]:
        self.times |= durations
        self.beside |= beside
        self.entries |= {each.key: each for each in entries} if not self.problems else {}
        return self.problems
