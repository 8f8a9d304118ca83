"""The service's own metrics."""

from prometheus_client import Counter, Histogram

CHUNKS = Counter("aip_ingested_chunks_total", "Pieces of documents stored")
RESULTS = Histogram("aip_search_results", "Pieces found by a search", buckets=(0, 1, 2, 5, 10, 20))
QDRANT_SECONDS = Histogram(
    "aip_qdrant_request_duration_seconds", "Time of a call of Qdrant", ["operation", "outcome"]
)
