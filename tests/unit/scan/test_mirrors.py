from __future__ import annotations

import pytest

from ci.references import ImagesMap
from ci.scan import mirrors
from tests.raised import raises

NOTHING = ImagesMap({})
CLOSED = ImagesMap(
    {
        "mirror.gcr.io/aquasec/trivy-db:2": None,
        "ghcr.io/aquasecurity/trivy-db:2": "127.0.0.1:5000/aquasecurity/trivy-db:2",
    }
)


def test_trivy_s_own_mirrors_in_their_order_by_default() -> None:
    assert mirrors.resolve([], NOTHING, service=False) == mirrors.Mirrors(mirrors.DEFAULT)


def test_named_mirrors_replace_them() -> None:
    wanted = ["registry.example/trivy-db:2", "other.example/trivy-db:2"]
    assert mirrors.resolve(wanted, NOTHING, service=False).references == tuple(wanted)


def test_a_registry_on_this_machine_gets_another_name_inside() -> None:
    found = mirrors.resolve([], CLOSED, service=True)
    assert found.references == ("registry:5000/aquasecurity/trivy-db:2",)
    assert (found.bound, found.alias) == ("registry:5000", "registry")
    assert found.as_given("from registry:5000/a") == "from 127.0.0.1:5000/a"


def test_without_it_the_error_says_how_to_lend_it() -> None:
    with raises("scan.mirror-loopback", match=r"containers cannot reach 127\.0\.0\.1:5000") as caught:
        mirrors.resolve([], CLOSED, service=False)
    assert "--database-registry tcp://127.0.0.1:5000" in caught.value.hint


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000"])
def test_loopback_has_several_names(host: str) -> None:
    assert mirrors.resolve([f"{host}/db:2"], NOTHING, service=True).references == ("registry:5000/db:2",)


def test_other_mirrors_stay_as_they_are_beside_it() -> None:
    wanted = ["a.example/trivy-db:2", "127.0.0.1:5000/trivy-db:2"]
    found = mirrors.resolve(wanted, NOTHING, service=True)
    assert found.references == ("a.example/trivy-db:2", "registry:5000/trivy-db:2")


def test_a_service_stands_for_the_first_mirror_where_none_is_local() -> None:
    found = mirrors.resolve(["registry.example:5000/trivy-db:2"], NOTHING, service=True)
    assert (found.bound, found.alias) == ("registry.example:5000", "registry.example")
    assert found.as_given("registry.example:5000/x") == "registry.example:5000/x"


def test_an_images_map_may_name_an_image_that_has_the_database() -> None:
    assert mirrors.image(CLOSED) == mirrors.image(ImagesMap({mirrors.IMAGE: None})) == ""
    assert (
        mirrors.image(ImagesMap({"trivy-db:2": "127.0.0.1:5000/db-image:2"})) == "127.0.0.1:5000/db-image:2"
    )


def test_no_mirror_at_all_is_an_error() -> None:
    closed = ImagesMap(dict.fromkeys(mirrors.DEFAULT))
    with raises("scan.mirrors-not-mapped"):
        mirrors.resolve([], closed, service=False)


def test_the_registry_that_images_go_to_may_have_the_database_or_not() -> None:
    assert mirrors.is_mirror("127.0.0.1:5000", [], CLOSED)
    assert not mirrors.is_mirror("127.0.0.1:5001", [], CLOSED)
    assert not mirrors.is_mirror("127.0.0.1:5000", ["registry.example/trivy-db:2"], CLOSED)
    assert mirrors.is_mirror("registry.example", ["registry.example/trivy-db:2"], CLOSED)
