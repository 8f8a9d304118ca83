"""Make what went wrong in a verb one error with one text."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import dagger

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["user_errors"]

P = ParamSpec("P")
T = TypeVar("T")


def user_errors(verb: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return the verb with its failures as one `PipelineError`.

    What the engine refuses (an image that cannot be pulled, say) is the user's
    to fix, and is reported like the mistakes that this module finds itself.
    Anything else is a bug and stays what it is.
    """

    @functools.wraps(verb)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await verb(*args, **kwargs)
        except (ExceptionGroup, dagger.QueryError) as error:
            leaves = list(_leaves(error))
            if not all(isinstance(leaf, PipelineError | dagger.QueryError) for leaf in leaves):
                raise
            one = _one(leaves)
            raise one from (one.__cause__ if one in leaves else error)

    return wrapped


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
    hint = "fix what is named above; an image that cannot be pulled can be mapped with --images"
    if not ours:
        return PipelineError("engine.step-refused", "the engine refuses a step", details=details, hint=hint)
    return PipelineError(
        "engine.several-failed", f"{len(texts)} things went wrong", details=details, hint=hint
    )


def _text(leaf: Exception) -> str:
    output = f"{leaf.stdout}\n{leaf.stderr}".strip() if isinstance(leaf, dagger.ExecError) else ""
    return f"{leaf}\n{output}".strip()
