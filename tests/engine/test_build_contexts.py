"""A Dockerfile in the compose file, and contexts beside the first, built for real."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

FILES = {
    "app/a": "a",
    "app/b.txt": "b",
    "app/deep/c": "c",
    "app/ignored": "no",
    "app/.dockerignore": "ignored\n*.log\n",
    "data/kept": "kept",
    "data/more/x.log": "the context's ignore file is not for this one",
    "data/dropped": "no",
    "data/.dockerignore": "# only these\n*\n!kept\n!/more\n",
    "docs/x": "x",
    "docs/sub/y": "y",
}
# Each way to read the context that could take a folder of it that is not the project's.
WHOLE = """\
# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE}
RUN --mount=type=cache,target=/cache \\
    # a comment
    --mount=type=bind,target=/src \\
    --mount=type=bind,target=/deep,source=deep \\
    cp -r /src /bound && cp -r /deep /deep-bound
RUN --mount=target=/src cp -r /src /whole
RUN <<EOF
COPY() { cp "$@"; }
COPY /etc/debian_version /here
EOF
COPY --chown=1:1 --chmod=640 \\
    . \\
    /all/
COPY --parents deep/* /parents/
COPY --link [ "a", "/linked/" ]
COPY * /globbed/
COPY <<EOF /text
COPY . /no
EOF
ADD . /added/
ADD * /added-globbed/
ADD --chown=2:2 a* /added-some/
copy . /lower/
"""
NAMED = """\
# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM data AS taken
FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
RUN --mount=type=bind,from=docs,target=/docs cp -r /docs /docs-bound && echo "${PYTHON_IMAGE%%:*}" > /argument
COPY --from=taken / /taken/
COPY --from=docs sub/y /y
COPY . /all/
"""
OF_AN_IMAGE = """\
ARG SECOND_IMAGE=python
FROM $${SECOND_IMAGE} AS one
RUN touch /one
FROM tools
COPY --from=one /one /one
"""


@dataclass(frozen=True)
class Built:
    """What is in the images, by their services."""

    images: dict[str, Any]

    def paths(self, service: str) -> set[str]:
        layers = self.images[service]["contents"]
        return {entry["path"] for layer in layers for entry in layer if entry["kind"] != "folder"}


def project(folder: Path, **builds: dict[str, Any]) -> list[str]:
    """Write the files and a project with these builds; return the words that name it."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "app" / "Dockerfile").write_text(WHOLE)
    (folder / "app" / "named.Dockerfile").write_text(NAMED)
    services = {name: {"build": build} for name, build in builds.items()}
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    return ["--source", str(folder)]


@pytest.fixture(scope="module")
def built(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("contexts")
    inline = 'FROM scratch\nCOPY . /all/\nCMD ["$${NOT_OF_COMPOSE}"]\n'
    image = "docker-image://python:3.13-slim-trixie"
    words = project(
        folder,
        inline={"context": "app", "dockerfile_inline": inline},
        named={
            "context": "app",
            "dockerfile": "named.Dockerfile",
            "additional_contexts": {"data": "./data", "docs": "docs"},
        },
        image={
            "context": "app",
            "args": {"SECOND_IMAGE": "tools"},
            "dockerfile_inline": OF_AN_IMAGE,
            "additional_contexts": {"tools": image},
        },
        plain={"context": "app"},
        beside={"context": "app", "additional_contexts": {"data": "./data"}},
    )
    called = dagger.call(*words, "build-report", "export", "--path", str(folder / "report"))
    assert called.code == 0, called.error
    return Built(json.loads((folder / "report" / "build.json").read_text())["images"])


def test_a_dockerfile_of_the_compose_file_is_in_no_context(built: Built) -> None:
    own = ("a", "b.txt", "deep/c", ".dockerignore", "Dockerfile", "named.Dockerfile")
    assert built.paths("inline") == {f"all/{path}" for path in own}
    assert built.images["inline"]["config"]["config"]["Cmd"] == ["${NOT_OF_COMPOSE}"]


def test_additional_contexts_are_read_by_their_names(built: Built) -> None:
    paths = built.paths("named")
    assert {path for path in paths if not path.startswith("all/")} == {
        *("taken/kept", "taken/more/x.log", "y", "argument"),
        *("docs-bound/x", "docs-bound/sub/y"),
    }
    assert {path for path in paths if path.startswith("all/")} == {
        *("all/a", "all/b.txt", "all/deep/c", "all/.dockerignore", "all/Dockerfile", "all/named.Dockerfile"),
    }


def test_the_history_has_the_dockerfile_s_own_steps(built: Built) -> None:
    run, *copies = built.images["named"]["made_by"]
    assert run.startswith("RUN --mount=type=bind,from=docs,target=/docs cp -r /docs /docs-bound")
    assert copies == [
        "COPY --from=taken / /taken/",
        "COPY --from=docs sub/y /y",
        "COPY . /all/",
    ]


def test_an_image_is_a_context_also_for_an_argument_that_names_it(built: Built) -> None:
    assert built.paths("image") == {"one"}
    layers = built.images["image"]["layers"]
    assert [layer["base"] for layer in layers][-2:] == [True, False]
    assert built.images["image"]["made_by"] == ["COPY --from=one /one /one"]


def test_a_context_that_is_not_read_changes_nothing_of_the_image(built: Built) -> None:
    assert "all/a" in built.paths("plain")
    assert built.images["beside"]["digest"] == built.images["plain"]["digest"]


def test_only_a_file_that_is_read_begins_a_build(dagger: Dagger, tmp_path: Path) -> None:
    inline = f"FROM scratch\nCOPY a /a\nCOPY --from=data kept more /\nLABEL run={time.time_ns()}\n"
    contexts = {"data": "data"}
    build = {"context": "app", "dockerfile_inline": inline, "additional_contexts": contexts}
    words = project(tmp_path, web=build)

    def change(path: str) -> tuple[str, list[str]]:
        (tmp_path / path).write_text("another text")
        called = dagger.call(*words, "build")
        assert called.code == 0, called.error
        found = re.search(r"sha256:[0-9a-f]{64}", called.stdout)
        assert found
        return found[0], [command for command in called.executed() if "artefact" in command]

    first, ran = change("data/dropped")
    assert ran
    for path in ("data/new", "docs/x", "app/b.txt"):
        assert change(path) == (first, [])
    again, ran = change("data/more/x.log")
    assert again != first
    assert ran


def test_a_folder_that_is_not_there_and_one_outside_are_named(dagger: Dagger, tmp_path: Path) -> None:
    for path, said in (
        ("other", "'more': there is no folder other in the source"),
        ("../other", "'more' (../other) is outside of the project"),
    ):
        build = {"context": "app", "additional_contexts": {"more": path}}
        called = dagger.call(*project(tmp_path, web=build), "build")
        assert called.code == 1
        assert f"service 'web': the additional context {said}" in called.error
        assert "Next: " in called.error
