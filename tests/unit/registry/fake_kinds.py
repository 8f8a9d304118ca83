"""How the registry in memory differs, and the faults that it can be told to make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    size: int = 0

    def is_a(self, method: str, part: str) -> bool:
        return self.method == method and part in self.path


@dataclass(frozen=True)
class Reply:
    """An answer; `length` is the Content-Length that is sent in place of the right one."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass(frozen=True)
class Late:
    """Let the request through, and send the answer's first byte after some seconds."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """Answer as usual, but reset the connection after so many bytes of the body."""

    after: int


Fault = Reply | Late | Cut | None


def errors(code: str, message: str = "no", **detail: object) -> bytes:
    error = {"code": code, "message": message, **({"detail": detail} if detail else {})}
    return json.dumps({"errors": [error]}).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Kind:
    """How a registry differs.

    `unknown` is the status of a list of tags of a repository that does not exist; `creates` whether a push
    makes one. `page` and `page_seconds`: names on a page of tags, and what a page takes. `largest` is the
    largest body that a front takes: it answers 413 before it reads the body, and closes. `least` is the
    least piece of an upload. `mounts` is whether a blob can be mounted. `locked` tells of (repository, tag)
    whether it may not be put. `refresh_token` is what the token service takes in place of a password.
    `type_of_list` is what the list of referrers says every artifact's type is.
    """

    referrers: bool = False
    type_of_list: str = ""
    unknown: int = 404
    creates: bool = True
    page: int = 0
    page_seconds: float = 0.0
    extra_tags: tuple[str, ...] = ()
    largest: int = 0
    least: int = 0
    mounts: bool = True
    names_digests: bool = True
    locked: Callable[[str, str], bool] = lambda _repository, _tag: False
    lock_answer: Reply = field(default_factory=lambda: Reply(405, errors("REGISTRY_DISALLOWED_OPERATION")))
    user: str = ""
    password: str = ""
    refresh_token: str = ""
    lists_need: str = "pull"
    certificate: str = ""
