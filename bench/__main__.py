"""`python3 -m bench`: compare this pipeline with the peer, and measure its overhead and growth."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from airgap.progress import Progress
from airgap.state import State
from bench import growth, layers, measure, overhead, report, runner, sides, stack, upload
from bench.cases import CASES
from bench.peer.docker import Docker, default_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 1800.0  # seconds, for one run
PARTS = ("overhead", "growth", "upload", "layers", "runner", "stack", "cases")
DEFAULT = ("nothing", "readme", "source-line", "dependency", "shared-package")


def main(argv: list[str]) -> int:
    """Measure the requested parts; return 1 if a budget is exceeded or a run failed."""
    options = _parse(argv)
    if "overhead" in options.parts:
        overhead.check_python()  # before hours of measurements
    say = Progress()
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    result: dict[str, object] = {"machine": _machine(), "load": os.getloadavg()[0]}
    failed = False
    chosen = options.cases.split(",") if options.cases else list(DEFAULT)
    for name, part in _budgeted(options, say).items():
        if name in options.parts:
            result[name] = seen = part()
            for text in seen["exceeded"]:
                say(f"over budget: {text}")
            failed |= bool(seen["exceeded"])
    if "cases" in options.parts:
        cases = _cases(Choice(chosen, options.steps, options.repeat, options.lock), output, say)
        result["cases"] = cases
        (output / "bench.svg").write_text(report.chart(cases))
        print(report.table(cases))
        failed |= any("median" not in seen for both in cases.values() for seen in both.values())
    (output / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    say(f"written: {output}/bench.json")
    return int(failed)


def _budgeted(options: argparse.Namespace, say: Progress) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the parts that have a budget, in the order of measurement."""
    repeat = options.repeat
    return {
        "overhead": partial(overhead.measure, repeat, say),
        "growth": partial(growth.measure, say),
        "upload": partial(upload.measure, repeat, say),
        "layers": partial(layers.measure, repeat, say),
        "runner": partial(runner.measure, repeat, say),
        "stack": lambda: stack.measure(repeat, Docker(State(default_state()), say), say, options.stacks),
    }


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each case and side (default: 5)")
    parser.add_argument(
        "--cases",
        help=f"some of {', '.join(CASES)} (default: {', '.join(DEFAULT)}); cold empties all caches",
    )
    parser.add_argument(
        "--parts",
        default=",".join(PARTS),
        type=lambda text: text.split(","),
        help=f"what to measure: some of {', '.join(PARTS)} (default: all)",
    )
    parser.add_argument(
        "--steps",
        default="all",
        type=lambda text: text.split(","),
        help=f"what to run in each case: some of {', '.join(sides.STEPS)} (default: all, the whole job)",
    )
    parser.add_argument(
        "--stacks",
        default=",".join(stack.STACKS),
        type=lambda text: text.split(","),
        help=f"what the part `stack` measures: some of {', '.join(stack.STACKS)} (default: all)",
    )
    parser.add_argument("--output", default="reports/bench", help="folder for the JSON and the chart")
    parser.add_argument(
        "--lock",
        type=Path,
        help="a lock file to hold during each run, if other programs use it for heavy work",
    )
    options = parser.parse_args(argv)
    for name in (options.cases or "").split(","):
        if name and name not in CASES:
            parser.error(f"unknown case {name!r}; choose from {', '.join(CASES)}")
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"unknown part {name!r}; choose from {', '.join(PARTS)}")
    for name in options.stacks:
        if name not in stack.STACKS:
            parser.error(f"unknown stack {name!r}; choose from {', '.join(stack.STACKS)}")
    for name in options.steps:
        if name not in sides.STEPS:
            parser.error(f"unknown step {name!r}; choose from {', '.join(sides.STEPS)}")
    return options


def _cases(choice: Choice, output: Path, say: Progress) -> dict[str, dict[str, dict[str, object]]]:
    docker = Docker(State(default_state()), say)
    registry = os.environ.get("CI_REGISTRY", "127.0.0.1:5000")
    shared = docker.shared
    both: list[sides.Side] = [
        sides.Ours(shared / "ours", shared / "ours-second", registry),
        sides.Peer(shared / "peer", shared / "peer-second", registry, docker),
    ]
    runs = Runs(output, docker.state, choice.lock, say)
    for side in both:
        say(f"{side.name}: preparing, with one unmeasured run of each step unless only cold is measured")
        side.prepare()
        for step in choice.steps if set(choice.cases) != {"cold"} else ():
            runs.measured(side, step, "not measured", next(runs.numbers))
    costs: dict[str, dict[str, list[measure.Cost]]] = {}
    for step, case, turn in itertools.product(choice.steps, choice.cases, range(choice.repeat)):
        title = case if step == "all" else f"{step}, {case}"
        number = next(runs.numbers)
        sides.change(both, CASES[case], number)
        for side in both if turn % 2 == 0 else reversed(both):
            cost = runs.measured(side, step, case, number)
            costs.setdefault(title, {}).setdefault(side.name, []).append(cost)
    return {
        case: {name: report.summary(seen) for name, seen in sorted(found.items())}
        for case, found in costs.items()
    }


@dataclass(frozen=True)
class Choice:
    """What to run, how often, and a lock to hold meanwhile."""

    cases: list[str]
    steps: list[str]
    repeat: int
    lock: Path | None


@dataclass(frozen=True)
class Runs:
    """Run both sides; every run has a unique number, also between invocations."""

    output: Path
    state: State
    lock: Path | None
    say: Progress
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(int(time.time()), 2))

    def measured(self, side: sides.Side, step: str, case: str, number: int) -> measure.Cost:
        """Measure one run of a step, after running the step that it requires."""
        if case == "cold":
            side.empty()
        if step in side.before:
            self.run(side, f"before {step}", side.command(number, side.before[step]))
        command = side.command(number, step)
        if case == "two-at-once":
            command = sides.twice(side, CASES[case], number, step)
        return self.run(side, f"{step}, {case}", command)

    def run(self, side: sides.Side, title: str, command: list[str]) -> measure.Cost:
        """Run a command and report its duration; its output is in the side's log."""
        log = self.output / f"{side.name}.log"
        with measure.alone(self.lock):
            cost = measure.run(command, side.folder, disk=self.state.root, log=log, limit=LIMIT)
        self.say(f"{title}, {side.name}: {cost.seconds:.1f} s, exit code {cost.exit_code}")
        return cost


def _machine() -> dict[str, object]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpus": os.cpu_count(),
        "memory": total,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
    }


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AirgapError as error:
        print(f"bench: error: {error}", file=sys.stderr)
        sys.exit(1)
