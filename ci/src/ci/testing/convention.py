"""Decide how the tests of a service are run: the first convention that its files follow."""

from __future__ import annotations

import posixpath
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project import dockerfile
from ci.testing import locks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.project.model import Service
    from ci.project.policy import Policy

__all__ = [
    "COMMAND",
    "IMAGE",
    "NONE",
    "REQUIREMENTS",
    "STAGE",
    "UV",
    "Found",
    "Tree",
    "decide",
    "folders",
    "suite",
    "tests_of",
]

# Where a service's tests come from, in the order of preference. Locks have the names of their files.
COMMAND, STAGE, UV, POETRY, PDM = "command", "stage", "uv.lock", "poetry.lock", "pdm.lock"
REQUIREMENTS, IMAGE, NONE = "requirements", "image", "none"

_TEST_STAGE = "test"
_PYTEST = re.compile(r"^pytest(?![\w.-])", re.IGNORECASE | re.MULTILINE)
_REQUIREMENTS = (
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements-dev.txt",
    "test-requirements.txt",
    "dev-requirements.txt",
    "requirements_test.txt",
    "requirements_dev.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/dev.txt",
)
_SETTINGS = {
    "pytest.ini": r"^\[pytest\]",
    "pyproject.toml": r"^\[tool\.pytest",
    "tox.ini": r"^\[pytest\]",
    "setup.cfg": r"^\[tool:pytest\]",
}


@dataclass(frozen=True)
class Tree:
    """What is read of a project to decide.

    - `names`: the names in some folders
    - `texts`: the texts of some files
    - `python`: the folders of tests that contain Python files
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    python: frozenset[str] = frozenset()

    def has(self, path: str) -> bool:
        """Return whether a file or folder exists. Folders end with a slash."""
        folder, name = posixpath.split(path.rstrip("/"))
        return name + ("/" if path.endswith("/") else "") in self.names.get(folder or ".", ())


@dataclass(frozen=True)
class Found:
    """How tests are run, and why so.

    - `kind`: one of the constants above
    - `tests`: the folder of tests, empty if the kind needs none
    - `path`, `group`: the lock or requirements file, and its group
    - `stage`, `command`: what runs, for these two kinds
    - `config`: pytest's configuration file, empty for strict defaults
    - `suggestion`: the usual command in the service's language, if no tests were found
    """

    kind: str
    why: str
    tests: str = ""
    path: str = ""
    group: str = ""
    stage: str = ""
    command: str = ""
    config: str = ""
    suggestion: str = ""


# What tests a project in another language, by the file that says which one it is.
_COMMANDS = {
    "package.json": "npm test",
    "go.mod": "go test ./...",
    "Cargo.toml": "cargo test",
    "Gemfile": "bundle exec rake test",
    "pom.xml": "mvn test",
    "build.gradle": "gradle test",
    "composer.json": "composer test",
    "mix.exs": "mix test",
}


def folders(service: Service) -> list[str]:
    """Return where a service's files are searched: next to its Dockerfile, its context, the root."""
    build = service.build
    if build is None or build.remote:
        return ["."]
    beside = posixpath.dirname(posixpath.normpath(posixpath.join(build.context, build.dockerfile)))
    found = [beside or ".", posixpath.normpath(build.context), "."]
    return list(dict.fromkeys(each for each in found if not each.startswith(("/", ".."))))


def decide(service: Service, policy: Policy, tree: Tree) -> Found:
    """Return the first convention that a service follows; of kind `none` if there is none."""
    settings = policy.services.get(service.name)
    if settings and settings.test:
        where = f" in the stage {settings.stage}" if settings.stage else ""
        tests = tests_of(service, policy, tree)
        why = f"the command in the settings{where}"
        return Found(COMMAND, why, tests=tests, command=settings.test, stage=settings.stage)
    stages = _stages(service, tree)
    stage = (settings.stage if settings else "") or (_TEST_STAGE if _TEST_STAGE in stages else "")
    if stage:
        return Found(STAGE, f"the Dockerfile has a stage {stage}", stage=stage)
    tests = tests_of(service, policy, tree)
    if not tests:
        why = f"there is no folder {_expected(service, policy)}, no stage, and no command"
        return Found(NONE, why, suggestion=_suggestion(service, tree))
    if tests not in tree.python:
        why = f"{tests} has no Python files, and there is no stage and no command"
        return Found(NONE, why, suggestion=_suggestion(service, tree))
    for place in folders(service):
        found = _dependencies(place, policy, tree)
        if found:
            kind, path, group, why = found
            config = "" if kind == UV else _config(folders(service), tree)
            return Found(kind, why, tests=tests, path=path, group=group, config=config)
    return Found(NONE, f"{tests} exists, but no file says what its tests need", tests=tests)


