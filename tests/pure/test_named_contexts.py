from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci import dockerfile
from ci.compose import builds, model
from ci.compose.named import NamedContext
from ci.errors import PipelineError
from ci.named_contexts import Private, apart, check, ignored, with_stages
from tests.pure.compose.reading import project

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = Private("0123")
CONTEXTS = (NamedContext("data", folder="some/data"), NamedContext("tools", image="python:3.13"))


def build(text: str = "", contexts: dict[str, str] | None = None, **more: Any) -> model.Build:  # noqa: ANN401 - of Compose's JSON
    item = {"context": ".", "dockerfile_inline": text, "additional_contexts": contexts or {}, **more}
    raw = {"model": {"name": "p", "services": {"web": {"build": item}}}}
    read = model.read(json.dumps(raw)).services["web"].build
    assert read
    return read


def checked(text: str, *names: str, **more: Any) -> None:  # noqa: ANN401 - as above
    check(
        "web", build(text, dict.fromkeys(names, "docker-image://python:3.13"), **more), dockerfile.read(text)
    )


def test_a_context_is_a_folder_or_an_image() -> None:
    read = build("FROM x", {"tools": "docker-image://python:3.13", "data": "./some/data", "all": "."})
    assert read.inline == "FROM x"
    assert read.contexts == (NamedContext("all", folder="."), *CONTEXTS)


def test_two_dockerfiles_are_refused_in_compose_s_words(tmp_path: Path) -> None:
    both = {"build": {"context": ".", "dockerfile": "Dockerfile", "dockerfile_inline": "FROM scratch"}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": both}}))
    with pytest.raises(PipelineError, match=r'"web" declares .* dockerfile and dockerfile_inline'):
        project(tmp_path)


def test_a_folder_outside_is_named() -> None:
    with pytest.raises(PipelineError, match=r"additional context 'more' \(\.\./more\) is outside"):
        build("", {"more": "../more"})


def test_stages_stand_after_the_arguments_and_directives_and_before_the_first() -> None:
    before = "# syntax=docker/dockerfile:1\n# escape=\\\n\nARG A=1 \\\n  # from here\n  FROM=2\n"
    after = "FROM ${A}\nRUN <<EOF\nFROM no\nEOF\nFROM data"
    assert with_stages(before + after, CONTEXTS, "folder") == (
        f"{before}FROM scratch AS data\nCOPY folder/data/ /\nFROM python:3.13 AS tools\n{after}"
    )
    assert with_stages(before + after, (), "folder") == before + after


def test_a_stage_on_a_context_has_its_base_and_its_layers() -> None:
    text = "FROM {}\nCOPY a /a\n"
    read = dockerfile.read(with_stages(text.format("tools"), CONTEXTS, "folder"))
    assert (read.base_image("", {}), read.steps("", {})[0]) == ("python:3.13", ["COPY a /a"])
    read = dockerfile.read(with_stages(text.format("data"), CONTEXTS, "folder"))
    assert (read.base_image("", {}), len(read.steps("", {})[0])) == ("scratch", 2)
    read = dockerfile.read(with_stages(text.format("other"), CONTEXTS, "folder"))
    assert (read.base_image("", {}), read.steps("", {})[0]) == ("other", ["COPY a /a"])


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        ("COPY . /x", "COPY --from=context-0123 . /x"),
        ("copy --chown=1 \\\n  . /x", "copy --from=context-0123 --chown=1 \\\n  . /x"),
        ("COPY --from=data . /x", "COPY --from=data . /x"),
        ("COPY --chown=1 \\\n  --from=data . /x", "COPY --chown=1 \\\n  --from=data . /x"),
        ("COPY <<EOF /x\nCOPY . /x\nEOF", "COPY <<EOF /x\nCOPY . /x\nEOF"),
        ("RUN --mount=target=. make", "RUN --mount=target=.,from=context-0123 make"),
        (
            "RUN --mount=type=cache,target=/c \\\n # why\n --mount=target=/a\\\n make",
            "RUN --mount=type=cache,target=/c \\\n # why\n --mount=target=/a,from=context-0123\\\n make",
        ),
        ("RUN --mount=type=bind,from=data,target=/a x", "RUN --mount=type=bind,from=data,target=/a x"),
        ("RUN x --mount=type=bind", "RUN x --mount=type=bind"),
        ("ADD --chown=1 . /x", "ADD --exclude=.0123.contexts --exclude=0123 --chown=1 . /x"),
        ("# COPY . /x", "# COPY . /x"),
        ("ENV COPY=. \\\n  COPY . /x", "ENV COPY=. \\\n  COPY . /x"),
    ],
)
def test_a_step_reads_the_context_without_the_private_folder(step: str, changed: str) -> None:
    start = "FROM scratch AS context-0123\nCOPY --exclude=.0123.contexts . /\n"
    assert apart(f"ARG A\nFROM x\n{step}\n", PRIVATE) == f"ARG A\n{start}FROM x\n{changed}\n"


