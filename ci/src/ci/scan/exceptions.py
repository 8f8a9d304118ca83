"""`.trivyignore.yaml`: what is let through, for what reason, and until when.

Trivy applies it (https://trivy.dev/docs/latest/guide/configuration/filtering/): its rules of ids, aliases,
paths and package URLs are the only ones. What Trivy does not have is here: an entry needs a reason and a last
day, because an exception without them stays indefinitely; and one that covers nothing is reported.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from ci.errors import PipelineError
from ci.spelling import written

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILE", "Exemption", "Exemptions", "read", "refused"]

FILE = ".trivyignore.yaml"
_LONGEST = timedelta(days=90)
_WARN_BEFORE = timedelta(days=14)

_SECTIONS = ("vulnerabilities", "misconfigurations", "secrets", "licenses")
_FIELDS = ("id", "statement", "expired_at", "paths", "purls")
# Trivy reads this field in every section, and applies it in one.
_WITH_PURLS = "vulnerabilities"
# What Trivy writes for an expression of licenses each of which is let through by another entry.
_EACH_LICENSE = "All license components are individually ignored"


@dataclass(frozen=True)
class Exemption:
    """One entry; `entry` names it in texts: section, position and id. `given` is what Trivy reads of it."""

    entry: str
    section: str
    id: str
    reason: str
    until: date
    given: dict[str, Any]


@dataclass(frozen=True)
class Exemptions:
    """The file's entries on one day."""

    entries: tuple[Exemption, ...]
    today: date

    @property
    def live(self) -> tuple[Exemption, ...]:
        """The entries that are in force; an entry's last day counts."""
        return tuple(each for each in self.entries if each.until >= self.today)

    def for_trivy(self) -> str:
        """Return the live entries as a file that Trivy applies; empty if there is none.

        An entry's statement is its name here, because Trivy writes the statement beside what it lets through.
        """
        if not self.live:
            return ""
        sections: dict[str, list[dict[str, Any]]] = {}
        for each in self.live:
            sections.setdefault(each.section, []).append({**each.given, "statement": each.entry})
        return json.dumps(sections, indent=1)

    def named(self, entry: str) -> Exemption | None:
        """Return the entry of that name."""
        return next((each for each in self.entries if each.entry == entry), None)

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
            if each.entry not in used and not (_EACH_LICENSE in used and each.section == "licenses"):
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
    _raise([*problems, *_doubles(exemptions)])
    return Exemptions(tuple(exemptions), today)


def refused(found: str, exemptions: Exemptions) -> None:
    """Raise an error for what Trivy refuses, as `container_scripts/trivy_exceptions.py` wrote it."""
    problems = []
    for each in json.loads(found):
        live = [entry for entry in exemptions.live if entry.section == each["section"]]
        entry = live[each["number"] - 1].entry
        message = each["message"].splitlines()[-1].rpartition("\t")[2]
        problems.append(
            _wrong("trivyignore.refused", entry, "", f"Trivy refuses it: {message}", "correct paths or purls")
        )
    _raise(problems)


def _raise(problems: list[PipelineError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise PipelineError(
            "trivyignore.several-wrong",
            f"{FILE}: {len(problems)} entries are wrong",
            details="\n".join(f"- {problem.what}" for problem in problems),
            hint="fix each of them, or remove it",
        )


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
            f"found {written(item)}",
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
    given = {"id": identifier} | {
        field: _list(name, item, field) for field in ("paths", "purls") if field in item
    }
    if given.get("purls") and section != _WITH_PURLS:
        raise _wrong(
            "trivyignore.purls-without-effect",
            name,
            "purls",
            f"Trivy applies it to {_WITH_PURLS} only",
            "narrow the entry with paths",
        )
    return Exemption(
        entry=name,
        section=section,
        id=identifier,
        reason=_text(name, item, "statement", "say why this may stay until then"),
        until=_until(name, item.get("expired_at"), today),
        given=given,
    )


def _wrong(code: str, entry: str, field: str, what: str, hint: str) -> PipelineError:
    place = f"{FILE}: {entry}" + (f", {field}" if field else "")
    return PipelineError(code, f"{place}: {what}", hint=hint)


def _text(entry: str, item: dict[str, Any], field: str, hint: str) -> str:
    value = item.get(field)
    if value is None:
        raise _wrong("trivyignore.field-missing", entry, field, "missing", hint)
    if not isinstance(value, str) or not value.strip():
        raise _wrong("trivyignore.not-text", entry, field, f"found {written(value)}", hint)
    return value.strip()


def _list(entry: str, item: dict[str, Any], field: str) -> list[str]:
    value = item.get(field, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise _wrong(
            "trivyignore.not-a-list",
            entry,
            field,
            f"found {written(value)}",
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
        raise _wrong("trivyignore.not-a-day", entry, "expired_at", f"{written(value)} is not a day", hint)
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


def _doubles(exemptions: list[Exemption]) -> Iterator[PipelineError]:
    seen: dict[str, str] = {}
    for each in exemptions:
        key = json.dumps([each.section, each.given], sort_keys=True)
        if key in seen:
            yield _wrong(
                "trivyignore.entry-repeated",
                each.entry,
                "id",
                f"the same as {seen[key]}",
                "remove one of the two",
            )
        seen.setdefault(key, each.entry)
