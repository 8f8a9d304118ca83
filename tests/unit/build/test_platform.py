"""A base that is not there for a platform: found at the engine's objects, with stand-ins for these."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from ci.build import image, platform
from ci.build.provenance import Material
from ci.pipeline import builds
from tests.raised import raises
from tests.unit.test_mistakes import DIGEST, give, query_error, workspace

if TYPE_CHECKING:
    import dagger

BUSYBOX = Material("busybox:1", DIGEST, pinned=True)
ARM = workspace(platform="linux/arm64")


def bases(
    patch: pytest.MonkeyPatch, there: dict[str, str | Exception], material: Material | None = BUSYBOX
) -> None:
    """Check a service's base; `there` is the architecture that each platform gets, or why it gets none."""

    def config(_workspace: object, pulled: str) -> Any:  # noqa: ANN401 - a file of Dagger's
        found = there[pulled]
        text = found if isinstance(found, Exception) else json.dumps({"os": "linux", "architecture": found})
        return SimpleNamespace(contents=give(text))

    patch.setattr(image, "pulled", lambda _reference, platform="own": platform)
    patch.setattr(image, "config", config)
    built: Any = SimpleNamespace(base=material)
    anyio.run(platform.check_bases, ARM, {"web": built}, "no match for platform")


@pytest.mark.parametrize("found", ["amd64", query_error("no match for platform")])
def test_a_base_without_the_platform_is_named_with_it(
    monkeypatch: pytest.MonkeyPatch, found: str | dagger.QueryError
) -> None:
    with raises("build.base-platform-missing", "'web'", "busybox:1", "linux/arm64", "no match for platform"):
        bases(monkeypatch, {"own": "amd64", "linux/arm64": found})


def test_a_base_that_is_there_or_cannot_be_looked_at_is_not_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bases(monkeypatch, {"own": "amd64", "linux/arm64": "arm64"})
    bases(monkeypatch, {"own": query_error("no credentials")})
    bases(monkeypatch, {}, None)


def test_a_container_has_one_platform() -> None:
    inputs: Any = None
    with raises("image.one-platform", "--platform linux/amd64,linux/arm64"):
        anyio.run(builds.image, inputs, "web", "linux/amd64, linux/arm64")
