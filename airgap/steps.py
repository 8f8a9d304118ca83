"""Run steps: unchanged ones are skipped, independent ones run in parallel."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, StepsFailed, advised
from airgap.process import check_interrupted, last_line
from airgap.times import Times, chains, left, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airgap.progress import Progress
    from airgap.state import State

HEARTBEAT = 15.0  # seconds between two signs of life


@dataclass(frozen=True)
class Step:
    """A step of `up`.

    ``done`` returns, quickly and without the network, whether there is nothing to do. ``run`` does the work,
    with its output in the log of that name, and may return a note for the user. A ``tool`` runs only if a
    step that needs it has something to do.
    """

    name: str
    doing: str
    done: Callable[[], bool]
    run: Callable[[State], str | None]
    needs: tuple[str, ...] = ()
    tool: bool = False


def pending(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that have something to do, in the given order (needs first)."""
    found = {step.name for step in steps if not step.tool and not step.done()}
    wanted = {name for step in steps if step.name in found for name in step.needs}
    for step in reversed(steps):  # because a tool may need another, which comes before it
        if step.tool and step.name in wanted and not step.done():
            found.add(step.name)
            wanted.update(step.needs)
    return [step for step in steps if step.name in found]


def perform(steps: Sequence[Step], state: State, say: Progress, *, jobs: int) -> None:
    """Run the steps, at most ``jobs`` at a time; needs that are not among them count as done.

    Of the steps that can begin, the one with the longest chain of steps behind it begins first. After a
    failure no new step starts, and running steps finish, so that their work is not lost. Then raise that
    AirgapError, or StepsFailed with all of them.
    """
    times = Times.read(state)
    estimate = span(left(steps, {}, times, jobs=jobs))
    say(f"steps to do: {len(steps)}, {estimate} by the times of {times.source(each.name for each in steps)}")
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        _Run(list(steps), state, say, jobs, pool, times).all()


@dataclass
class _Run:
    waiting: list[Step]
    state: State
    say: Progress
    jobs: int
    pool: ThreadPoolExecutor
    times: Times
    running: dict[Future[str | None], _Running] = field(default_factory=dict)
    failures: dict[str, AirgapError] = field(default_factory=dict)
    last_sign: float = field(default_factory=time.monotonic)

    def all(self) -> None:
        while self.waiting or self.running:
            if not self.failures:
                self._begin()
            elif not self.running:
                break
            check_interrupted()
            finished, _ = wait(self.running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                self._end(future)
            self._sign_of_life()
        if not self.failures:
            return
        others = [step.name for step in self.waiting]
        self.say(f"not done: {', '.join([*self.failures, *others])}; finished steps are not repeated")
        raise next(iter(self.failures.values())) if len(self.failures) == 1 else StepsFailed(self.failures)

    def _begin(self) -> None:
        unfinished = [*self.waiting, *(each.step for each in self.running.values())]
        unmet = {step.name for step in unfinished}
        chain = chains(unfinished, {step.name: self.times.of(step.name) for step in unfinished})
        ready = [step for step in self.waiting if unmet.isdisjoint(step.needs)]
        for step in sorted(ready, key=lambda step: -chain[step.name])[: self.jobs - len(self.running)]:
            self.waiting.remove(step)
            self.say(f"{step.name}: {step.doing}")
            self.running[self.pool.submit(_into_log, step, self.state)] = _Running(step)

    def _end(self, future: Future[str | None]) -> None:
        each = self.running.pop(future)
        error = future.exception()
        if error is None:
            self.times.record(each.step.name, each.seconds)
            note = future.result()
            self.say(f"{each.step.name}: done in {each.seconds:.1f} s{f'; {note}' if note else ''}")
        elif isinstance(error, AirgapError | OSError):
            self.failures[each.step.name] = advised(error)
            others = ", ".join(other.step.name for other in self.running.values())
            self.say(f"{each.step.name}: failed" + (f"; letting {others} finish" if others else ""))
        else:
            raise error

    def _sign_of_life(self) -> None:
        if not self.running or time.monotonic() - self.last_sign < HEARTBEAT:
            return
        self.last_sign = time.monotonic()
        for each in self.running.values():
            name = each.step.name
            line = last_line(self.state.log(name))[:120]
            self.say(f"{name}: {each.seconds:.0f} s of about {self.times.of(name):.0f}, now: {line}")
        elapsed = {each.step.name: each.seconds for each in self.running.values()}
        ahead = [*(each.step for each in self.running.values()), *([] if self.failures else self.waiting)]
        estimate = span(left(ahead, elapsed, self.times, jobs=self.jobs))
        self.say(f"steps left: {len(ahead)}, {estimate}")


@dataclass(frozen=True)
class _Running:
    step: Step
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def _into_log(step: Step, state: State) -> str | None:
    """Run a step with a new log; the previous one is renamed to `.1`."""
    log = state.log(step.name)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    log.touch()
    return step.run(state)
