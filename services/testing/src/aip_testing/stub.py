"""A client of the stand-in for Azure OpenAI for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from openai_stub.main import create_app
from starlette.types import ASGIApp

API_KEY = "test-key"


@dataclass(frozen=True)
class Stub:
    """A running stand-in; `url` is the value for AZURE_OPENAI_ENDPOINT."""

    url: str
    _client: httpx2.Client

    @classmethod
    @contextmanager
    def started(cls, serve: Callable[[ASGIApp], str]) -> Iterator["Stub"]:
        """Yield a running stand-in."""
        url = serve(create_app())
        with httpx2.Client(base_url=url) as client:
            yield cls(url, client)

    def fault(self, mode: str, **options: Any) -> None:  # noqa: ANN401 - JSON
        """Inject a fault into the next call: its mode, and options as in `openai_stub.faults.Fault`."""
        self._client.post("/_stub/faults", json={"mode": mode, **options}).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return the calls of the model so far: path, relevant headers, body."""
        answer: list[dict[str, Any]] = self._client.get("/_stub/requests").json()["requests"]
        return answer
