"""Run a GitHub workflow on this machine. Features that our workflows do not use are errors."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
INSTALL = ".github/install-dagger.sh"

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
    for key in ("run", "script", "before_script"):
        value = node.get(key, [])
        found += [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]
    return found


@dataclass
class Run:
    """One run of a workflow for an event, with jobs one after the other, each in its own workspace.

    `cached` is the file in the restored cache; None means that the cache has no entry.
    """

    workflow: Node
    event: Node
    folder: Path
    environment: dict[str, str]
    results: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    uploaded: list[Path] = field(default_factory=list)
    cached: Path | None = None

    @property
    def summary(self) -> str:
        """The summary on the run's page."""
        return (self.folder / "summary.md").read_text()

    @property
    def _artifacts(self) -> Path:
        return self.folder / "artifacts"

    def jobs(self) -> dict[str, str]:
        """Run every job after the jobs it needs; return the result of each."""
        for name, job in self.workflow["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            assert set(needs) <= set(self.results), f"{name} needs a job that stands below it"
            default = all(self.results[need] == "success" for need in needs)
            self.needs = {need: self.results[need] for need in needs}
            if not (self.evaluate(job["if"]) if "if" in job else default):
                self.results[name] = "skipped"
            else:
                self.results[name] = "success" if self._steps(name, job) else "failure"
        return self.results

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

    def _value(self, text: str) -> Any:  # noqa: ANN401 - of any type, as in a workflow
        if text in {"always()", "!cancelled()"}:
            return True
        if text == "join(needs.*.result, ' ')":
            return " ".join(self.needs.values())
        if text.startswith("'") and text.endswith("'"):
            return text[1:-1]
        if text.startswith("hashFiles('") and text.endswith("')"):
            path = self.workspace / text.removeprefix("hashFiles('").removesuffix("')")
            return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        if text.startswith("github."):
            value: Any = {"repository": self.environment["GITHUB_REPOSITORY"], "event": self.event}
            for key in text.split(".")[1:]:
                value = value.get(key) if isinstance(value, dict) else None
            return value
        raise ValueError(f"an expression that this runner does not know: {text}")

    def _steps(self, name: str, job: Node) -> bool:
        self.workspace = workspace = self.folder / name
        workspace.mkdir(parents=True)
        green = True
        for step in job["steps"]:
            if green if "if" not in step else self.evaluate(step["if"]):
                done = self._uses(step, workspace) if "uses" in step else self._run(step, workspace)
                green = green and done
        return green

    def _uses(self, step: Node, workspace: Path) -> bool:
        action, inputs = step["uses"].partition("@")[0], step.get("with", {})
        artifact = self._artifacts / inputs.get("name", "")
        if action == "actions/checkout":
            subprocess.run(["git", "clone", "--quiet", self.environment["CLONE"], workspace], check=True)
        elif action == "actions/upload-artifact":
            if not (workspace / inputs["path"]).is_dir():
                return False
            shutil.copytree(workspace / inputs["path"], artifact)
        elif action == "actions/download-artifact":
            if not artifact.is_dir():
                return False
            shutil.copytree(artifact, workspace / inputs["path"])
        elif action == "actions/cache/restore":
            if self.cached is not None:
                shutil.copy(self.cached, workspace / inputs["path"])
        elif action == "github/codeql-action/upload-sarif":
            self.uploaded = sorted((workspace / inputs["sarif_file"]).rglob("*.sarif"))
        else:
            raise ValueError(f"an action that this runner does not know: {action}")
        return True

    def _run(self, step: Node, workspace: Path) -> bool:
        if step["run"].strip() == INSTALL:
            return True  # the command is on PATH, because it cannot be downloaded here
        event = self.folder / "event.json"
        event.write_text(json.dumps(self.event))
        own = {key: self.evaluate(value) for key, value in step.get("env", {}).items()}
        files = {"GITHUB_EVENT_PATH": str(event), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=workspace,
            env={**self.environment, **files, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )
        self.said.append(done.stdout)
        return done.returncode == 0


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
