from __future__ import annotations

import json
from typing import Any

import pytest

from ci.project import model as compose
from tests.raised import raises

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


def read(model: object = MODEL) -> compose.ComposeModel:
    return compose.read(json.dumps({"model": model}))


def test_services_come_in_the_order_of_their_names() -> None:
    assert list(read().services) == ["redis", "web"]


def test_what_has_a_build_is_built() -> None:
    (web,) = read().built.values()
    assert web.build == compose.Build(".", "web/Dockerfile")
    assert [str(port) for port in web.ports] == ["8000:8000", "*:53/udp"]
    assert web.depends_on == {"redis": "service_healthy"}


def build(item: dict[str, Any], **secrets: dict[str, str]) -> compose.Build:
    found = read({"name": "p", "services": {"web": {"build": item}}, "secrets": secrets})
    made = found.services["web"].build
    assert made
    return made


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/x.git#main:web",
        "http://example.com/x.tar.gz",
        "git@example.com:x.git",
        "git://example.com/x.git",
        "ssh://git@example.com/x.git",
        "github.com/team/x",
    ],
)
def test_an_address_is_a_context_that_is_not_in_the_source(address: str) -> None:
    assert (build({"context": address}).context, build({"context": address}).remote) == (address, True)


@pytest.mark.parametrize("folder", [".", "web", "./github.com", "githubXcom/team", "docker/https:"])
def test_any_other_context_is_a_folder_of_the_source(folder: str) -> None:
    assert not build({"context": folder}).remote


def test_a_folder_outside_of_the_source_stays_for_the_build_to_refuse() -> None:
    assert build({"context": "../web"}).context == "/web"


def test_an_absolute_path_in_the_project_is_relative_to_the_source() -> None:
    assert build({"context": "/project/web"}).context == "web"
    assert compose.inside("it", "/project/a/../b") == "b"
    for path in ("/project/../b", "/projects", "/"):
        with raises("project.path-outside"):
            compose.inside("it", path)


def test_a_build_secret_is_a_variable_or_a_file() -> None:
    made = build(
        {"secrets": [{"source": "npm", "target": "token"}, {"source": "file"}]},
        npm={"environment": "NPM_TOKEN"},
        file={"file": "./pip.conf"},
    )
    assert made.secrets == (
        compose.BuildSecret("token", variable="NPM_TOKEN"),
        compose.BuildSecret("file", path="pip.conf"),
    )


def test_the_variables_of_builds_are_those_of_their_secrets() -> None:
    services = {
        name: {"build": {"context": ".", "secrets": [{"source": source} for source in sources]}}
        for name, sources in {"web": ("npm", "file"), "job": ("npm", "pip")}.items()
    }
    secrets = {
        "npm": {"environment": "NPM_TOKEN"},
        "pip": {"environment": "PIP_TOKEN"},
        "file": {"file": "pip.conf"},
    }
    found = read({"name": "p", "services": {**services, "db": {"image": "x"}}, "secrets": secrets})
    assert found.build_variables(["web"]) == {"NPM_TOKEN"}
    assert found.build_variables(["web", "job", "db"]) == {"NPM_TOKEN", "PIP_TOKEN"}
    assert found.build_variables([]) == set()


def test_dockerfiles_of_the_compose_file_have_a_file_s_name() -> None:
    services = {
        "web": {"build": {"dockerfile_inline": "FROM x"}},
        "job": {"build": {"context": "."}},
        "db": {},
    }
    found = read({"name": "p", "services": services}).inline
    assert found == {"services.web.build.dockerfile_inline.Dockerfile": "FROM x"}


def test_the_bake_file_is_that_of_compose() -> None:
    bake = {"target": {"web": {"context": "/project"}}}
    assert compose.read(json.dumps({"model": MODEL, "bake": bake})).bake == bake
    assert read().bake == {}


def test_compose_s_own_error_is_passed_on() -> None:
    with raises("compose.invalid", match=r"services\.a\.imag false schema"):
        compose.read(json.dumps({"error": "validating compose.yaml: services.a.imag false schema"}))


def test_a_file_without_services_is_an_error() -> None:
    with raises("compose.no-services"):
        read({"name": "x", "services": {}})


def test_an_unknown_service_lists_the_valid_ones() -> None:
    with raises("project.unknown-service", match="'redis', 'wbe'") as caught:
        compose.select(read().built, ["redis", "wbe"])
    assert caught.value.hint == "choose from web; services of a profile need --profiles"
