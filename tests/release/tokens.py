"""A stand-in of Azure's token service in front of the real local registry.

Real: the challenge with realm, service and scope, the registry's own check of
the signed token, and that a refresh token is the password of the user
00000000-0000-0000-0000-000000000000. Not here: Entra identities, roles, and
the exchange of an Entra token for the refresh token (`az acr login
--expose-token` does it).
"""

from __future__ import annotations

import base64
import http.server
import json
import secrets
import subprocess
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

USER = "00000000-0000-0000-0000-000000000000"
SERVICE = "myteam.azurecr.io"
ISSUER = "Azure Container Registry"


class TokenServer:
    """Hands out access tokens that last `lifetime` seconds, without the actions in `denied`."""

    def __init__(self, folder: Path, *, lifetime: int = 60) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.refresh_token = secrets.token_urlsafe(32)
        self.lifetime = lifetime
        self.denied: set[str] = set()
        self.asked: list[dict[str, list[str]]] = []
        self.certificate = folder / "certificate.pem"
        self._key = folder / "key.pem"
        self._server: http.server.ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=tokens",
                ),
                *("-keyout", str(self._key), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
        )
        handler = type("Bound", (_Handler,), {"tokens": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def registry_auth(self) -> dict[str, Any]:
        """What the registry's configuration says about it."""
        port = self._server.server_address[1] if self._server else 0
        return {
            "token": {
                "realm": f"http://127.0.0.1:{port}/oauth2/token",
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self.certificate),
            }
        }

    def token(self, scopes: list[str]) -> str:
        """Return a signed token (RFC 7519) for what may be done of what is asked."""
        pem = self.certificate.read_text().replace("\n", "")
        der = pem.partition("CERTIFICATE-----")[2].partition("-----END")[0]
        now = int(time.time())
        head = {"alg": "RS256", "typ": "JWT", "x5c": [der]}
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": USER,
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + self.lifetime,
            "jti": secrets.token_hex(8),
            "access": [self._access(scope) for scope in scopes],
        }
        signed = f"{_text(json.dumps(head).encode())}.{_text(json.dumps(claims).encode())}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self._key)],
            input=signed.encode(),
            check=True,
            capture_output=True,
        ).stdout
        return f"{signed}.{_text(signature)}"

    def _access(self, scope: str) -> dict[str, Any]:
        kind, name, actions = scope.split(":", 2)
        allowed = [action for action in actions.split(",") if action not in self.denied]
        return {"type": kind, "name": name, "actions": allowed}


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class _Handler(http.server.BaseHTTPRequestHandler):
    tokens: TokenServer

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Take user and password by basic authentication."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = base64.b64decode((self.headers.get("Authorization") or "Basic ").partition(" ")[2]).decode()
        self._answer(query, given)

    def do_POST(self) -> None:
        """Take them, or a refresh token, as a form."""
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = (form.get("refresh_token") or form.get("password") or [""])[0]
        self._answer(form, f"{(form.get('username') or [USER])[0]}:{token}")

    def _answer(self, asked: dict[str, list[str]], given: str) -> None:
        self.tokens.asked.append(asked)
        if given != f"{USER}:{self.tokens.refresh_token}":
            self._send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]})
            return
        scopes = [scope for text in asked.get("scope", []) for scope in text.split(" ")]
        self._send(200, {"access_token": self.tokens.token(scopes), "expires_in": self.tokens.lifetime})

    def _send(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
