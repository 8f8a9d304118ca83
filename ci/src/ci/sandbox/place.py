"""Paths in the sandbox's container."""

from __future__ import annotations

__all__ = ["IMAGES", "PROJECT", "STATE", "WORKDIR"]

WORKDIR = "/ci"
PROJECT = "/project"
STATE = "/var/lib/sandbox"
IMAGES = f"{STATE}/images"
