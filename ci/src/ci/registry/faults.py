"""Make failures of what httpx and ssl raise."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from ci.registry import failures
from ci.registry.failures import Failure
from ci.registry.retrying import AttemptError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TLS", "understood"]

# What OpenSSL names an answer that is not TLS, by version.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
_NO_TLS = Failure(
    "registry.tls-absent",
    "it answers without TLS",
    hint="pass it as a service: --service tcp://HOST:PORT; it is then reached over plain HTTP",
)
# Not an end: the next try speaks it.
TLS = Failure(
    "registry.tls-required",
    "it answers with TLS",
    hint="run it again",
    delays=(0.0,),
)
_UNTRUSTED = Failure(
    "registry.certificate-untrusted",
    "its certificate is not trusted",
    hint="have the engine trust its authority (Dagger: custom CA certificates), or correct the certificate",
)


@contextmanager
def understood(seconds: float) -> Iterator[None]:
    """Raise AttemptError for whatever ends a request without an answer; `seconds` is its limit of silence."""
    try:
        yield
    except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise AttemptError(failures.silent(seconds)) from error
    except httpx.ConnectError as error:
        raise AttemptError(_unconnected(error), str(error)) from error
    except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
        # A connection that ends in the middle of an answer, or an answer that is not HTTP.
        raise AttemptError(failures.LOST, str(error)) from error
    except httpx.TransportError as error:
        raise AttemptError(failures.LOST, str(error) or type(error).__name__) from error
    except httpx.TooManyRedirects as error:
        raise AttemptError(failures.INCOMPLETE, str(error)) from error


def _unconnected(error: httpx.ConnectError) -> Failure:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _UNTRUSTED
        if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
            return _NO_TLS
        cause = cause.__cause__ or cause.__context__
    return failures.LOST
