"""The platform as its users reach it: through the gateway, with keys it made."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
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
    """A service of a stack that this suite has for itself."""

    folder: Path

    def outcome(self) -> dict[str, Any]:
        """What its init knows of it."""
        found = json.loads((self.folder / "outcome.json").read_text())
        assert isinstance(found, dict)
        return found

    def stop(self, *, wait: bool = True) -> None:
        """Ask it to stop."""
        self._order("stop")
        if wait:
            self.stopped()

    def stopped(self) -> None:
        """Wait until it has stopped."""
        _eventually(lambda: bool(self.outcome()["held"]))

    def kill(self) -> None:
        """End it without asking."""
        self._order("kill")
        self.stopped()

    def start(self) -> None:
        """Start it again, and wait until its healthcheck is good."""
        self._order("start")
        _eventually(lambda: not self.outcome()["held"] and self.outcome()["health"] in ("", "healthy"))

    def _order(self, word: str) -> None:
        (self.folder / "control").write_text(f"{word}\n")


@pytest.fixture(scope="session")
def services() -> Callable[[str], Service]:
    """The services by name; only the files in `alone` get any."""
    return lambda name: Service(Path(os.environ["CI_STACK"], name))
