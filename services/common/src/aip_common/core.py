"""The objects that `create_app` adds to every application, for its endpoints."""

from dataclasses import dataclass

from fastapi import FastAPI, Request

from aip_common.readiness import Readiness
from aip_common.settings import Settings


@dataclass(frozen=True)
class Core:
    """The objects that every service has."""

    service: str
    version: str
    settings: Settings
    readiness: Readiness


def core_of(where: Request | FastAPI) -> Core:
    """Return the core of an application, or of the application that serves a request."""
    app = where.app if isinstance(where, Request) else where
    core = app.state.core
    if not isinstance(core, Core):
        raise TypeError("the application was not made by aip_common.app.create_app")
    return core
