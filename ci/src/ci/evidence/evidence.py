"""Look up what has been proven before, and keep what this call proves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from ci.evidence import claims, statement
from ci.evidence.statement import Run, UnusableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Self

    import dagger

    from ci.evidence.claims import Claim
    from ci.evidence.options import Place

__all__ = ["Entry", "Evidence", "Found", "Known", "Passed", "Proven", "Store"]

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """What a repository has under a key: a statement, and the output of the gate."""

    statement: str
    output: dagger.Directory


@dataclass(frozen=True)
class Entry:
    """What is written under a key."""

    key: str
    statement: str
    output: dagger.Directory


class Store(Protocol):
    """The repository that has the evidence; what cannot be had or written is a text and no error."""

    async def find(self, keys: Sequence[str], *, ahead: bool) -> tuple[dict[str, Found], list[str]]:
        """Return what is there, and what went wrong; `ahead`: with what was proven beside it as well."""

    async def resolve(self, reference: str, service: dagger.Service | None) -> str:
        """Return the digest that a reference has now; empty if that cannot be said."""

    async def put(
        self,
        entries: Sequence[Entry],
        durations: Mapping[str, float],
        beside: Mapping[str, Mapping[str, str]],
    ) -> list[str]:
        """Write all, how long each took by title, and keys that were proven beside a key.

        Returns what went wrong.
        """

    async def durations(self) -> dict[str, float]:
        """Return how long each took the last time, by title."""


@dataclass(frozen=True)
class Known:
    """A gate that passed on another machine, or earlier: its output, and where that was."""

    output: dagger.Directory
    run: Run


@dataclass(frozen=True)
class Passed:
    """What a gate left that has passed just now."""

    output: dagger.Directory
    seconds: float = 0.0
    at: float = 0.0  # when it ran, in seconds since the epoch; 0: just now
    details: Mapping[str, object] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)  # of a build, which are not known before


@dataclass(frozen=True)
class Proven:
    """One claim of this call, and where it was proven: `known` if that was not here."""

    claim: Claim
    run: Run
    known: bool


class Evidence:
    """The evidence of one call; without a place and a store it knows and keeps nothing."""

    def __init__(
        self, place: Place | None = None, store: Store | None = None, *, run_url: str = "", machine: str = ""
    ) -> None:
        """Create it for a repository; `run_url` and `machine` describe this run."""
        self.place = place
        self._store, self._run_url, self._machine = store, run_url, machine
        self._waiting: dict[str, Claim] = {}
        self._answers: dict[str, Found] = {}
        self._asked: set[str] = set()
        self._asking = anyio.Lock()
        self._unreachable = False
        self._entries: dict[str, Entry] = {}
        self._durations: dict[str, float] = {}
        self._said: dict[str, None] = {}
        self._ahead = False
        self.proven: dict[str, Proven] = {}

    async def __aenter__(self) -> Self:
        """Begin a call, whose evidence is written at its end, however it ends."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write what this call has proven, also beside a gate that failed."""
        await self.write()

    def ask_ahead(self) -> None:
        """Ask with the first claim for all that was proven beside it, because this call runs every gate."""
        self._ahead = True

    async def reuse(
        self,
        describe: Callable[[], Awaitable[Claim | None]],
        read: Callable[[Known], Awaitable[T]],
        make: Callable[[], Awaitable[tuple[T, Passed | None]]],
    ) -> T:
        """Return what is known of a claim, else make it; `make` gives what to keep if it has passed.

        `describe` returns no claim if the result depends on what must not be named, such as a secret.
        """
        claim = await describe() if self.place else None
        if claim and (known := await self.find(claim)):
            return await read(known)
        made, passed = await make()
        if claim and passed:
            self.keep(claim, passed)
        return made

    async def resolve(self, reference: str, service: dagger.Service | None = None) -> str:
        """Return the digest that a reference has now, of any artifact; empty if that cannot be said.

        `service` is its registry, if that is on the client's machine.
        """
        return await self._store.resolve(reference, service) if self._store else ""

    async def durations(self) -> dict[str, float]:
        """Return how many seconds each claim took the last time, by title."""
        return await self._store.durations() if self._store else {}

    async def find(self, claim: Claim) -> Known | None:
        """Return what proves the claim; claims that arrive while one is asked for are asked for together."""
        if not (self.place and self.place.read and self._store):
            return None
        self._waiting[claim.key] = claim
        async with self._asking:
            if claim.key not in self._asked:
                await self._ask(self._store)
        answer = self._answers.get(claim.key)
        if answer is None:
            return None
        try:
            run = statement.read(answer.statement, claim, datetime.now(UTC), self.place.longest)
        except UnusableError as error:
            self.refuse(claim, str(error))
            return None
        self.proven[claim.key] = Proven(claim, run, known=True)
        return Known(answer.output, run)

    async def _ask(self, store: Store) -> None:
        """Ask for all claims that wait; a repository that did not answer is not asked again."""
        keys = [key for key in self._waiting if key not in self._asked]
        self._waiting.clear()
        if not self._unreachable:
            found, problems = await store.find(keys, ahead=self._ahead and not self._asked)
            self._unreachable = bool(problems and not found)
            self._answers |= found
            self._said |= dict.fromkeys(problems)
        self._asked.update(keys, self._answers)

    def refuse(self, claim: Claim, why: str) -> None:
        """Take back what was known of a claim."""
        self.proven.pop(claim.key, None)
        self._said[f"not used: {claim.title}: {why}"] = None

    def report(self, problems: Sequence[str]) -> None:
        """Say what went wrong with what the evidence is about."""
        self._said |= dict.fromkeys(problems)

    def keep(self, claim: Claim, passed: Passed) -> None:
        """Keep a claim that was proven here, to be written."""
        # The engine may have had the result from an earlier call.
        finished = datetime.fromtimestamp(int(passed.at or time()), UTC)
        run = Run(self._run_url, self._machine, finished, round(passed.seconds, 1), passed.details)
        self.proven[claim.key] = Proven(claim, run, known=False)
        if self.place and self.place.write:
            if passed.seconds:
                self._durations[claim.title] = round(passed.seconds, 1)
            about = replace(claim, subjects=passed.subjects or claim.subjects)
            self._entries[claim.key] = Entry(claim.key, statement.write(about, run), passed.output)

    async def write(self) -> None:
        """Write what this call has proven and may write, whatever else became of the call."""
        if self._entries and self._store:
            entries, self._entries = list(self._entries.values()), {}
            with anyio.CancelScope(shield=True):
                problems = await self._store.put(entries, self._durations, self._beside())
            self._said |= dict.fromkeys(problems)
            if not problems:
                self._said[f"{len(entries)} written"] = None

    def _beside(self) -> dict[str, dict[str, str]]:
        """Map each build to what was proven of its image, key by title, as what to ask for with it."""
        found = [each.claim for each in self.proven.values()]
        builds = [claim for claim in found if claim.gate == claims.BUILD]
        return {
            build.key: {
                claim.title: claim.key
                for claim in found
                if claim.gate != claims.BUILD and (build.name in claim.subjects or not claim.subjects)
            }
            for build in builds
        }

    def note(self) -> str:
        """Say what was known, written and not used; empty without a repository."""
        if self.place is None:
            return ""
        known = sorted(each.claim.title for each in self.proven.values() if each.known)
        head = f"{len(known)} of {len(self.proven)} results known"
        lines = [f"evidence {self.place.repository}: {'; '.join([head, *self._said])}"]
        by_run: dict[str, list[str]] = {}
        for each in self.proven.values():
            if each.known:
                by_run.setdefault(str(each.run), []).append(each.claim.title)
        lines += [f"  from {run}: {', '.join(sorted(titles))}" for run, titles in sorted(by_run.items())]
        return "\n".join(lines)

    def released(self, service: str) -> list[dict[str, Any]]:
        """Return the statements about a service's image, and those about the stack that it is in.

        They have no subject: that is the image as it is released, with labels, and is not known before.
        """
        gates = (each for each in self.proven.values() if each.claim.gate in claims.GATES)
        about = (each for each in gates if service in each.claim.subjects)
        return [statement.released(each.claim, each.run, service) for each in about]

    def json(self) -> str:
        """Return each claim with its digests and where it was proven, for programs."""
        found = [
            {
                "gate": each.claim.gate,
                "name": each.claim.name,
                "key": each.claim.key,
                "subjects": dict(each.claim.subjects),
                "reused": each.run.reused if each.known else None,
            }
            for each in sorted(self.proven.values(), key=lambda each: each.claim.title)
        ]
        where = self.place.repository if self.place else ""
        return json.dumps({"repository": where, "claims": found}, indent=1) + "\n"
