"""The ports that a stack has for the outside."""

from __future__ import annotations

from typing import Any

import pytest

from ci.stack import published
from ci.stack.model import Model
from ci.stack.published import Port
from tests.raised import raises


def model(**services: dict[str, Any]) -> Model:
    return Model("shop", "/project", {"name": "shop", "services": services}, (), (), (), ())


def port(target: int, public: str | None = None, **item: Any) -> dict[str, Any]:  # noqa: ANN401 - of Compose
    given = {} if public is None else {"published": public}
    return {"mode": "ingress", "target": target, "protocol": "tcp", **given, **item}


def test_published_ports_are_those_of_all_services_in_order() -> None:
    found = model(
        web={"ports": [port(80, "8080"), port(53, "53", protocol="udp"), port(53, "53")]},
        replicas={"ports": [port(90, "9000-9002")]},
        db={},
    )
    expected = [Port(53), Port(53, "udp"), Port(8080), Port(9000), Port(9001), Port(9002)]
    assert published.ports(found) == expected


@pytest.mark.parametrize("public", [None, "", "0"])
def test_a_port_that_docker_chooses_is_not_among_them(public: str | None) -> None:
    found = model(web={"ports": [port(80, public), port(81, "8081")]})
    assert published.ports(found) == [Port(8081)]
    with raises("stack.no-ports"):
        published.ports(model(web={"ports": [port(80, public)]}))


@pytest.mark.parametrize("services", [{"web": {}}, {"web": {"ports": []}}, {"web": {"expose": ["80"]}}])
def test_a_stack_without_published_ports_is_refused(services: dict[str, Any]) -> None:
    with raises("stack.no-ports"):
        published.ports(model(**services))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (port(80, "8080", host_ip="127.0.0.1"), port(80, "8080", host_ip="127.0.0.2")),
        (port(80, "8000-8010"), port(81, "8010")),
        (port(80, "53", protocol="udp"), port(53, "53", protocol="udp")),
    ],
)
def test_a_port_of_two_services_is_refused_with_both_names(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    with raises("stack.port-published-twice") as caught:
        published.ports(model(web={"ports": [one]}, api={"ports": [other]}))
    number, protocol = other["published"], other["protocol"]
    assert all(word in caught.value.what for word in ("'web'", "'api'", f"{number}/{protocol}"))


def test_a_service_may_publish_a_port_at_two_addresses() -> None:
    both = [port(80, "8080", host_ip="127.0.0.1"), port(80, "8080", host_ip="::1")]
    found = model(web={"ports": both})
    assert published.ports(found) == [Port(8080)]
    assert published.everywhere(found).written["web"]["ports"] == [port(80, "8080")]


def test_ports_are_published_at_every_address_of_the_container() -> None:
    before = model(web={"image": "w", "ports": [port(80, "8080", host_ip="127.0.0.1")]}, db={"image": "d"})
    after = published.everywhere(before)
    assert after.written == {"web": {"image": "w", "ports": [port(80, "8080")]}, "db": {"image": "d"}}
    assert before.written["web"]["ports"][0]["host_ip"] == "127.0.0.1"
    assert (after.project, after.folder) == (before.project, before.folder)


@pytest.mark.parametrize(
    ("service", "exposed", "expected"),
    [
        ({"ports": [port(80, "8080")]}, [], [Port(80)]),
        ({"ports": [port(80), port(53, "5353", protocol="udp")]}, [], [Port(53, "udp"), Port(80)]),
        ({"expose": ["8000", "9000-9001/tcp", "53"]}, [], [Port(53), Port(8000), Port(9000), Port(9001)]),
        ({}, ["6379/tcp", "53/udp"], [Port(53, "udp"), Port(6379)]),
        ({"ports": [port(80, "1")], "expose": ["80", "81"]}, ["80/tcp"], [Port(80), Port(81)]),
    ],
)
def test_one_service_has_its_ports_as_the_same_numbers(
    service: dict[str, Any], exposed: list[str], expected: list[Port]
) -> None:
    before = model(web={"image": "w", **service}, other={"image": "o", "ports": [port(1, "1")]})
    after, ports = published.of_service(before, "web", exposed)
    assert ports == expected
    listed = after.written["web"].pop("ports")
    assert [(each["target"], each["published"], each["protocol"]) for each in listed] == [
        (each.number, str(each.number), each.protocol) for each in expected
    ]
    assert published.ports(model(web={"ports": listed})) == expected
    assert after.written["other"] == {"image": "o"}
    assert "ports" in before.written["other"]


def test_a_service_without_a_port_is_refused() -> None:
    with raises("stack.service-without-port", match="'web'"):
        published.of_service(model(web={}, other={"ports": [port(1, "1")]}), "web", [])
