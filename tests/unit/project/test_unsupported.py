"""What a sandbox cannot have is refused by name; what Docker can do is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from ci.project import limits, unsupported
from tests.raised import raises
from tests.unit.project.reading import project

if TYPE_CHECKING:
    from pathlib import Path

    from ci.project.model import ComposeModel


def read(folder: Path, service: str, rest: str = "") -> ComposeModel:
    text = f"services: {{web: {{image: x, {service}}}, other: {{image: y}}}}\n{rest}"
    assert yaml.safe_load(text)
    (folder / "compose.yaml").write_text(text)
    for name in ("inner", "c.json"):
        (folder / name).write_text("a=b\n")
    return project(folder)


REFUSED = [
    ("volumes: ['/etc:/etc:ro']", "services.web.volumes: /etc", ""),
    ("volumes: ['~/x:/x']", "services.web.volumes: /", ""),
    ("volumes: ['../x:/x']", "services.web.volumes: /", ""),
    ("volumes: ['/:/host']", "services.web.volumes: /", ""),
    ("volumes: ['/var/run/docker.sock:/x']", "services.web.volumes: /var/run/docker.sock", ""),
    ("volumes: ['/run/docker.sock:/x']", "services.web.volumes: /run/docker.sock", ""),
    (
        "volumes: ['vol:/x']",
        "volumes.vol.driver_opts.device: /srv",
        "volumes: {vol: {driver_opts: {type: none, o: bind, device: /srv}}}",
    ),
    ("use_api_socket: true", "services.web.use_api_socket: True", ""),
    ("env_file: [{path: ../x.env, required: false}]", "services.web.env_file: /", ""),
    ("build: {context: ..}", "services.web.build.context: /", ""),
    ("build: {context: ., dockerfile: ../../x}", "services.web.build.dockerfile: /", ""),
    ("build: {context: ., additional_contexts: {a: ../a}}", "services.web.build.additional_contexts: /", ""),
    ("secrets: [s]", "secrets.s.file: /", "secrets: {s: {file: ~/.ssh/id}}"),
    ("build: {context: ., secrets: [s]}", "secrets.s.file: /", "secrets: {s: {file: ../s}}"),
    ("configs: [c]", "configs.c.file: /etc/c", "configs: {c: {file: /etc/c}}"),
    ("secrets: [s]", "secrets.s.external: ", "secrets: {s: {external: true}}"),
    ("configs: [c]", "configs.c.external: ", "configs: {c: {external: true}}"),
    ("devices: ['/dev/kvm']", "services.web.devices: source=/dev/kvm", ""),
    ("devices: ['vendor.com/gpu=all']", "services.web.devices: source=vendor.com/gpu=all", ""),
    ("gpus: all", "services.web.gpus: ", ""),
    ("device_cgroup_rules: ['c 1:3 mr']", "services.web.device_cgroup_rules: c 1:3 mr", ""),
    (
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}",
        "services.web.deploy.resources.reservations.devices: capabilities=gpu",
        "",
    ),
    ("deploy: {mode: global}", "services.web.deploy.mode: global", ""),
    ("deploy: {mode: replicated-job}", "services.web.deploy.mode: replicated-job", ""),
    (
        "deploy: {placement: {constraints: ['node.role==x']}}",
        "services.web.deploy.placement: constraints",
        "",
    ),
    ("deploy: {endpoint_mode: vip}", "services.web.deploy.endpoint_mode: vip", ""),
    ("networks: [n]", "networks.n.driver: overlay", "networks: {n: {driver: overlay}}"),
    ("provider: {type: cloud}", "services.web.provider: cloud", ""),
    ("models: [m]", "services.web.models: m", "models: {m: {model: ai/m}}"),
    ("isolation: hyperv", "services.web.isolation: hyperv", ""),
    ("build: {context: ., isolation: hyperv}", "services.web.build.isolation: hyperv", ""),
    ("credential_spec: {file: c.json}", "services.web.credential_spec: file=", ""),
]


@pytest.mark.parametrize(("service", "line", "rest"), REFUSED)
def test_it_is_refused_with_its_key_and_value(tmp_path: Path, service: str, line: str, rest: str) -> None:
    found = read(tmp_path, service, rest)
    (refusal,) = unsupported.found(found, found.services)
    assert f"{refusal.place}: {refusal.value}".startswith(line)
    with raises("compose.refused-keys") as caught:
        unsupported.check(found, found.services)
    for text in (line, refusal.rule.reason, refusal.rule.way_out):
        assert text in str(caught.value)
    unsupported.check(found, {"other": found.services["other"]})


ALLOWED = [
    ("volumes: ['./data:/data', 'vol:/v', '/anonymous']", "volumes: {vol: {}}"),
    ("volumes: ['.:/all', '${PWD}/conf:/conf']", ""),
    (
        "volumes: ['vol:/v']",
        "volumes: {vol: {driver: local, driver_opts: {type: nfs, o: addr=192.0.2.1, device: ':/x'}}}",
    ),
    ("env_file: inner", ""),
    ("build: {context: ., additional_contexts: {a: ./a, b: 'https://example.com/x.git'}}", ""),
    ("build: {context: 'https://example.com/x.git'}", ""),
    ("secrets: [s]", "secrets: {s: {file: ./s}}"),
    ("network_mode: host, pid: host, ipc: host", ""),
    ("deploy: {mode: replicated, replicas: 2, labels: {a: b}, update_config: {parallelism: 1}}", ""),
    ("privileged: true, cap_add: [ALL], sysctls: {net.core.somaxconn: 5}, cgroup_parent: x, runtime: x", ""),
    ("networks: [n]", "networks: {n: {driver: macvlan, external: false}}"),
]


@pytest.mark.parametrize(("service", "rest"), ALLOWED)
def test_what_docker_can_do_is_not_refused(tmp_path: Path, service: str, rest: str) -> None:
    found = read(tmp_path, service, rest)
    unsupported.check(found, found.services)


def test_all_of_it_is_one_error(tmp_path: Path) -> None:
    found = read(tmp_path, "devices: ['/dev/kvm'], deploy: {mode: global}, volumes: ['/a:/a', '/b:/b']")
    assert len(unsupported.found(found, found.services)) == 4
    with raises("compose.refused-keys", match=r"^4 key\(s\)"):
        unsupported.check(found, found.services)


def test_external_volumes_and_networks_are_listed_and_not_refused(tmp_path: Path) -> None:
    rest = "volumes: {vol: {external: true, name: old}}\nnetworks: {n: {external: true}}"
    found = read(tmp_path, "volumes: ['vol:/v'], networks: [n]", rest)
    unsupported.check(found, found.services)
    assert unsupported.external(found.definition) == ["volumes.vol (old)", "networks.n (n)"]


def test_docker_s_own_networks_are_not_created(tmp_path: Path) -> None:
    found = read(tmp_path, "networks: [n]", "networks: {n: {external: true, name: host}}")
    assert unsupported.external(found.definition) == []


@pytest.mark.parametrize(
    "source", ["//var/run/docker.sock", "/run/user/1000/docker.sock", "/run/docker.sock/"]
)
def test_docker_s_socket_is_known_by_its_name(tmp_path: Path, source: str) -> None:
    found = read(tmp_path, f"volumes: ['{source}:/var/run/docker.sock']")
    (refusal,) = unsupported.found(found, found.services)
    assert refusal.rule == limits.SOCKET


def test_a_link_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/mnt/disk/data")
    (tmp_path / "inner").symlink_to("folder")
    found = read(tmp_path, "volumes: ['./data:/data', './inner:/inner']")
    (refusal,) = unsupported.found(found, found.services)
    assert (refusal.rule, refusal.value) == (limits.OUTSIDE, "/project/data -> /mnt/disk/data")


def test_the_host_s_namespaces_are_listed(tmp_path: Path) -> None:
    found = read(tmp_path, "network_mode: host, pid: host")
    assert unsupported.shared(found.services) == ["services.web.network_mode", "services.web.pid"]
