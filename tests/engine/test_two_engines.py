"""Our images on two independent engines, each with its own cache, registry and network namespace.

One of them is started again in between: it then packs the layers of a base image by itself. Then it loses its
cache: it cannot give the source of a module any more that it has kept over its start.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bench.peer import project
from tests.airgap.site import ALL, ROOT, Site, linked, site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.long]
PRUNE = "{ engine { localCache { prune } } }"
LIMIT = 1500  # seconds, for building everything on an engine that has nothing


def test_both_engines_give_each_image_the_same_digest(dagger: Dagger, tmp_path: Path) -> None:
    source = tmp_path / "source"
    project.checkout(source)
    with site(*ALL) as place, linked(place):
        place.up()
        first = built(place, source, tmp_path / "first")
        assert place.airgap("down").code == 0
        place.up()
        # The source differs for the functions, but not for the images.
        (source / "README.md").write_text("Changed.\n")
        again = built(place, source, tmp_path / "again")
        (tmp_path / "prune.graphql").write_text(PRUNE)
        pruned = place.run(*place.dagger("query", "--doc", str(tmp_path / "prune.graphql")))
        assert pruned.code == 0, pruned.stderr
        module = tmp_path / "module"
        project.checkout(module)
        anew = built(place, source, tmp_path / "anew", module)
    assert again == first
    assert anew.keys() == first.keys()
    here = dagger.call("reproduce", "--manifest", str(tmp_path / "first" / "build" / "build.json"))
    assert here.code == 0, here.error
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    assert here.stdout.count("equal") == sum("build" in service for service in services), here.stdout


def built(place: Site, source: Path, report: Path, module: Path = ROOT) -> dict[str, Any]:
    """Build the source on that engine and return the images."""
    words = (
        "--progress=plain",
        "call",
        "-m",
        str(module),
        "--source",
        str(source),
        "report",
        "--only",
        "build",
    )
    with place.start(*place.dagger(*words, "export", "--path", str(report))) as there:
        _, said = there.communicate(timeout=LIMIT)
        assert there.returncode == 0, said
    images: dict[str, Any] = json.loads((report / "build" / "build.json").read_text())["images"]
    return images
