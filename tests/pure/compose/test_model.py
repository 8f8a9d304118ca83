from __future__ import annotations

import json

import pytest

from ci.compose import model as compose
from ci.errors import PipelineError

MODEL = {
    "name": "aip",
    "services": {
        "web": {
            "build": {"context": ".", "dockerfile": "web/Dockerfile", "args": {"B": None, "A": "1"}},
            "ports": [
                {"target": 8000, "published": "8000", "protocol": "tcp"},
                {"target": 53, "protocol": "udp"},
            ],
            "depends_on": {"redis": {"condition": "service_healthy", "required": True}},
        },
        "redis": {"image": "redis:7"},
    },
}


def read(model: object = MODEL) -> compose.Project:
    return compose.read(json.dumps({"model": model}))


def test_services_come_in_the_order_of_their_names() -> None:
    assert list(read().services) == ["redis", "web"]


def test_what_has_a_build_is_built() -> None:
    (web,) = read().built.values()
    assert web.build == compose.Build(".", "web/Dockerfile", {"A": "1", "B": ""})
    assert [str(port) for port in web.ports] == ["8000:8000", "*:53/udp"]
    assert web.depends_on == {"redis": "service_healthy"}


def test_compose_s_own_error_is_passed_on() -> None:
    with pytest.raises(PipelineError, match=r"services\.a\.imag false schema"):
        compose.read(json.dumps({"error": "validating compose.yaml: services.a.imag false schema"}))


def test_a_file_without_services_is_an_error() -> None:
    with pytest.raises(PipelineError, match="has no services"):
        read({"name": "x", "services": {}})


def test_an_unknown_service_lists_the_valid_ones() -> None:
    with pytest.raises(PipelineError, match="'redis', 'wbe'") as caught:
        compose.select(read().built, ["redis", "wbe"])
    assert caught.value.next_step == "choose from web"
