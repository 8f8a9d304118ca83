"""The public paths and the services behind them; other paths do not exist."""

from dataclasses import dataclass
from typing import Literal

from gateway.keys import Scope

ServiceName = Literal["assistant-service", "knowledge-service", "agent-service", "research-service"]


@dataclass(frozen=True)
class Route:
    """A public path, the service behind it, and the path there, which lacks the `prefix`."""

    method: Literal["GET", "POST", "DELETE"]
    prefix: str
    path: str
    service: ServiceName
    scope: Scope

    @property
    def public_path(self) -> str:
        """The path template at the gateway."""
        return self.prefix + self.path

    @property
    def route_class(self) -> str:
        """The class of routes that share a rate limit."""
        return self.service.removesuffix("-service")


def _routes(
    prefix: str, service: ServiceName, *rows: tuple[Literal["GET", "POST", "DELETE"], str, Scope]
) -> list[Route]:
    return [Route(method, prefix, path, service, scope) for method, path, scope in rows]


ROUTES = [
    *_routes(
        "/v1/assistant",
        "assistant-service",
        ("POST", "/chat", "assistant"),
        ("GET", "/profiles", "assistant"),
    ),
    *_routes(
        "/v1/knowledge",
        "knowledge-service",
        ("POST", "/documents", "knowledge:write"),
        ("GET", "/documents/{id}", "knowledge:read"),
        ("DELETE", "/documents/{id}", "knowledge:write"),
        ("POST", "/search", "knowledge:read"),
        ("POST", "/answer", "knowledge:read"),
    ),
    *_routes(
        "/v1/agents",
        "agent-service",
        ("POST", "/runs", "agents"),
        ("GET", "/tools", "agents"),
        ("GET", "/sessions/{id}", "agents"),
        ("DELETE", "/sessions/{id}", "agents"),
    ),
    *_routes(
        "/v1/research",
        "research-service",
        ("POST", "/jobs", "research"),
        ("GET", "/jobs", "research"),
        ("GET", "/jobs/{id}", "research"),
        ("DELETE", "/jobs/{id}", "research"),
        ("GET", "/jobs/{id}/events", "research"),
    ),
]
DOCUMENTS_PATH = "/v1/knowledge/documents"
