"""The steps of a scan, without Trivy."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio

from ci.scan import run as scan_run
from ci.scan.run import Analysis, Run, Target

if TYPE_CHECKING:
    import pytest


# The last one ends first.
_DONE = {name: anyio.Event() for name in "abc"}


class _About:
    @staticmethod
    def check_age(_now: datetime, _days: int) -> None:
        """Accept any age."""


class _Run(Run):
    async def _analysis(self, name: str, _target: Target, _java: Any) -> Analysis:  # noqa: ANN401 - not used
        if name != "c":
            await _DONE[chr(ord(name) + 1)].wait()
        _DONE[name].set()
        folder: Any = name
        return Analysis(folder, archives=False, unread=(), java=False)

    async def _check_exceptions(self) -> None:
        """Find nothing wrong."""


def test_analyses_have_the_order_of_the_images_so_that_the_next_run_is_cached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fetched(*_: object) -> Any:  # noqa: ANN401 - a stand-in for the databases
        return SimpleNamespace(about=_About())

    monkeypatch.setattr(scan_run, "fetch", fetched)
    anything: Any = SimpleNamespace(jobs=4, rules=SimpleNamespace(database_age=3))
    targets: dict[str, Any] = dict.fromkeys("abc")

    async def prepare() -> list[str]:
        _, analyses = await _Run(anything, anything, anything, anything).prepare(targets, datetime.now(UTC))
        return list(analyses)

    assert anyio.run(prepare) == ["a", "b", "c"]
