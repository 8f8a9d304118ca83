from __future__ import annotations

import json
from typing import Any

import pytest

from ci.compose import builds, model
from ci.errors import PipelineError


def check(**services: dict[str, Any]) -> None:
    builds.check(model.read(json.dumps({"model": {"name": "p", "services": services}})).services)


def contexts(*others: str) -> dict[str, Any]:
    return {"build": {"context": ".", "additional_contexts": {o: f"service:{o}" for o in others}}}


def test_sound_builds_pass() -> None:
    check(
        web={"image": "team/web:1", "build": {"context": "."}},
        job={"image": "team/web:1"},
        api={"image": "team/api", "build": {"context": ".", "cache_from": ["x"]}},
        one={"build": {"context": "."}},
        two={"build": {"context": "."}},
    )


def test_two_services_that_build_one_image_are_named() -> None:
    with pytest.raises(PipelineError) as caught:
        check(
            a={"image": "docker.io/library/web", "build": {"context": "."}},
            b={"image": "web:latest", "build": {"context": "."}},
        )
    assert "services 'a' and 'b' both build the image web:latest" in str(caught.value)
    assert "Next: give each its own" in str(caught.value)


def test_builds_in_a_circle_are_named_in_their_order() -> None:
    with pytest.raises(PipelineError, match="a -> b -> c -> a"):
        check(a=contexts("b"), b=contexts("c"), c=contexts("a"))
    with pytest.raises(PipelineError, match="a -> c -> a"):
        check(a=contexts("b", "c"), b=contexts(), c=contexts("a"))
    with pytest.raises(PipelineError, match="additional_contexts: b -> b"):
        check(a=contexts("b"), b=contexts("b"))


def test_keys_that_cannot_be_honoured_are_refused_by_name() -> None:
    remote = {"build": {"context": ".", "additional_contexts": {"x": "git@example.com:x.git", "y": "y"}}}
    with pytest.raises(PipelineError) as caught:
        check(a=contexts("b"), b={"build": {"context": ".", "network": "host"}}, c=remote)
    assert "3 key(s)" in str(caught.value)
    assert "services.a.build.additional_contexts[service]: the builder cannot build on" in str(caught.value)
    assert "services.b.build.network" in str(caught.value)
    assert "services.c.build.additional_contexts[remote]: clone it into" in str(caught.value)


def test_a_build_secret_is_a_variable_or_a_file() -> None:
    read = model.read(
        json.dumps(
            {
                "model": {
                    "name": "p",
                    "services": {
                        "web": {
                            "build": {"secrets": [{"source": "npm", "target": "token"}, {"source": "file"}]}
                        }
                    },
                    "secrets": {"npm": {"environment": "NPM_TOKEN"}, "file": {"file": "./pip.conf"}},
                }
            }
        )
    )
    build = read.services["web"].build
    assert build
    assert build.secrets == (
        model.BuildSecret("token", variable="NPM_TOKEN"),
        model.BuildSecret("file", path="pip.conf"),
    )
