"""The one kind of error a user sees: what was wrong, with which value, what to do."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["PipelineError", "hide_tracebacks"]


class PipelineError(Exception):
    """A mistake in what the pipeline was given, or a gate that is red.

    `what` says what was wrong and names the value (service, key, file);
    `next_step` says what to do about it; `details` is output of a tool that
    explains it, passed on as it is. `id` is where in docs/reference/errors.md
    it is: the place that makes it, unless it is passed on from elsewhere.
    """

    # `id` is the word for it, and no caller's builtin.
    def __init__(self, what: str, *, next_step: str, details: str = "", id: str = "") -> None:  # noqa: A002
        super().__init__(what)
        self.id = id or _place(sys._getframe(1))  # noqa: SLF001 - documented, and has no public twin
        self.what = what
        self.next_step = next_step
        self.details = details

    def __str__(self) -> str:
        parts = [self.what]
        if self.details:
            parts.append(self.details.rstrip())
        parts += [f"Next: {self.next_step}", f"Id: {self.id}"]
        return "\n".join(parts)


def _place(frame: FrameType) -> str:
    """Return the module (without this package) and the function of a frame, as the catalogue has them."""
    module = frame.f_globals["__name__"].removeprefix("ci.")
    names = [name for name in frame.f_code.co_qualname.split(".") if name != "__init__" and "<" not in name]
    return ".".join([module, *(name.strip("_") for name in names)])


class _WithoutOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        exception = record.exc_info[1] if record.exc_info else None
        return not isinstance(exception, PipelineError)


def hide_tracebacks() -> None:
    """Keep the SDK from logging a traceback for a `PipelineError`.

    The SDK logs every exception of a function with its traceback before it
    reports the text; for our own errors the text is all there is to say. Any
    other exception is a bug and keeps its traceback.
    """
    for name in ("dagger.mod", "dagger.mod._module", "dagger.mod.cli"):
        logging.getLogger(name).addFilter(_WithoutOurs())
