"""Say for each function what a project lacks, with the line that adds it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci import table
from ci.posture.secret_names import names_secret
from ci.project import unsupported
from ci.project.policy import OWN_FILE, PYPROJECT
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.errors import PipelineError
    from ci.onboarding.project import Known

__all__ = ["Lack", "broken", "lacks", "text"]

FUNCTIONS = (
    "build",
    "posture",
    "lint",
    "test",
    "scan",
    "stack",
    "test-integration",
    "gate",
    "publish",
    "release",
)
_CREDENTIALS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
# What each function runs besides itself.
_NEEDS = {
    "posture": ("build",),
    "test": ("build",),
    "scan": ("build",),
    "stack": ("build",),
    "test-integration": ("build", "stack"),
    "gate": ("build", "posture", "test", "scan", "stack", "test-integration"),
    "publish": ("build", "posture", "test", "scan", "stack", "test-integration"),
    "release": ("build", "posture", "test", "scan", "stack", "test-integration", "publish"),
}


@dataclass(frozen=True)
class Lack:
    """What a function lacks, and what to add or change."""

    function: str
    what: str
    add: str


def lacks(known: Known) -> list[Lack]:
    """Return what is missing, in the order of the functions."""
    found = [*_build(known), *_posture(known), *_lint(known), *_tests(known), *_stack(known), *_suite(known)]
    found += _version(known)
    return sorted(found, key=lambda each: FUNCTIONS.index(each.function))


def text(known: Known) -> str:
    """Return a table of all functions, and below it what to add for each."""
    found = lacks(known)
    own = {name: sum(each.function == name for each in found) for name in FUNCTIONS}
    rows = []
    for name in FUNCTIONS:
        others = [other for other in _needs(known, name) if own[other]]
        said = [f"{own[name]} to do"] if own[name] else []
        said += [f"needs {', '.join(others)}"] if others else []
        rows.append([name, "; ".join(said) or "ready"])
    lines = [table.text(["function", "state"], rows)]
    for name in FUNCTIONS:
        of_name = [each for each in found if each.function == name]
        lines += ["", f"{name}:"] if of_name else []
        lines += [f"  {each.what}\n    {each.add}" for each in of_name]
    lines += ["", "`init` returns a changeset that adds most of this."] if found else []
    return "\n".join(lines)


def _needs(known: Known, function: str) -> tuple[str, ...]:
    """Return what a function runs besides itself; a stack of pulled images needs no build."""
    needed = _NEEDS.get(function, ())
    if not known.compose.built and function in {"stack", "test-integration"}:
        return tuple(other for other in needed if other != "build")
    return needed


def broken(error: PipelineError) -> str:
    """Return the text for a project that cannot be read at all."""
    return f"{table.text(['function', 'state'], [['all', 'the project cannot be read']])}\n\n{error}"


def _settings_file(known: Known) -> str:
    return (
        f"[tool.ci] of {PYPROJECT}"
        if known.policy.place.startswith(PYPROJECT) and (PYPROJECT in known.texts)
        else OWN_FILE
    )


def _build(known: Known) -> Iterator[Lack]:
    if not known.compose.built:
        yield Lack(
            "build",
            "no service has `build:`, so there is nothing to build, test or publish",
            "add `build: FOLDER` to a service, or use `stack` alone",
        )
    for name, places in known.compose.needed.items():
        if any(".build" in place for place in places):
            yield Lack("build", f"{name} has no value ({', '.join(places)})", f"--env-file with {name}=…")


def _posture(known: Known) -> Iterator[Lack]:
    for each in known.unpinned:
        digest = known.digests.get(each.reference)
        add = f"{each.reference}@{digest}" if digest and not each.obstacle else each.obstacle
        if not add and each.reference in known.replaced:
            add = "add its digest; it is not known here, because the images map replaces the image"
        unknown = f"add its digest, which `docker buildx imagetools inspect {each.reference}` prints"
        yield Lack("posture", f"{each.place}: {each.reference} has no digest", add or unknown)
    yield from _literal(known)


def _literal(known: Known) -> Iterator[Lack]:
    """Yield the secrets in the project's files: values of names that only secrets have, and URLs with one."""
    hidden = known.compose.placeholders.values()
    in_files: dict[tuple[str, ...], set[str]] = {}
    for service in known.compose.services.values():
        for name, written in service.definition.variables.items():
            if not written or any(each in written for each in hidden):
                continue
            if not (names_secret(name, written) or _CREDENTIALS.search(written)):
                continue
            if name in known.compose.from_files.get(service.name, ()):
                in_files.setdefault(known.compose.env_files[service.name], set()).add(name)
                continue
            place = f"services.{service.name}.environment.{name}"
            add = f"${{{name}:?}}, and --env-file for it"
            yield Lack("posture", f"{place} has a secret's value in the file", add)
    for paths, names in in_files.items():
        files = ", ".join(posixpath.relpath(path, PROJECT) for path in paths)
        what = f"{files}: a secret's value for {', '.join(sorted(names))}"
        add = "take it out of the file, write NAME: ${NAME:?} under `environment:`, and use --env-file for it"
        yield Lack("posture", what, add)


def _lint(known: Known) -> Iterator[Lack]:
    if "uv.lock" not in known.texts:
        yield Lack(
            "lint",
            "there is no uv.lock at the root, which has the linters' versions",
            "uv add --group dev ruff mypy; `lint` is no part of `gate`",
        )


def _tests(known: Known) -> Iterator[Lack]:
    for name in known.untested:
        found = known.found[name]
        place = "tool.ci." if _settings_file(known) != OWN_FILE else ""
        command = found.suggestion or "COMMAND"
        stage = ', stage = "STAGE THAT HAS ITS TOOLS"' if found.suggestion else ""
        add = f'[{place}services.{name}] test = "{command}"{stage} in {_settings_file(known)}'
        if found.tests:
            add = f"requirements-test.txt with `pytest` beside its Dockerfile, or {add}"
        else:
            add += f', or services-without-tests = ["{name}"]'
        yield Lack("test", f"{name}: {found.why}", add)


def _stack(known: Known) -> Iterator[Lack]:
    for each in unsupported.found(known.compose, known.compose.services):
        yield Lack("stack", f"{each.place}: {each.value}: {each.rule.reason}", each.rule.way_out)
    for name, places in known.compose.needed.items():
        where = ", ".join(places) or "the compose file"
        yield Lack("stack", f"{name} has no value ({where})", f"--env-file with {name}=…, or a default")
    for place in known.compose.missing:
        yield Lack("stack", f"{place}: .env is never uploaded", "--env-file file:.env")
    for name, image in known.left_out.items():
        yield Lack(
            "stack",
            f"{name}: the images map has no {image}",
            "nothing, if no other service needs it; or map it",
        )


def _suite(known: Known) -> Iterator[Lack]:
    folder = known.policy.integration
    if folder and not known.has_suite:
        yield Lack(
            "test-integration",
            f"there is no folder {folder}",
            f'add tests there, or integration = "" in {_settings_file(known)}',
        )
    elif known.suite_obstacle:
        yield Lack(
            "test-integration", known.suite_obstacle, f"{folder}/requirements.txt with `pytest==9.2.0`"
        )


def _version(known: Known) -> Iterator[Lack]:
    source = known.policy.version
    if source != "tag" and not source.startswith("command:") and source not in known.texts:
        yield Lack(
            "publish",
            f"there is no {source}, which declares the version",
            f'version = "tag" in {_settings_file(known)}: the tag alone decides; or a file, or "command:…"',
        )
