"""The metrics and routes of the services, read from the applications."""

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import yaml
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import REGISTRY, Metric
from prometheus_client.metrics import MetricWrapperBase

from tests.observability.promql import Labels

FOLDER = Path(__file__).parents[2] / "observability"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
# Enough settings to create every service; nothing connects before the start.
_ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "INTERNAL_TOKEN_SECRET": "s" * 32,
    "API_KEY_PEPPER": "p" * 32,
    "ADMIN_KEY": "a" * 32,
    "AZURE_OPENAI_ENDPOINT": "http://model.invalid",
    "AZURE_OPENAI_API_KEY": "key",
    "DATABASE_URL": "postgresql+asyncpg://user@postgres.invalid/db",
    "REDIS_URL": "redis://redis.invalid",
    "QDRANT_URL": "http://qdrant.invalid",
}


def scrape_config() -> dict[str, Any]:
    """Return prometheus.yml."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())
    return config


def services() -> list[str]:
    """Return the names of the project's own services that are scraped."""
    (job,) = (job for job in scrape_config()["scrape_configs"] if job["job_name"] == "aip-services")
    return [target["labels"]["service"] for target in job["static_configs"]]


def app_of(service: str) -> FastAPI:
    """Return a service's application, not started."""
    with mock.patch.dict(os.environ, _ENVIRONMENT):
        settings = _module(service, "settings").Settings()
    app: FastAPI = _module(service, "main").create_app(settings)
    return app


def routes() -> set[str]:
    """Return the templates of all services' routes: the values that the label `route` can have.

    They are those of the routes themselves, without what `include_router` may have put before them,
    because that is what a request finds in its scope.
    """
    found = [
        context.original_route
        for service in services()
        for context in iter_route_contexts(app_of(service).routes)
    ]
    return {route.path for route in found if isinstance(route, APIRoute)}


def metrics() -> dict[str, Labels]:
    """Return each series name with its labels, those that Prometheus adds to every series included."""
    for service in services():
        _module(service, "main")
    targets = {"job", "instance", "service"}
    names: dict[str, Labels] = {"up": frozenset()}
    # What a collector measures can be asked in public; which collectors there are, and their labels, cannot.
    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001
        if isinstance(collector, MetricWrapperBase):
            names |= _declared(collector.describe(), collector._labelnames)  # noqa: SLF001
        else:
            names |= _seen(collector.collect())
    return {name: labels | targets for name, labels in names.items()}


def _module(service: str, name: str) -> ModuleType:
    return importlib.import_module(f"{service.replace('-', '_')}.{name}")


def _declared(families: Iterable[Metric], labels: Iterable[str]) -> dict[str, Labels]:
    names: dict[str, Labels] = {}
    for family in families:
        for suffix in _SUFFIXES[family.type]:
            names[family.name + suffix] = frozenset(labels) | ({"le"} if suffix == "_bucket" else set())
    return names


def _seen(families: Iterable[Metric]) -> dict[str, Labels]:
    return {sample.name: frozenset(sample.labels) for family in families for sample in family.samples}
