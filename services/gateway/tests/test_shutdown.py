"""The process: how it starts, refuses to start, and ends."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aip_common.settings import load
from aip_testing.gateway import ALL_SCOPES
from aip_testing.processes import free_port
from aip_testing.scripted import Service
from aip_testing.values import ADMIN_KEY, SECRET, eventually
from gateway.settings import Settings


def _environment(settings: Settings, **more: str) -> dict[str, str]:
    plain = {
        "INTERNAL_TOKEN_SECRET": SECRET.get_secret_value(),
        "API_KEY_PEPPER": SECRET.get_secret_value(),
        "ADMIN_KEY": ADMIN_KEY,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "ASSISTANT_URL": settings.assistant_url,
        "ENVIRONMENT": "development",
        "HOST": "127.0.0.1",
    }
    return {"PATH": os.environ["PATH"], **plain, **more}


@contextmanager
def _running(environment: dict[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            env={**environment, "PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: process.poll() is not None or _answers(url), 60)
        assert process.poll() is None, log.read_text()
        yield process, url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/ready").status_code == 200
    except httpx2.TransportError:
        return False


def test_sigterm(settings: Settings, service: Service, tmp_path: Path) -> None:
    log = tmp_path / "log"
    answers: list[httpx2.Response] = []
    with _running(_environment(settings, DRAIN_SECONDS="1.5"), log) as (process, url):
        with (
            httpx2.Client(base_url=url, timeout=30) as http,
            httpx2.Client(base_url=url, timeout=30) as probe,
        ):
            key = http.post(
                "/admin/v1/api-keys",
                json={"tenant": "acme", "name": "n", "scopes": ALL_SCOPES},
                headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            ).json()["key"]
            http.headers["Authorization"] = f"Bearer {key}"
            call = threading.Thread(
                target=lambda: answers.append(http.post("/v1/assistant/chat", json={"do": "wait"}))
            )
            with http.stream("POST", "/v1/assistant/chat", json={"do": "stream"}) as stream:
                chunks = stream.iter_text()
                assert "first" in next(chunks)
                call.start()
                assert eventually(lambda: len(service.seen) == 2)
                process.send_signal(signal.SIGTERM)
                assert "shutting_down" in "".join(chunks)
            assert probe.get("/ready").json()["code"] == "draining"
            service.released.set()
            call.join(20)
        assert answers[0].status_code == 200
        assert process.wait(20) == 0
    text = log.read_text()
    assert key not in text
    assert SECRET.get_secret_value() not in text
    assert ADMIN_KEY not in text
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {
        "ts",
        "level",
        "service",
        "version",
        "request_id",
        "tenant",
        "route",
        "method",
        "status",
        "duration_ms",
    } <= set(requests[-1])
    assert {line["service"] for line in lines} == {"gateway"}


def test_wrong_settings_end_the_process_with_one_text(settings: Settings) -> None:
    environment = _environment(settings, ADMIN_KEY="short", PORT="http")
    command = [sys.executable, "-m", "gateway"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "gateway cannot start, its settings are wrong:",
        "  PORT: Input should be a valid integer, unable to parse string as an integer",
        "  ADMIN_KEY: Value should have at least 32 items after validation, not 5",
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ADMIN_KEY": "change-me-" * 4, "ENVIRONMENT": "production"}, "ADMIN_KEY is a placeholder"),
        ({"REDIS_URL": ""}, "REDIS_URL: not set; set it in the environment or in the file"),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT: Input should be 'development', 'staging' or 'production'"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: it must begin with redis://"),
        ({"ASSISTANT_URL": "assistant:8000"}, "ASSISTANT_URL: it must begin with http:// or https://"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL: it is not a URL"),
        ({"DATABASE_URL": "postgresql://x@y/z"}, "DATABASE_URL: it begins with postgresql://"),
    ],
)
def test_wrong_settings(monkeypatch: pytest.MonkeyPatch, change: dict[str, str], says: str) -> None:
    for name in ("INTERNAL_TOKEN_SECRET", "API_KEY_PEPPER"):
        monkeypatch.setenv(name, SECRET.get_secret_value())
    right = {"ADMIN_KEY": ADMIN_KEY, "REDIS_URL": "redis://r", "DATABASE_URL": "postgresql+asyncpg://u@h/d"}
    for name, value in (right | change).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as raised:
        load(Settings, "gateway")
    assert says in str(raised.value)
