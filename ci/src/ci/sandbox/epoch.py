"""The constant time in every image."""

from __future__ import annotations

__all__ = ["EPOCH"]

# 1980-01-01: the earliest time that zip files, and so Python's zipfile, support.
EPOCH = 315532800
