"""Whom a connection trusts."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import certifi

if TYPE_CHECKING:
    from ci.registry.hosts import Endpoint

__all__ = ["trusted", "unverified"]


def trusted(endpoint: Endpoint) -> ssl.SSLContext:
    """Return whom to trust: the system's authorities, or certifi's where it has none, and the ones given."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    folder = paths.capath
    if not paths.cafile and not (folder and os.path.isdir(folder) and os.listdir(folder)):  # noqa: PTH112, PTH208
        context.load_verify_locations(certifi.where())
    if endpoint.ca_file:
        context.load_verify_locations(endpoint.ca_file)
    return context


def unverified() -> ssl.SSLContext:
    """Return a context that trusts everybody, for what is on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
