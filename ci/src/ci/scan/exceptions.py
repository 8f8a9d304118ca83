"""`.trivyignore.yaml`: what is let through, for what reason, and until when.

The format is Trivy's own (https://trivy.dev/docs/latest/guide/configuration/filtering/), so that
Trivy by hand lets through the same. Trivy asks for nothing but an id; here an entry needs a
reason and an end, because an exception without them stays for ever.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.scan.findings import Finding

__all__ = ["FILE", "Exemption", "Exemptions", "read"]

FILE = ".trivyignore.yaml"
_LONGEST = timedelta(days=90)
_WARN_BEFORE = timedelta(days=14)

_SECTIONS = {
    "vulnerabilities": "vulnerability",
    "misconfigurations": "misconfiguration",
    "secrets": "secret",
    "licenses": "license",
}
_FIELDS = ("id", "statement", "expired_at", "paths", "purls")


@dataclass(frozen=True)
class Exemption:
    """One entry; `entry` names it in texts: section, position and id."""

    entry: str
    kind: str
    id: str
    reason: str
    until: date
    paths: tuple[re.Pattern[str], ...] = ()
    purls: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, in Trivy's sense of id, paths and purls."""
        return (
            finding.kind == self.kind
            and finding.id == self.id
            and (not self.paths or any(path.fullmatch(finding.place) for path in self.paths))
            and (
                not self.purls
                or not finding.purl
                or any(_same_package(purl, finding.purl) for purl in self.purls)
            )
        )


@dataclass(frozen=True)
class Exemptions:
    """The file's entries on one day."""

    entries: tuple[Exemption, ...]
    today: date

    @property
    def live(self) -> tuple[Exemption, ...]:
        """The entries that are in force; an entry's last day counts."""
        return tuple(each for each in self.entries if each.until >= self.today)

    def expired(self) -> tuple[str, ...]:
        """Return a text for each entry whose time is over."""
        return tuple(
            f"{each.entry}, expired_at: it ended on {each.until} ({each.reason}): upgrade, or decide again"
            for each in self.entries
            if each.until < self.today
        )

    def ending(self) -> Iterator[str]:
        """Return a text for each entry that is about to end."""
        for each in self.live:
            if each.until - self.today <= _WARN_BEFORE:
                left = (each.until - self.today).days
                yield f"{FILE}: {each.entry} ends in {left} days, on {each.until}"

    def unused(self, used: set[str]) -> Iterator[str]:
        """Return a text for each entry that covers nothing."""
        for each in self.live:
            if each.entry not in used:
                yield f"{FILE}: {each.entry} covers no finding: remove it"


def read(text: str, today: date) -> Exemptions:
    """Read the file's text, empty if there is no file; all that is wrong with it is in one error."""
    problems: list[PipelineError] = []
    exemptions: list[Exemption] = []
    for section, entries in _sections(text).items():
        for number, item in enumerate(entries, 1):
            try:
                exemptions.append(_entry(section, number, item, today))
            except PipelineError as problem:
                problems.append(problem)
    problems += _doubles(exemptions)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise PipelineError(
            "trivyignore.several-wrong",
            f"{FILE}: {len(problems)} entries are wrong",
            details="\n".join(f"- {problem.what}" for problem in problems),
            hint="fix each of them, or remove it",
        )
    return Exemptions(tuple(exemptions), today)


def _sections(text: str) -> dict[str, list[Any]]:
    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise PipelineError(
            "trivyignore.not-yaml",
            f"{FILE}: not YAML",
            details=str(error),
            hint="fix the line named above",
        ) from error
    hint = f"put the entries in lists under {', '.join(_SECTIONS)}"
    if not isinstance(data, dict):
        raise PipelineError(
            "trivyignore.not-sections",
            f"{FILE}: found a {type(data).__name__}, not sections",
            hint=hint,
        )
    for section, entries in data.items():
        if section not in _SECTIONS:
            raise PipelineError(
                "trivyignore.unknown-section", f"{FILE}: {section}: there is no such section", hint=hint
            )
        if not isinstance(entries, list | None):
            raise PipelineError("trivyignore.section-not-a-list", f"{FILE}: {section}: not a list", hint=hint)
    return {section: entries or [] for section, entries in data.items()}


