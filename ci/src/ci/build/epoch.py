"""The one time in every image."""

from __future__ import annotations

__all__ = ["EPOCH"]

# 1980-01-01: the earliest time that a zip file, and so Python's zipfile, can hold.
EPOCH = 315532800
