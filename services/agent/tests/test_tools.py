import asyncio
from datetime import datetime

import pytest
from agent_service.builtin import toolbox
from agent_service.tools import MAX_RESULT_CHARS, Step, Tool, Toolbox
from aip_common.identity import Caller
from aip_common.problems import Problem
from pydantic import BaseModel

CALLER = Caller("key-1", "acme", frozenset())

pytestmark = pytest.mark.anyio


class Nothing(BaseModel):
    pass


async def call(name: str, arguments: str, box: Toolbox | None = None) -> Step:
    box = box or toolbox(None, seconds=1)
    return await box.call(box.choose(None), name, arguments, CALLER)


async def test_calculator() -> None:
    step = await call("calculator", '{"expression": "6 * 7"}')
    assert (step.ok, step.result, step.args) == (True, "42", {"expression": "6 * 7"})


async def test_a_failed_calculation_is_a_valid_call() -> None:
    step = await call("calculator", '{"expression": "1 / 0"}')
    assert (step.ok, step.valid, step.result) == (False, True, "error: division by zero")


@pytest.mark.parametrize(("zone", "offset"), [("UTC", 0), ("Asia/Tokyo", 9 * 3600)])
async def test_current_time(zone: str, offset: int) -> None:
    step = await call("current_time", f'{{"timezone": "{zone}"}}')
    told = datetime.fromisoformat(step.result)
    delta = told.utcoffset()
    assert delta is not None
    assert delta.total_seconds() == offset
    assert abs((datetime.now(told.tzinfo) - told).total_seconds()) < 5


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "America", "", "\\u0000"])
async def test_a_wrong_time_zone_is_told_to_the_model(zone: str) -> None:
    step = await call("current_time", f'{{"timezone": "{zone}"}}')
    assert not step.ok
    assert "use a name such as Europe/Berlin" in step.result


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("format_disk", "{}", "no tool format_disk; there are: calculator, current_time"),
        ("calculator", "{}", "expression: Field required"),
        ("calculator", '{"expression": 1}', "expression: Input should be a valid string"),
        ("calculator", '{"expression": "1", "extra": 2}', "extra: Extra inputs are not permitted"),
        ("calculator", '{"expression": ', "arguments: Invalid JSON"),
    ],
)
async def test_an_invalid_call_is_told_to_the_model(name: str, arguments: str, reason: str) -> None:
    step = await call(name, arguments)
    assert (step.ok, step.valid) == (False, False)
    assert reason in step.result


async def test_a_slow_tool_is_ended() -> None:
    async def sleep(_arguments: Nothing, _caller: Caller) -> str:
        await asyncio.sleep(30)
        return "late"

    step = await call("sleep", "{}", Toolbox([Tool("sleep", "Sleep.", Nothing, sleep)], seconds=0.05))
    assert (step.ok, step.result) == (False, "error: sleep did not answer within 0.05 s")


async def test_a_long_result_is_cut() -> None:
    async def talk(_arguments: Nothing, _caller: Caller) -> str:
        return "x" * (MAX_RESULT_CHARS + 1)

    step = await call("talk", "{}", Toolbox([Tool("talk", "Talk.", Nothing, talk)], seconds=1))
    assert len(step.result) == MAX_RESULT_CHARS


def test_an_unknown_tool_is_refused_by_name() -> None:
    with pytest.raises(Problem) as caught:
        toolbox(None, seconds=1).choose(["calculator", "search_knowledge"])
    assert caught.value.status_code == 422
    assert caught.value.detail == "no such tool: search_knowledge; there are: calculator, current_time"
