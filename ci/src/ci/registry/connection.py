"""Send requests to one registry: authorized, under limits of progress, and again where that helps."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import httpx

from ci.errors import PipelineError
from ci.registry import answers, failures, faults
from ci.registry.authorization import Authorization, TokenRequest
from ci.registry.hosts import is_loopback
from ci.registry.retrying import AttemptError, persist
from ci.registry.trust import trusted, unverified

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from ci.registry.hosts import Endpoint
    from ci.registry.retrying import Limits

__all__ = ["Ask", "Connection", "Reply"]

_UNAUTHORIZED = 401
_BAD_REQUEST = 400
# What is read into memory: manifests, lists, tokens. The specification has registries take manifests of 4
# MiB.
_LARGEST = 32 << 20
# First without a token, then with one, with the scopes that the registry adds, and with a renewed one.
_SENDINGS = 4
_CONNECTIONS = 32


@dataclass(frozen=True)
class Ask:
    """One request: `path` below /v2/ or an address that the registry gave.

    `content` makes the body's bytes again for each sending, `size` is their number. `accepted` are the
    statuses that are an answer and no failure. `storing` is how much the registry has to store before it
    answers.
    """

    method: str
    path: str
    repository: str = ""
    _: KW_ONLY
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    content: Callable[[], Iterator[bytes]] | None = None
    size: int = 0
    accepted: tuple[int, ...] = (200,)
    storing: int = 0
    sending: bool = False

    @property
    def write(self) -> bool:
        """Whether it needs more than the right to read."""
        return self.method not in {"GET", "HEAD"}


@dataclass(frozen=True)
class Reply:
    """An answer that was accepted; `url` is where it came from, after redirects."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str


