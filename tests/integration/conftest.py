"""The platform as its users reach it: through the gateway, with keys it made."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GATEWAY = "http://gateway:8000"
SCOPES = ["assistant", "knowledge:read", "knowledge:write", "agents", "research", "usage"]
LIMIT = 30.0  # seconds, for one call


@dataclass(frozen=True)
class Tenant:
    """A client of one tenant's key."""

    name: str
    key: str
    http: httpx2.Client = field(repr=False)

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's options
        """Call the gateway with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **options)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=GATEWAY, timeout=LIMIT) as client:
        yield client


@pytest.fixture(scope="session")
def admin(http: httpx2.Client) -> Tenant:
    """The administrator: its key is a setting of the stack."""
    return Tenant("admin", os.environ["ADMIN_KEY"], http)


@pytest.fixture
def tenant(admin: Tenant, http: httpx2.Client) -> Tenant:
    """A tenant of this test alone."""
    name = f"tenant-{uuid.uuid4().hex[:12]}"
    answer = admin.call("POST", "/admin/v1/api-keys", json={"tenant": name, "name": "test", "scopes": SCOPES})
    assert answer.status_code == 201, answer.text
    return Tenant(name, answer.json()["key"], http)


@pytest.fixture
def stub() -> Iterator[httpx2.Client]:
    """The stand-in of Azure OpenAI, forgetful at the start and the end of each test."""
    with httpx2.Client(base_url="http://openai-stub:8000", timeout=LIMIT) as client:
        client.post("/_stub/reset").raise_for_status()
        yield client
        client.post("/_stub/reset").raise_for_status()


def _eventually(check: Callable[[], bool], seconds: float = LIMIT) -> None:
    """Ask again until it is so; an error of the connection is a no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"not so within {seconds:.0f} s")


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """`eventually(check, seconds)` asks until it is so."""
    return _eventually


@dataclass(frozen=True)
class Service:
    """A service of a stack that this suite has for itself, by Docker's own API."""

    name: str
    docker: httpx2.Client

    def state(self) -> dict[str, Any]:
        """What Docker says of its container: `State`, `RestartCount` and so on."""
        found = self.docker.get(f"/containers/{self._identity()}/json")
        return dict(found.raise_for_status().json())

    def outcome(self) -> dict[str, Any]:
        """Whether it runs, how it ended, and how often Docker started it again by itself."""
        found = self.state()
        health = found["State"].get("Health", {}).get("Status", "")
        return {
            "running": found["State"]["Running"],
            "exit_code": found["State"]["ExitCode"],
            "health": health,
            "restarts": found["RestartCount"],
        }

    def stop(self, *, wait: bool = True) -> None:
        """Ask it to stop, with its own signal and in its own time; without `wait` return at once."""
        if wait:
            self._order("stop")
        else:
            signal = self.state()["Config"].get("StopSignal") or "SIGTERM"
            self._order(f"kill?signal={signal}")

    def stopped(self) -> None:
        """Wait until it has stopped."""
        _eventually(lambda: not self.outcome()["running"])

    def kill(self) -> None:
        """End it without asking."""
        self._order("kill")
        self.stopped()

    def start(self) -> None:
        """Start it again, and wait until its healthcheck is good."""
        self._order("start")
        _eventually(lambda: self.outcome()["running"] and self.outcome()["health"] in ("", "healthy"))

    def _order(self, word: str) -> None:
        self.docker.post(f"/containers/{self._identity()}/{word}", timeout=60).raise_for_status()

    def _identity(self) -> str:
        project = os.environ["COMPOSE_PROJECT_NAME"]
        label = "com.docker.compose"
        wanted = [f"{label}.project={project}", f"{label}.service={self.name}", f"{label}.oneoff=False"]
        params = {"all": "1", "filters": json.dumps({"label": wanted})}
        (found,) = self.docker.get("/containers/json", params=params).raise_for_status().json()
        return str(found["Id"])


@pytest.fixture(scope="session")
def docker() -> Iterator[httpx2.Client]:
    """Docker's API, by the socket of the stack's engine; only tests/disruption gets it."""
    socket = os.environ["DOCKER_HOST"].removeprefix("unix://")
    transport = httpx2.HTTPTransport(uds=socket)
    with httpx2.Client(base_url="http://docker/v1.47", transport=transport, timeout=LIMIT) as client:
        yield client


@pytest.fixture(scope="session")
def services(docker: httpx2.Client) -> Callable[[str], Service]:
    """The services by name: `services("redis").stop()`."""
    return lambda name: Service(name, docker)
