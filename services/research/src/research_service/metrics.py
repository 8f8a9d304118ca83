"""The jobs' own metrics."""

from prometheus_client import Counter, Gauge, Histogram

JOBS = Counter("aip_jobs_total", "Jobs by how they ended", ["outcome"])
JOB_SECONDS = Histogram(
    "aip_job_duration_seconds",
    "Time from the order to the end",
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600),
)
QUEUE_DEPTH = Gauge("aip_job_queue_depth", "Jobs that no worker has")
QUEUE_OLDEST_SECONDS = Gauge("aip_job_queue_oldest_seconds", "Age of the oldest of them, 0 for none")
REDELIVERIES = Counter("aip_job_redeliveries_total", "Jobs taken over from a worker that went silent")
