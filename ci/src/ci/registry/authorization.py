"""Answer a registry's challenges: passwords, and tokens that are requested, cached and renewed."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.registry import failures
from ci.registry.retrying import AttemptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ci.registry.answers import Challenge
    from ci.registry.hosts import Endpoint

__all__ = ["Authorization", "TokenRequest", "scope"]

# By the token specification, for a token that does not say how long it is valid.
_LIFETIME = 60.0
# A token is renewed before it ends: a request that begins with it has to arrive.
_MARGIN = 5.0


@dataclass(frozen=True)
class TokenRequest:
    """A request to the token service: `form` is a POST, `query` a GET."""

    realm: str
    query: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None
    authorization: str = ""


@dataclass
class _Token:
    header: str
    ends: float


def scope(repository: str, *, write: bool) -> str:
    """Return the scope that an operation on a repository needs."""
    return f"repository:{repository}:pull,push" if write else f"repository:{repository}:pull"


class Authorization:
    """The credentials of one registry, and the tokens that they were exchanged for; safe to use from threads.

    `fetch` sends a request to the token service and returns the JSON of its answer.
    """

    def __init__(self, endpoint: Endpoint, fetch: Callable[[TokenRequest], Mapping[str, Any]]) -> None:
        self._endpoint = endpoint
        self._fetch = fetch
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        # The scopes that the registry named beyond those of the protocol, by repository.
        self._more: dict[str, set[str]] = {}
        self._tokens: dict[frozenset[str], _Token] = {}
        self._locks: dict[frozenset[str], threading.Lock] = {}

    def header(self, repository: str, *, write: bool) -> str:
        """Return the Authorization header of a request, empty before the registry has asked for one."""
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return self._basic() if self._endpoint.username else ""
        # Who may write may read: one token serves both, once it is there.
        stronger = None if write else self._tokens.get(self._wanted(repository, write=True))
        if stronger is not None and time.monotonic() < stronger.ends:
            return stronger.header
        return self._token(challenge, self._wanted(repository, write=write))

    def challenged(self, challenges: Iterable[Challenge], repository: str, *, write: bool, sent: str) -> bool:
        """Take note of a 401; return whether the request may be accepted when it is sent again.

        `sent` is the Authorization header that was refused.
        """
        by_scheme = {challenge.scheme: challenge for challenge in challenges}
        challenge = by_scheme.get("bearer") or by_scheme.get("basic")
        if challenge is None or (challenge.scheme == "bearer" and not challenge.parameters.get("realm")):
            return False
        if challenge.scheme == "basic":
            self._challenge = challenge
            return bool(self._endpoint.username) and sent != self._basic()
        known = self._wanted(repository, write=write)
        # A scope of the same actions in another order is the same.
        have = {_actions(text) for text in known}
        more = {text for text in challenge.parameters.get("scope", "").split() if _actions(text) not in have}
        with self._lock:
            self._challenge = challenge
            self._more.setdefault(repository, set()).update(more)
            fresh = self._tokens.get(known)
            if not more and fresh is not None and fresh.header == sent:
                # Refused with the token of these very scopes: once more with another one, then it is final.
                del self._tokens[known]
        return True

    def _wanted(self, repository: str, *, write: bool) -> frozenset[str]:
        own = {scope(repository, write=write)} if repository else set()
        with self._lock:
            return frozenset(own | self._more.get(repository, set()))

    def _basic(self) -> str:
        login = f"{self._endpoint.username}:{self._endpoint.password}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"

    def _token(self, challenge: Challenge, scopes: frozenset[str]) -> str:
        with self._lock:
            lock = self._locks.setdefault(scopes, threading.Lock())
        # One request for each set of scopes, not one for each thread.
        with lock:
            cached = self._tokens.get(scopes)
            if cached is not None and time.monotonic() < cached.ends:
                return cached.header
            answer = self._fetch(self._request(challenge, scopes))
            text = answer.get("token") or answer.get("access_token")
            if not isinstance(text, str) or not text:
                raise AttemptError(failures.INCOMPLETE, "the token service's answer has no token")
            lifetime = answer.get("expires_in")
            seconds = float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else _LIFETIME
            margin = min(_MARGIN, seconds / 2)
            token = _Token(f"Bearer {text}", time.monotonic() + seconds - margin)
            self._tokens[scopes] = token
            return token.header

    def _request(self, challenge: Challenge, scopes: frozenset[str]) -> TokenRequest:
        realm, service = challenge.parameters["realm"], challenge.parameters.get("service", "")
        if self._endpoint.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._endpoint.identity_token,
                "service": service,
                "client_id": "containerise",
                "scope": " ".join(sorted(scopes)),
            }
            return TokenRequest(realm, form=form)
        query = [("service", service)] if service else []
        query += [("scope", text) for text in sorted(scopes)]
        return TokenRequest(
            realm, tuple(query), authorization=self._basic() if self._endpoint.username else ""
        )


def _actions(text: str) -> tuple[str, frozenset[str]]:
    name, _, actions = text.rpartition(":")
    return name, frozenset(actions.split(","))
