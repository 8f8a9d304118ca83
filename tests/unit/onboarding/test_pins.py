"""References without a digest in files as people write them."""

from __future__ import annotations

from ci.onboarding import pins
from ci.project import dockerfile

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
COMPOSE = f"""
services:
  web:
    build: .
    image: team/web:1
  db:
    image: "postgres:16-alpine"   # the database
  redis: {{image: redis, restart: always}}
  # old: {{image: memcached}}
  queue:
    image: rabbitmq
  pinned:
    image: nginx:1@{DIGEST}
  chosen:
    image: shop/tool:${{TAG:-1}}
  anchored:
    image: &cache "memcached:1"
  again: {{image: *cache}}
"""
DOCKERFILE = """# syntax=docker/dockerfile:1
ARG BASE=python:3.12
FROM --platform=$BUILDPLATFORM node:22 AS front
RUN echo FROM nothing
FROM front AS tested
FROM ${BASE}
COPY --from=front /app /app
COPY --chown=1:1 --from=ghcr.io/astral-sh/uv:0.5 /uv /uv
COPY --from=0 /a /a
FROM scratch
"""


def test_references_of_a_compose_file() -> None:
    found = pins.compose("compose.yaml", COMPOSE, {"team/web:1"})
    assert [(each.line, each.reference, bool(each.obstacle)) for each in found] == [
        (7, "postgres:16-alpine", False),
        (8, "redis", False),
        (11, "rabbitmq", False),
        (15, "shop/tool:${TAG:-1}", True),
        (17, "memcached:1", False),
    ]


def test_references_of_a_dockerfile_are_no_stages() -> None:
    found = pins.dockerfile("Dockerfile", DOCKERFILE)
    assert [(each.reference, bool(each.obstacle)) for each in found] == [
        ("node:22", False),
        ("${BASE}", True),
        ("ghcr.io/astral-sh/uv:0.5", False),
    ]


def test_a_pin_changes_nothing_else_and_once() -> None:
    wanted = pins.compose("compose.yaml", COMPOSE, {"team/web:1"})
    once = pins.pinned(COMPOSE, wanted, {"postgres:16-alpine": DIGEST, "rabbitmq": OTHER, "redis": DIGEST})
    assert f'    image: "postgres:16-alpine@{DIGEST}"   # the database\n' in once
    assert f"    image: rabbitmq:latest@{OTHER}\n" in once
    assert f"  redis: {{image: redis:latest@{DIGEST}, restart: always}}\n" in once
    before, after = COMPOSE.splitlines(), once.splitlines()
    assert [number for number, line in enumerate(before) if line != after[number]] == [6, 7, 10]
    again = pins.compose("compose.yaml", once, {"team/web:1"})
    assert [each.reference for each in again] == ["shop/tool:${TAG:-1}", "memcached:1"]


def test_a_dockerfile_is_pinned_at_both_kinds_of_places() -> None:
    wanted = pins.dockerfile("Dockerfile", DOCKERFILE)
    text = pins.pinned(DOCKERFILE, wanted, {"node:22": DIGEST, "ghcr.io/astral-sh/uv:0.5": OTHER})
    assert f"FROM --platform=$BUILDPLATFORM node:22@{DIGEST} AS front\n" in text
    assert f"--from=ghcr.io/astral-sh/uv:0.5@{OTHER} /uv /uv\n" in text


STATEMENTS = """\ufeff# syntax=docker/dockerfile:1
FROM postgres:16 AS data
RUN <<SQL cat > /init.sql && <<-'TEXT' cat > /readme
SELECT name
FROM users
SQL
\tFROM here
\tTEXT
RUN echo "$((1<<SHIFT))" && psql -c "SELECT name \\
# a comment

FROM people" <<NEVER
COPY --from=alpine:3 /a /a
FROM data AS test
"""


def test_a_word_of_a_statement_is_no_reference() -> None:
    found = pins.dockerfile("Dockerfile", STATEMENTS)
    assert [(each.line, each.reference) for each in found] == [(2, "postgres:16"), (13, "alpine:3")]
    assert dockerfile.stages(STATEMENTS) == ["data", "test"]


def test_another_escape_character_continues_a_line() -> None:
    text = "# escape=`\nFROM debian:trixie\nRUN dir C:\\\nFROM redis:7\nRUN a `\nFROM b\n"
    assert [each.reference for each in pins.dockerfile("Dockerfile", text)] == ["debian:trixie", "redis:7"]
    late = "# a comment\n# escape=`\nFROM debian:trixie\nRUN a `\nFROM redis:7\n"
    assert len(pins.dockerfile("Dockerfile", late)) == len(("debian:trixie", "redis:7"))


def test_a_file_that_is_not_utf_8_is_left_to_the_user() -> None:
    (found,) = pins.dockerfile("Dockerfile", "# caf\ufffd\nFROM redis:7\n")
    assert (found.reference, found.obstacle) == ("redis:7", "its file is not in UTF-8")


def test_an_image_of_the_project_is_its_own_with_a_variable_as_well() -> None:
    images = ("team/web:${TAG:-1}", "$REGISTRY/web", "${ANY}", "redis")
    text = "".join(f"s{number}: {{image: '{image}'}}\n" for number, image in enumerate(images))
    found = pins.compose("compose.yaml", text, {"team/web:7", "registry.example/web"})
    assert [each.reference for each in found] == ["${ANY}", "redis"]


def test_an_image_of_an_anchor_or_of_another_file_is_named_by_its_service() -> None:
    found = pins.compose("compose.yaml", "services: {a: {image: 'tool:${TAG:-1}'}, b: {image: *db}}", set())
    images = {"a": "tool:2", "b": "postgres:16", "c": f"redis@{DIGEST}", "d": "placeholder-of-IMAGE-"}
    (other,) = pins.elsewhere(images, found)
    assert (other.place, other.reference) == ("services.b.image", "postgres:16")
    assert "anchor" in other.obstacle
