"""Our images, on two engines that share nothing: each has its own cache, registry and network namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.airgap.site import ALL, ROOT, linked, site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.long]
LIMIT = 1500  # seconds, for building everything on an engine that has nothing


def test_both_engines_give_each_image_the_same_digest(dagger: Dagger, tmp_path: Path) -> None:
    manifest = tmp_path / "there" / "build.json"
    with site(*ALL) as place, linked(place):
        place.up()
        words = ("--progress=plain", "call", "-m", str(ROOT), "--source", str(ROOT))
        call = place.dagger(*words, "build-report", "export", "--path", str(manifest.parent))
        with place.start(*call) as there:
            _, said = there.communicate(timeout=LIMIT)
            assert there.returncode == 0, said
    here = dagger.call("reproduce", "--manifest", str(manifest))
    assert here.code == 0, here.error
    assert here.stdout.count("equal") == len(built()), here.stdout


def built() -> list[str]:
    """Return the services of the compose file that have a build."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return [name for name, service in services.items() if "build" in service]
