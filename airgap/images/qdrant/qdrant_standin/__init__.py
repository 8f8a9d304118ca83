"""A stand-in for Qdrant's server: a subset of its REST API over qdrant-edge-py, Qdrant's engine in-process.

It is for tests on machines where the server's image cannot be had. What it does not know it refuses.
"""

__all__ = ["TITLE", "VERSION"]

TITLE = "qdrant stand-in (qdrant-edge-py behind a subset of the REST API)"
VERSION = "1.19.1"  # the server's, whose API this follows
