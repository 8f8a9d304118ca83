"""Read what a registry answers: error codes, challenges, links, ranges, waits. Pure functions."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Challenge", "ErrorBody", "challenges", "error_body", "next_page", "offset", "retry_after"]

_SHOWN = 1000  # characters of an answer
_TAG = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_RANGE = re.compile(r"(?:bytes[= ])?0-(\d+)", re.ASCII)
_LINK = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?', re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][\w-]*)(?:\s+|$)", re.ASCII)
_PARAMETER = re.compile(r'\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)', re.ASCII)


@dataclass(frozen=True)
class ErrorBody:
    """The body of an error: its codes, the errno of the registry's storage if it names one, and its text."""

    codes: frozenset[str] = frozenset()
    errnos: frozenset[int] = frozenset()
    text: str = ""


@dataclass(frozen=True)
class Challenge:
    """How a registry wants to be authenticated to; the scheme and parameter names are lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def error_body(content: bytes) -> ErrorBody:
    """Read an error's body: the specification's JSON, or a page of whatever stands before the registry."""
    text = content.decode(errors="replace")
    try:
        data = json.loads(text)
        errors: list[dict[str, Any]] = [item for item in data["errors"] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError):
        return ErrorBody(text=_readable(text))
    codes = frozenset(str(item.get("code", "")).upper() for item in errors)
    errnos = frozenset(number for item in errors for number in _errnos(item.get("detail")))
    lines = [" ".join(str(item[key]) for key in ("code", "message") if item.get(key)) for item in errors]
    details = [json.dumps(item["detail"]) for item in errors if item.get("detail")]
    return ErrorBody(codes, errnos, _readable("\n".join([*lines, *details])))


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or a date; none if it is neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def next_page(link: str) -> str:
    """Return the address of the next page of a Link header (RFC 8288), empty if there is none."""
    found = _LINK.search(link)
    return found[1] if found else ""


def offset(value: str) -> int | None:
    """Return how many bytes of an upload a Range header confirms; none for a header of another form.

    `0-0` is what registries send for an upload of nothing, and also what one byte would be: it counts as
    nothing, because to send a byte twice is found out and to skip one is not.
    """
    found = _RANGE.fullmatch(value.strip())
    if found is None:
        return None
    last = int(found[1])
    return last + 1 if last else 0


def challenges(values: Sequence[str]) -> list[Challenge]:
    """Read WWW-Authenticate headers (RFC 9110, 11.6.1)."""
    return [challenge for value in values for challenge in _challenges(value)]


def _challenges(text: str) -> Iterator[Challenge]:
    position = 0
    while match := _SCHEME.match(text, position):
        scheme, position = match[1].lower(), match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(text, position):
            quoted, plain = parameter[2], parameter[3]
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters[parameter[1].lower()] = value
            position = parameter.end()
        yield Challenge(scheme, parameters)
        while position < len(text) and text[position] in ", ":
            position += 1


def _errnos(detail: object) -> Iterator[int]:
    """Yield the error numbers of the storage in the detail that docker-registry sends."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            if key == "Err" and isinstance(value, int):
                yield value
            else:
                yield from _errnos(value)


def _readable(text: str) -> str:
    """Return a text to show: without markup and control characters, and not longer than helps."""
    if "<" in text and ">" in text:
        text = html.unescape(_TAG.sub(" ", text))
    lines = [" ".join(_CONTROL.sub(" ", line).split()) for line in text.split("\n")]
    shown = "\n".join(line for line in lines if line)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + " …"
