"""A client of a running gateway for tests."""

from dataclasses import dataclass
from typing import Any

import httpx2

from aip_testing.values import ADMIN_KEY

ALL_SCOPES = ["assistant", "knowledge:read", "knowledge:write", "agents", "research", "usage"]


@dataclass
class Gateway:
    """The gateway's address and a client without a key."""

    url: str
    http: httpx2.Client

    def admin(self, method: str, path: str, **content: Any) -> httpx2.Response:  # noqa: ANN401
        """Call an admin endpoint."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        return self.http.request(method, f"/admin/v1{path}", headers=headers, **content)

    def new_key(self, tenant: str = "acme", **values: Any) -> dict[str, Any]:  # noqa: ANN401
        """Create a key, by default with all scopes."""
        body = {"tenant": tenant, "name": "test", "scopes": ALL_SCOPES} | values
        answer = self.admin("POST", "/api-keys", json=body)
        answer.raise_for_status()
        key: dict[str, Any] = answer.json()
        return key

    def client(self, key: str) -> httpx2.Client:
        """Return a client that uses the key."""
        return httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
