"""The posture gate's table for people, Markdown for a job summary and JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import msgspec

from ci import table
from ci.errors import PipelineError
from ci.posture.rules import BY_START, RULES, layer_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.posture.facts import Image
    from ci.posture.judge import Broken, Verdict

__all__ = ["data", "directory", "error", "markdown", "settings", "text"]

# Nanoseconds, as image configs count, in a second.
_SECOND = 1_000_000_000
# What breaks one rule in a text; JSON has all of it.
_SHOWN = 8
_SETTINGS = ["service", "size", "user", "healthcheck", "environment", "files", "not root's"]
_HEADER = ["service", "size", "layers", "wasted", "user", "rules", "waived", "broken"]


def error(verdict: Verdict) -> PipelineError | None:
    """Return the gate's error, or `None` if it passes."""
    if not verdict.failures:
        return None
    return PipelineError(
        "posture.failed",
        f"posture: the gate fails for {', '.join(verdict.failures)}",
        details=text(verdict),
        hint="do what is listed under each rule; to accept something temporarily, add an entry to "
        "the setting waivers with rule, service, names, reason and until",
    )


def text(verdict: Verdict) -> str:
    """Return one line an image, then each broken rule with what was found, why and what to do."""
    parts = [table.text(_HEADER, [_row(verdict, image) for image in verdict.images])]
    for each in verdict.failing:
        shown = [violation.text for violation in each.found[:_SHOWN]]
        if len(each.found) > _SHOWN:
            shown.append(f"and {len(each.found) - _SHOWN} more: posture.json has all of them")
        found = "\n".join(f"  {line}" for text in shown for line in text.splitlines())
        parts.append(
            f"{each.service}: {each.rule.id}\n{found}\n  why: {each.rule.why}\n  do: {each.rule.to_do}"
        )
    remarks = _remarks(verdict)
    return "\n\n".join([*parts, *(["\n".join(remarks)] if remarks else [])])


def markdown(verdict: Verdict) -> str:
    """Return the same for a job summary."""
    word = "failed" if verdict.failures else "passed"
    rows = [_row(verdict, image) for image in verdict.images]
    parts = [f"## Posture: {word}", table.markdown(_HEADER, rows)]
    if verdict.failing:
        broken = [[e.service, e.rule.id, _first(e), e.rule.to_do] for e in verdict.failing]
        parts.append(table.markdown(["service", "rule", "found", "do"], broken))
    parts.append("\n".join(f"- {remark}" for remark in _remarks(verdict)))
    return "\n\n".join(part for part in parts if part) + "\n"


def settings(images: Sequence[Image]) -> list[list[str]]:
    """Return a header and a row for each image: how it runs, and whose its own files are.

    `files` are those above the base; of the environment it is the names.
    """
    return [_SETTINGS, *(_settings(image) for image in images)]


def _settings(image: Image) -> list[str]:
    check = image.settings.get("Healthcheck") or {}
    probe = (check.get("Test") or ["none"])[0]
    interval = check.get("Interval", 0) / _SECOND
    return [
        image.service,
        table.megabytes(image.size),
        image.settings.get("User") or "root",
        f"{probe} each {interval:g} s" if interval else probe,
        " ".join(sorted(entry.partition("=")[0] for entry in image.settings.get("Env") or ())),
        str(sum(layer.files for layer in image.layers if not layer.base)),
        str(image.kind("not_root").count),
    ]


def data(verdict: Verdict) -> dict[str, Any]:
    """Return everything as what JSON holds."""
    return {
        "schema": 1,
        "failures": verdict.failures,
        "expired_waivers": [str(waiver) for waiver in verdict.expired],
        "unused_waivers": [str(waiver) for waiver in verdict.unused],
        "waivers": [*_waivers(verdict)],
        "images": {
            image.service: {
                "digest": image.digest,
                "size": image.size,
                "layers": [dataclasses.asdict(layer) for layer in image.layers],
                "broken": [_broken(each) for each in verdict.of(image.service)],
                "kept": _kept(verdict, image),
                "skipped": _skipped(image),
            }
            for image in verdict.images
        },
    }


def directory(verdict: Verdict) -> dict[str, str]:
    """Return the report's files by name: table, Markdown, JSON, how each image runs, its layers."""
    header, *rows = settings(verdict.images)
    layers = {f"layers/{image.service}.txt": layer_table(image) + "\n" for image in verdict.images}
    return {
        "posture.txt": text(verdict) + "\n",
        "posture.md": markdown(verdict),
        "settings.txt": table.text(header, rows) + "\n",
        "settings.md": f"## How each image runs\n\n{table.markdown(header, rows)}\n",
        "posture.json": json.dumps(data(verdict), indent=1) + "\n",
        **layers,
    }


def _row(verdict: Verdict, image: Image) -> list[str]:
    broken = verdict.of(image.service)
    failing = [each.rule.id for each in broken if each.waiver is None]
    return [
        image.service,
        table.megabytes(image.size),
        str(len(image.layers)),
        table.megabytes(sum(layer.wasted for layer in image.layers)),
        image.settings.get("User") or "root",
        f"{len(_kept(verdict, image))} of {len(RULES)}",
        ", ".join(dict.fromkeys(each.rule.id for each in broken if each.waiver)) or "-",
        ", ".join(failing) or "-",
    ]


def _kept(verdict: Verdict, image: Image) -> list[str]:
    """Return the rules that an image keeps: neither broken nor skipped."""
    others = {*(each.rule.id for each in verdict.of(image.service)), *_skipped(image)}
    return [rule.id for rule in RULES if rule.id not in others]


def _skipped(image: Image) -> list[str]:
    return list(BY_START) if image.started.skipped else []


def _broken(each: Broken) -> dict[str, Any]:
    return {
        "rule": each.rule.id,
        "found": [violation.text for violation in each.found],
        "names": [violation.name for violation in each.found],
        "why": each.rule.why,
        "do": each.rule.to_do,
        "waiver": str(each.waiver) if each.waiver else None,
    }


def _waivers(verdict: Verdict) -> Iterator[dict[str, Any]]:
    used = dict.fromkeys(each.waiver for each in verdict.broken if each.waiver)
    for status, waivers in (("expired", verdict.expired), ("used", used), ("unused", verdict.unused)):
        for each in waivers:
            yield {**msgspec.to_builtins(each), "status": status}


def _first(each: Broken) -> str:
    texts = [violation.text.splitlines()[0] for violation in each.found[:_SHOWN]]
    return "; ".join(texts) + ("; …" if len(each.found) > _SHOWN else "")


def _remarks(verdict: Verdict) -> list[str]:
    remarks = [
        f"error: waiver {waiver}: it has ended: fix the image, or decide again" for waiver in verdict.expired
    ]
    remarks += [f"waived: {each.waiver}: {_first(each)}" for each in verdict.broken if each.waiver]
    remarks += [
        f"skipped: {image.service}: {', '.join(_skipped(image))}: it is not started, because the engine does "
        "not run its platform"
        for image in verdict.images
        if image.started.skipped
    ]
    remarks += [f"warning: waiver {waiver} is not needed: remove it" for waiver in verdict.unused]
    return remarks
