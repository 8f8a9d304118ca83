"""Dagger's decorators with types that mypy understands.

The SDK's own overloads lack `cache`, and `object_type` is not seen as a
dataclass (dagger issue 11572); at run time these are the SDK's objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import dagger

if TYPE_CHECKING:
    import dataclasses
    from collections.abc import Callable

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., Any])

    def field(
        *,
        default: Any = ...,  # noqa: ANN401 - as below
        name: str | None = None,
        init: bool = True,
    ) -> Any:  # noqa: ANN401 - a field's type is its annotation's
        """See `dagger.field`."""

    @dataclass_transform(kw_only_default=True, field_specifiers=(field, dataclasses.field))
    def object_type(cls: type[T]) -> type[T]:
        """See `dagger.object_type`."""

    def function(*, name: str | None = None, cache: str | None = None) -> Callable[[F], F]:
        """See `dagger.function`."""

    def check(function: F) -> F:
        """See `dagger.check`."""

    def up(function: F) -> F:
        """See `dagger.up`."""
else:
    check, field, function, object_type, up = (
        dagger.check,
        dagger.field,
        dagger.function,
        dagger.object_type,
        dagger.mod.up,
    )

__all__ = ["check", "field", "function", "object_type", "up"]