def _suggestion(service: Service, tree: Tree) -> str:
    places = [
        posixpath.normpath(posixpath.join(each, name)) for each in folders(service) for name in _COMMANDS
    ]
    return next((_COMMANDS[posixpath.basename(path)] for path in places if tree.has(path)), "")


def suite(folder: str, policy: Policy, tree: Tree) -> Found:
    """Return where the integration suite's dependencies come from. Raise if nothing names them."""
    own = posixpath.join(folder, "requirements.txt")
    if tree.has(own):
        return Found(REQUIREMENTS, own, tests=folder, path=own)
    found = _dependencies(".", policy, tree)
    if found is None or found[0] == IMAGE:
        raise PipelineError(
            "test.suite-without-dependencies",
            f"the integration suite {folder} exists, but no file says what it needs",
            hint=f"write {own} with the line `pytest==9.2.0`, or use a lock with a group {policy.test_group}",
        )
    kind, path, group, why = found
    return Found(kind, why, tests=folder, path=path, group=group)


def tests_of(service: Service, policy: Policy, tree: Tree) -> str:
    """Return the folder of a service's tests; empty if there is none."""
    if service.build is None or service.build.remote:
        return ""
    expected = _expected(service, policy)
    beside = folders(service)[0]
    candidates = [expected, posixpath.normpath(posixpath.join(beside, "test"))]
    return next((each for each in candidates if tree.has(f"{each}/")), "")


def _expected(service: Service, policy: Policy) -> str:
    return posixpath.normpath(policy.tests.format(folder=(folders(service) or ["."])[0]))


def _stages(service: Service, tree: Tree) -> list[str]:
    """Return the names of a Dockerfile's stages.

    They only decide what is requested from BuildKit, which reports a stage that does not exist.
    """
    build = service.build
    if build is None or build.remote:
        return []
    path = posixpath.normpath(posixpath.join(build.context, build.dockerfile))
    return dockerfile.stages(build.inline or tree.texts.get(path, ""))


def _dependencies(place: str, policy: Policy, tree: Tree) -> tuple[str, str, str, str] | None:
    """Return kind, file, group and reason of the first file in a folder that names the tests' packages."""

    def at(name: str) -> str:
        return posixpath.normpath(posixpath.join(place, name))

    wanted = list(dict.fromkeys((policy.test_group, "test", "tests", "dev")))
    groups = _groups(tree.texts.get(at("pyproject.toml"), ""), at("pyproject.toml"))
    for lock in (UV, POETRY, PDM):
        if not tree.has(at(lock)):
            continue
        there = groups if lock == UV else locks.groups(tree.texts.get(at(lock), ""), where=at(lock)) | groups
        if group := next((each for each in wanted if each in there), ""):
            return lock, at(lock), group, f"group {group} of {at(lock)}"
    for name in _REQUIREMENTS:
        if tree.has(at(name)):
            return REQUIREMENTS, at(name), "", at(name)
    if _PYTEST.search(tree.texts.get(at("requirements.txt"), "")):
        return IMAGE, at("requirements.txt"), "", f"{at('requirements.txt')} names pytest"
    return None


def _groups(text: str, where: str) -> set[str]:
    """Return the dependency groups that a pyproject.toml declares, in the notation of any tool."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PipelineError("test.not-toml", f"{where}: {error}", hint="fix it at that line") from error
    tool = data.get("tool") or {}
    poetry = tool.get("poetry") or {}
    declared = {*(data.get("dependency-groups") or {}), *(poetry.get("group") or {})}
    declared |= {*((tool.get("pdm") or {}).get("dev-dependencies") or {})}
    if "dev-dependencies" in poetry or "dev-dependencies" in (tool.get("uv") or {}):
        declared.add("dev")
    return declared


def _config(places: list[str], tree: Tree) -> str:
    """Return the file with pytest's settings, as pytest chooses among them in a folder."""
    return next(_configs(places, tree), "")


def _configs(places: list[str], tree: Tree) -> Iterator[str]:
    for place in places:
        for name, table in _SETTINGS.items():
            path = posixpath.normpath(posixpath.join(place, name))
            if re.search(table, tree.texts.get(path, ""), re.MULTILINE):
                yield path
