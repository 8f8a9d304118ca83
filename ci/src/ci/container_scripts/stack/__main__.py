"""Start a compose project, run a suite in it, stop it, and report the result.

    python3 -m ci.container_scripts.stack REQUEST.json OUTPUT

It runs next to the sandbox's Docker Engine, see sandbox.sh. REQUEST is JSON:

    project, folder     name of the project, and the project directory
    images              built images to load: `tag`, `digest`, `file`
    volumes, networks   external ones, which are created empty
    subnets             subnet and gateway of those networks that need them
    random              variables that get a random value for this run
    public              variables whose values are in the model and are not hidden
    patience, settle    seconds, see `readiness.Wanted`
    suite               the service in suite.json to run when the stack is up, or ""
    hold                keep the stack running until the container ends
    notes               lines to print first

Write OUTPUT/report.json, ps.json, inspect.json, events.json, logs/NAME.log, and
the files of the suite. A stack that does not come up is a result, not a crash:
the exit code is 0, and the report contains the reason. With `hold` the report is
printed and the exit code is 1. The output contains no value of a variable or of a
secret file.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ci.container_scripts.stack import engine, readiness, secrecy
from ci.container_scripts.stack.compose import (
    BINARY,
    ENV_FILE,
    MODEL,
    SUITE,
    Compose,
    NotPulled,
    load_images,
    make_externals,
)
from ci.container_scripts.stack.journal import Journal

_READY = Path("/run/stack-ready")
_POLL = 0.2  # seconds between checks, because a container that has settled causes no event
_LAST_LINES = 15
_MOST_IMAGES = 12 * 10**9  # bytes of images in a slot, for all projects


class Run:
    """One run of a project; the pipeline reads `report`."""

    def __init__(self, request: dict[str, Any], output: Path) -> None:
        self.request, self.output = request, output
        self.model: dict[str, Any] = json.loads(MODEL.read_text())
        random = secrecy.random(request["random"])
        given = secrecy.given(BINARY, ENV_FILE)
        # Values in the model are not secret; hiding them would replace names of services in Docker's files.
        written = MODEL.read_text()
        values = [v for name, v in given.items() if name not in request["public"] and v not in written]
        self.hidden = secrecy.Hidden([*values, *random.values(), *secrecy.of_files(self.model)])
        engine.clear()
        self.journal = Journal(request["project"], self.hidden)
        self.compose = Compose(request, random, self.journal)
        self.wanted = readiness.Wanted(self.model["services"], request["settle"], request["patience"])
        self.report: dict[str, Any] = {"at": time.time(), "problems": [], "failure": None}
        self.report |= {"up_after": {}, "states": {}, "ended": {}}

    def all(self) -> None:
        """Run the project, and write the report even after an error."""
        self.journal.show("note", [f"{note}\n".encode() for note in self.request["notes"]])
        try:
            if self._up():
                self._beside()
        finally:
            self._down()
            self._write("report.json", self.report)

    def _up(self) -> bool:
        code, output = self.compose.run("config", "--quiet")
        if code:
            self.report["failure"] = {"what": "up", "output": output}
            return False
        try:
            load_images(self.request["images"])
            make_externals(self.request)
            self.compose.pull(self.model["services"])
        except NotPulled as error:
            self.report["failure"] = {"what": "pull", "service": error.service, "image": error.image}
            self.report["failure"]["output"] = error.output
            return False
        began = time.time()
        up = self.compose.start("up", "--detach", "--no-build", "--quiet-pull", "--remove-orphans")
        problems = self._wait(up, began)
        up.end()
        if problems is None:
            self.report["failure"] = {"what": "up", "output": up.output}
            return False
        self.report["problems"] = [self._with_lines(problem) for problem in problems]
        return not problems

    def _wait(self, up: Any, began: float) -> list[dict[str, Any]] | None:  # noqa: ANN401 - what Compose runs
        """Wait; return the problems, [] if the project is up, `None` if only Compose's output explains it."""
        while True:
            code = up.code  # before listing the containers, so that all started ones are included
            now = time.time()
            containers = self._containers()
            states = {each.name: readiness.verdict(each, self.wanted, now) for each in containers}
            for name, state in states.items():
                if state in ("up", "done"):
                    self.report["up_after"].setdefault(name, round(now - began, 2))
            if problems := readiness.problems(containers, self.wanted, now, given_up=bool(code)):
                return problems
            if code:
                return None
            ignored = {each.name for each in containers if not self.wanted.required(each.service)}
            if code == 0 and all(s in ("up", "done") or n in ignored for n, s in states.items()):
                self.report["states"] = states
                return []
            self.journal.changed.wait(_POLL)
            self.journal.changed.clear()

    def _inspected(self) -> list[dict[str, Any]]:
        label = [f"com.docker.compose.project={self.request['project']}", "com.docker.compose.oneoff=False"]
        found = engine.ask("GET", "/containers/json", all="1", filters={"label": label})
        inspected = []
        for item in found:
            try:
                inspected.append(engine.ask("GET", f"/containers/{item['Id']}/json"))
            except engine.Refused:  # it was removed between the two requests
                continue
        return inspected

    def _containers(self) -> list[readiness.Container]:
        return [readiness.read(each, self.journal.first_start(each["Id"])) for each in self._inspected()]

    def _with_lines(self, problem: dict[str, Any]) -> dict[str, Any]:
        for each in self._inspected():
            container = readiness.read(each)
            if container.name == problem["name"]:
                lines = self._log(each["Id"]).splitlines()[-_LAST_LINES:]
                return problem | {"lines": lines}
        return problem | {"lines": []}

    def _log(self, identity: str) -> str:
        try:
            text = b"".join(engine.output(identity)).decode(errors="replace")
        except engine.Refused as refused:  # its logging driver does not support reading, or it never started
            return f"(its output cannot be read: {refused})\n"
        return self.hidden.text(text)

    def _beside(self) -> None:
        """Run the suite, or hold the project."""
        if self.request["hold"]:
            _READY.touch()
            while True:
                time.sleep(3600)
        if self.request["suite"]:
            began = time.time()
            suite = self.compose.start(
                *("run", "--no-deps", "--no-TTY", "--quiet-pull", self.request["suite"]),
                files=(MODEL, SUITE),
                name="suite",
            )
            code = suite.wait()
            self.report["suite"] = {"exit_code": code, "seconds": round(time.time() - began, 2)}
            if not (self.output / "suite" / "outcome.json").is_file():
                self.report["failure"] = {"what": "suite", "output": suite.output}

    def _down(self) -> None:
        began = time.time()
        self.compose.run("stop")
        inspected = self._inspected()
        logs = self.output / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for each in inspected:
            container = readiness.read(each)
            (logs / f"{container.name}.log").write_text(self._log(each["Id"]))
            self.report["ended"][container.name] = {
                "exit_code": container.exit_code,
                "error": container.error,
                "status": container.status,
                "killed": self._killed(each["Id"]),
            }
        self._write("ps.json", self.compose.ask("ps", "--all", "--no-trunc"))
        self._write("inspect.json", inspected)
        engine.bound_images(_MOST_IMAGES)
        self.compose.run("down", "--volumes", "--remove-orphans", "--timeout", "0")
        engine.clear()  # what is external to the project
        self._write("events.json", self.journal.events)
        self.report["down_after"] = round(time.time() - began, 2)

    def _killed(self, identity: str) -> bool:
        """Return whether the engine had to kill a container because its stop took too long."""
        return any(
            event["Action"] == "kill" and event["Actor"]["Attributes"].get("signal") == "9"
            for event in self.journal.events
            if event["Actor"]["ID"] == identity
        )

    def _write(self, name: str, data: Any) -> None:  # noqa: ANN401 - JSON
        (self.output / name).write_text(json.dumps(self.hidden.data(data), indent=1) + "\n")


def main(request: str, output: str) -> None:
    """Read the request and run it."""
    run = Run(json.loads(Path(request).read_text()), Path(output))
    run.all()
    if run.request["hold"]:
        print(json.dumps(run.hidden.data(run.report)))
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
