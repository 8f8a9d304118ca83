"""The one kind of error a user sees: what was wrong, with which value, what to do."""

from __future__ import annotations

import logging

__all__ = ["PipelineError", "hide_tracebacks"]


class PipelineError(Exception):
    """A mistake in what the pipeline was given, or a gate that failed.

    `code` is a literal such as "compose.no-services" that stands for this one
    error and never changes, whatever its text, function or file is called;
    docs/reference/errors.md has them all. `what` says what was wrong and names
    the value (service, key, file); `hint` says what to do about it;
    `details` is output of a tool that explains it, passed on as it is.
    """

    def __init__(self, code: str, what: str, *, hint: str, details: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        parts = [self.what]
        if self.details:
            parts.append(self.details.rstrip())
        parts += [f"Next: {self.hint}", f"Code: {self.code}"]
        return "\n".join(parts)


class _WithoutOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        exception = record.exc_info[1] if record.exc_info else None
        return not isinstance(exception, PipelineError)


def hide_tracebacks() -> None:
    """Keep the SDK from logging a traceback for a `PipelineError`.

    The SDK logs every exception of a function with its traceback before it
    reports the text; for our own errors, and for what caused them, the text is
    all there is to say. Any other exception is a bug and keeps its traceback.
    """
    for name in ("dagger.mod", "dagger.mod._module", "dagger.mod.cli"):
        logging.getLogger(name).addFilter(_WithoutOurs())
