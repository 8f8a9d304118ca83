"""`[tool.ci]` of the project's pyproject.toml: what a user may set, with the defaults."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from itertools import starmap
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.posture import waivers
from ci.scan import licenses

if TYPE_CHECKING:
    from ci.posture.waivers import Waiver

__all__ = ["Backing", "Policy", "read"]


@dataclass(frozen=True)
class Backing:
    """A service that unit tests get beside them when their service depends on one of its image.

    `url` is what the variable says; `{host}` is the name the service is bound to.
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
    """All settings. A path with `{folder}` is relative to the folder of a service's Dockerfile."""

    tests: str = "{folder}/tests"  # where a service's unit tests are
    services_without_tests: tuple[str, ...] = ()  # services that may have none
    test_group: str = "test"  # dependency group of the root's uv.lock
    test_packages: tuple[str, ...] = ()  # folders of packages of the project that tests need
    coverage: str = ""  # a service's packages: what its tests reach is measured with `coverage`
    test_timeout: int = 300  # seconds, for one service's tests
    integration: str = "tests/integration"  # the suite that runs inside the stack; empty: there is none
    integration_files: tuple[
        str, ...
    ] = ()  # compose files of the stack under test; default: Compose's own choice
    integration_timeout: int = 600  # seconds, for the whole suite
    disruption: str = "tests/disruption"  # tests that may stop services: each file has its own stack
    disruption_timeout: int = 120  # seconds, for each file of disruption tests
    scan_skip: tuple[str, ...] = ()  # folders of the source that the scan leaves out, and says so
    denied_licenses: tuple[
        str, ...
    ] = ()  # SPDX ids, or forbidden, restricted, reciprocal, unknown: packages under them fail the scan
    lint: tuple[str, ...] = ("ruff", "mypy")  # linters, see lint/linters.py
    size_budget: int = 250  # MB (10^6 bytes) that an image may have, compressed, its base included
    size_budgets: dict[str, int] = field(default_factory=dict)  # the same for single services
    allowed_pth_files: tuple[str, ...] = ()  # names of .pth files that images may have
    waivers: tuple[Waiver, ...] = ()  # posture rules that may be broken for a while
    backing: dict[str, Backing] = field(default_factory=lambda: dict(_BACKING))

    def check_services(self, built: list[str]) -> None:
        """Refuse a service that is not among those with a build."""
        for name in self.services_without_tests:
            if name not in built:
                raise PipelineError(
                    "policy.unknown-service",
                    f"pyproject.toml: tool.ci.services-without-tests: no compose file builds '{name}'",
                    hint=f"take it out, or choose from {', '.join(built) or '(there is none)'}",
                )


def read(text: str) -> Policy:
    """Read the settings; an unknown key is an error that suggests the nearest one."""
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
                hint="give it an int: MB",
            )
