"""Metrics common to the services: base units, few labels, never a tenant or a key.

They are in the process-wide registry, because each container has one process.
"""

import platform

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

BUILD_INFO = Gauge("aip_build_info", "What runs here", ["service", "version", "revision", "python"])
REQUESTS = Counter(
    "http_server_requests_total", "Requests answered", ["service", "method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    "Time until the last byte of the answer",
    ["service", "method", "route"],
    buckets=_SECONDS,
)
FIRST_BYTE_SECONDS = Histogram(
    "http_server_time_to_first_byte_seconds",
    "Time until the first byte of the answer",
    ["service", "route"],
    buckets=_SECONDS,
)
ACTIVE = Gauge("http_server_active_requests", "Requests being answered now", ["service"])
CLIENT_SECONDS = Histogram(
    "http_client_request_duration_seconds",
    "Time of a call to another service or store until its answer's head",
    ["service", "upstream", "outcome"],
    buckets=_SECONDS,
)
BREAKER_STATE = Gauge("aip_circuit_breaker_state", "0 closed, 1 half-open, 2 open", ["service", "upstream"])
DEPENDENCY_UP = Gauge("aip_dependency_up", "1 if the last readiness check passed", ["service", "dependency"])
LLM_REQUESTS = Counter(
    "aip_llm_requests_total", "Calls of the model", ["service", "operation", "model", "outcome"]
)
LLM_SECONDS = Histogram(
    "aip_llm_request_duration_seconds",
    "Time of a call of the model until its last token",
    ["service", "operation", "model"],
    buckets=_SECONDS,
)
LLM_FIRST_TOKEN_SECONDS = Histogram(
    "aip_llm_time_to_first_token_seconds",
    "Time until a streamed answer's first piece",
    ["service", "operation", "model"],
    buckets=_SECONDS,
)
LLM_TOKENS = Counter("aip_llm_tokens_total", "Tokens used", ["service", "model", "direction"])
LLM_COST = Counter("aip_llm_cost_usd_total", "Cost by the configured prices", ["service", "model"])


def build_info(service: str, version: str, revision: str) -> None:
    """Publish the version of this process's build."""
    BUILD_INFO.labels(service, version, revision, platform.python_version()).set(1)