def _entry(section: str, number: int, item: Any, today: date) -> Exemption:  # noqa: ANN401 - as YAML has it
    name = f"{section}[{number}]"
    if not isinstance(item, dict):
        raise _wrong(
            "trivyignore.entry-not-a-table",
            name,
            "",
            f"found {item!r}",
            "write it as `- id: …` with statement and expired_at",
        )
    identifier = _text(name, item, "id", "give the id that the report names, such as CVE-2024-34064")
    name += f" ({identifier})"
    for field in item:
        if field not in _FIELDS:
            raise _wrong(
                "trivyignore.unknown-field",
                name,
                str(field),
                "there is no such field",
                f"use {', '.join(_FIELDS)}",
            )
    return Exemption(
        entry=name,
        kind=_SECTIONS[section],
        id=identifier,
        reason=_text(name, item, "statement", "say why this may stay until then"),
        until=_until(name, item.get("expired_at"), today),
        paths=tuple(_pattern(path) for path in _list(name, item, "paths")),
        purls=tuple(_purl(name, purl) for purl in _list(name, item, "purls")),
    )


def _wrong(code: str, entry: str, field: str, what: str, hint: str) -> PipelineError:
    place = f"{FILE}: {entry}" + (f", {field}" if field else "")
    return PipelineError(code, f"{place}: {what}", hint=hint)


def _text(entry: str, item: dict[str, Any], field: str, hint: str) -> str:
    value = item.get(field)
    if value is None:
        raise _wrong("trivyignore.field-missing", entry, field, "missing", hint)
    if not isinstance(value, str) or not value.strip():
        raise _wrong("trivyignore.not-text", entry, field, f"found {value!r}", hint)
    return value.strip()


def _list(entry: str, item: dict[str, Any], field: str) -> list[str]:
    value = item.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise _wrong(
            "trivyignore.not-a-list",
            entry,
            field,
            f"found {value!r}",
            "give a list of texts, or leave the field out",
        )
    return value


def _until(entry: str, value: Any, today: date) -> date:  # noqa: ANN401 - as YAML has it
    latest = today + _LONGEST
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        hint = f"give a day, {latest} at the latest"
        if value is None:
            raise _wrong("trivyignore.day-missing", entry, "expired_at", "missing", hint)
        raise _wrong("trivyignore.not-a-day", entry, "expired_at", f"{value!r} is no day", hint)
    if value > latest:
        over = (value - today).days
        what = f"{value} is {over} days ahead, more than {_LONGEST.days}"
        raise _wrong(
            "trivyignore.day-too-late",
            entry,
            "expired_at",
            what,
            f"give {latest} or earlier, and look at it again then",
        )
    return value


def _pattern(glob: str) -> re.Pattern[str]:
    """Return the pattern as a regular expression: `**` is any folders, `*` and `?` stay within one."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces))


def _purl(entry: str, text: str) -> str:
    if not re.fullmatch(r"pkg:[a-z0-9.+-]+/\S+", text):
        raise _wrong(
            "trivyignore.purl-invalid",
            entry,
            "purls",
            f"{text!r} is no package URL",
            "write it as pkg:pypi/name or pkg:pypi/name@version",
        )
    return text


def _same_package(wanted: str, found: str) -> bool:
    """Whether a package URL is another one, or that one without version or qualifiers."""
    name, _, qualifiers = wanted.partition("?")
    found_name, _, found_qualifiers = found.partition("?")
    if "@" not in name:
        found_name = found_name.partition("@")[0]
    return name == found_name and set(filter(None, qualifiers.split("&"))) <= set(found_qualifiers.split("&"))


def _doubles(exemptions: list[Exemption]) -> Iterator[PipelineError]:
    seen: dict[tuple[Any, ...], str] = {}
    for each in exemptions:
        key = (each.kind, each.id, each.paths, each.purls)
        if key in seen:
            yield _wrong(
                "trivyignore.entry-repeated",
                each.entry,
                "id",
                f"the same as {seen[key]}",
                "keep one of the two",
            )
        seen.setdefault(key, each.entry)
