from __future__ import annotations

import json

import pytest

from ci.project import model, render
from tests.raised import raises


@pytest.fixture
def project() -> model.ComposeModel:
    services = {
        "app": {
            "build": {"context": "."},
            "depends_on": {"end": {"condition": "service_healthy"}},
            "networks": {"back": None},
            "ports": [{"target": 8000, "published": "80"}],
        },
        "end": {"image": "redis:7", "profiles": ["cache"]},
    }
    return model.read(json.dumps({"model": {"name": "shop", "services": services}}))


def test_the_table_says_where_images_come_from_and_who_waits(project: model.ComposeModel) -> None:
    text = render.render(project, {"end": "redis:7"}, "table")
    app, end, _, left_out = text.splitlines()[1:]
    assert app.split() == ["app", "built", "shop-app", "80:8000", "end", "(service_healthy)"]
    assert end.split()[:4] == ["end", "not", "available", "redis:7"]
    assert "end" in left_out
    assert "redis:7" in left_out


def test_it_has_all_that_is_known_before_anything_runs() -> None:
    services = {"app": {"image": "x", "devices": [{"source": "/dev/kvm"}], "network_mode": "host"}}
    outcome = {
        "model": {
            "name": "shop",
            "services": services,
            "volumes": {"data": {"external": True, "name": "old"}},
        },
        "needed": {"PORT": ["services.app.ports"]},
        "random": ["KEY"],
        "unset": ["HOST"],
        "used": {"HOST": ["services.app.environment.HOST"]},
        "missing": [{"place": "services.app.env_file", "path": "/project/.env", "required": False}],
    }
    found = model.read(json.dumps(outcome))
    text = render.render(found, {}, "table")
    for value in (
        "services.app.devices",
        "/dev/kvm",
        "PORT",
        "KEY",
        "HOST",
        "--env-file",
        "volumes.data (old)",
    ):
        assert value in text
    for value in ("services.app.environment.HOST", "services.app.network_mode", "services.app.env_file"):
        assert value in text
    data = json.loads(render.render(found, {"app": "x"}, "json"))
    assert data["refused"][0]["key"] == "services.app.devices"
    assert (data["needed"], data["random"], data["unset"]) == (["PORT"], ["KEY"], ["HOST"])
    assert data["created_empty"] == ["volumes.data (old)"]
    assert data["missing_env_files"] == ["services.app.env_file"]
    assert data["left_out"] == {"app": "x"}


def test_what_runs_the_image_that_another_service_builds_is_built_too() -> None:
    services = {
        "web": {"image": "shop/web:1", "build": {"context": "."}},
        "migrate": {"image": "shop/web:1", "command": ["migrate"]},
        "cache": {"image": "redis:7"},
    }
    project = model.read(json.dumps({"model": {"name": "shop", "services": services}}))
    written = json.loads(render.render(project, {}, "json"))["services"]
    assert {each["name"]: each["image_is"] for each in written} == {
        "web": "built",
        "migrate": "built",
        "cache": "pulled",
    }


def test_json_has_all_of_it(project: model.ComposeModel) -> None:
    data = json.loads(render.render(project, {}, "json"))
    assert data["project"] == "shop"
    app, end = data["services"]
    assert app["ports"] == [{"target": 8000, "published": "80", "protocol": "tcp"}]
    assert app["waits_for"] == {"end": "service_healthy"}
    assert app["networks"] == ["back"]
    assert (end["image_is"], end["profiles"]) == ("pulled", ["cache"])


def test_a_service_may_be_called_as_a_word_of_mermaid_s(project: model.ComposeModel) -> None:
    lines = render.render(project, {}, "mermaid").splitlines()
    assert lines == ["flowchart LR", '  s0["app"]', '  s1["end"]', "  s0 -->|healthy| s1"]


def test_another_format_lists_those_there_are(project: model.ComposeModel) -> None:
    with raises("project.unknown-format", match=r"--format yaml: .*\nNext: choose from table, json, mermaid"):
        render.render(project, {}, "yaml")
