"""A registry in memory that differs from Debian's as public registries do, and misbehaves on request.

`rule` sees each request first and may answer it with a fault; None lets it through.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import secrets
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX = "application/vnd.oci.image.index.v1+json"
_PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.*)")
_TLS_HANDSHAKE = b"\x16"


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
    whether it may not be put. `type_of_list` is what the list of referrers says every artifact's type is.
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
    lists_need: str = "pull"
    certificate: str = ""


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
        handler = type("Bound", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
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


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is nothing to report."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet
    fake: Fake

    def setup(self) -> None:
        context = self.fake.context
        self.mistaken = context is not None and self.request.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE
        if context is not None and not self.mistaken:
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        if self.mistaken:
            # As Go's servers do.
            self.connection.recv(1 << 16)
            self.wfile.write(
                b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
            )
        else:
            super().handle()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing; what was seen is in `Fake.seen`."""

    def serve(self) -> None:
        fake = self.fake
        size = int(self.headers.get("Content-Length") or 0)
        seen = Seen(self.command, self.path, size)
        if fake.kind.largest and size > fake.kind.largest:
            with fake.lock:
                fake.seen.append(seen)
            self.answer(Reply(413, b"<html>\r\n<h1>413</h1>\r\n</html>\r\n", {"Connection": "close"}))
            self.close_connection = True
            return
        self.body = self.rfile.read(size)
        parts = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query))
        with fake.lock:
            fake.seen.append(seen)
            fake.authorizations.append(self.headers.get("Authorization") or "")
            token = parts.path == "/token"
            fault = fake.token_rule(seen) if token else fake.rule(seen)
        if isinstance(fault, Reply):
            self.answer(fault)
            return
        reply = self.token() if token else self.registry(parts.path)
        if isinstance(fault, Late):
            time.sleep(fault.seconds)
        self.answer(reply, cut=fault.after if isinstance(fault, Cut) else None)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - the base class's names

    def registry(self, path: str) -> Reply:
        kind = self.fake.kind
        match = _PATH.fullmatch(path)
        if kind.user and (refused := self.refused(match)):
            return refused
        if match is None:
            return Reply(200, b"{}") if path in {"/v2/", "/v2"} else Reply(404)
        name, what, rest = match["name"], match["kind"], match["rest"]
        if what == "tags" and kind.page_seconds:
            time.sleep(kind.page_seconds)
        with self.fake.lock:
            if what == "blobs" and rest.startswith("uploads/"):
                return self.upload(name, rest.removeprefix("uploads/"))
            return {
                "manifests": self.manifest,
                "blobs": self.blob,
                "tags": self.list,
                "referrers": self.attached,
            }[what](name, rest)

    def manifest(self, name: str, reference: str) -> Reply:
        fake = self.fake
        if self.command == "PUT":
            return self.put_manifest(name, reference)
        digest = reference if reference.startswith("sha256:") else fake.tags[name].get(reference, "")
        found = fake.manifests[name].get(digest)
        if found is None:
            return Reply(404, errors("MANIFEST_UNKNOWN"))
        return Reply(200, found[1], {"Content-Type": found[0], "Docker-Content-Digest": digest})

    def put_manifest(self, name: str, reference: str) -> Reply:
        fake, digest = self.fake, digest_of(self.body)
        tagged = not reference.startswith("sha256:")
        if fake.kind.locked(name, reference if tagged else ""):
            return fake.kind.lock_answer
        data = json.loads(self.body)
        blobs = [item["digest"] for item in (data.get("config"), *data.get("layers", ())) if item]
        if any(blob not in fake.blobs[name] for blob in blobs):
            return Reply(404, errors("MANIFEST_BLOB_UNKNOWN"))
        fake.manifests[name][digest] = (self.headers["Content-Type"], self.body)
        if tagged:
            fake.tags[name][reference] = digest
        headers = {"Docker-Content-Digest": digest} if fake.kind.names_digests else {}
        subject = (data.get("subject") or {}).get("digest")
        if subject and fake.kind.referrers:
            headers["OCI-Subject"] = subject
        return Reply(201, b"", headers)

    def blob(self, name: str, digest: str) -> Reply:
        found = self.fake.blobs[name].get(digest)
        if found is None:
            return Reply(404, errors("BLOB_UNKNOWN"))
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if start:
            return Reply(206, found[int(start[1]) :])
        return Reply(200, found, {"Docker-Content-Digest": digest})

    def upload(self, name: str, place: str) -> Reply:
        fake = self.fake
        if self.command == "POST":
            return self.begin(name)
        content = fake.uploads.get(place)
        if content is None:
            return Reply(404, errors("BLOB_UPLOAD_UNKNOWN"))
        headers = {"Location": f"/v2/{name}/blobs/uploads/{place}"}
        start = self.headers.get("Content-Range", "").partition("-")[0]
        if start and int(start) != len(content):
            return Reply(416, errors("BLOB_UPLOAD_INVALID"))
        content += self.body
        if self.command == "PUT":
            return self.end(name, place, content)
        if self.command == "DELETE":
            del fake.uploads[place]
        headers["Range"] = f"0-{max(len(content) - 1, 0)}"
        return Reply(202 if self.command == "PATCH" else 204, b"", headers)

    def end(self, name: str, place: str, content: bytearray) -> Reply:
        fake = self.fake
        digest = digest_of(bytes(content))
        if digest != self.query.get("digest"):
            return Reply(400, errors("DIGEST_INVALID"))
        fake.blobs[name][digest] = bytes(content)
        del fake.uploads[place]
        return Reply(201, b"", {"Docker-Content-Digest": digest} if fake.kind.names_digests else {})

    def begin(self, name: str) -> Reply:
        fake = self.fake
        if not fake.exists(name) and not fake.kind.creates:
            return Reply(404, errors("NAME_UNKNOWN"))
        if fake.kind.locked(name, ""):
            return fake.kind.lock_answer
        digest, source = self.query.get("mount", ""), self.query.get("from", "")
        if fake.kind.mounts and digest in fake.blobs.get(source, {}):
            fake.blobs[name][digest] = fake.blobs[source][digest]
            return Reply(201, b"", {"Docker-Content-Digest": digest})
        place = secrets.token_hex(8)
        fake.uploads[place] = bytearray()
        least = {"OCI-Chunk-Min-Length": str(fake.kind.least)} if fake.kind.least else {}
        return Reply(202, b"", {"Location": f"/v2/{name}/blobs/uploads/{place}", "Range": "0-0", **least})

    def list(self, name: str, _: str) -> Reply:
        fake = self.fake
        if not fake.exists(name):
            if fake.kind.unknown == 401:
                return self.challenge(f"repository:{name}:pull")
            return Reply(fake.kind.unknown, errors("NAME_UNKNOWN"))
        names = sorted({*fake.tags[name], *fake.kind.extra_tags})
        rest = [tag for tag in names if tag > self.query.get("last", "")]
        page = min(fake.kind.page or 1000, int(self.query.get("n", 1000)))
        headers = {}
        if len(rest) > page:
            headers["Link"] = f'</v2/{name}/tags/list?last={rest[page - 1]}&n={page}>; rel="next"'
        return Reply(200, json.dumps({"name": name, "tags": rest[:page]}).encode(), headers)

    def attached(self, name: str, digest: str) -> Reply:
        if not self.fake.kind.referrers:
            return Reply(404, b"404 page not found\n")
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.fake.attached(name, digest)}
        return Reply(200, json.dumps(index).encode(), {"Content-Type": INDEX})

    def refused(self, match: re.Match[str] | None) -> Reply | None:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        granted = self.fake.granted.get(token) if scheme == "Bearer" else None
        if match is None:
            return self.challenge("") if granted is None else None
        actions = {"pull"} if self.command in {"GET", "HEAD"} else {"pull", "push"}
        actions = {self.fake.kind.lists_need} if match["kind"] == "tags" else actions
        if granted is None or not {f"{match['name']}:{action}" for action in actions} <= granted:
            return self.challenge(f"repository:{match['name']}:{','.join(sorted(actions))}")
        return None

    def challenge(self, scope: str) -> Reply:
        scheme = "https" if self.fake.context else "http"
        text = f'Bearer realm="{scheme}://{self.headers["Host"]}/token",service="fake"'
        text += f',scope="{scope}"' if scope else ""
        return Reply(401, errors("UNAUTHORIZED"), {"WWW-Authenticate": text})

    def token(self) -> Reply:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = base64.b64decode((self.headers.get("Authorization") or "Basic ").partition(" ")[2]).decode()
        scopes = query.get("scope", [])
        with self.fake.lock:
            self.fake.scopes += scopes
            if given != f"{self.fake.kind.user}:{self.fake.kind.password}":
                return Reply(401, errors("UNAUTHORIZED"))
            token = secrets.token_hex(8)
            pairs = [scope.split(":", 2)[1:] for scope in scopes]
            granted = {f"{name}:{action}" for name, actions in pairs for action in actions.split(",")}
            self.fake.granted[token] = granted
        return Reply(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def answer(self, reply: Reply, *, cut: int | None = None) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        if reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        body = b"" if self.command == "HEAD" or reply.status == 204 else reply.body
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None or length > len(reply.body):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
