"""The fixtures, many small compose files, combined into a few stacks."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FIXTURES = Path(__file__).parents[1] / "fixtures" / "oracle"
RECORDED = Path(__file__).parent / "recorded"
IMAGE = "oracle-image"
ENDING = "zz-ending"
HELPERS = (ENDING, "image-plain")  # in every stack, but not part of a fixture
VALUES = {"ORACLE_SECRET": "not-so-secret-after-all"}

# The topic of a fixture determines its stack; the default is `process`.
_STACKS = {
    "files": r"binds|configs|environment|included|interpolation|root-|secrets|shm|system|tmpfs|volumes",
    "network": r"extra-hosts|host|links|low|names|network|ports|scaled",
    "course": r"exit|health|memory|order|restart|stop",
}
STACKS = ("process", *_STACKS)


@dataclass(frozen=True)
class Fixture:
    """One compose file: its services, and those that run until they are stopped."""

    name: str
    services: tuple[str, ...]
    staying: tuple[str, ...]

    @property
    def stack(self) -> str:
        """The stack it runs in."""
        return next((name for name, pattern in _STACKS.items() if re.match(pattern, self.name)), "process")


def fixtures() -> list[Fixture]:
    """Return all fixtures except for the one that builds the image."""
    return [_fixture(path) for path in sorted(FIXTURES.glob("*.yaml")) if path.stem != "image"]


def _fixture(path: Path) -> Fixture:
    services: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
    shown = {name: item for name, item in services.items() if not item.get("profiles")}
    # Services of an included file run too, and the fixture itself waits for them.
    staying = tuple(name for name, item in shown.items() if item.get("x-runs"))
    return Fixture(path.stem, tuple(shown), staying)


def project(stack: str, folder: Path) -> list[str]:
    """Copy the fixtures into an empty folder; return the compose files of one stack.

    An additional service exits after all others that exit, so that neither side
    stops the stack earlier.
    """
    shutil.copytree(FIXTURES, folder, dirs_exist_ok=True)
    chosen = [fixture for fixture in fixtures() if fixture.stack == stack]
    edge = {"condition": "service_completed_successfully", "required": False}
    ending = {name: edge for fixture in chosen for name in fixture.services if name not in fixture.staying}
    service = {"image": IMAGE, "command": ["args"], "depends_on": ending}
    (folder / "ending.yaml").write_text(json.dumps({"services": {ENDING: service}}))
    return ["image.yaml", *(f"{fixture.name}.yaml" for fixture in chosen), "ending.yaml"]


def observed(log: str, exit_code: int, starts: int) -> dict[str, Any]:
    """Return the compared facts of a container: its lines, exit code and number of starts."""
    return {"exit": exit_code, "lines": log.splitlines(), "starts": starts}
