import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.observability.exported import FOLDER
from tests.observability.promql import Labels, labels_of, metrics_of

Json = dict[str, Any]
PATHS = sorted((FOLDER / "grafana/dashboards").glob("*.json"))
COLUMNS = 24
IN_LEGEND = re.compile(r"\{\{(\w+)\}\}")
FAMILY = re.compile(r"_(bucket|sum|count)$")
LABEL_VALUES = re.compile(r"label_values\((\w+), (\w+)\)")
# A window of its own is right only where the panel's title names it: what the last hour or day cost.
WINDOW = re.compile(r"\[(\$\w+|\d+[smhd])\]")
FIXED = {"1h": "hour", "1d": "24 hours"}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.param
    return chosen


@pytest.fixture
def dashboard(path: Path) -> Json:
    loaded: Json = json.loads(path.read_text())
    return loaded


def test_there_are_four() -> None:
    assert [path.stem for path in PATHS] == ["data", "model", "overview", "service"]


def test_it_is_found_by_its_file_name_and_cannot_be_edited_away(dashboard: Json, path: Path) -> None:
    assert dashboard["uid"] == path.stem
    assert dashboard["title"]
    assert dashboard["description"]
    assert dashboard["editable"] is False


def test_every_query_goes_to_the_chosen_data_source(dashboard: Json) -> None:
    first, *others = dashboard["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    asked = [*others, *dashboard["panels"]]
    assert all(part["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for part in asked)


def test_every_panel_shows_what_the_services_export(dashboard: Json, known: dict[str, Labels]) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            labels = labels_of(target["expr"], known)
            assert set(IN_LEGEND.findall(target["legendFormat"])) <= labels, panel["title"]


def test_every_variable_is_a_label_of_its_metric_and_is_used(
    dashboard: Json, known: dict[str, Labels]
) -> None:
    queries = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    variables = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    for variable in variables:
        asked = LABEL_VALUES.fullmatch(variable["query"]["query"])
        assert asked
        assert asked[2] in known[asked[1]]
        assert asked[2] == variable["name"]
    used = set(re.findall(r"\$(\w+)", queries)) - {"__rate_interval"}
    assert used == {variable["name"] for variable in variables}


def test_every_window_follows_the_scrape_interval_or_is_named(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for window in WINDOW.findall(target["expr"]):
                assert window == "$__rate_interval" or FIXED[window] in panel["title"], panel["title"]


def test_its_panels_have_titles_and_ids_of_their_own_and_a_unit(dashboard: Json) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)


def test_its_panels_lie_beside_each_other(dashboard: Json) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    overlapping = [
        (one, other)
        for one, other in combinations(places, 2)
        if one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    ]
    assert not overlapping


def test_every_metric_of_the_services_is_on_a_dashboard(known: dict[str, Labels]) -> None:
    panels = [panel for path in PATHS for panel in json.loads(path.read_text())["panels"]]
    shown = {
        FAMILY.sub("", name)
        for panel in panels
        for target in panel["targets"]
        for name in metrics_of(target["expr"])
    }
    ours = {FAMILY.sub("", name) for name in known if name.startswith(("aip_", "http_"))}
    assert ours - shown == set()
