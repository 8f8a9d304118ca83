"""Which linters there are, what each is called with, and how its result is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.project import builds, notes, unsupported
from ci.report import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.project.model import ComposeModel

__all__ = ["LINTERS", "Linter", "Result", "choose", "compose", "judge"]

ACTIONLINT, COMPOSE, PROMTOOL = "actionlint", "compose", "promtool"
WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class Linter:
    """One linter of the lock: its commands, and whether it needs the project's packages installed.

    `dockerfiles` says that the Dockerfiles' paths are its last arguments;
    `needs` is a folder without which there is nothing to lint.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    installed: bool = False
    dockerfiles: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Result:
    """What a linter said; `notes` do not fail."""

    name: str
    output: str = ""
    red: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def row(self) -> list[str]:
        """The result as a line of the table."""
        noted = f"passes, {len(self.notes)} noted" if self.notes else "passes"
        return [self.name, "fails" if self.red else noted]


LINTERS = {
    "ruff": Linter((("ruff", "check", "--no-cache"), ("ruff", "format", "--check", "--no-cache"))),
    "mypy": Linter((("mypy", "--cache-dir=/var/tmp/mypy"),), installed=True),
    # Without a colour; a style or information is said and does not fail.
    "hadolint": Linter((("hadolint", "--no-color", "--failure-threshold=warning"),), dockerfiles=True),
    COMPOSE: Linter(),
    PROMTOOL: Linter(),
    # pyflakes is for steps in Python, of which a pipeline has none.
    ACTIONLINT: Linter((("actionlint", "-no-color", "-pyflakes="),), needs=WORKFLOWS),
    # What it can find without asking GitHub.
    "zizmor": Linter(
        (("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github"),), needs=WORKFLOWS
    ),
}


def choose(names: Sequence[str]) -> list[str]:
    """Return the linters that the policy names; an unknown one is an error."""
    for name in names:
        if name not in LINTERS:
            near = get_close_matches(name, LINTERS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(LINTERS)}"
            raise PipelineError(
                "lint.unknown-linter",
                f"pyproject.toml: tool.ci.lint: there is no linter '{name}'",
                hint=hint,
            )
    return list(names)


def compose(project: ComposeModel) -> Result:
    """Return what of the compose file is refused here, and what is another thing than on this machine."""
    problems = [str(each) for each in unsupported.found(project, project.services)]
    try:
        builds.check(project.built)
    except PipelineError as error:
        problems.append(str(error))
    return Result(COMPOSE, "\n".join(problems), bool(problems), notes.of(project))


def judge(results: Sequence[Result]) -> str:
    """Return the table and the notes; raises with the output of those that fail."""
    text = table.text(["linter", "outcome"], [result.row for result in results])
    notes = [f"noted: {note}" for result in results for note in result.notes]
    said = [f"--- {result.name}\n{result.output.strip()}" for result in results if result.output.strip()]
    red = [result.name for result in results if result.red]
    if red:
        raise PipelineError(
            "lint.failed",
            f"lint: {', '.join(red)}",
            details="\n".join([text, *said]),
            hint="fix what is named above; `dagger call format` fixes what ruff can",
        )
    return "\n".join([text, *notes, *said])
