"""Tools that the model may call, with validated arguments and a time limit."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aip_common.identity import Caller
from aip_common.problems import Problem
from openai.types.chat import ChatCompletionFunctionToolParam
from pydantic import BaseModel, Field, ValidationError

from agent_service import metrics

MAX_RESULT_CHARS = 8_000


class ToolError(Exception):
    """A call without a result; the text tells the model the reason."""


class InvalidCallError(ToolError):
    """A call of an unknown tool, or with invalid arguments."""


@dataclass(frozen=True)
class Tool:
    """A function for the model, which sees its description and the JSON schema of its arguments."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Any, Caller], Awaitable[str]]

    def param(self) -> ChatCompletionFunctionToolParam:
        """Return the tool in the format of the model's API."""
        schema = self.arguments.model_json_schema()
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": schema},
        }


class Step(BaseModel):
    """One call of a tool.

    `ok` is whether `result` is a result, otherwise it is the reason for the failure.
    """

    tool: str
    args: Any
    result: str
    ok: bool
    valid: bool = Field(default=True, exclude=True)
    ms: int


class Toolbox:
    """The tools of this service."""

    def __init__(self, tools: Iterable[Tool], seconds: float) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._seconds = seconds

    def choose(self, names: Sequence[str] | None) -> list[Tool]:
        """Return the named tools, all for None; raise the 422 problem for an unknown name."""
        unknown = sorted(set(names or ()) - set(self._tools))
        if unknown:
            text = f"no such tool: {', '.join(unknown)}; there are: {', '.join(self._tools)}"
            raise Problem(422, "unknown_tool", text)
        return [tool for tool in self._tools.values() if names is None or tool.name in names]

    async def call(self, tools: Sequence[Tool], name: str, arguments: str, caller: Caller) -> Step:
        """Call a tool with the model's arguments and return the result."""
        started = time.perf_counter()
        known = "unknown"
        outcome = "ok"
        try:
            tool = _find(tools, name)
            known = tool.name
            async with asyncio.timeout(self._seconds):
                result = await tool.run(_checked(tool, arguments), caller)
        except ToolError as error:
            outcome = "invalid" if isinstance(error, InvalidCallError) else "error"
            result = f"error: {error}"
        except TimeoutError:
            outcome = "timeout"
            result = f"error: {name} did not answer within {self._seconds:g} s"
        metrics.TOOL_CALLS.labels(known, outcome).inc()
        return Step(
            tool=name,
            args=_readable(arguments),
            result=result[:MAX_RESULT_CHARS],
            ok=outcome == "ok",
            valid=outcome != "invalid",
            ms=round((time.perf_counter() - started) * 1000),
        )


def _find(tools: Sequence[Tool], name: str) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise InvalidCallError(f"no tool {name}; there are: {', '.join(tool.name for tool in tools)}")


def _checked(tool: Tool, arguments: str) -> BaseModel:
    try:
        return tool.arguments.model_validate_json(arguments or "{}")
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InvalidCallError(reasons) from None


def _readable(arguments: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
