from __future__ import annotations

from pathlib import Path

import pytest

from ci import context, dockerfile

ROOT = Path(__file__).parents[2]
OWN = (".dockerignore", "Dockerfile", "Dockerfile.dockerignore")


def readable(text: str, path: str = "Dockerfile", **arguments: str) -> tuple[str, ...] | None:
    found = context.readable(dockerfile.read(text), arguments, path)
    return None if found is None else tuple(name for name in found if name not in OWN)


@pytest.mark.parametrize(
    ("steps", "paths"),
    [
        ("COPY a b /x/", {"a", "b"}),
        ("COPY --chown=1:1 --chmod=755 ./src/app /x", {"src/app"}),
        ('COPY ["a", "b/c d", "/x/"]', {"a", "b/c d"}),
        ("COPY /absolute/path /x", {"absolute/path"}),
        ("COPY src/*/pyproject.toml src/[ab]c/d /x/", {"src"}),
        ("COPY a \\\n  b \\\n  /x/", {"a", "b"}),
        ("COPY --from=other /y /x\nCOPY a /x", {"a"}),
        ("ADD https://example.com/a.tar.gz git@example.com:a.git b /x/", {"b"}),
        ("COPY <<EOF a /x/\nCOPY no /no\nEOF", {"a"}),
        ("RUN --mount=type=cache,target=/c --mount=type=bind,from=other,target=/o true\nCOPY a /a", {"a"}),
        ("RUN --mount=type=bind,source=a,target=/a --mount=target=/b,src=b/c,rw make", {"a", "b/c"}),
        ("ARG NAME=web\nRUN --mount=type=bind,source=services/${NAME},target=/x make", {"services/web"}),
        ("ARG NAME=web\nCOPY services/${NAME} $NAME.toml /x/", {"services/web", "web.toml"}),
        ("ENV NAME=web OTHER='b c'\nCOPY services/${NAME} /x/", {"services/web"}),
        ("ENV NAME web\nCOPY services/${NAME} /x/", {"services/web"}),
        ("ARG NAME=web\nENV PLACE=services/$NAME\nCOPY $PLACE /x/", {"services/web"}),
    ],
)
def test_what_a_build_can_read(steps: str, paths: set[str]) -> None:
    assert set(readable(f"FROM base AS one\n{steps}\n") or ()) == paths


@pytest.mark.parametrize(
    "steps",
    [
        "COPY . /x",
        "COPY ./ /x",
        "COPY / /x",
        "COPY * /x",
        "COPY ../a /x",
        "COPY $UNKNOWN/a /x",
        "COPY ${TARGETARCH}/a /x",
        "ARG A=b\nCOPY ${A#b}a /x",
        'COPY "a b" /x',
        "COPY [broken /x",
        "COPY a /x\nRUN --mount=type=bind,target=/src make",
        "COPY a /x\nRUN --mount=target=/src make",
        "COPY a /x\nONBUILD COPY b /x",
        "RUN true",
        "COPY --from=other /a /x",
        "ARG EMPTY\nCOPY $EMPTY /x",
    ],
)
def test_where_it_is_not_certain_it_is_the_whole_context(steps: str) -> None:
    assert readable(f"FROM base AS one\n{steps}\n") is None


def test_a_value_comes_from_the_call_then_the_stage_then_the_file_s_beginning() -> None:
    text = "ARG NAME=first\nFROM base\nARG NAME{}\nCOPY $NAME /x\n"
    assert readable(text.format("")) == ("first",)
    assert readable(text.format("=second")) == ("second",)
    assert readable(text.format("=second"), NAME="third") == ("third",)


def test_a_stage_has_the_environment_of_what_it_stands_on_and_not_its_arguments() -> None:
    below = "FROM base AS below\nARG A=a\nENV B=b\n"
    assert readable(f"{below}FROM below\nCOPY $B /x\n") == ("b",)
    assert readable(f"{below}FROM below\nCOPY $A /x\n") is None
    assert readable(f"{below}FROM other\nCOPY $B /x\n") is None


def test_the_dockerfile_and_what_it_ignores_are_always_there() -> None:
    found = context.readable(dockerfile.read("FROM base\nCOPY a /x\n"), {}, "build/web.Dockerfile")
    assert found == (".dockerignore", "a", "build/web.Dockerfile", "build/web.Dockerfile.dockerignore")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("FROM x\nCOPY --from=data a b/c /x/\nCOPY --from=other d /x\nCOPY e /x", {"a", "b/c"}),
        ("FROM x\nCOPY --chown=1 --from=DATA /a/b* /x", {"a"}),
        ("ARG A=a\nFROM x\nARG A\nCOPY --from=data $A /x", {"a"}),
        ("FROM x\nCOPY a /x", set()),
        ("FROM x\nRUN --mount=from=other,target=/o --mount=target=/here x", set()),
        ("FROM x\nCOPY --from=data / /x", {"."}),
        ("FROM x\nCOPY --from=data *.py /x", {"."}),
        ("FROM x\nRUN --mount=from=data,target=/d x", {"."}),
        ("FROM x\nRUN --mount=from=data,source=a/b,target=/d --mount=source=c,target=/c x", {"a/b"}),
        ("FROM x\nRUN --mount=type=cache,from=data,target=/d x", {"."}),
        ("FROM data AS x\nCOPY --from=x a /a", {"."}),
        ("ARG A=data\nFROM $A", {"."}),
    ],
)
def test_what_a_build_can_read_of_an_additional_context(text: str, paths: set[str]) -> None:
    found = context.readable_of(dockerfile.read(text), {}, "data")
    assert set(found) == (paths if paths == {"."} else {*paths, ".dockerignore"})


def test_our_services_read_themselves_and_what_they_share() -> None:
    text = (ROOT / "services" / "agent" / "Dockerfile").read_text()
    assert readable(text, "services/agent/Dockerfile") == (
        "pyproject.toml",
        "services/agent",
        "services/agent/Dockerfile",
        "services/agent/Dockerfile.dockerignore",
        "services/agent/pyproject.toml",
        "services/common",
        "uv.lock",
    )
