"""Green results of the integration suite, kept by what they were the result of.

A function's own cache would not do: it is keyed by every file of the project,
and it does not know that a stack has to be started. What is kept here is
keyed by the images, the suite and the compose model alone, and only a green
result is kept.
"""

from __future__ import annotations

import hashlib
import json
import secrets as random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci import tools

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagger

    from ci.images import Builder

__all__ = ["Kept", "key"]

_FOLDER = "/kept"


def key(**parts: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    """Return one name for all the parts: equal if and only if they are."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Kept:
    """The results on this engine."""

    builder: Builder

    async def find(self, name: str) -> dagger.Directory | None:
        """Return the reports kept under the name, or `None`."""
        copy = f"mkdir /found; if [ -d {_FOLDER}/{name} ]; then cp -a {_FOLDER}/{name}/. /found/; fi"
        found = self._container().with_exec(["sh", "-c", copy])
        reports = found.directory("/found")
        return reports if await reports.entries() else None

    async def there(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of the names something is kept under: one look for all of them."""
        look = f'for name; do if [ -d "{_FOLDER}/$name" ]; then echo "$name"; fi; done'
        found = await self._container().with_exec(["sh", "-c", look, "sh", *names]).stdout()
        return frozenset(found.split())

    async def keep(self, name: str, reports: dagger.Directory) -> None:
        """Keep the reports; a rename makes them appear whole or not at all."""
        new, place = f"{_FOLDER}/.{name}", f"{_FOLDER}/{name}"
        store = f"rm -rf {place} {new} && cp -a /reports {new} && mv {new} {place}"
        await self._container().with_directory("/reports", reports).with_exec(["sh", "-c", store]).sync()

    def _container(self) -> dagger.Container:
        return (
            self.builder.tool(tools.PYTHON)
            .with_mounted_cache(_FOLDER, dag.cache_volume("integration-results"))
            .with_env_variable("NOW", random.token_hex(6))
        )
