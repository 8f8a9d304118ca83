"""`python3 -m bench`: measure this pipeline against the peer, its own overhead, and how plans grow."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import time
from pathlib import Path

from airgap.errors import AirgapError
from airgap.progress import Progress
from airgap.state import State
from bench import growth, measure, overhead, report, sides
from bench.cases import CASES
from bench.peer.docker import Docker, default_state

LIMIT = 1800.0  # seconds, for one run
DEFAULT = ("nothing", "readme", "source-line", "dependency", "shared-package")


def main(argv: list[str]) -> int:
    """Measure what is asked for; return 1 when a budget is exceeded or a run failed."""
    options = _parse(argv)
    say = Progress()
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    result: dict[str, object] = {"machine": _machine(), "load": os.getloadavg()[0]}
    failed = False
    chosen = options.cases.split(",") if options.cases else list(DEFAULT)
    if "overhead" in options.parts:
        result["overhead"] = seen = overhead.measure(options.repeat, say)
        failed |= bool(seen["exceeded"])
    if "growth" in options.parts:
        result["growth"] = seen = growth.measure(say)
        failed |= bool(seen["exceeded"])
    if "cases" in options.parts:
        cases = _cases(chosen, options.repeat, output, options.lock, say)
        result["cases"] = cases
        (output / "bench.svg").write_text(report.chart(cases))
        print(report.table(cases))
        failed |= any("median" not in seen for both in cases.values() for seen in both.values())
    (output / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    say(f"written: {output}/bench.json")
    return int(failed)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each case and side (5)")
    parser.add_argument(
        "--cases",
        help=f"of {', '.join(CASES)}; default: {', '.join(DEFAULT)}. cold empties the caches of both sides",
    )
    parser.add_argument(
        "--parts", default="overhead,growth,cases", type=lambda text: text.split(","), help="what to measure"
    )
    parser.add_argument("--output", default="reports/bench", help="folder of table, JSON and chart")
    parser.add_argument(
        "--lock", type=Path, help="a file whose lock is held in each run, where others hold it for heavy work"
    )
    options = parser.parse_args(argv)
    for name in (options.cases or "").split(","):
        if name and name not in CASES:
            parser.error(f"there is no case {name!r}; choose from {', '.join(CASES)}")
    return options


def _cases(
    chosen: list[str], repeat: int, output: Path, lock: Path | None, say: Progress
) -> dict[str, dict[str, dict[str, object]]]:
    state = State(default_state())
    registry = os.environ.get("CI_REGISTRY", "127.0.0.1:5000")
    docker = Docker(state, say)
    both: list[sides.Side] = [
        sides.Ours(docker.shared / "ours", registry),
        sides.Peer(docker.shared / "peer", registry, docker),
    ]
    numbers = itertools.count(int(time.time()))  # no two runs of any day have the same change
    for side in both:
        say(f"{side.name}: preparing, and one run that is not measured")
        side.prepare()
        with measure.alone(lock):
            cost = _run(side, next(numbers), output, state)
        say(f"{side.name}: {cost.seconds:.1f} s, exit code {cost.exit_code}")
    costs: dict[str, dict[str, list[measure.Cost]]] = {}
    for case, turn in itertools.product(chosen, range(repeat)):
        number = next(numbers)
        sides.change(both, CASES[case], number)
        for side in both if turn % 2 == 0 else reversed(both):
            if case == "cold":
                side.empty()
            with measure.alone(lock):
                cost = _run(side, number, output, state)
            costs.setdefault(case, {}).setdefault(side.name, []).append(cost)
            say(f"{case}, {side.name}: {cost.seconds:.1f} s, exit code {cost.exit_code}")
    return {
        case: {name: report.summary(seen) for name, seen in sorted(found.items())}
        for case, found in costs.items()
    }


def _run(side: sides.Side, number: int, output: Path, state: State) -> measure.Cost:
    log = output / f"{side.name}.log"
    return measure.run(side.command(number), side.folder, disk=state.root, log=log, limit=LIMIT)


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
