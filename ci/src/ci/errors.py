"""The error that users see: what was wrong, the value, and what to do."""

from __future__ import annotations

import logging

__all__ = ["PipelineError", "hide_tracebacks"]


class PipelineError(Exception):
    """An error in the pipeline's input, or a failed gate.

    - `code`: a literal such as "compose.no-services" that identifies the error
      and never changes; docs/reference/errors.md lists all codes
    - `what`: what was wrong, with the value (service, key, file)
    - `hint`: what to do next
    - `details`: a tool's output that explains it, unchanged
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
    reports the text. For our own errors and their causes the text is enough.
    Any other exception is a bug, so its traceback is still logged.
    """
    for name in ("dagger.mod", "dagger.mod._module", "dagger.mod.cli"):
        logging.getLogger(name).addFilter(_WithoutOurs())
