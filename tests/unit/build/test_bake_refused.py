"""What must not be built, and by which service and value it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ci.build import bake
from tests.raised import raises
from tests.unit.build.plans import OWN, plan, project, target

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("key", [{"privileged": True}, {"entitlements": ["security.insecure"]}])
def test_a_build_that_would_open_the_sandbox_is_refused_by_service(
    key: dict[str, Any], tmp_path: Path
) -> None:
    services = {
        "web": {"build": {"context": ".", "additional_contexts": {"x": "service:base.a"}}},
        "base.a": {"build": {"context": ".", **key}},
        "job": {"build": {"context": ".", "entitlements": ["network.host"]}},
    }
    found = project(tmp_path, services)
    plan(found, "job")
    with raises("build.insecure-entitlement", "service 'base.a'", "security.insecure") as caught:
        plan(project(tmp_path, services), "web")
    assert "build.privileged" in caught.value.hint


@pytest.mark.parametrize("path", ["..", "../other", "/etc", "../project-other", "./a/../../b"])
def test_a_folder_outside_of_the_project_is_refused_by_service(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    services = {
        "web": {"build": {"context": ".", "additional_contexts": {"x": "service:base"}}},
        "base": {"build": {"context": ".", "additional_contexts": {"more": path}}},
        "job": {"build": "."},
    }
    found = project(folder, services)
    plan(found, "job")
    with raises("build.context-outside", "service 'base'"):
        plan(project(folder, services), "web")


def test_folders_of_the_project_images_and_addresses_are_contexts(tmp_path: Path) -> None:
    contexts = {
        "all": ".",
        "docs": "./docs",
        "base": "docker-image://redis:7",
        "more": "https://example.com/x.git",
    }
    services = {
        "web": {"build": {"context": "web", "additional_contexts": contexts}},
        "far": {"build": "https://example.com/y.git#main"},
    }
    planned = plan(project(tmp_path, services), "web", "far")
    assert target(planned, "web")["contexts"] == {**contexts, "all": "/project", "docs": "/project/docs"}
    assert target(planned, "far")["context"] == "https://example.com/y.git#main"


def test_a_value_that_is_only_known_as_a_secret_is_refused_by_service_and_variable(tmp_path: Path) -> None:
    services = {
        "web": {"build": {"context": ".", "additional_contexts": {"x": "service:base"}}},
        "base": {"build": {"context": ".", "args": {"A": "${KEY:?}", "B": "${KEY_ID:-1}", "C": "${OTHER}"}}},
    }
    with raises("build.unknown-value") as caught:
        plan(project(tmp_path, services, values="OTHER=1\n"), "web")
    assert "service 'base'" in caught.value.what
    assert "KEY_ID" not in caught.value.what
    assert "KEY" in caught.value.hint


def test_a_build_gets_the_given_values_of_its_arguments(tmp_path: Path) -> None:
    services = {"web": {"build": {"context": ".", "args": {"A": "${KEY:?}"}, "labels": {"b": "${OTHER}"}}}}
    item = target(plan(project(tmp_path, services, values="KEY=3.13\nOTHER=x\n"), "web"), "web")
    assert item["args"]["A"] == "3.13"
    assert item["labels"]["b"] == "x"


@pytest.mark.parametrize(
    "build",
    [
        {"dockerfile_inline": "FROM x\nRUN echo ${KEY:?}"},
        {"labels": {"key": "${KEY:?}"}},
        {"additional_contexts": {"x": "./${KEY:?}"}},
        {"cache_from": ["${KEY:?}"]},
        {"target": "${KEY:?}"},
        {"context": "./${KEY:?}"},
    ],
    ids=lambda build: next(iter(build)),
)
def test_such_a_value_is_refused_wherever_it_is(build: dict[str, Any], tmp_path: Path) -> None:
    found = project(tmp_path, {"web": {"build": {"context": ".", **build}}})
    with raises("build.unknown-value", match="service 'web'.*KEY"):
        plan(found, "web")


def test_a_variable_is_not_taken_for_one_whose_name_begins_alike(tmp_path: Path) -> None:
    services = {"web": {"build": {"context": ".", "args": {"A": "${KEY_ID:?}"}}, "command": "${KEY:?}"}}
    with raises("build.unknown-value", match=r"\bKEY_ID,"):
        plan(project(tmp_path, services), "web")


def test_secrets_names_of_images_and_other_services_may_have_such_values(tmp_path: Path) -> None:
    services = {
        "web": {
            "image": "web:${TAG:?}",
            "build": {"context": ".", "secrets": ["token"], "tags": ["a:${TAG:?}"]},
        },
        "job": {"build": {"context": ".", "args": {"A": "${KEY:?}"}}},
    }
    found = project(tmp_path, services, secrets={"token": {"environment": "TOKEN"}})
    assert target(plan(found, "web"), "web")["secret"] == ["id=token,type=env,env=TOKEN"]


def test_a_build_that_needs_an_ssh_agent_is_refused_without_one(tmp_path: Path) -> None:
    found = project(tmp_path, {"web": {"build": {"context": ".", "ssh": ["default"]}}})
    with raises("build.ssh-agent-missing", match="service 'web'") as caught:
        plan(found, "web")
    assert "--ssh-agent" in caught.value.hint
    bake.plan(found, ["web"], platform="", own_platform=OWN, ssh_agent=True)
