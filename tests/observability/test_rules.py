import re

import httpx2
import openai
import pytest
from aip_common.llm_errors import failure_of

from tests.observability import exported, rules
from tests.observability.promql import ContractError, Labels, labels_of, matchers_of

IN_TEXT = re.compile(r"\$labels\.(\w+)")
ALERTS = {rule["alert"]: rule for rule in rules.alerts()}


@pytest.mark.parametrize("rule", rules.recording(), ids=lambda rule: rule["record"])
def test_a_recorded_series_is_named_by_the_labels_it_keeps(
    rule: rules.Rule, known: dict[str, Labels]
) -> None:
    level = rule["record"].split(":")[0]
    assert known[rule["record"]] == set(level.split("_"))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_uses_and_names_what_the_services_export(name: str, known: dict[str, Labels]) -> None:
    rule = ALERTS[name]
    labels = labels_of(rule["expr"], known)
    assert set(IN_TEXT.findall(rule["annotations"]["summary"])) <= labels


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_severity_and_a_section_of_the_runbook(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["runbook"] == f"observability/runbook.md#{name.lower()}"


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    sections = re.findall(r"^## (\w+)$", (exported.FOLDER / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
@pytest.mark.parametrize("fires", [True, False], ids=["fires", "quiet"])
def test_an_alert_is_tested_both_ways(name: str, *, fires: bool) -> None:
    assert (name, fires) in set(rules.alert_cases())


def test_each_route_that_a_rule_names_is_served(routes: set[str]) -> None:
    patterns = {
        part
        for rule in [*rules.recording(), *rules.alerts()]
        for _, label, value in matchers_of(rule["expr"])
        if label == "route"
        for part in _alternatives(value)
    }
    assert patterns
    unserved = [pattern for pattern in patterns if not any(re.fullmatch(pattern, route) for route in routes)]
    assert not unserved


def test_each_outcome_of_the_model_that_a_rule_names_can_happen() -> None:
    request = httpx2.Request("POST", "http://model")
    statuses = {401: openai.AuthenticationError, 429: openai.RateLimitError}
    outcomes = {
        failure_of(error("", response=httpx2.Response(status, request=request), body=None))[0]
        for status, error in statuses.items()
    }
    named = {
        value
        for rule in rules.alerts()
        for metric, label, value in matchers_of(rule["expr"])
        if (metric, label) == ("aip_llm_requests_total", "outcome")
    }
    assert named == outcomes


@pytest.fixture(scope="module")
def routes() -> set[str]:
    return exported.routes()


def _alternatives(pattern: str) -> list[str]:
    """Split `a|b` and `x(a|b)` into their cases."""
    prefix, bracket, inner = pattern.partition("(")
    return [prefix + case for case in inner.removesuffix(")").split("|")] if bracket else pattern.split("|")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("rate(b_total[5m])", "no service exports 'b_total'"),
        ('rate(a_total{colour="red"}[5m])', r"no label \['colour'\]"),
        ("sum by (colour) (rate(a_total[5m]))", r"no label \['colour'\]"),
        ("histogram_quantile(0.9, sum by (service) (rate(a_total[5m])))", r"no label \['le'\]"),
        ("sum by (service) (rate(a_total[5m])) / rate(a_total[5m])", "can never match"),
        ("rate(a_total[5m]) / on (service) rate(a_total[5m])", "not understood"),
    ],
)
def test_a_query_that_could_give_nothing_is_found(query: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        labels_of(query, {"a_total": frozenset({"service", "route"})})


def test_the_labels_of_a_result_are_those_that_aggregation_keeps() -> None:
    known = {"a_bucket": frozenset({"service", "route", "le"})}
    rate = 'rate(a_bucket{service=~"$service"}[$__rate_interval])'
    query = f"histogram_quantile(0.9, sum without (route) ({rate})) > 2"
    assert labels_of(query, known) == {"service"}
    assert labels_of("sum(rate(a_bucket[5m])) * 2", known) == set()
