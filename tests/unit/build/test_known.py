from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ci.build.known import check_same, store_of
from ci.evidence.evidence import Evidence
from ci.evidence.options import Place
from ci.layer_cache import LayerCache
from ci.project.load import Project
from tests.raised import raises

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
REPOSITORY = "r.example.com/cache"
CACHE = LayerCache(REPOSITORY, "main", "main", "linux/amd64", "1")
STORE: Any = "a store"


def project(evidence: Evidence) -> Project:
    anything: Any = None
    return Project(anything, anything, anything, evidence, image_store=STORE)


def test_an_image_has_to_be_the_one_that_passed() -> None:
    check_same("web", ONE, ONE)
    with raises("evidence.image-differs") as caught:
        check_same("web", ONE, OTHER)
    assert all(text in caught.value.what for text in ("web", ONE, OTHER))


@pytest.mark.parametrize(
    ("place", "store"), [(REPOSITORY, STORE), ("r.example.com/evidence", None), ("", None)]
)
def test_images_are_taken_only_where_layers_and_evidence_are(place: str, store: object) -> None:
    there = Place(place, timedelta(days=1), read=True, write=False) if place else None
    assert store_of(project(Evidence(there)), CACHE) is store
