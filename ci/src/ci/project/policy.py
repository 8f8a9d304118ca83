"""The settings in `[tool.ci]` of the project's pyproject.toml, with defaults."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from itertools import starmap
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project import waivers
from ci.scan import licenses

if TYPE_CHECKING:
    from ci.project.waivers import Waiver

__all__ = ["Backing", "Policy", "read"]


@dataclass(frozen=True)
class Backing:
    """A service that runs next to unit tests if their service depends on its image.

    `url` is the value of the variable; `{host}` is the host name of the service.
    """

    variable: str
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0


_BACKING = {
    "redis": Backing("TEST_REDIS_URL", "redis://{host}:6379/0", port=6379),
    "postgres": Backing(
        "TEST_DATABASE_URL",
        "postgresql+asyncpg://postgres:postgres@{host}:5432/postgres",
        {"POSTGRES_PASSWORD": "postgres"},
        port=5432,
    ),
}


@dataclass(frozen=True)
class Policy:
    """The settings. A path with `{folder}` is relative to the folder of a service's Dockerfile."""

    tests: str = "{folder}/tests"  # folder of a service's unit tests
    services_without_tests: tuple[str, ...] = ()  # services that need no unit tests
    test_group: str = "test"  # dependency group of the root's uv.lock with the tests' dependencies
    test_packages: tuple[str, ...] = ()  # folders of the project's packages that tests need
    coverage: str = ""  # a service's packages, whose coverage is measured; empty: no coverage
    test_timeout: int = 300  # seconds for the tests of one service
    integration: str = "tests/integration"  # folder of the suite that runs in the stack; empty: no suite
    integration_files: tuple[str, ...] = ()  # compose files of the stack under test; empty: Compose's default
    integration_timeout: int = 600  # seconds for the whole suite
    disruption: str = (
        "tests/disruption"  # folder of tests that may stop services; each file has its own stack
    )
    disruption_timeout: int = 120  # seconds for each file of disruption tests
    scan_skip: tuple[str, ...] = ()  # folders of the source that the scan excludes and reports as excluded
    denied_licenses: tuple[
        str, ...
    ] = ()  # SPDX ids, or forbidden, restricted, reciprocal, unknown: packages under them fail the scan
    lint: tuple[str, ...] = ("ruff", "mypy")  # linters; the default plus actionlint, hadolint and others
    size_budget: int = 250  # maximum size of an image in MB (10^6 bytes), compressed, including its base
    size_budgets: dict[str, int] = field(default_factory=dict)  # the same for individual services
    allowed_pth_files: tuple[str, ...] = ()  # names of .pth files that images may contain
    waivers: tuple[Waiver, ...] = ()  # posture rules that may be violated until a date
    backing: dict[str, Backing] = field(default_factory=lambda: dict(_BACKING))

    def check_services(self, built: list[str]) -> None:
        """Reject names of services without a build."""
        for name in self.services_without_tests:
            if name not in built:
                raise PipelineError(
                    "policy.unknown-service",
                    f"pyproject.toml: tool.ci.services-without-tests: no compose file builds '{name}'",
                    hint=f"remove it, or choose from {', '.join(built) or '(there is none)'}",
                )


def read(text: str) -> Policy:
    """Read the settings. Raise for an unknown key, suggesting the closest one."""
    try:
        table: dict[str, Any] = tomllib.loads(text).get("tool", {}).get("ci", {})
    except tomllib.TOMLDecodeError as error:
        raise PipelineError(
            "policy.not-toml", f"pyproject.toml: {error}", hint="fix it at that line"
        ) from error
    known = {
        item.name.replace("_", "-"): item for item in dataclasses.fields(Policy) if item.name != "backing"
    }
    settings: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the keys are {', '.join(known)}"
            raise PipelineError(
                "policy.unknown-setting", f"pyproject.toml: tool.ci.{key} is not a setting", hint=hint
            )
        default = getattr(Policy(), known[key].name)
        expected = list if isinstance(default, tuple) else type(default)
        if not isinstance(value, expected):
            raise PipelineError(
                "policy.wrong-type",
                f"pyproject.toml: tool.ci.{key} is {value!r}",
                hint=f"give it a {expected.__name__}",
            )
        settings[known[key].name] = tuple(value) if isinstance(value, list) else value
    _check_budgets(settings.get("size_budgets", {}))
    if "denied_licenses" in settings:
        settings["denied_licenses"] = licenses.check(
            settings["denied_licenses"], where="pyproject.toml: tool.ci.denied-licenses"
        )
    if "waivers" in settings:
        settings["waivers"] = tuple(starmap(waivers.read, enumerate(settings["waivers"], 1)))
    return Policy(**settings)


def _check_budgets(budgets: dict[str, Any]) -> None:
    for name, budget in budgets.items():
        if not isinstance(budget, int):
            raise PipelineError(
                "policy.wrong-size-budget",
                f"pyproject.toml: tool.ci.size-budgets.{name} is {budget!r}",
                hint="use an integer: MB",
            )
