from __future__ import annotations

import pytest

from ci.references import ImagesMap, Reference, parse
from tests.raised import raises

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis", Reference("redis")),
        ("docker.io/library/redis:7", Reference("redis", "7")),
        ("docker.io/prom/prometheus:v3", Reference("prom/prometheus", "v3")),
        ("127.0.0.1:5000/library/redis:7", Reference("127.0.0.1:5000/library/redis", "7")),
        (f"ghcr.io/a/b-c:1.2@{DIGEST}", Reference("ghcr.io/a/b-c", "1.2", DIGEST)),
        ("Registry.Example/team/app:V1", Reference("Registry.Example/team/app", "V1")),
        (f"redis@{DIGEST}", Reference("redis", "", DIGEST)),
    ],
)
def test_a_reference_is_read_in_its_parts(text: str, expected: Reference) -> None:
    assert parse(text, where="test") == expected


@pytest.mark.parametrize(
    "text", ["", "a b", "redis:", "Team/App", "host:5000/App", "redis@sha256:12", "-x", "redis:7:8"]
)
def test_what_is_no_reference_is_refused_with_its_place(text: str) -> None:
    with raises("images-map.reference-invalid", match=r"services\.x\.image") as caught:
        parse(text, where="services.x.image")
    assert f"'{text}'" in str(caught.value)


def test_a_key_without_digest_matches_any_digest_of_its_tag() -> None:
    images = ImagesMap.from_json('{"redis:7": "127.0.0.1:5000/redis:7"}', where="test")
    assert images.resolve(f"docker.io/library/redis:7@{DIGEST}", where="test") == "127.0.0.1:5000/redis:7"
    assert images.resolve("redis:8", where="test") == "redis:8"


def test_a_key_with_a_digest_matches_that_digest_only() -> None:
    images = ImagesMap.from_json(f'{{"redis:7@{DIGEST}": "mirror/redis:7"}}', where="test")
    assert images.resolve(f"redis:7@{DIGEST}", where="test") == "mirror/redis:7"
    assert images.resolve("redis:7", where="test") == "redis:7"


def test_null_says_not_available_here() -> None:
    images = ImagesMap.from_json('{"grafana/grafana:13": null}', where="test")
    assert images.resolve("grafana/grafana:13", where="test") is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("images-map.not-an-object", "[]"),
        ("images-map.not-json", "{"),
        ("images-map.not-a-reference", '{"redis": 7}'),
        ("images-map.reference-invalid", '{"a b": "c"}'),
        ("images-map.reference-invalid", '{"Redis": "c"}'),
        ("images-map.duplicate-key", '{"redis:7": "a", "redis:7": "b"}'),
        ("images-map.duplicate-key", '{"redis:7": "a", "docker.io/library/redis:7": "b"}'),
    ],
)
def test_another_form_of_map_is_refused_and_named(code: str, text: str) -> None:
    with raises(code, match="images map --images"):
        ImagesMap.from_json(text, where="--images")
