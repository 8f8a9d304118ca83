from __future__ import annotations

import json

import pytest

from ci.compose import model
from ci.errors import PipelineError
from ci.stack import forward


def routes(**published: tuple[str, int]) -> dict[int, tuple[str, int]]:
    services = {
        name: {"image": "x", "ports": [{"target": target, "published": host}]}
        for name, (host, target) in published.items()
    }
    return forward.routes(model.read(json.dumps({"model": {"name": "p", "services": services}})).services)


def test_each_port_of_the_host_leads_to_one_service() -> None:
    assert routes(a=("80", 8000), b=("81", 8000)) == {80: ("a", 8000), 81: ("b", 8000)}


def test_of_a_range_the_first_free_port_is_taken() -> None:
    assert routes(a=("80", 8000), b=("80-82", 9000)) == {80: ("a", 8000), 81: ("b", 9000)}


def test_a_port_that_two_services_publish_is_an_error_that_names_both() -> None:
    with pytest.raises(PipelineError, match="port 80 is published by 'b' and by 'a'"):
        routes(a=("80", 8000), b=("80", 9000))


def test_a_stack_without_published_ports_cannot_be_opened() -> None:
    with pytest.raises(PipelineError, match="publishes a port"):
        routes(a=("", 8000))
