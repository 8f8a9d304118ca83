"""Invalid builds end with one error that names the service and the value, without a traceback."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airgap.catalogue import images_map
from tests.engine.images import registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

LONGEST = 4000  # maximum length of a readable error


@dataclass(frozen=True)
class Bad:
    """A failing build, and the service and values that its error must name."""

    says: tuple[str, ...]
    dockerfile: str = "FROM debian:trixie-slim\nRUN echo one > /one\n"
    build: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)


def project(folder: Path, dockerfile: str, *, build: dict[str, Any], **model: Any) -> list[str]:  # noqa: ANN401
    """Write a project whose service `web` has this build; return the options for it."""
    (folder / "Dockerfile").write_text(dockerfile)
    services = {"web": {"build": {"context": ".", **build}}, **model.pop("services", {})}
    (folder / "compose.yaml").write_text(json.dumps({"services": services, **model}))
    return ["--source", str(folder)]


def check(called: Called) -> None:
    """Check the properties of every error."""
    assert called.code == 1, called.stdout
    assert len(re.findall(r"^Next: ", called.error, re.MULTILINE)) == 1, called.error
    assert "Traceback" not in called.stderr
    assert not re.search(r"of ref \w+::\w+", called.error)
    assert len(called.error) < LONGEST


LONG = "FROM debian:trixie-slim\nRUN for n in $(seq 3000); do printf 'line %0200d\\n' $n; done; echo 'the reason' >&2; exit 7\n"  # noqa: E501 - one instruction
BUILDS = {
    "step": Bad(
        ("service 'web'", "RUN echo the reason is here && exit 7", "\nthe reason is here\n", "exit code: 7"),
        "FROM debian:trixie-slim\nRUN echo fine\nRUN echo the reason is here && exit 7\n",
    ),
    "long-output": Bad(("service 'web'", "the reason", "exit code: 7"), LONG),
    "no-such-file": Bad(
        ("service 'web'", "COPY nowhere.txt /", "/nowhere.txt"), "FROM scratch\nCOPY nowhere.txt /\n"
    ),
    "no-dockerfile": Bad(
        ("service 'web'", "images/web.Dockerfile"), build={"dockerfile": "images/web.Dockerfile"}
    ),
    "no-context": Bad(("service 'web'", "nowhere"), build={"context": "nowhere"}),
    "context-outside": Bad(("service 'web'", "/other"), build={"context": "../other"}),
    "no-stage": Bad(("service 'web'", "nope"), build={"target": "nope"}),
    "no-secret-value": Bad(
        ("service 'web'", "'token'", "TOKEN", "--env-file"),
        build={"secrets": ["token"]},
        model={"secrets": {"token": {"environment": "TOKEN"}}},
    ),
    "no-secret-file": Bad(
        ("service 'web'", "'token'", "values/token.txt"),
        build={"secrets": ["token"]},
        model={"secrets": {"token": {"file": "values/token.txt"}}},
    ),
    "no-base": Bad(
        ("service 'web'", f"{registry()}/tests/no-such-base:7.1"),
        f"FROM {registry()}/tests/no-such-base:7.1\n",
    ),
    "privileged": Bad(("service 'web'", "privileged"), build={"privileged": True}),
    "entitlement": Bad(("service 'web'", "security.insecure"), build={"entitlements": ["security.insecure"]}),
    "argument": Bad(("service 'web'", "TOKEN"), build={"args": {"WORD": "${TOKEN:?a word}"}}),
    "syntax": Bad(("service 'web'", "INSTALL", "line 2"), "FROM scratch\nINSTALL everything\n"),
    "no-from": Bad(("service 'web'",), "RUN echo one\n"),
    "empty": Bad(("service 'web'",), ""),
    "no-additional-context": Bad(
        ("service 'web'", "'more'", "nowhere"), build={"additional_contexts": {"more": "nowhere"}}
    ),
    "additional-context-outside": Bad(
        ("service 'web'", "/other"), build={"additional_contexts": {"more": "../other"}}
    ),
    "no-such-service": Bad(("web", "nobody"), build={"additional_contexts": {"more": "service:nobody"}}),
    "ssh": Bad(
        ("service 'web'", "--ssh-agent"),
        "FROM debian:trixie-slim\nRUN --mount=type=ssh echo one\n",
        build={"ssh": ["default"]},
    ),
}


# What goes through BuildKit takes longest; one of each kind is run each time.
LONG_ONES = ("long-output", "no-such-file", "no-from", "empty", "syntax", "no-additional-context")
EACH = [pytest.param(name, marks=pytest.mark.long if name in LONG_ONES else ()) for name in BUILDS]


@pytest.mark.parametrize("name", EACH)
def test_a_build_that_cannot_be_is_one_error(dagger: Dagger, tmp_path: Path, name: str) -> None:
    bad = BUILDS[name]
    called = dagger.call(*project(tmp_path, bad.dockerfile, build=bad.build, **bad.model), "build")
    check(called)
    assert [text for text in bad.says if text not in called.error] == []


def test_a_base_that_the_images_map_refuses_is_named(dagger: Dagger, tmp_path: Path) -> None:
    words = project(tmp_path, "FROM team/closed:3\nRUN echo one\n", build={})
    substitutes = images_map(registry()) if "CI_REGISTRY" in os.environ else {}
    (tmp_path / "map.json").write_text(json.dumps({**substitutes, "team/closed:3": None}))
    called = dagger.call(*words, "--images", str(tmp_path / "map.json"), "build")
    check(called)
    assert "service 'web'" in called.error
    assert "team/closed:3" in called.error


def test_each_build_that_fails_is_named_and_no_other(dagger: Dagger, tmp_path: Path) -> None:
    """The failed build is named even though all have one context, and two of them one Dockerfile."""
    (tmp_path / "other.Dockerfile").write_text("FROM debian:trixie-slim\nRUN echo second reason && exit 9\n")
    inline = "FROM debian:trixie-slim\nRUN echo third reason && exit 10\n"
    services = {
        "a-good-one": {"build": {"context": ".", "dockerfile_inline": "FROM scratch\nCOPY Dockerfile /\n"}},
        "a-good-argument": {"build": {"context": ".", "args": {"CODE": "0"}}},
        "other": {"build": {"context": ".", "dockerfile": "other.Dockerfile"}},
        "inline": {"build": {"context": ".", "dockerfile_inline": inline}},
    }
    first = "FROM debian:trixie-slim\nARG CODE=8\nRUN echo first reason && exit $CODE\n"
    called = dagger.call(*project(tmp_path, first, build={}, services=services), "build")
    check(called)
    found = {name for name in ("web", *services) if f"service '{name}'" in called.error}
    assert found, called.error
    assert found <= {"web", "other", "inline"}, called.error
    # The first failure cancels the rest, which may have failed by then.
    for name, reason in (("web", "first"), ("other", "second"), ("inline", "third")):
        assert (name in found) == (f"\n{reason} reason\n" in called.error), called.error


def test_a_step_that_fails_does_not_show_a_secret(dagger: Dagger, tmp_path: Path) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    step = 'RUN --mount=type=secret,id=token,env=TOKEN echo "has $TOKEN" && exit 7\n'
    words = project(
        tmp_path,
        f"FROM debian:trixie-slim\n{step}",
        build={"secrets": ["token"]},
        secrets={"token": {"environment": "TOKEN"}},
    )
    (tmp_path / ".dockerignore").write_text("values\n")
    (tmp_path / "values").write_text(f"TOKEN={canary}\n")
    called = dagger.call(*words, "--env-file", f"file:{tmp_path / 'values'}", "build")
    check(called)
    assert "exit code: 7" in called.error
    assert canary not in called.stdout + called.stderr
