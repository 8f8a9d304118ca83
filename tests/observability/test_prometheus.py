"""The real promtool on the real files, and the services' real metrics pages."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.observability import exported
from tests.observability.conftest import Promtool
from tests.observability.exported import FOLDER

RULES = sorted(map(str, (FOLDER / "prometheus/rules").glob("*.yml")))
TESTS = sorted(map(str, (FOLDER / "prometheus/tests").glob("*.yml")))


def test_the_configuration_is_valid_and_loads_every_file_of_rules(promtool: Promtool) -> None:
    output = promtool("check", "config", str(FOLDER / "prometheus/prometheus.yml"))
    assert f"{len(RULES)} rule files found" in output


def test_the_rules_are_valid_without_a_duplicate(promtool: Promtool) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_the_rules_do_what_their_tests_say(promtool: Promtool) -> None:
    output = promtool("test", "rules", *TESTS)
    assert output.count("SUCCESS") == len(TESTS)


@pytest.fixture(params=exported.services())
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def page(service: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(exported.app_of(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get("/metrics")


@pytest.mark.anyio
async def test_prometheus_reads_a_services_page(page: httpx2.Response, promtool: Promtool) -> None:
    # Prometheus 3 refuses a page without one of the types it knows.
    assert page.headers["content-type"].startswith("text/plain; version=")
    promtool("check", "metrics", text=page.text)


@pytest.mark.anyio
async def test_a_service_names_itself_as_prometheus_names_it(page: httpx2.Response, service: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert service in {sample.labels["service"] for sample in families["aip_build_info"].samples}


def test_each_service_is_asked_at_its_own_name() -> None:
    targets = {
        static["labels"]["service"]: static["targets"]
        for job in exported.scrape_config()["scrape_configs"]
        for static in job["static_configs"]
    }
    assert targets.pop("prometheus") == ["localhost:9090"]
    assert targets.pop("qdrant") == ["qdrant:6333"]
    assert targets == {name: [f"{name}:8000"] for name in exported.services()}
