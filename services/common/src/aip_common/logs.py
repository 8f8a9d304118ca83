"""Logging: one JSON object per line on standard output, without secrets and texts of users."""

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SENSITIVE = re.compile(
    r"authorization|api_?key|secret|password|cookie|(?:^|_)token$|prompt|completion|messages?$|content$",
    re.IGNORECASE,
)
_QUIET = ("httpx2", "httpcore2", "openai", "asyncio")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values whose names indicate secrets or texts of users."""
    return {key: "[redacted]" if _SENSITIVE.search(key) else value for key, value in event.items()}


def configure(service: str, version: str, level: str, stream: TextIO | None = None) -> None:
    """Write logs of structlog and the standard library as JSON to `stream`."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(service=service, version=version)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        name_service,
        redact,
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=False,
    )
