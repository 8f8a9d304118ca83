"""Define the linters, their commands, and the judgment of their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.project import builds, notes, unsupported
from ci.spelling import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.project.model import ComposeModel

__all__ = ["LINTERS", "Linter", "Result", "check_without_lock", "choose", "compose", "judge"]

ACTIONLINT, COMPOSE, PROMTOOL = "actionlint", "compose", "promtool"
WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class Linter:
    """A linter of the lock: its commands, and whether it needs the project's packages installed.

    If `dockerfiles`, the paths of the Dockerfiles are added as arguments.
    Without the folder `needs` there is nothing to lint.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    installed: bool = False
    dockerfiles: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Result:
    """A linter's result; `notes` do not fail the gate."""

    name: str
    output: str = ""
    failed: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def row(self) -> list[str]:
        """The result as a row of the table."""
        noted = f"passes, {len(self.notes)} noted" if self.notes else "passes"
        return [self.name, "fails" if self.failed else noted]


LINTERS = {
    "ruff": Linter((("ruff", "check", "--no-cache"), ("ruff", "format", "--check", "--no-cache"))),
    "mypy": Linter((("mypy", "--cache-dir=/var/tmp/mypy"),), installed=True),
    # Without color. Findings of level style or info are reported but do not fail.
    "hadolint": Linter((("hadolint", "--no-color", "--failure-threshold=warning"),), dockerfiles=True),
    COMPOSE: Linter(),
    PROMTOOL: Linter(),
    # pyflakes is for steps in Python, which the workflows do not have.
    ACTIONLINT: Linter((("actionlint", "-no-color", "-pyflakes="),), needs=WORKFLOWS),
    # Only the checks that do not need GitHub's API.
    "zizmor": Linter(
        (("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github"),), needs=WORKFLOWS
    ),
}


def choose(names: Sequence[str], place: str) -> list[str]:
    """Return the linters that the policy names at a place of its file. Raise for an unknown one."""
    for name in names:
        if name not in LINTERS:
            near = closest(name, LINTERS)
            hint = f"did you mean '{near}'?" if near else f"choose from {', '.join(LINTERS)}"
            raise PipelineError(
                "lint.unknown-linter",
                f"{place}lint: unknown linter '{name}'",
                hint=hint,
            )
    return list(names)


def check_without_lock(names: Sequence[str]) -> None:
    """Raise for linters whose versions are in the uv.lock that a project does not have."""
    free = (COMPOSE, PROMTOOL, ACTIONLINT)
    locked = [name for name in names if name not in free]
    if locked:
        raise PipelineError(
            "lint.no-lock",
            f"there is no uv.lock at the root, which has the versions of {', '.join(locked)}",
            hint=f"add them: uv add --group dev {' '.join(locked)}; or set lock-free ones: "
            'lint = ["compose", "actionlint"]',
        )


def compose(project: ComposeModel) -> Result:
    """Report what the sandbox rejects in the compose file, and what behaves differently there."""
    problems = [str(each) for each in unsupported.found(project, project.services)]
    try:
        builds.check(project)
    except PipelineError as error:
        problems.append(str(error))
    return Result(COMPOSE, "\n".join(problems), bool(problems), notes.of(project))


def judge(results: Sequence[Result]) -> str:
    """Return the table and notes. Raise with the output of failed linters."""
    text = table.text(["linter", "outcome"], [result.row for result in results])
    notes = [f"noted: {note}" for result in results for note in result.notes]
    said = [f"--- {result.name}\n{result.output.strip()}" for result in results if result.output.strip()]
    failed = [result.name for result in results if result.failed]
    if failed:
        raise PipelineError(
            "lint.failed",
            f"lint: {', '.join(failed)}",
            details="\n".join([text, *said]),
            hint="fix the findings above; `dagger call format` applies ruff's fixes",
        )
    return "\n".join([text, *notes, *said])
