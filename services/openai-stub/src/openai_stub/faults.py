"""Inject faults into the next calls."""

import asyncio
from typing import Any, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field


class Fault(BaseModel, extra="forbid"):
    """A fault for the next `count` calls (-1: all) whose body contains `match` and whose operation fits."""

    mode: Literal["status", "filter", "hang", "delay", "cut"]
    count: int = 1
    match: str = ""
    operation: Literal["chat", "embeddings", "any"] = "any"
    status: int = Field(default=500, ge=400, le=599)
    seconds: float = Field(default=3600, ge=0)
    after_pieces: int = Field(default=0, ge=0)
    retry_after: int | None = None
    retry_after_ms: int | None = None


class Faults:
    """The queue of faults to inject."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault at the end of the queue."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._waiting.clear()

    def take(self, operation: str, body: str) -> Fault | None:
        """Take the fault that applies to a call from the queue."""
        for fault in self._waiting:
            if fault.operation in ("any", operation) and fault.match in body:
                if fault.count > 0:
                    fault.count -= 1
                if fault.count == 0:
                    self._waiting.remove(fault)
                return fault
        return None


async def suffer(fault: Fault) -> JSONResponse | None:
    """Apply a fault; return the error response, or None if the call is answered normally afterwards."""
    if fault.mode in ("hang", "delay"):
        await asyncio.sleep(fault.seconds)
        return None if fault.mode == "delay" else error(503, "hung", "the stand-in hung")
    if fault.mode == "filter":
        return error(400, "content_filter", "the stand-in's content filter refused this")
    if fault.mode == "status":
        headers = {}
        if fault.retry_after is not None:
            headers["retry-after"] = str(fault.retry_after)
        if fault.retry_after_ms is not None:
            headers["retry-after-ms"] = str(fault.retry_after_ms)
        return error(fault.status, str(fault.status), "injected fault", headers)
    return None


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error in Azure OpenAI's format."""
    content: dict[str, Any] = {"error": {"code": code, "message": message, "param": None, "type": None}}
    return JSONResponse(content, status, headers)
