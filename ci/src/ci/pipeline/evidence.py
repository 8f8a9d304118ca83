"""Reach the repository that has the evidence, with the registry's program in a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci.evidence.evidence import Evidence, Found
from ci.evidence.options import choose
from ci.pipeline.repository import ask
from ci.registry.hosts import reference
from ci.release.container import RegistryAccess, program
from ci.release.registries import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.evidence.evidence import Entry
    from ci.evidence.options import EvidenceOptions
    from ci.project.policy import Policy
    from ci.workspace import Workspace

__all__ = ["evidence_of"]

_FOLDER = "/evidence"


async def evidence_of(workspace: Workspace, policy: Policy, options: EvidenceOptions) -> Evidence:
    """Return the evidence that options and settings name; it knows nothing if they name none."""
    place = choose(options, workspace.cache, policy)
    if place is None:
        return Evidence()
    machine = workspace.platform or await workspace.own_platform()
    return Evidence(place, _Store(workspace, place.repository), run_url=options.run_url, machine=machine)


@dataclass(frozen=True)
class _Store:
    workspace: Workspace
    repository: str

    async def find(self, keys: Sequence[str], *, ahead: bool) -> tuple[dict[str, Found], list[str]]:
        """Read what is there under the keys, with one call of the program."""
        request = {"keys": sorted(keys), "ahead": ahead, "folder": _FOLDER}
        container = program(self.workspace).with_directory(_FOLDER, dag.directory())
        outcome, ran = await self._ask(container, request)
        if ran is None:
            return {}, outcome["problems"]
        found = {
            key: Found(statement, ran.directory(f"{_FOLDER}/{key}"))
            for key, statement in outcome["statements"].items()
        }
        return found, outcome["problems"]

    async def resolve(self, text: str, service: dagger.Service | None) -> str:
        """Return the digest that a reference has now, of any artifact; empty if it cannot be read."""
        host = Registry(reference(text).host)
        others = {host.host.partition(":")[0]: RegistryAccess(host, service=service)} if service else {}
        outcome, _ = await self._ask(program(self.workspace), {"resolve": text}, others)
        return str(outcome.get("digest", ""))

    async def durations(self) -> dict[str, float]:
        """Read how long each claim took."""
        outcome, _ = await self._ask(program(self.workspace), {"durations": True})
        found: dict[str, float] = outcome.get("durations", {})
        return found

    async def put(
        self,
        entries: Sequence[Entry],
        durations: Mapping[str, float],
        beside: Mapping[str, Mapping[str, str]],
    ) -> list[str]:
        """Write the entries, with one call of the program."""
        container = program(self.workspace)
        for each in entries:
            container = container.with_mounted_directory(f"{_FOLDER}/{each.key}", each.output)
        written = [
            {"key": each.key, "statement": each.statement, "folder": f"{_FOLDER}/{each.key}"}
            for each in entries
        ]
        request = {
            "entries": written,
            "times": dict(durations),
            "beside": {key: dict(keys) for key, keys in beside.items()},
        }
        outcome, _ = await self._ask(container, request)
        problems: list[str] = outcome["problems"]
        return problems

    async def _ask(
        self,
        container: dagger.Container,
        request: Mapping[str, Any],
        others: Mapping[str, RegistryAccess] | None = None,
    ) -> tuple[Mapping[str, Any], dagger.Container | None]:
        return await ask(self.workspace, self.repository, container, "evidence", request, others=others)
