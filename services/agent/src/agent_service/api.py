"""The endpoints."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from aip_common import sse
from aip_common.core import core_of
from aip_common.identity import Caller, CallerDep
from aip_common.problems import Problem
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from agent_service.agent import Agent, RunRequest, RunResult
from agent_service.sessions import Message

router = APIRouter()

Event = tuple[str, BaseModel | None]


def _agent(request: Request) -> Agent:
    agent: Agent = request.app.state.agent
    return agent


AgentDep = Annotated[Agent, Depends(_agent)]
SessionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{8,64}$")]


class Session(BaseModel):
    """A conversation, oldest message first."""

    session_id: str
    messages: list[Message]


@router.get("/tools")
async def tools(agent: AgentDep, _caller: CallerDep) -> dict[str, list[dict[str, object]]]:
    """Return the tools as the model sees them."""
    return {"tools": [dict(tool.param()["function"]) for tool in agent.toolbox.choose(None)]}


@router.get("/sessions/{session_id}")
async def read_session(session_id: SessionId, agent: AgentDep, caller: CallerDep) -> Session:
    """Return a session of the caller's tenant."""
    messages = await agent.sessions.read(caller.tenant, session_id)
    if messages is None:
        raise _no_session()
    return Session(session_id=session_id, messages=messages)


@router.delete("/sessions/{session_id}", status_code=204)
async def delete_session(session_id: SessionId, agent: AgentDep, caller: CallerDep) -> None:
    """Delete a session; 409 while a run is using it, because the run would write it again."""
    async with agent.sessions.locked(caller.tenant, session_id):
        if not await agent.sessions.delete(caller.tenant, session_id):
            raise _no_session()


@router.post("/runs", response_model=RunResult)
async def run(request: Request, body: RunRequest, agent: AgentDep, caller: CallerDep) -> RunResult | Response:
    """Run the agent; respond at its end or with events `delta`, `usage`, `step`, then `done` or `error`."""
    if body.stream:
        return await _streamed(agent, body, caller, core_of(request).readiness.draining)
    return await agent.run(body, caller, _ignore)


def _no_session() -> Problem:
    return Problem(404, "not_found", "there is no such session; it may have expired")


async def _ignore(_name: str, _data: BaseModel | None) -> None:
    """Discard the events of a run that responds at its end."""


async def _streamed(
    agent: Agent, body: RunRequest, caller: Caller, draining: asyncio.Event
) -> sse.EventStream:
    """Stream the run; if it fails before the model accepts the request, respond with an ordinary error."""
    events: asyncio.Queue[Event | None] = asyncio.Queue()

    async def emit(name: str, data: BaseModel | None) -> None:
        events.put_nowait((name, data))

    task = asyncio.create_task(agent.run(body, caller, emit))
    task.add_done_callback(lambda _: events.put_nowait(None))

    async def close() -> None:
        task.cancel()
        await asyncio.wait([task])

    try:
        if await events.get() is None:
            task.result()
    except BaseException:
        await close()
        raise
    return sse.EventStream(_frames(events, task), draining, close)


async def _frames(
    events: "asyncio.Queue[Event | None]", task: "asyncio.Task[RunResult]"
) -> AsyncIterator[bytes]:
    while event := await events.get():
        name, data = event
        if data is not None:
            yield sse.event(name, data.model_dump(mode="json"))
    yield sse.event("done", task.result().model_dump(mode="json"))
