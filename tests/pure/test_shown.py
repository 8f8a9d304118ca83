from __future__ import annotations

import json

import pytest

from ci.compose import model, shown
from ci.errors import PipelineError


@pytest.fixture
def project() -> model.Project:
    services = {
        "app": {
            "build": {"context": "."},
            "depends_on": {"end": {"condition": "service_healthy"}},
            "ports": [{"target": 8000, "published": "80"}],
        },
        "end": {"image": "redis:7", "profiles": ["cache"]},
    }
    return model.read(json.dumps({"model": {"name": "shop", "services": services}}))


def test_the_table_says_where_images_come_from_and_who_waits(project: model.Project) -> None:
    text = shown.shown(project, {"end": "redis:7"}, "table")
    app, end = text.splitlines()[1:]
    assert app.split() == ["app", "built", "shop-app", "80:8000", "end", "(service_healthy)"]
    assert end.split()[:4] == ["end", "not", "available", "redis:7"]


def test_json_has_all_of_it(project: model.Project) -> None:
    data = json.loads(shown.shown(project, {}, "json"))
    assert data["project"] == "shop"
    app, end = data["services"]
    assert app["ports"] == [{"target": 8000, "published": "80", "protocol": "tcp"}]
    assert app["waits_for"] == {"end": "service_healthy"}
    assert (end["image_is"], end["profiles"]) == ("pulled", ["cache"])


def test_a_service_may_be_called_as_a_word_of_mermaid_s(project: model.Project) -> None:
    lines = shown.shown(project, {}, "mermaid").splitlines()
    assert lines == ["flowchart LR", '  s0["app"]', '  s1["end"]', "  s0 -->|healthy| s1"]


def test_another_format_lists_those_there_are(project: model.Project) -> None:
    with pytest.raises(PipelineError, match=r"--format yaml: .*\nNext: choose from table, json, mermaid"):
        shown.shown(project, {}, "yaml")
