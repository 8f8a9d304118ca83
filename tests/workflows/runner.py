"""Run a GitHub workflow on this machine. Features that our workflows do not use are errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
INSTALL = ".github/install-dagger.sh"

# What these do happens at Azure, Sigstore or GitHub.
DOING_NOTHING = {"azure/login", "sigstore/cosign-installer", "actions/attest", "actions/cache/save"}

Node = dict[str, Any]


def read(path: Path) -> Node:
    """Read a YAML file with every scalar as text, because `on` must not become a boolean."""
    parsed: Node = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - it makes only text
    return parsed


def scripts(node: object) -> list[str]:
    """Return every shell script in a parsed workflow or pipeline, of GitHub, GitLab or Azure."""
    if isinstance(node, list):
        return [script for item in node for script in scripts(item)]
    if not isinstance(node, dict):
        return []
    found = [script for value in node.values() for script in scripts(value)]
    for key in ("run", "script", "before_script", "inlineScript"):
        value = node.get(key, [])
        found += [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]
    return found


@dataclass
class Run:
    """One run of a workflow for an event, with jobs one after the other, each in its own workspace.

    - `cached`: the folder in the restored cache; None means that the cache has no entry
    - `given`: what expressions can read besides: `inputs`, `vars`
    - `only`: the jobs to run; default: all
    - `entered`: a command that runs another one, such as in another network namespace
    - `acted`: the actions that a step used and that do nothing here, with their inputs
    """

    workflow: Node
    event: Node
    folder: Path
    environment: dict[str, str]
    results: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    uploaded: list[Path] = field(default_factory=list)
    cached: Path | None = None
    given: Node = field(default_factory=dict)
    only: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    acted: list[tuple[str, Node]] = field(default_factory=list)
    outputs: dict[str, Node] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Node] = field(default_factory=dict)
    matrix: Node = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The summary on the run's page."""
        return (self.folder / "summary.md").read_text()

    @property
    def artifacts(self) -> Path:
        """The folder of the run's artifacts, each in a folder of its name."""
        return self.folder / "artifacts"

    def jobs(self) -> dict[str, str]:
        """Run every job after the jobs it needs; return the result of each."""
        for name, job in self.workflow["jobs"].items():
            if self.only and name not in self.only:
                continue
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            assert set(needs) <= set(self.results), f"{name} needs a job that stands below it"
            default = all(self.results[need] == "success" for need in needs)
            self.needs = {need: self.results[need] for need in needs}
            if not (self.evaluate(job["if"]) if "if" in job else default):
                self.results[name] = "skipped"
            else:
                done = [self._steps(folder, job) for folder in self._matrix(name, job)]
                self.results[name] = "success" if all(done) else "failure"
        return self.results

    def _matrix(self, name: str, job: Node) -> Iterator[str]:
        """Set the matrix of each copy of a job, and yield the name of its workspace."""
        if "strategy" not in job:
            yield name
            return
        ((key, values),) = job["strategy"]["matrix"].items()
        found = self.evaluate(values)
        assert found, "GitHub fails a job whose matrix is empty"
        for number, value in enumerate(found):
            self.matrix = {key: value}
            yield f"{name}-{number}"

    def evaluate(self, text: str) -> Any:  # noqa: ANN401 - of any type, as in a workflow
        """Evaluate an expression, of the few kinds in our workflows."""
        text = text.strip().removeprefix("${{").removesuffix("}}").strip()
        if " && " in text:
            return all(self.evaluate(part) for part in text.split(" && "))
        for sign, equal in ((" == ", True), (" != ", False)):
            if sign in text:
                left, right = text.split(sign)
                return (self.evaluate(left) == self.evaluate(right)) is equal
        return self._value(text)

    def text(self, value: str) -> str:
        """Replace the expressions in a text."""
        found = re.sub(r"\$\{\{.*?\}\}", lambda match: _shown(self.evaluate(match[0])), value)
        return found.strip()

    def _value(self, text: str) -> Any:  # noqa: ANN401 - of any type, as in a workflow
        if text in {"always()", "!cancelled()"}:
            return True
        if text.startswith("'") and text.endswith("'"):
            return text[1:-1]
        if text.startswith("fromJSON(") and text.endswith(")"):
            return json.loads(self._value(text.removeprefix("fromJSON(").removesuffix(")")))
        value: Any = {
            "github": {
                "repository": self.environment["GITHUB_REPOSITORY"],
                "event": self.event,
                "token": "token-of-the-run",
            },
            "needs": {
                need: {"result": result, "outputs": self.outputs.get(need, {})}
                for need, result in self.needs.items()
            },
            "steps": self.steps,
            "matrix": self.matrix,
            "inputs": {},
            "vars": {},
            **self.given,
        }
        first, *keys = text.split(".")
        if first not in value:
            raise ValueError(f"an expression that this runner does not know: {text}")
        for key in (first, *keys):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _steps(self, name: str, job: Node) -> bool:
        self.workspace = workspace = self.folder / name
        workspace.mkdir(parents=True)
        self.steps = {}
        green = True
        for step in job["steps"]:
            if not (green if "if" not in step else self.evaluate(step["if"])):
                continue
            written = self.folder / "output"
            written.write_text("")
            own = {**job.get("env", {}), **step.get("env", {})}
            done = self._uses(step, workspace) if "uses" in step else self._run(step, workspace, own)
            if "id" in step:
                pairs = [line.partition("=") for line in written.read_text().splitlines()]
                outputs = {key: value for key, _, value in pairs}
                self.steps[step["id"]] = {"outcome": "success" if done else "failure", "outputs": outputs}
            green = green and (done or step.get("continue-on-error") == "true")
        self.outputs[name] = {key: self.evaluate(value) for key, value in job.get("outputs", {}).items()}
        return green

    def _uses(self, step: Node, workspace: Path) -> bool:
        action, inputs = step["uses"].partition("@")[0], step.get("with", {})
        artifact = self.artifacts / inputs.get("name", "")
        if action == "actions/checkout":
            subprocess.run(["git", "clone", "--quiet", self.environment["CLONE"], workspace], check=True)
            if "ref" in inputs:
                command = ["git", "-C", str(workspace), "checkout", "--quiet", self.text(inputs["ref"])]
                return subprocess.run(command, check=False).returncode == 0
        elif action in {"actions/upload-artifact", "actions/download-artifact"}:
            here = workspace / inputs["path"]
            source, target = (here, artifact) if "upload" in action else (artifact, here)
            if not source.is_dir():
                return False
            shutil.copytree(source, target)
        elif action == "actions/cache/restore":
            if self.cached is not None:
                shutil.copytree(self.cached, workspace / inputs["path"], dirs_exist_ok=True)
        elif action == "github/codeql-action/upload-sarif":
            self.uploaded = sorted((workspace / inputs["sarif_file"]).rglob("*.sarif"))
        elif action in DOING_NOTHING:
            self.acted.append((action, inputs))
        else:
            raise ValueError(f"an action that this runner does not know: {action}")
        return True

    def _run(self, step: Node, workspace: Path, own: Node) -> bool:
        if step["run"].strip() == INSTALL:
            return True  # the command is on PATH, because it cannot be downloaded here
        event = self.folder / "event.json"
        event.write_text(json.dumps(self.event))
        files = {
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "RUNNER_TEMP": str(self.folder),
        }
        done = subprocess.run(
            [*self.entered, "bash", "-e", "-c", step["run"]],
            cwd=workspace,
            env={**self.environment, **files, **{key: self.text(value) for key, value in own.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )
        self.said.append(done.stdout)
        return done.returncode == 0


def _shown(value: object) -> str:
    """Convert a value as GitHub does: nothing is an empty text, a boolean is lower case."""
    if isinstance(value, bool):
        return json.dumps(value)
    return "" if value is None else str(value)


def clean(folder: Path, clone: Path, **github: str) -> dict[str, str]:
    """Return the environment of a fresh machine, with only the engine's address from the caller.

    The `dagger` on its PATH is the current one.
    """
    program = folder / "bin" / "dagger"
    program.parent.mkdir(parents=True)
    program.symlink_to(str(shutil.which("dagger")))
    engine = {
        key: value for key, value in os.environ.items() if key.startswith("_EXPERIMENTAL_DAGGER_RUNNER")
    }
    home = folder / "home"
    home.mkdir()
    path = f"{program.parent}:/usr/local/bin:/usr/bin:/bin"
    named = {f"GITHUB_{key.upper()}": value for key, value in github.items()}
    return {"PATH": path, "HOME": str(home), "CI": "true", "CLONE": str(clone), **named, **engine}
