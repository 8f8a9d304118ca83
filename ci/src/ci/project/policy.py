"""The settings in `[tool.ci]` of the project's pyproject.toml, or in `.ci.toml`, with defaults."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from ci.errors import PipelineError
from ci.platforms import GATES, Gate
from ci.project.waivers import Waiver
from ci.scan import gaps, licenses
from ci.spelling import closest, written

__all__ = ["OWN_FILE", "PYPROJECT", "Policy", "ServiceSettings", "read"]

Positive = Annotated[int, Meta(gt=0)]
# Settings are in one of these; the first has them at its top level, because it contains nothing else.
OWN_FILE, PYPROJECT = ".ci.toml", "pyproject.toml"


class ServiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[tool.ci.services.NAME]`: how the unit tests of one service are run."""

    test: str = ""  # a command for the image's shell, in its working directory
    stage: str = ""  # the Dockerfile's stage that is or has the tests; default: `test`, if it exists
    junit: str = ""  # where the command writes JUnit, in its working directory; default: $CI_OUTPUT/*.xml


@dataclass(frozen=True)
class Policy:
    """The settings. A path with `{folder}` is relative to the folder of a service's Dockerfile."""

    tests: str = "{folder}/tests"  # folder of a service's unit tests
    services: dict[str, ServiceSettings] = field(
        default_factory=dict
    )  # per service: `test` (a command), `stage` (of the Dockerfile), `junit` (a path)
    services_without_tests: tuple[str, ...] = ()  # services that need no unit tests
    test_group: str = "test"  # dependency group of a lock with the tests' dependencies; else tests, dev
    test_packages: tuple[str, ...] = ()  # folders of the project's packages that tests need
    coverage: str = ""  # a service's packages, whose coverage is measured; empty: no coverage
    test_timeout: Positive = 300  # seconds for the tests of one service
    integration: str = "tests/integration"  # folder of the suite that runs in the stack; empty: no suite
    integration_files: tuple[str, ...] = ()  # compose files of the stack under test; empty: Compose's default
    integration_timeout: Positive = 600  # seconds for the whole suite
    disruption: str = "tests/disruption"  # folder of tests that may stop services, each file in its own stack
    disruption_timeout: Positive = 120  # seconds for each file of disruption tests
    scan_skip: tuple[str, ...] = ()  # folders of the source that the scan excludes and reports as excluded
    denied_licenses: tuple[
        str, ...
    ] = ()  # SPDX ids, or forbidden, restricted, reciprocal, unknown: packages under them fail the scan
    accepted_gaps: tuple[str, ...] = gaps.DEFAULT_ACCEPTED  # what the scan may leave uncovered, and reports
    allowed_secret_names: tuple[str, ...] = ()  # variables and labels that only sound like secrets
    lint: tuple[str, ...] = ("ruff", "mypy")  # linters; the default plus actionlint, hadolint and others
    size_budget: Positive = 250  # maximum size of an image in MB (10^6 bytes), compressed, including its base
    size_budgets: dict[str, Positive] = field(default_factory=dict)  # the same for individual services
    allowed_pth_files: tuple[str, ...] = ()  # names of .pth files that images may contain
    cache: str = ""  # repository in a registry with BuildKit's layer cache, as host/name; empty: no cache
    evidence: str = ""  # repository in a registry with the evidence of gates, as host/name; empty: `cache`
    evidence_days: Positive = 30  # how old evidence may be to be used
    default_branch: str = "main"  # the branch whose layer cache all branches read
    version: str = PYPROJECT  # where the version is: this, a .json or plain file, "command:…", or "tag"
    skippable_gates: tuple[Gate, ...] = GATES  # what need not run for a platform that is not the engine's
    waivers: tuple[Waiver, ...] = ()  # posture rules that may be violated until a date
    place: str = field(default=f"{PYPROJECT}: tool.ci.", compare=False)

    def check_services(self, built: list[str]) -> None:
        """Reject names of services without a build."""
        named = {"services-without-tests": self.services_without_tests, "services": tuple(self.services)}
        for key, names in named.items():
            for name in names:
                if name not in built:
                    raise PipelineError(
                        "policy.unknown-service",
                        f"{self.place}{key}: no compose file builds '{name}'",
                        hint=f"remove it, or choose from {', '.join(built) or '(there is none)'}",
                    )


def read(text: str, own: str = "") -> Policy:
    """Read the settings of pyproject.toml, or those of .ci.toml as `own`.

    Raise for an unknown key, suggesting the closest one.
    """
    table = _toml(text, PYPROJECT).get("tool", {}).get("ci", {})
    if own and table:
        raise PipelineError(
            "policy.two-places",
            f"there are settings in {OWN_FILE} and in [tool.ci] of {PYPROJECT}",
            hint="move those of one file to the other",
        )
    place = f"{OWN_FILE}: " if own else f"{PYPROJECT}: tool.ci."
    table = _toml(own, OWN_FILE) if own else table
    types = {
        name.replace("_", "-"): kind for name, kind in get_type_hints(Policy, include_extras=True).items()
    }
    del types["place"]
    settings = {key.replace("-", "_"): _value(key, value, types, place) for key, value in table.items()}
    if "denied_licenses" in settings:
        settings["denied_licenses"] = licenses.check(
            settings["denied_licenses"], where=f"{place}denied-licenses"
        )
    if "accepted_gaps" in settings:
        settings["accepted_gaps"] = gaps.check(settings["accepted_gaps"], where=f"{place}accepted-gaps")
    return Policy(**settings, place=place)


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PipelineError("policy.not-toml", f"{where}: {error}", hint="fix it at that line") from error


def _value(key: str, value: object, types: dict[str, Any], place: str) -> Any:  # noqa: ANN401 - of the setting's type
    if key not in types:
        near = closest(key, types)
        hint = f"did you mean '{near}'?" if near else f"the keys are {', '.join(types)}"
        raise PipelineError("policy.unknown-setting", f"{place}{key} is not a setting", hint=hint)
    try:
        return msgspec.convert(value, types[key])
    except msgspec.ValidationError as error:
        raise PipelineError(
            "policy.invalid-value",
            f"{place}{key} is {written(value)}: {error}",
            hint=f"correct it; docs/reference/policy.md describes {key}",
        ) from error
