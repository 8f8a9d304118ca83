"""The shapes that repositories have: each one's tests are found, and what it lacks is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from ci.listing import Listing
from ci.onboarding import doctor, files
from ci.onboarding.gather import gather
from ci.project import policy
from ci.project.policy import Policy
from tests.unit.onboarding.folders import Folder
from tests.unit.project.reading import project

if TYPE_CHECKING:
    import dagger

    from ci.onboarding.project import Known

SHAPES = Path(__file__).parents[2] / "fixtures" / "shapes"
# The dev container has no compose file in its project's folder, see tests/engine/test_bad_input.py.
NAMES = sorted({path.name for path in SHAPES.iterdir()} - {"dev-container"})
KINDS = {
    "celery": dict.fromkeys(("beat", "migrate", "web", "worker"), "requirements"),
    "env-needed": {"web": "none"},
    "gpu": {"chat": "none", "model": "none"},
    "monorepo": {"api": "poetry.lock", "web": "none"},
    "profiles": {"api": "stage"},
    "several-files": {"shop": "image"},
    "traefik": {"shop": "none"},
}
# A part of what each lacks, apart from what all lack: a suite, digests, uv.lock for the linters.
LACKS = {
    "celery": [("posture", "services.web.environment.DJANGO_SECRET_KEY")],
    "env-needed": [("test", "web: "), ("stack", "services.web.env_file")],
    "gpu": [
        ("stack", "services.model.deploy.resources.reservations.devices"),
        ("stack", "services.model.volumes"),
    ],
    "monorepo": [("test", "web: "), ("posture", "services.db.environment.POSTGRES_PASSWORD")],
    "profiles": [("posture", "Dockerfile:1")],
    "several-files": [("posture", "Dockerfile:1")],
    "traefik": [("stack", "services.proxy.volumes")],
}


def known(name: str, folder: Path | None = None, settings: Policy | None = None) -> Known:
    source = folder or SHAPES / name
    profiles = ["app", "tools"] if name == "profiles" else []

    async def read() -> Known:
        async def resolve(references: set[str]) -> dict[str, str]:
            return dict.fromkeys(references, "sha256:" + "ab" * 32)

        return await gather(
            Listing(cast("dagger.Directory", Folder(source))),
            project(source, profiles=profiles),
            settings or Policy(),
            named=(),
            left_out={},
            resolve=resolve,
            replaced=lambda _: False,
        )

    return anyio.run(read)


@pytest.mark.parametrize("name", NAMES)
def test_how_each_service_is_tested_is_found(name: str) -> None:
    found = known(name).found
    assert {service: each.kind for service, each in found.items()} == KINDS[name]
    assert all(each.why for each in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_it_lacks_is_named_with_what_to_add(name: str) -> None:
    lacks = doctor.lacks(known(name))
    for function, what in LACKS[name]:
        assert any(each.function == function and each.what.startswith(what) for each in lacks), (what, lacks)
    assert all(each.add for each in lacks)
    assert "release" in doctor.text(known(name))


@pytest.mark.parametrize("name", NAMES)
def test_init_makes_a_project_that_is_read_and_that_it_changes_no_more(name: str, tmp_path: Path) -> None:
    for path in (SHAPES / name).rglob("*"):
        if path.is_file():
            (tmp_path / path.relative_to(SHAPES / name)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.relative_to(SHAPES / name)).write_bytes(path.read_bytes())
    before = known(name)
    added = files.added(before, "github.com/team/pipeline@v1")
    for relative, text in added.items():
        (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / relative).write_text(text)
    settings = policy.read("", added[".ci.toml"])
    after = known(name, tmp_path, settings)
    assert files.added(after, "github.com/team/pipeline@v1") == {}
    assert list(after.compose.services) == list(before.compose.services)
    assert not after.open_pins
    assert not after.untested
    remaining = {each.function for each in doctor.lacks(after)} - {"lint", "stack"}
    assert remaining <= {"posture"}


def test_the_languages_of_services_without_tests_are_recognised() -> None:
    suggestions = {
        name: [each.suggestion for each in known(name).found.values() if each.suggestion]
        for name in ("env-needed", "monorepo", "traefik")
    }
    assert suggestions == {
        "env-needed": ["bundle exec rake test"],
        "monorepo": ["npm test"],
        "traefik": ["composer test"],
    }
