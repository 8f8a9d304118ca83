"""The recording rules, the alerts and their tests, as data."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.observability.exported import FOLDER
from tests.observability.promql import Known, Labels, labels_of

Rule = dict[str, Any]


def recording() -> list[Rule]:
    """Return the recording rules in their order."""
    return [rule for rule in _rules() if "record" in rule]


def alerts() -> list[Rule]:
    """Return the alerts."""
    return [rule for rule in _rules() if "alert" in rule]


def alert_cases() -> Iterator[tuple[str, bool]]:
    """Yield, for each tested moment of an alert, its name and whether it must fire then."""
    for path in sorted((FOLDER / "prometheus/tests").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["tests"]:
            for case in group.get("alert_rule_test", ()):
                yield case["alertname"], bool(case["exp_alerts"])


def with_recorded(exported: Known) -> dict[str, Labels]:
    """Return what is known once the rules have run; raise ContractError for a rule that cannot."""
    known = dict(exported)
    for rule in recording():
        known[rule["record"]] = labels_of(rule["expr"], known) | set(rule.get("labels", ()))
    fired = [labels_of(rule["expr"], known) | set(rule["labels"]) for rule in alerts()]
    known["ALERTS"] = frozenset({"alertname", "alertstate"}).union(*fired)
    return known


def _rules() -> Iterator[Rule]:
    # The order matters to whoever follows a rule that uses another: recorded first.
    for name in ("recording", "alerts"):
        for group in yaml.safe_load((FOLDER / f"prometheus/rules/{name}.yml").read_text())["groups"]:
            yield from group["rules"]
