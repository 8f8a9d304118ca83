import json
from typing import Any

import yaml

from tests.observability import exported
from tests.observability.exported import FOLDER


def _provisioned(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "grafana/provisioning" / name).read_text())
    return loaded


def test_the_data_source_is_the_one_the_dashboards_begin_with() -> None:
    (source,) = _provisioned("datasources/prometheus.yml")["datasources"]
    for path in (FOLDER / "grafana/dashboards").glob("*.json"):
        current = json.loads(path.read_text())["templating"]["list"][0]["current"]
        assert current == {"text": source["name"], "value": source["uid"]}


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    (source,) = _provisioned("datasources/prometheus.yml")["datasources"]
    assert source["jsonData"]["timeInterval"] == exported.scrape_config()["global"]["scrape_interval"]


def test_the_dashboards_in_the_files_are_the_only_truth() -> None:
    (provider,) = _provisioned("dashboards/provider.yml")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
