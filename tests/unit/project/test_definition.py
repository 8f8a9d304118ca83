"""What Compose prints, converted: the values that are read, and those that have another type."""

from __future__ import annotations

from typing import Any

import pytest

from ci.project import definition
from tests.raised import raises

WEB = {
    "image": "web:1",
    "entrypoint": None,
    "command": ["serve", "--port=80"],
    "networks": {"inner": None},
    "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}],
    "unknown": {"of": ["Compose"]},
}


def read(**printed: Any) -> definition.Definition:  # noqa: ANN401 - JSON
    return definition.read({"name": "shop", "services": {"web": WEB}, **printed})


def test_keys_that_nothing_reads_are_ignored() -> None:
    found = read(**{"x-own": 1}, volumes={"data": {"name": "shop_data", "labels": {"a": "b"}}})
    assert found.services["web"].image == "web:1"
    assert found.volumes["data"].name == "shop_data"


def test_a_resource_without_keys_has_the_defaults() -> None:
    found = read(networks={"inner": None}, volumes={"data": {}})
    assert found.networks == {"inner": definition.Network()}
    assert found.volumes == {"data": definition.Volume()}


def test_the_names_that_services_use_are_those_of_mounts_and_networks() -> None:
    assert (read().mounted, read().joined) == ({"data"}, {"inner"})


@pytest.mark.parametrize(
    ("command", "words"),
    [(["a b", "c"], ("run", "a b", "c")), ("a b", ("run", "a b")), (None, ("run",)), ([], ("run",))],
)
def test_a_command_that_is_not_split_yet_is_one_word(command: object, words: tuple[str, ...]) -> None:
    found = read(services={"web": {"entrypoint": ["run"], "command": command}})
    assert found.services["web"].words == words


def test_files_that_compose_reads_again_are_paths_or_maps_with_one() -> None:
    found = read(
        services={"web": {"env_file": ["/a", {"path": "/b", "required": False}], "label_file": ["/c"]}}
    )
    assert found.services["web"].files == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("printed", "place", "inner"),
    [
        ({"name": 1}, "name", ""),
        ({"services": ["web"]}, "services", ""),
        ({"services": {"web": "x"}}, "services.web", ""),
        ({"services": {"web": {"image": ["x"]}}}, "services.web", "$.image"),
        ({"services": {"web": {"ports": [{"target": "80"}]}}}, "services.web", "$.ports[0].target"),
        ({"services": {"web": {"ports": [{}]}}}, "services.web", "$.ports[0]"),
        ({"services": {"web": {"devices": ["/dev/kvm"]}}}, "services.web", "$.devices[0]"),
        ({"services": {"web": {"build": {"secrets": ["key"]}}}}, "services.web", "$.build.secrets[0]"),
        ({"networks": {"inner": {"external": "yes"}}}, "networks.inner", "$.external"),
        ({"volumes": {"data": {"driver_opts": {"o": 1}}}}, "volumes.data", "$.driver_opts"),
        ({"secrets": {"key": {"file": {}}}}, "secrets.key", "$.file"),
        ({"configs": {"conf": [1]}}, "configs.conf", ""),
    ],
)
def test_a_value_of_another_type_is_one_error_with_its_place(
    printed: dict[str, Any], place: str, inner: str
) -> None:
    with raises("compose.output-unexpected") as caught:
        read(**printed)
    assert caught.value.what.startswith(f"{place}: ")
    assert inner in caught.value.details
