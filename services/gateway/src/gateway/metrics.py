"""The gateway's own metrics."""

from prometheus_client import Counter, Gauge

RATE_LIMIT_DECISIONS = Counter(
    "aip_rate_limit_decisions_total", "Requests let through or refused", ["decision", "route_class"]
)
RATE_LIMIT_DEGRADED = Counter(
    "aip_rate_limit_degraded_total", "Requests limited by this process alone because Redis did not answer"
)
AUTH_FAILURES = Counter("aip_auth_failures_total", "Requests without a valid key", ["reason"])
USAGE_QUEUE_DEPTH = Gauge("aip_usage_queue_depth", "Usage records not yet in the database")
USAGE_DROPPED = Counter("aip_usage_dropped_total", "Usage records lost because the queue was full")
