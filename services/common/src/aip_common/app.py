"""Create the base application of every service."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version as installed_version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from aip_common import metrics, problems
from aip_common.core import Core, core_of
from aip_common.middleware import RequestMiddleware
from aip_common.readiness import Readiness
from aip_common.settings import Settings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    service: str,
    settings: Settings,
    *,
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    body_limits: Mapping[str, int] | None = None,
) -> FastAPI:
    """Create an application with probes, metrics, problem documents and request handling around the routers.

    `service` is the name of the distribution; `body_limits` are exceptions to MAX_BODY_BYTES by path.
    """
    version = installed_version(service)
    open_docs = settings.environment != "production"
    app = FastAPI(
        title=service,
        version=version,
        lifespan=lifespan,
        openapi_url="/openapi.json" if open_docs else None,
        docs_url="/docs" if open_docs else None,
        redoc_url=None,
    )
    app.state.core = Core(service, version, settings, Readiness(service))
    app.add_middleware(
        RequestMiddleware,
        service=service,
        max_body_bytes=settings.max_body_bytes,
        body_limits=body_limits or {},
    )
    problems.install(app)
    app.include_router(_probes)
    for router in routers:
        app.include_router(router)
    metrics.build_info(service, version, settings.revision)
    return app


_probes = APIRouter(include_in_schema=False)


@_probes.get("/health")
async def _health(request: Request) -> dict[str, str]:
    core = core_of(request)
    return {
        "status": "ok",
        "service": core.service,
        "version": core.version,
        "revision": core.settings.revision,
    }


@_probes.get("/ready")
async def _ready(request: Request) -> dict[str, Any]:
    return await core_of(request).readiness.answer()


@_probes.get("/metrics")
async def _metrics(request: Request) -> Response:
    # Otherwise no request may check the dependencies, and the alert on them would not fire.
    await core_of(request).readiness.refresh()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
