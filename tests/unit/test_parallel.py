from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from ci import parallel
from ci.errors import PipelineError
from tests.raised import raises

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def _value(value: int) -> int:
    await anyio.lowlevel.checkpoint()
    return value


async def _fail(text: str) -> int:
    raise PipelineError("some.code", text, hint="fix it")


def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = {name: partial(_value, number) for number, name in enumerate("cab")}
    assert list(anyio.run(partial(parallel.run, jobs, limit=2)).items()) == [("c", 0), ("a", 1), ("b", 2)]


def test_one_failure_is_raised_as_it_is() -> None:
    jobs = {"good": partial(_value, 1), "bad": partial(_fail, "bad broke")}
    with pytest.raises(PipelineError, match=r"\Abad broke\nNext: fix it\nCode: some.code\Z"):
        anyio.run(partial(parallel.run, jobs, limit=2))


def test_every_failure_is_reported() -> None:
    jobs = {"a": partial(_fail, "a broke"), "good": partial(_value, 1), "b": partial(_fail, "b broke")}
    with raises("jobs.several-failed") as caught:
        anyio.run(partial(parallel.run, jobs, limit=1))
    text = str(caught.value)
    assert text.startswith("2 of 3 failed: a, b")
    assert "a broke" in text
    assert "b broke" in text


def test_never_more_than_the_limit_at_a_time() -> None:
    running = most = 0

    async def job() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return 0

    anyio.run(partial(parallel.run, dict.fromkeys("abcdef", job), limit=3))
    assert most == 3


def test_a_limit_below_one_is_refused() -> None:
    with raises("jobs.too-few", match="--jobs 0"):
        anyio.run(partial(parallel.run, {"a": partial(_value, 1)}, limit=0))


def test_work_shares_slots_with_other_work() -> None:
    running: list[str] = []
    most = 0

    async def job(name: str) -> str:
        nonlocal most
        running.append(name)
        most = max(most, len(running))
        await anyio.lowlevel.checkpoint()
        running.remove(name)
        return name

    async def both() -> None:
        slots = anyio.CapacityLimiter(2)
        async with anyio.create_task_group() as tasks:
            for group in "ab":
                jobs = {f"{group}{number}": partial(job, f"{group}{number}") for number in range(4)}
                tasks.start_soon(partial(parallel.run, jobs, limit=slots))

    anyio.run(both)
    assert most == 2


def test_the_first_failure_ends_the_others() -> None:
    ended = []

    async def long() -> int:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("long")
        return 0

    jobs: dict[str, Callable[[], Awaitable[int]]] = {"long": long, "bad": partial(_fail, "bad broke")}
    with pytest.raises(ExceptionGroup) as caught:
        anyio.run(partial(parallel.until_one_fails, jobs))
    assert [str(error).partition("\n")[0] for error in caught.value.exceptions] == ["bad broke"]
    assert ended == ["long"]
    jobs = {name: partial(_value, number) for number, name in enumerate("ba")}
    assert anyio.run(partial(parallel.until_one_fails, jobs)) == {"b": 0, "a": 1}


def test_once_runs_a_job_at_its_first_use_and_again_after_a_failure() -> None:
    ran: list[str] = []

    async def job() -> int:
        ran.append("")
        await anyio.lowlevel.checkpoint()
        return await _fail("not yet") if len(ran) == 1 else len(ran)

    async def use() -> dict[str, int]:
        once: parallel.Once[int] = parallel.Once()
        with raises("some.code"):
            await once.get(job)
        return await parallel.run({name: partial(once.get, job) for name in "abc"}, limit=3)

    assert anyio.run(use) == {"a": 2, "b": 2, "c": 2}
