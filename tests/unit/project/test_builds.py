from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.project import builds, model
from tests.raised import raises
from tests.unit.project.reading import project

if TYPE_CHECKING:
    from pathlib import Path


def check(**services: dict[str, Any]) -> None:
    builds.check(model.read(json.dumps({"model": {"name": "p", "services": services}})))


def test_sound_builds_pass() -> None:
    check(
        web={"image": "team/web:1", "build": {"context": "."}},
        job={"image": "team/web:1"},
        api={"image": "team/api", "build": {"context": ".", "cache_from": ["x"]}},
        one={"build": {"context": "."}},
        two={"build": {"context": "."}},
    )


def test_two_tags_of_one_repository_are_two_images() -> None:
    check(
        a={"image": "team/web:1", "build": {"context": "."}},
        b={"image": "team/web:2", "build": {"context": "."}},
    )


def test_two_services_that_build_one_image_are_named() -> None:
    with raises("compose.image-built-twice") as caught:
        check(
            a={"image": "docker.io/library/web", "build": {"context": "."}},
            b={"image": "web:latest", "build": {"context": ".", "target": "other"}},
        )
    assert "services 'a' and 'b' both build the image web:latest" in str(caught.value)
    assert "Next: give each its own" in str(caught.value)


def test_one_build_that_several_services_have_is_one() -> None:
    check(
        **{name: {"image": "web:dev", "build": {"context": ".", "target": "dev"}} for name in ("web", "job")}
    )


def test_an_image_that_is_no_reference_is_refused_by_service() -> None:
    with raises("images-map.reference-invalid", "service 'a'", "'Team/web::1'"):
        check(a={"image": "Team/web::1", "build": {"context": "."}})


def test_an_image_whose_variable_is_not_set_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: '${REGISTRY}/web:${TAG:-1}', build: .}}")
    with raises("compose.value-missing", "REGISTRY is used in services.web.image"):
        builds.check(project(tmp_path))
