"""What goes wrong, with the status and the words that Qdrant answers with."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def wrong(text: str) -> ApiError:
    """Return the error for a request that is understood and wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, f"Wrong input: {text}")


def unsupported(what: str) -> ApiError:
    """Return the error for something that Qdrant may know and this does not."""
    return ApiError(HTTPStatus.NOT_IMPLEMENTED, f"this stand-in of Qdrant does not know {what}")


def missing(collection: str) -> ApiError:
    """Return the error for a collection that is not there."""
    return ApiError(HTTPStatus.NOT_FOUND, f"Not found: Collection `{collection}` doesn't exist!")


@contextmanager
def engine_errors() -> Iterator[None]:
    """While this lasts, errors of the engine (plain exceptions with a text) become answers."""
    try:
        yield
    except ApiError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if text.startswith("Service runtime error"):
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, text) from error
        raise wrong(text) from error