class Connection:
    """One registry; safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, limits: Limits) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.scheme = "http" if endpoint.plain_http else "https"
        self._client = self._http(trusted(endpoint) if not endpoint.plain_http else unverified())
        self._authorization = Authorization(endpoint, self._token)
        # Whether it has the referrers API, and the largest body it takes: none as long as that is not known.
        self.has_referrers: bool | None = None
        self.largest_body: int | None = None
        self._is_probed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def ask(self, ask: Ask, what: str) -> Reply:
        """Send a request until it is answered; `what` names the operation in messages."""
        return persist(lambda: self.once(ask), what, self.limits)

    def once(self, ask: Ask) -> Reply:
        """Send a request once, with authorization; raises AttemptError."""
        with self.opened(ask) as response:
            content = _read(response, bounded=True)
        return Reply(response.status_code, response.headers, content, str(response.url))

    @contextmanager
    def opened(self, ask: Ask) -> Iterator[httpx.Response]:
        """Send a request once and give its answer, the body still to be read; raises AttemptError."""
        url = self.url(ask.path)
        refused = ""
        for last in (False,) * (_SENDINGS - 1) + (True,):
            sent = self._header(ask, url)
            with self._answered(ask, url, sent) as response:
                if response.status_code in ask.accepted:
                    yield response
                    return
                body = answers.error_body(_read(response, bounded=False))
            if response.status_code != _UNAUTHORIZED or last or not self._ours(url):
                break
            challenges = answers.challenges(response.headers.get_list("WWW-Authenticate"))
            again = self._authorization.challenged(challenges, ask.repository, write=ask.write, sent=sent)
            # The same header a second time would be refused a second time.
            if not again or (sent and sent == refused):
                break
            refused = sent
        failure = self._judged(response, body, ask)
        if response.status_code == _BAD_REQUEST and not body.codes and self._turns_to_tls(url):
            failure = faults.TLS
        raise AttemptError(failure, _shown(response, body))

    def url(self, path: str) -> str:
        """Return the address of a path, or of a location that the registry gave."""
        base = f"{self.scheme}://{self.endpoint.reached_at}"
        url = urljoin(f"{base}/v2/", path)
        parts = urlsplit(url)
        if parts.netloc == urlsplit(base).netloc and parts.scheme != self.scheme:
            # Registries behind a proxy that ends TLS give locations without it. Never send credentials so.
            return urlunsplit(parts._replace(scheme=self.scheme))
        return url

    def _header(self, ask: Ask, url: str) -> str:
        return self._authorization.header(ask.repository, write=ask.write) if self._ours(url) else ""

    def _ours(self, url: str) -> bool:
        """Tell whether an address is the registry's: no other gets its credentials."""
        return urlsplit(url)[:2] == (self.scheme, urlsplit(f"//{self.endpoint.reached_at}").netloc)

    @contextmanager
    def _answered(self, ask: Ask, url: str, authorization: str) -> Iterator[httpx.Response]:
        """Send a request; a registry that drops plain HTTP may speak TLS."""
        try:
            with self._sent(ask, url, authorization) as response:
                yield response
        except AttemptError as error:
            if error.failure is failures.LOST and self._turns_to_tls(url):
                raise AttemptError(faults.TLS, error.details) from error
            raise

    @contextmanager
    def _sent(self, ask: Ask, url: str, authorization: str) -> Iterator[httpx.Response]:
        headers = dict(ask.headers)
        if authorization:
            headers["Authorization"] = authorization
        if ask.content is not None or ask.write:
            headers["Content-Length"] = str(ask.size)
        silence = self.limits.storing(ask.storing)
        timeout = httpx.Timeout(self.limits.seconds, read=silence)
        request = self._client.build_request(
            ask.method,
            _with_parameters(url, ask.parameters),
            headers=headers,
            content=ask.content() if ask.content is not None else None,
            timeout=timeout,
        )
        with faults.understood(silence):
            response = self._client.send(request, stream=True, follow_redirects=not ask.write)
        try:
            with faults.understood(silence):
                yield response
        finally:
            response.close()

    def _judged(self, response: httpx.Response, body: answers.ErrorBody, ask: Ask) -> failures.Failure:
        if response.status_code == _UNAUTHORIZED:
            challenges = answers.challenges(response.headers.get_list("WWW-Authenticate"))
            if any(item.parameters.get("error") == "insufficient_scope" for item in challenges):
                return failures.DENIED
        return failures.of_status(
            response.status_code, body.codes, errnos=body.errnos, wait=_wait(response), sending=ask.sending
        )

    def _token(self, request: TokenRequest) -> Mapping[str, Any]:
        """Send a request to the token service; raises AttemptError."""
        realm = urlsplit(request.realm)
        if self.scheme == "https" and realm.scheme != "https" and not is_loopback(realm.netloc):
            raise PipelineError(
                "registry.token-service-insecure",
                f"{self.endpoint.host} sends credentials to {request.realm}, without TLS",
                hint="correct the realm in the registry's configuration",
            )
        headers = {"Authorization": request.authorization} if request.authorization else {}
        with faults.understood(self.limits.seconds):
            sent = self._client.build_request(
                "GET" if request.form is None else "POST",
                request.realm,
                params=httpx.QueryParams(request.query) if request.query else None,
                data=dict(request.form) if request.form is not None else None,
                headers=headers,
                timeout=self.limits.seconds,
            )
            response = self._client.send(sent, stream=True)
            content = _read(response, bounded=True)
        if response.status_code != httpx.codes.OK:
            failure = failures.token_service(response.status_code, wait=_wait(response))
            raise AttemptError(failure, _shown(response, answers.error_body(content)))
        try:
            data = response.json()
        except ValueError as error:
            raise AttemptError(
                failures.INCOMPLETE, f"the token service's answer is not JSON: {error}"
            ) from error
        return data if isinstance(data, dict) else {}

    def _turns_to_tls(self, url: str) -> bool:
        """Go over to TLS where a registry on loopback refuses plain HTTP; return whether it did.

        Loopback is Docker's rule for a registry whose certificate need not be verified. TLS without
        verification is no weaker than the plain HTTP that is spoken there otherwise.
        """
        if url.startswith("https:") or not self.endpoint.is_near:
            return False
        with self._lock:
            if not self._is_probed:
                self._is_probed = True
                self.scheme = "https" if self._speaks_tls() else self.scheme
        return self.scheme == "https"

    def _speaks_tls(self) -> bool:
        with self._http(unverified()) as probe:
            try:
                probe.get(f"https://{self.endpoint.reached_at}/v2/", timeout=self.limits.seconds)
            except httpx.HTTPError:
                return False
        return True

    def _http(self, trust: ssl.SSLContext) -> httpx.Client:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        try:
            return httpx.Client(
                verify=trust,
                trust_env=not self.endpoint.is_near,
                limits=limits,
                headers={"User-Agent": "containerise"},
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise PipelineError(
                "registry.proxy-invalid",
                f"the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: {error}",
                hint="set http://HOST:PORT, or name the registry in NO_PROXY",
            ) from error


def _with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to an address; what is there stays as it is, because it may be signed."""
    if not parameters:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(parameters)}"


def _read(response: httpx.Response, *, bounded: bool) -> bytes:
    """Read a small body; a larger one is an error if it has to be whole, or cut."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _LARGEST:
            if bounded:
                raise AttemptError(failures.INCOMPLETE, f"the answer is larger than {_LARGEST} bytes")
            break
    # `response.json` reads it from here.
    response._content = bytes(content)  # noqa: SLF001 - httpx sets it only when it reads without a bound
    return bytes(content)


def _wait(response: httpx.Response) -> float | None:
    return answers.retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))


def _shown(response: httpx.Response, body: answers.ErrorBody) -> str:
    request = response.request
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return f"{request.method} {request.url.path}: {status}" + (f"\n{body.text}" if body.text else "")
