"""Dagger's decorators, typed for mypy; `function` also turns failures into one `PipelineError`.

The SDK's own overloads lack `cache`, and `object_type` is not seen as a
dataclass (dagger issue 11572).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import dagger

from ci.user_errors import user_errors

if TYPE_CHECKING:
    import dataclasses
    from collections.abc import Callable

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])

    @dataclass_transform(kw_only_default=True, field_specifiers=(dataclasses.field,))
    def object_type(cls: type[T]) -> type[T]:
        """See `dagger.object_type`."""

    def check(function: F) -> F:
        """See `dagger.check`."""

    def up(function: F) -> F:
        """See `dagger.up`."""
else:
    check, object_type, up = dagger.check, dagger.object_type, dagger.mod.up

__all__ = ["check", "function", "object_type", "up"]


def function(*, cache: str | None = None) -> Callable[[F], F]:
    """Make a method a Dagger function, see `dagger.function`."""
    made: Any = dagger.function
    return lambda method: made(cache=cache)(user_errors(method))
