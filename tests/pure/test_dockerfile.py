from __future__ import annotations

import pytest

from ci import dockerfile
from ci.errors import PipelineError

TEXT = """\
# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13@sha256:1 \\
    UV_IMAGE="uv:1"
ARG EMPTY_IMAGE
ARG PORT=8000
FROM ${UV_IMAGE} AS uv
# FROM nothing AS commented
FROM --platform=$BUILDPLATFORM $PYTHON_IMAGE AS Build
ARG LATE_IMAGE=late
FROM ${OTHER_IMAGE:-${PYTHON_IMAGE}} AS other
FROM build
"""


def test_image_arguments_are_those_before_the_first_from_with_a_default() -> None:
    assert dockerfile.read(TEXT).image_arguments() == {
        "PYTHON_IMAGE": "python:3.13@sha256:1",
        "UV_IMAGE": "uv:1",
    }


def test_the_base_is_followed_through_stages() -> None:
    assert dockerfile.read(TEXT).base_image("", {}) == "python:3.13@sha256:1"


def test_a_target_by_name_number_and_build_argument() -> None:
    read = dockerfile.read(TEXT)
    assert read.base_image("uv", {"UV_IMAGE": "mirror/uv"}) == "mirror/uv"
    assert read.base_image("0", {}) == "uv:1"
    assert read.base_image("BUILD", {}) == "python:3.13@sha256:1"


def test_scratch_and_platform() -> None:
    read = dockerfile.read("FROM --platform=linux/amd64 scratch\nCOPY a /a\n")
    assert read.base_image("", {}) == "scratch"
    assert read.stages[0].platform == "linux/amd64"


STAGES = """\
ARG BASE_IMAGE=python:3.13
FROM uv:1 AS uv
FROM ${BASE_IMAGE} AS base
WORKDIR /app
RUN --mount=type=bind,from=tools:2,target=/t <<EOF
FROM inside a here-document
RUN nothing
EOF
FROM unused:9 AS unused
FROM base
COPY --from=uv /uv \\
  /uv
ENV A=b
CMD ["x"]
"""


def test_what_made_each_layer() -> None:
    read = dockerfile.read(STAGES)
    run, copy = "RUN --mount=type=bind,from=tools:2,target=/t <<EOF", "COPY --from=uv /uv /uv"
    assert read.layers("", {}, 2) == [run, copy]
    assert read.layers("", {}, 3) == ["WORKDIR /app", run, copy]
    assert read.layers("", {}, 5) == [""] * 5


def test_a_run_that_changed_no_file_made_no_layer() -> None:
    read = dockerfile.read("FROM a\nRUN true\nCOPY b /b\nRUN c\nCOPY d /d\n")
    assert read.layers("", {}, 2) == ["COPY b /b", "COPY d /d"]
    assert read.layers("", {}, 3) == [""] * 3  # one of two, and nothing tells which


def test_every_image_that_the_target_is_made_of() -> None:
    read = dockerfile.read(STAGES)
    assert read.external_images("", {}) == ["python:3.13", "tools:2", "uv:1"]
    assert read.external_images("uv", {}) == ["uv:1"]


def test_a_stage_named_as_its_own_base_is_the_image() -> None:
    read = dockerfile.read("FROM python AS python\nRUN x\n")
    assert read.base_image("", {}) == "python"
    assert read.external_images("", {}) == ["python"]


def test_an_unknown_target_and_a_file_without_from_are_named() -> None:
    with pytest.raises(PipelineError, match="no stage 'prod'") as caught:
        dockerfile.read(STAGES).base_image("prod", {})
    assert "choose from uv, base, unused" in str(caught.value)
    with pytest.raises(PipelineError, match="no FROM"):
        dockerfile.read("RUN x\n")
