from __future__ import annotations

from functools import partial

import anyio
import pytest

from ci import parallel
from ci.errors import PipelineError


async def _value(value: int) -> int:
    await anyio.lowlevel.checkpoint()
    return value


async def _fail(text: str) -> int:
    raise PipelineError(text, next_step="mend it")


def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = {name: partial(_value, number) for number, name in enumerate("cab")}
    assert list(anyio.run(partial(parallel.run, jobs, limit=2)).items()) == [("c", 0), ("a", 1), ("b", 2)]


def test_one_failure_is_raised_as_it_is() -> None:
    jobs = {"good": partial(_value, 1), "bad": partial(_fail, "bad broke")}
    with pytest.raises(PipelineError, match=r"\Abad broke\nNext: mend it\nId: .*\Z"):
        anyio.run(partial(parallel.run, jobs, limit=2))


def test_every_failure_is_reported() -> None:
    jobs = {"a": partial(_fail, "a broke"), "good": partial(_value, 1), "b": partial(_fail, "b broke")}
    with pytest.raises(PipelineError) as caught:
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
    with pytest.raises(PipelineError, match="--jobs 0"):
        anyio.run(partial(parallel.run, {"a": partial(_value, 1)}, limit=0))
