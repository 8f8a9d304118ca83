"""The registry in memory as an HTTP server: the distribution protocol, and tokens."""

from __future__ import annotations

import base64
import http.server
import json
import re
import secrets
import socket
import struct
import time
import urllib.parse
from typing import TYPE_CHECKING

from tests.unit.registry.fake_kinds import Cut, Late, Reply, Seen, digest_of, errors

if TYPE_CHECKING:
    from tests.unit.registry.fake import Fake

INDEX = "application/vnd.oci.image.index.v1+json"
_PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.*)")
_TLS_HANDSHAKE = b"\x16"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is nothing to report."""


class Handler(http.server.BaseHTTPRequestHandler):
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
        form = urllib.parse.parse_qs(self.body.decode())
        scopes = query.get("scope", []) + [each for text in form.get("scope", []) for each in text.split()]
        renewed = form.get("refresh_token") == [self.fake.kind.refresh_token]
        with self.fake.lock:
            self.fake.scopes += scopes
            if not renewed and given != f"{self.fake.kind.user}:{self.fake.kind.password}":
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
