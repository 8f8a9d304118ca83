"""The files that `init` adds to a project; what exists stays as it is, except for pinned references."""

from __future__ import annotations

import posixpath
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ci.onboarding import pins
from ci.project.policy import OWN_FILE, PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.onboarding.project import Known
    from ci.project.model import Service

__all__ = ["ENV_FILE_VARIABLE", "WORKFLOW", "added", "pinned", "unpinned", "untouched"]

WORKFLOW = ".github/workflows/containers.yml"
ENV_FILE_VARIABLE = "COMPOSE_ENV"
_TEMPLATES = Path(__file__).parent / "templates"
_TABLE = re.compile(r"^\s*\[\s*tool\s*\.\s*ci\s*[\].]", re.MULTILINE)
_PATH = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::\d+)?(/[\w./-]*)")


def added(known: Known, module: str, options: Sequence[str] = ()) -> dict[str, str]:
    """Return the files that are new or different, by path.

    `module` is how workflows name the pipeline, `options` are those of this call that they need as well.
    """
    files = dict(_settings(known)) | dict(_suite(known)) | dict(_ignored(known)) | pinned(known)
    if module and WORKFLOW not in known.texts:
        files[WORKFLOW] = _workflow(module, options)
    return {path: text for path, text in files.items() if known.texts.get(path) != text}


def _workflow(module: str, options: Sequence[str]) -> str:
    text = _template("workflow.yml").replace("MODULE", module)
    text = text.replace("--source .", shlex.join(["--source", ".", *options]))
    env = f"        env:\n          {ENV_FILE_VARIABLE}: ${{{{ secrets.{ENV_FILE_VARIABLE} }}}}\n"
    return text.replace("        # ENV\n", env if f"env:{ENV_FILE_VARIABLE}" in options else "")


def untouched(known: Known, module: str, options: Sequence[str] = ()) -> list[str]:
    """Return what `init` leaves to the user, and why."""
    lines = unpinned(known)
    lines += [f"{name}: {known.found[name].why}; it is in services-without-tests" for name in known.untested]
    if not module:
        lines.append("no workflow, because --module does not say where this pipeline is")
    elif WORKFLOW in known.texts:
        lines.append(f"{WORKFLOW}: exists")
    elif f"env:{ENV_FILE_VARIABLE}" in options:
        lines.append(
            f"{WORKFLOW} reads the env file from the repository's secret {ENV_FILE_VARIABLE}; set it"
        )
    if known.has_suite:
        lines.append(f"{known.policy.integration}: exists")
    return lines


_UNKNOWN = "its digest is not known here"


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _settings(known: Known) -> Iterator[tuple[str, str]]:
    """Yield the settings' file, unless the project has settings."""
    pyproject = known.texts.get(PYPROJECT)
    if OWN_FILE in known.texts or (pyproject is not None and _TABLE.search(pyproject)):
        return
    lines = []
    if known.untested:
        lines += [
            "# Remove a service from this list when it has tests.",
            _list("services-without-tests", known.untested),
        ]
    if known.policy.version not in known.texts:
        lines += ["# The git tag alone says which version a release is.", 'version = "tag"']
    if known.policy.integration and not known.has_suite and not _ports(known):
        lines += ["# No service publishes a port, so there is no integration test yet.", 'integration = ""']
    lines = lines or ["# All settings have defaults; docs/reference/policy.md lists them."]
    body = "\n".join(lines) + "\n"
    if pyproject is None:
        yield OWN_FILE, body
    else:
        yield PYPROJECT, pyproject.rstrip("\n") + f"\n\n[tool.ci]\n{body}"


def _list(key: str, names: list[str]) -> str:
    return f"{key} = [{', '.join(_quoted(name) for name in names)}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _suite(known: Known) -> Iterator[tuple[str, str]]:
    """Yield a first integration test, which asks each published port."""
    folder = known.policy.integration
    if not folder or known.has_suite:
        return
    ports = _ports(known)
    if ports:
        text = _template("test_published_ports.py.txt").replace("    # PORTS\n", "".join(ports))
        yield f"{folder}/test_published_ports.py", text
        if not known.suite_obstacle:
            return
        yield f"{folder}/requirements.txt", "pytest==9.2.0\n"


def _ports(known: Known) -> list[str]:
    """Return the lines of the test's table: service, port, and path."""
    return [
        f"    ({_quoted(service.name)}, {port}, {_quoted(_health(service))}),\n"
        for service in known.compose.services.values()
        if service.name not in known.left_out
        for port in sorted({each.target for each in service.ports if each.protocol == "tcp"})
    ]


def _health(service: Service) -> str:
    """Return the path that a service's healthcheck requests; `/` for others that are built, else nothing."""
    test = service.definition.healthcheck.test or ()
    match = _PATH.search(test if isinstance(test, str) else " ".join(test))
    return match[1] if match else "/" if service.build else ""


def _ignored(known: Known) -> Iterator[tuple[str, str]]:
    """Yield a .dockerignore for each build context that has none."""
    for service in known.compose.built.values():
        build = service.build
        if build is None or build.remote or build.context.startswith(("/", "..")):
            continue
        path = posixpath.normpath(posixpath.join(build.context, ".dockerignore"))
        beside = posixpath.normpath(posixpath.join(build.context, f"{build.dockerfile}.dockerignore"))
        if path not in known.texts and beside not in known.texts:
            yield path, _template("dockerignore")


def pinned(known: Known) -> dict[str, str]:
    """Return the files that name images without digests, with the digests that are known here."""
    files = sorted({each.file for each in known.unpinned if each.line})
    wanted = {path: [each for each in known.unpinned if each.file == path] for path in files}
    found = {path: pins.pinned(known.texts[path], each, known.digests) for path, each in wanted.items()}
    return {path: text for path, text in found.items() if known.texts[path] != text}


def unpinned(known: Known) -> list[str]:
    """Return the references that get no digest, and why."""
    return [f"{each.place}: {each.reference}: {each.obstacle or _UNKNOWN}" for each in known.open_pins]
