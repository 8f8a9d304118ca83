"""What the sandbox gets of a machine's addresses, links and networks."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ci.project import notes
from ci.references import parse
from ci.stack import model, plan
from tests.unit.stack.test_model import make, read

if TYPE_CHECKING:
    from pathlib import Path


def test_one_port_of_two_addresses_of_another_machine_stays_two_ports(tmp_path: Path) -> None:
    text = "services: {a: {image: a, ports: ['10.0.0.2:53:53/udp', '10.0.0.2:80:80']}, "
    made = make(read(tmp_path, text + "b: {image: b, ports: ['10.0.0.1:53:53/udp', '10.0.0.1:80:80/udp']}}"))
    found = {name: [port.get("host_ip") for port in item["ports"]] for name, item in made.written.items()}
    assert found == {"a": ["127.1.0.2", None], "b": ["127.1.0.1", None]}


def test_a_link_brings_along_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "releases" / "2").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/latest")
    (tmp_path / "releases" / "latest").symlink_to("../releases/2")
    (tmp_path / "key.txt").symlink_to("releases/2/key.txt")
    text = (
        "services: {web: {image: w, volumes: ['./current/conf:/conf', './plain:/plain'], secrets: [key]}}\n"
    )
    made = make(read(tmp_path, text + "secrets: {key: {file: key.txt}}"))
    key = ("key.txt", "releases/2/conf", "releases/2/key.txt", "releases/latest")
    assert made.paths == ("current", *key[:1], "plain", *key[1:])


def test_an_external_network_is_created_once_and_docker_s_own_never(tmp_path: Path) -> None:
    services = "services: {a: {image: a, networks: [one, two]}, b: {image: b, networks: [host]}}\n"
    shared = "networks: {one: &n {external: true, name: shared}, two: *n, host: {external: true}}"
    assert make(read(tmp_path, services + shared)).networks == ("shared",)


def test_a_variable_with_a_random_value_is_not_called_empty(tmp_path: Path) -> None:
    service = "{image: w, environment: {KEY: '${KEY}'}, secrets: [key]}"
    found = read(tmp_path, f"services: {{web: {service}}}\nsecrets: {{key: {{environment: KEY}}}}")
    assert [line.partition(" (")[0] for line in notes.of(found)] == ["KEY gets a random value for each run"]


@pytest.mark.parametrize("service", ["Web", "web-", "_web", "a._b"])
def test_a_built_service_has_a_valid_tag_whatever_its_name(service: str) -> None:
    tag = model.tag("shop", service, "")
    assert parse(tag, where="test").without_digest == tag
    assert tag != model.tag("shop", service.lower() + "x", "")
    assert model.tag("shop", "web.api_v2--x", "") == "shop-web.api_v2--x:latest"


def test_a_service_runs_what_another_one_tags(tmp_path: Path) -> None:
    web = "{build: {context: ., tags: ['shop/web:dev', 'registry.example/web']}}"
    found = read(tmp_path, f"services: {{web: {web}}}").services["web"]
    image: Any = SimpleNamespace(service=found)
    assert dict(plan._built({"web": "shop-web:latest"}, {"web": image})) == {  # noqa: SLF001
        **dict.fromkeys(("shop/web:dev", "registry.example/web:latest"), "shop-web:latest"),
        "shop-web:latest": "shop-web:latest",
    }


@pytest.mark.parametrize(
    ("addresses", "subnet", "gateway"),
    [
        (["172.20.0.5", "172.20.0.6"], "172.20.0.0/24", "172.20.0.1"),
        (["10.5.0.1", "10.5.9.2"], "10.5.0.0/16", "10.5.0.2"),
        (["10.5.0.1", "10.5.255.254"], "10.5.0.0/16", "10.5.0.2"),
    ],
)
def test_an_external_network_has_the_fixed_addresses_of_its_services(
    addresses: list[str], subnet: str, gateway: str, tmp_path: Path
) -> None:
    services = {
        f"s{number}": {"image": "w", "networks": {"n": {"ipv4_address": each}}}
        for number, each in enumerate(addresses)
    }
    networks = {"n": {"external": True, "name": "shared"}}
    made = make(read(tmp_path, json.dumps({"services": services, "networks": networks})))
    assert made.subnets == {"shared": {"Subnet": subnet, "Gateway": gateway}}


def test_an_image_named_by_the_project_s_folder_gets_a_note(tmp_path: Path) -> None:
    services = "{web: {build: .}, job: {image: shop-web}, own: {image: here-web}, db: {image: team/shop-web}}"
    (line,) = notes.of(read(tmp_path, f"name: here\nservices: {services}"))
    assert line.startswith("services.job.image: shop-web is not what the service web builds")
    assert "set `name: shop`" in line
