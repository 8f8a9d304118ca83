import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Protocol

import httpx2
import openai
import pytest
from aip_common.redis_client import connect
from aip_testing import processes
from aip_testing.relay import Relay
from aip_testing.stub import API_KEY, Stub
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import ResponseError
from research_service.consumer import Consumer, NotOursError, make_group
from research_service.models import Report, State
from research_service.queue_metrics import measure
from research_service.researcher import Researcher
from research_service.runner import Runner
from research_service.settings import Settings
from structlog.testing import capture_logs

WAIT_SECONDS = 60.0


class Research(Protocol):
    """A caller of the service; see conftest.py."""

    def order(self, question: str = ..., **options: object) -> str: ...
    def job(self, job_id: str) -> dict[str, Any]: ...
    def wait(self, job_id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]: ...
    def finished(self, job_id: str) -> dict[str, Any]: ...
    def events(self, job_id: str, after: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]: ...


Worker = subprocess.Popen[bytes]
StartWorker = Callable[..., AbstractContextManager[tuple[Worker, str]]]


@pytest.fixture
def research(start: Callable[..., Research]) -> Research:
    """Return a caller of a service that only takes orders."""
    return start(research_workers=0)


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment that lets the workers compile the libraries once, if nobody has yet."""
    if Path(cache_from_source(openai.__file__)).exists():
        return {}
    folder = tmp_path_factory.mktemp("bytecode")
    return {"PYTHONPYCACHEPREFIX": str(folder), "PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture
def worker(
    tmp_path: Path, bytecode: Mapping[str, str], openai_stub: Stub, redis_url: str, secret: SecretStr
) -> StartWorker:
    """Return a function that runs `python -m research_service.worker` as a process of its own."""

    @contextmanager
    def started(**env: str) -> Iterator[tuple[Worker, str]]:
        port = processes.free_port()
        settings: Mapping[str, str] = {
            "AZURE_OPENAI_ENDPOINT": openai_stub.url,
            "AZURE_OPENAI_API_KEY": API_KEY,
            "INTERNAL_TOKEN_SECRET": secret.get_secret_value(),
            "REDIS_URL": redis_url,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DRAIN_SECONDS": "0",
            "RESEARCH_WORKERS": "1",
            "RESEARCH_BLOCK_SECONDS": "0.2",
            "RESEARCH_HEARTBEAT_SECONDS": "0.1",
        }
        argv = [sys.executable, "-m", "research_service.worker"]
        log = tmp_path / f"worker-{port}.log"
        environment = {**os.environ, **bytecode, **settings, **env}
        with (
            log.open("wb") as output,
            subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
        ):
            try:
                processes.wait_until(
                    lambda: processes.connects(port),
                    lambda: process.poll() is None,
                    "the worker to answer",
                    log,
                    WAIT_SECONDS,
                )
                yield process, f"http://127.0.0.1:{port}"
            finally:
                process.kill()

    return started


def stages(stub: Stub) -> Counter[str]:
    """Count the calls of the model by stage."""
    marks = {"Split": "plan", "questions 1:": "note 1", "questions 2:": "note 2"}
    found: Counter[str] = Counter()
    for call in stub.requests():
        system, user = (message["content"] for message in call["body"]["messages"])
        name = next(
            (name for mark, name in marks.items() if system.startswith(mark) or user.startswith(mark)),
            "report",
        )
        found[name] += 1
    return found


def test_a_killed_workers_job_is_finished_by_another_without_repeating_stages(
    research: Research, worker: StartWorker, openai_stub: Stub
) -> None:
    openai_stub.fault("hang", match="questions 2:")
    job_id = research.order()
    with worker() as (process, _):
        research.wait(job_id, lambda _job: stages(openai_stub)["note 2"] == 1)
        process.kill()
        assert process.wait(WAIT_SECONDS) == -signal.SIGKILL
    job = research.job(job_id)
    assert (job["status"], job["stage"], job["deliveries"]) == ("running", "note", 1)
    with worker(RESEARCH_RECLAIM_SECONDS="1") as (_, url):
        job = research.finished(job_id)
        metrics = httpx2.get(f"{url}/metrics").text
    assert (job["status"], job["deliveries"]) == ("succeeded", 2)
    assert stages(openai_stub) == {"plan": 1, "note 1": 1, "note 2": 2, "report": 1}
    assert "aip_job_redeliveries_total 1.0" in metrics
    assert 'aip_jobs_total{outcome="succeeded"} 1.0' in metrics
    names = [name for _, name, _ in research.events(job_id)]
    assert names == ["queued", "started", *["stage"] * 3, "started", *["stage"] * 2, "succeeded"]


def test_a_worker_told_to_stop_finishes_its_stage_and_hands_the_job_over(
    research: Research, worker: StartWorker, openai_stub: Stub
) -> None:
    openai_stub.fault("delay", seconds=2, match="questions 1:")
    job_id = research.order()
    with worker() as (process, _):
        research.wait(job_id, lambda _job: stages(openai_stub)["note 1"] == 1)
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
    assert (research.job(job_id)["status"], stages(openai_stub)) == ("running", {"plan": 1, "note 1": 1})
    with worker() as _:  # which takes silent workers' jobs after 60 s only
        job = research.finished(job_id)
    assert (job["status"], job["deliveries"]) == ("succeeded", 1)
    assert stages(openai_stub) == {"plan": 1, "note 1": 1, "note 2": 1, "report": 1}


def test_a_worker_told_to_stop_gives_up_a_stage_that_takes_too_long(
    research: Research, worker: StartWorker, openai_stub: Stub
) -> None:
    openai_stub.fault("hang", match="questions 1:")
    job_id = research.order()
    with worker(RESEARCH_STOP_SECONDS="0.5") as (process, _):
        research.wait(job_id, lambda _job: stages(openai_stub)["note 1"] == 1)
        started = time.monotonic()
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
        assert time.monotonic() - started < 10
    with worker() as _:
        assert research.finished(job_id)["status"] == "succeeded"
    assert stages(openai_stub) == {"plan": 1, "note 1": 2, "note 2": 1, "report": 1}


def test_a_worker_process_has_probes_and_no_job_endpoints(worker: StartWorker) -> None:
    with worker() as (_, url):
        assert httpx2.get(f"{url}/ready").status_code == 200
        assert httpx2.get(f"{url}/jobs/x").status_code == 404


def test_a_worker_process_without_workers_is_refused(secret: SecretStr) -> None:
    settings = {
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_OPENAI_API_KEY": API_KEY,
        "INTERNAL_TOKEN_SECRET": secret.get_secret_value(),
        "REDIS_URL": "redis://127.0.0.1:9",
        "RESEARCH_WORKERS": "0",
    }
    argv = [sys.executable, "-m", "research_service.worker"]
    done = subprocess.run(
        argv,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["  RESEARCH_WORKERS: Input should be greater than or equal to 1"]


def test_a_job_that_no_worker_survives_becomes_a_dead_letter(
    research: Research, start: Callable[..., Research], redis_url: str, openai_stub: Stub
) -> None:
    job_id = research.order()
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        with suppress(ResponseError):  # the service has made it
            redis.xgroup_create("research:jobs", "workers", id="0")
        ((_, [(entry, _)]),) = redis.xreadgroup("workers", "dead", {"research:jobs": ">"})
        redis.xclaim("research:jobs", "workers", "dead", 0, [entry], idle=3_600_000, retrycount=3)
        start()
        job = research.finished(job_id)
        assert (job["status"], job["error"]["code"]) == ("failed", "too_many_deliveries")
        assert [fields for _, fields in redis.xrange("research:dead")] == [{"key": f"research:job:{job_id}"}]
        assert redis.xlen("research:jobs") == 0
    assert openai_stub.requests() == []


@pytest.mark.anyio
async def test_a_worker_that_was_silent_too_long_cannot_write_any_more(
    research: Research, settings: Callable[..., Settings], redis_url: str
) -> None:
    job_id = research.order()
    redis = connect(SecretStr(redis_url))
    await make_group(redis)
    slow, quick = (Consumer(redis, redis, settings(research_reclaim_seconds=0.001)) for _ in range(2))
    first = await slow.claim()
    assert first is not None
    await slow.write(first, "started", status="running")
    second = None
    deadline = time.monotonic() + 5
    while second is None:
        assert time.monotonic() < deadline
        second = await quick.claim()
    assert (second.job_id, second.count) == (job_id, 2)
    with pytest.raises(NotOursError, match="lost"):
        await slow.write(first, "succeeded", status="succeeded")
    await slow.hand_back(first)
    await quick.write(second, "stage", stage="plan")
    await quick.write(second, "succeeded", status="succeeded")
    assert [name for _, name, _ in research.events(job_id)] == ["queued", "started", "stage", "succeeded"]
    await redis.aclose()


class Cutting(Researcher):
    """Does a job in one stage, and takes Redis away the first time."""

    def __init__(self, line: Relay) -> None:
        self.line = line
        self.calls = 0

    async def advance(self, state: State) -> str:
        self.calls += 1
        if self.calls == 1:
            self.line.cut()
        state.report = Report(text="", citations=[])
        return "report"


@pytest.mark.anyio
async def test_a_job_survives_redis_going_away_without_a_delivery_more(
    research: Research, settings: Callable[..., Settings], redis_url: str, relay: Callable[[str], Relay]
) -> None:
    job_id = research.order()
    line = relay(redis_url)
    redis = connect(SecretStr(line.url))
    researcher, stopping = Cutting(line), asyncio.Event()
    runner = Runner(Consumer(redis, redis, settings()), researcher, settings(), stopping)
    with capture_logs() as logs:
        task = asyncio.create_task(runner.run())
        deadline = time.monotonic() + 10
        while not any("redis does not answer" in entry["event"] for entry in logs):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    assert (research.job(job_id)["status"], researcher.calls) == ("running", 1)
    line.restore()
    while research.job(job_id)["status"] != "succeeded":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert (research.job(job_id)["deliveries"], researcher.calls) == (1, 2)
    stopping.set()
    await task
    await redis.aclose()


@pytest.mark.anyio
async def test_the_queue_is_measured_by_what_no_living_worker_has(
    research: Research, settings: Callable[..., Settings], redis_url: str
) -> None:
    redis = connect(SecretStr(redis_url))
    await make_group(redis)
    assert await measure(redis, 60) == (0, 0.0)
    for _ in range(3):
        research.order()
    await Consumer(redis, redis, settings()).claim()
    depth, oldest = await measure(redis, 60)
    assert depth == 2
    assert 0 < oldest < 30
    assert (await measure(redis, 0))[0] == 3
    await redis.aclose()
