"""Convert the failures of a function to one error with one text."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import dagger

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["as_user_error", "user_errors"]

P = ParamSpec("P")
T = TypeVar("T")


def user_errors(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Convert each failure of a function to one `PipelineError`.

    Errors of the engine, such as an image that cannot be pulled, are for the user
    to fix, and are reported like the mistakes that this module finds itself. Any
    other exception is a bug and is not changed.
    """

    @functools.wraps(function)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await function(*args, **kwargs)
        except (ExceptionGroup, dagger.QueryError) as raised:
            error = as_user_error(raised)
            if error is None:
                raise
            inner = error.__cause__ if error in _leaves(raised) else raised
            raise error from inner

    return wrapped


def as_user_error(raised: Exception) -> PipelineError | None:
    """Convert an exception to one error for the user, or return None if it is a bug."""
    leaves = list(_leaves(raised))
    if not all(isinstance(leaf, PipelineError | dagger.QueryError) for leaf in leaves):
        return None
    return _one(leaves)


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _one(leaves: list[Exception]) -> PipelineError:
    texts = list(dict.fromkeys(_text(leaf) for leaf in leaves))
    ours = [leaf for leaf in leaves if isinstance(leaf, PipelineError)]
    if len(texts) == 1 and ours:
        return ours[0]
    details = "\n\n".join(texts)
    hint = "fix the error above; an image that cannot be pulled can be mapped with --images"
    if not ours:
        return PipelineError("engine.step-refused", "the engine rejected a step", details=details, hint=hint)
    return PipelineError("engine.several-failed", f"{len(texts)} failures", details=details, hint=hint)


def _text(leaf: Exception) -> str:
    output = f"{leaf.stdout}\n{leaf.stderr}".strip() if isinstance(leaf, dagger.ExecError) else ""
    return f"{leaf}\n{output}".strip()
