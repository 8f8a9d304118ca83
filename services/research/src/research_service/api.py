"""The endpoints."""

from typing import Annotated

from aip_common import sse
from aip_common.core import core_of
from aip_common.identity import CallerDep
from aip_common.problems import Problem
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel

from research_service.jobs import Jobs
from research_service.models import Job, JobRequest, JobSummary, Status
from research_service.settings import Settings

RETRY_AFTER_SECONDS = 2

router = APIRouter()


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


JobsDep = Annotated[Jobs, Depends(_jobs)]
EventId = Annotated[str, Header(pattern=r"^[0-9]{1,20}-[0-9]{1,20}$")]


class Receipt(BaseModel):
    """A job and its status."""

    job_id: str
    status: Status


@router.post("/jobs", status_code=202)
async def order(
    request: Request, response: Response, body: JobRequest, jobs: JobsDep, caller: CallerDep
) -> Receipt:
    """Add a job to the queue; `Location` is its URL."""
    settings = core_of(request).settings
    if not body.sources and isinstance(settings, Settings) and settings.knowledge_url is None:
        raise Problem(422, "no_sources", "this service has no KNOWLEDGE_URL; give the job its own sources")
    job_id = await jobs.submit(body, caller)
    response.headers["Location"] = f"/jobs/{job_id}"
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Receipt(job_id=job_id, status="queued")


@router.get("/jobs")
async def list_jobs(
    jobs: JobsDep, caller: CallerDep, status: Status | None = None
) -> dict[str, list[JobSummary]]:
    """Return the latest hundred jobs of the tenant, newest first."""
    return {"jobs": await jobs.latest(caller, status)}


@router.get("/jobs/{job_id}")
async def read(job_id: str, jobs: JobsDep, caller: CallerDep) -> Job:
    """Return a job, with its report if there is one."""
    return await jobs.read(job_id, caller)


@router.delete("/jobs/{job_id}", status_code=202)
async def cancel(job_id: str, jobs: JobsDep, caller: CallerDep) -> Receipt:
    """Cancel a job; a running one ends within seconds."""
    return Receipt(job_id=job_id, status=await jobs.cancel(job_id, caller))


@router.get("/jobs/{job_id}/events", response_class=sse.EventStream)
async def events(
    request: Request, job_id: str, jobs: JobsDep, caller: CallerDep, last_event_id: EventId = "0-0"
) -> Response:
    """Stream the events of a job, from its start or after `Last-Event-ID`, until its end."""
    await jobs.read(job_id, caller)
    return sse.EventStream(jobs.follow(job_id, last_event_id), core_of(request).readiness.draining)