def test_the_other_escape_of_a_line_s_end() -> None:
    text = "# escape=`\nFROM x\nRUN a\\\nCOPY `\n  . c:\\\n"
    changed = apart(text, PRIVATE)
    assert "RUN a\\\nCOPY --from=context-0123 `\n  . c:\\\n" in changed


def test_private_names_are_those_of_one_dockerfile() -> None:
    assert Private.of("FROM a") == Private.of("FROM a") != Private.of("FROM b")
    names = (PRIVATE.dockerfile, PRIVATE.folder, PRIVATE.rest)
    assert names == (".0123.Dockerfile", ".0123.contexts/0123", "context-0123")


def test_each_ignore_file_is_for_its_own_context() -> None:
    own = "\ufeff# comment\n*\n!kept\n! /more/\n ./a/../b \n.\n\n#not\n **/c"
    assert ignored("**/x\n", PRIVATE, {"data": own, "docs": ""}).splitlines() == [
        "**/x",
        "",
        "!.0123.contexts",
        ".0123.contexts/0123/data/*",
        "!.0123.contexts/0123/data/kept",
        "!.0123.contexts/0123/data/more",
        ".0123.contexts/0123/data/b",
        ".0123.contexts/0123/data/**/c",
        ".0123.Dockerfile",
        ".0123.Dockerfile.dockerignore",
    ]


def test_sound_names_pass() -> None:
    checked(
        "FROM base AS one\nCOPY --from=data-1.x_y /a /a\nFROM python:3.13", "data-1.x_y", "python", "base"
    )


@pytest.mark.parametrize("name", ["Data", "1st", "python:3.13", "docker.io/library/python", "scratch", "a b"])
def test_a_name_that_no_stage_can_have_is_refused(name: str) -> None:
    with pytest.raises(PipelineError, match="has a name that no stage can have"):
        checked("FROM x", name)


def test_a_name_of_a_stage_is_refused() -> None:
    with pytest.raises(PipelineError, match="'web': the additional context 'one' has the name of a stage"):
        checked("FROM base AS One\nFROM one", "one")


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:latest",
        "FROM docker.io/library/python",
        "ARG A=python:latest\nFROM ${A}",
        "FROM a\nCOPY --from=python:latest /a /a",
    ],
)
def test_what_docker_takes_for_the_context_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match=r"'python' is called .*Dockerfile"):
        checked(text, "python")


def test_a_stage_by_its_number_is_refused() -> None:
    text = "FROM a\nFROM b\nCOPY --from=0 /a /a"
    checked(text)
    with pytest.raises(PipelineError, match="stage 0 is used by its number"):
        checked(text, "data")
    with pytest.raises(PipelineError, match="stage 1 is used by its number"):
        checked("FROM a\nFROM b", "data", target="1")


def test_a_value_that_only_a_run_has_is_refused() -> None:
    services = {
        "web": {"build": {"context": ".", "dockerfile_inline": "FROM x\nRUN echo here-is-TOKEN"}},
        "job": {"build": {"context": ".", "additional_contexts": {"a": "./here-is-TOKEN"}}},
    }
    for name, key in (("web", "dockerfile_inline"), ("job", "additional_contexts")):
        raw = {"model": {"name": "p", "services": {name: services[name]}}}
        read = model.read(json.dumps(raw)).services
        builds.check(read)
        with pytest.raises(PipelineError, match=f"'{name}': build.{key} takes the value of TOKEN"):
            builds.check(read, {"TOKEN": "here-is-TOKEN"})


def test_texts_of_the_compose_file_have_a_file_s_name() -> None:
    raw = {"model": {"name": "p", "services": {"web": {"build": {"dockerfile_inline": "FROM x"}}, "job": {}}}}
    found = model.read(json.dumps(raw)).inline
    assert found == {"services.web.build.dockerfile_inline.Dockerfile": "FROM x"}
