"""Errors as RFC 9457 problem documents, the only kind of error body the services send."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from aip_common import request as current

MEDIA_TYPE = "application/problem+json"
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class Problem(HTTPException):
    """An error with a stable code. Raise it anywhere in a request."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        **extra: Any,  # noqa: ANN401 - members of a JSON document
    ) -> None:
        all_headers = dict(headers or {})
        if retry_after is not None:
            all_headers["Retry-After"] = str(retry_after)
            extra["retry_after"] = retry_after
        super().__init__(status, detail, all_headers)
        self.code = code
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """Return the problem document; `instance` is the request's id."""
        return {
            "type": f"urn:aip:problem:{self.code}",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            "instance": current.request_id(),
            "code": self.code,
            **self.extra,
        }

    def response(self) -> JSONResponse:
        """Return the response that carries the document."""
        return JSONResponse(self.document(), self.status_code, self.headers, MEDIA_TYPE)


def dependency_unavailable(dependency: str, retry_after: int = 2) -> Problem:
    """Return the 503 for a database, store or service that does not respond."""
    text = f"{dependency} does not answer; try again"
    return Problem(503, "dependency_unavailable", text, retry_after=retry_after, dependency=dependency)


def deadline_exceeded() -> Problem:
    """Return the 504 for work that exceeded the caller's deadline."""
    return Problem(504, "deadline_exceeded", "the answer was not ready before the deadline")


def internal_error() -> Problem:
    """Return the 500, without the cause, which is in the log."""
    return Problem(500, "internal_error", "an unexpected error; the log has it under this request id")


def install(app: FastAPI) -> None:
    """Convert every error of the application to a problem document."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Problem):
        return error.response()
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES.get(error.status_code, f"http_{error.status_code}")
    return Problem(error.status_code, code, error.detail, headers=error.headers).response()


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # The invalid input is omitted, because it may be a prompt or a secret.
    errors = [{"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in error.errors()]
    structlog.get_logger().info("request refused", reasons=[item["type"] for item in errors])
    return Problem(422, "validation_error", "the request is not valid; see errors", errors=errors).response()
