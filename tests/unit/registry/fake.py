"""A registry in memory that differs from Debian's as public registries do, and misbehaves on request.

`rule` sees each request first and may answer it with a fault; None lets it through.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from tests.unit.registry.fake_handler import INDEX, Handler, Server
from tests.unit.registry.fake_kinds import Cut, Fault, Kind, Late, Reply, Seen, digest_of, errors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INDEX", "Cut", "Fake", "Fault", "Kind", "Late", "Reply", "Seen", "digest_of", "errors"]


class Fake:
    """A registry of some kind on a loopback port; use it in a `with` block."""

    def __init__(self, kind: Kind | None = None, **options: Any) -> None:  # noqa: ANN401 - fields of Kind
        self.kind = kind or Kind(**options)
        self.rule: Callable[[Seen], Fault] = lambda _seen: None
        self.token_rule: Callable[[Seen], Fault] = lambda _seen: None
        self.seen: list[Seen] = []
        self.scopes: list[str] = []
        self.authorizations: list[str] = []
        self.blobs: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = defaultdict(dict)
        self.tags: dict[str, dict[str, str]] = defaultdict(dict)
        self.uploads: dict[str, bytearray] = {}
        self.granted: dict[str, set[str]] = {}
        self.lock = threading.RLock()
        self.context: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        handler = type("Bound", (Handler,), {"fake": self})
        self._server = Server(("127.0.0.1", 0), handler)
        if self.kind.certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self.kind.certificate)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def count(self, method: str, part: str) -> int:
        return sum(seen.is_a(method, part) for seen in self.seen)

    def exists(self, name: str) -> bool:
        return bool(self.blobs.get(name) or self.manifests.get(name) or self.kind.extra_tags)

    def attached(self, name: str, subject: str) -> list[dict[str, Any]]:
        found = []
        for digest, (media_type, content) in self.manifests[name].items():
            data = json.loads(content)
            if (data.get("subject") or {}).get("digest") == subject:
                kind = self.kind.type_of_list or data.get("artifactType", "")
                entry = {
                    "mediaType": media_type,
                    "digest": digest,
                    "size": len(content),
                    "artifactType": kind,
                }
                found.append(entry)
        return found
