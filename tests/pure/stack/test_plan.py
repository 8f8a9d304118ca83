from __future__ import annotations

import json
from typing import Any

import pytest

from ci.compose import model
from ci.errors import PipelineError
from ci.stack import plan


def make(services: dict[str, Any], left_out: dict[str, str] | None = None, **top: Any) -> plan.Plan:  # noqa: ANN401 - pieces of a model
    placeholders = top.pop("placeholders", {})
    outcome = {"model": {"name": "p", "services": services, **top}, "placeholders": placeholders}
    project = model.read(json.dumps(outcome))
    return plan.make(project, project.services, left_out or {})


def test_waits_have_their_condition() -> None:
    made = make(
        {
            "web": {
                "image": "w",
                "depends_on": {
                    "db": {"condition": "service_healthy", "required": True},
                    "job": {"condition": "service_completed_successfully", "required": False},
                },
            },
            "db": {"image": "d"},
            "job": {"image": "j"},
        }
    )
    assert made.containers["web"].waits == (
        plan.Wait("db", "healthy", required=True),
        plan.Wait("job", "completed", required=False),
    )


def test_a_required_service_that_is_left_out_is_an_error() -> None:
    services = {
        "web": {"image": "w", "depends_on": {"db": {"condition": "service_started", "required": True}}},
        "db": {"image": "d"},
    }
    with pytest.raises(PipelineError, match="'web' depends on 'db'"):
        make(services, {"db": "d"})


def test_a_variable_whose_value_holds_a_placeholder_is_secret() -> None:
    made = make(
        {
            "web": {
                "image": "w",
                "environment": {"URL": "pg://u:placeholder-of-PW@db", "LEVEL": "info", "UNSET": None},
            }
        },
        placeholders={"PW": "placeholder-of-PW"},
    )
    web = made.containers["web"]
    assert web.environment == {"LEVEL": "info"}
    assert web.secret_environment == {"URL": "pg://u:placeholder-of-PW@db"}


def test_services_that_share_no_network_are_strangers() -> None:
    made = make(
        {
            "web": {"image": "w", "networks": {"front": None, "back": None}},
            "db": {"image": "d", "networks": {"back": None}},
            "proxy": {"image": "p", "networks": {"front": None}},
        }
    )
    assert made.containers["db"].init["unreachable"] == ["proxy"]
    assert made.containers["web"].init["unreachable"] == []


def test_hardening_becomes_the_init_s_configuration() -> None:
    made = make(
        {
            "web": {
                "image": "w",
                "read_only": True,
                "tmpfs": ["/tmp:size=64m,mode=1770"],  # noqa: S108 - what users write
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges:true"],
                "pids_limit": 50,
                "deploy": {"resources": {"limits": {"memory": "268435456", "cpus": 0.5}}},
                "stop_grace_period": "3s",
            }
        }
    )
    init = made.containers["web"].init
    assert init["read_only"]
    assert init["no_new_privileges"]
    assert init["capabilities"] == []
    assert init["tmpfs"] == [{"target": "/tmp", "size": 64 << 20, "mode": 0o1770, "exec": False}]  # noqa: S108 - as above
    assert (init["memory"], init["pids"], init["cpus"], init["stop_grace"]) == (268435456, 50, 0.5, 3.0)


def test_replicas_are_containers_of_their_own_under_one_name() -> None:
    made = make({"web": {"image": "w", "deploy": {"replicas": 2}}, "off": {"image": "o", "scale": 0}})
    assert list(made.containers) == ["web", "web-2"]
    assert made.containers["web-2"].names == ("web",)


def test_a_bind_mount_outside_of_the_project_is_refused() -> None:
    volume = {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
    with pytest.raises(PipelineError, match=r"'web': the bind mount of /var/run/docker\.sock"):
        make({"web": {"image": "w", "volumes": [volume]}})


def test_secrets_and_configs_go_where_compose_puts_them() -> None:
    made = make(
        {
            "web": {
                "image": "w",
                "secrets": [{"source": "pw", "target": "/run/secrets/pw", "mode": "0400", "uid": "5"}],
                "configs": [{"source": "conf"}],
            }
        },
        secrets={"pw": {"environment": "PW"}},
        configs={"conf": {"content": "a=b"}},
    )
    secret, config = made.containers["web"].files
    assert (secret.target, secret.variable, secret.owner, secret.mode) == (
        "/run/secrets/pw",
        "PW",
        "5:0",
        0o400,
    )
    assert (config.target, config.content, config.mode) == ("/conf", "a=b", 0o444)


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ({"image": "w", "pid": "host"}, "services.web.pid"),
        ({"image": "w", "devices": ["/dev/kvm"]}, "services.web.devices"),
        ({"image": "w", "new_key": 1}, "services.web.new_key: not known"),
        ({"image": "w", "network_mode": "host"}, "services.web.network_mode[host]"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(service: dict[str, Any], text: str) -> None:
    with pytest.raises(PipelineError) as caught:
        make({"web": service})
    assert text in str(caught.value)


def test_what_has_no_effect_is_noted_once() -> None:
    made = make({"a": {"image": "w", "tty": True}, "b": {"image": "w", "tty": True}})
    assert [(note.key, note.users) for note in made.notes] == [("tty", ("a", "b"))]


def test_aliases_hosts_and_links() -> None:
    made = make(
        {
            "web": {
                "image": "w",
                "links": ["db:store"],
                "extra_hosts": ["e=192.0.2.7"],
                "networks": {"n": None},
            },
            "db": {"image": "d", "hostname": "h", "networks": {"n": {"aliases": ["data"]}}},
            "far": {"image": "f", "container_name": "c", "networks": {"other": None}},
        }
    )
    init = made.containers["web"].init
    assert init["aliases"] == {"data": "db", "h": "db", "store": "db"}
    assert init["hosts"] == ["192.0.2.7\te"]
