"""The built-in tools."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aip_common.identity import Caller
from pydantic import BaseModel, Field

from agent_service import calculator
from agent_service.knowledge import Knowledge
from agent_service.tools import Tool, Toolbox, ToolError


class CalculatorArguments(BaseModel, extra="forbid"):
    """See the tool."""

    expression: str = Field(
        max_length=calculator.MAX_LENGTH,
        description="Numbers, + - * / // % ** and parentheses, such as (2 + 3) * 4",
    )


class TimeArguments(BaseModel, extra="forbid"):
    """See the tool."""

    timezone: str = Field(default="UTC", max_length=64, description="IANA name, such as Europe/Berlin")


class SearchArguments(BaseModel, extra="forbid"):
    """See the tool."""

    query: str = Field(min_length=1, max_length=1_000, description="What to look for, in words")
    top_k: int = Field(default=5, ge=1, le=10, description="How many passages at most")


def toolbox(knowledge: Knowledge | None, seconds: float) -> Toolbox:
    """Return the tools of this process; searching requires a knowledge service."""
    tools = [
        Tool("calculator", "Compute the value of an arithmetic expression.", CalculatorArguments, _calculate),
        Tool("current_time", "Tell the date and time now in a time zone.", TimeArguments, _current_time),
    ]
    if knowledge:

        async def search(arguments: SearchArguments, caller: Caller) -> str:
            return await knowledge.search(arguments.query, arguments.top_k, caller)

        text = "Search the company's documents for passages about something."
        tools.append(Tool("search_knowledge", text, SearchArguments, search))
    return Toolbox(tools, seconds)


async def _calculate(arguments: CalculatorArguments, _caller: Caller) -> str:
    try:
        return calculator.calculate(arguments.expression)
    except calculator.CalculationError as error:
        raise ToolError(str(error)) from None


async def _current_time(arguments: TimeArguments, _caller: Caller) -> str:
    try:
        zone = ZoneInfo(arguments.timezone)
    except (LookupError, ValueError, OSError):  # unknown, not a name, or the name of a folder of zones
        raise ToolError(f"no time zone {arguments.timezone}; use a name such as Europe/Berlin") from None
    return datetime.now(UTC).astimezone(zone).isoformat(timespec="seconds")
