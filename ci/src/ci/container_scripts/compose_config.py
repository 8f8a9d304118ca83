"""Let Compose read the project, with placeholders where values would be secrets.

    compose_config.py COMPOSE FOLDER OUTPUT REQUEST

REQUEST is JSON: `files`, `profiles`, `given` (names of variables that have a
value, which is not told here), `plain` (values of those that Compose takes as
numbers, sizes or flags), and whether `bake` is wanted: the Bake file that
`docker compose build` would run, which Compose writes only where it finds Buildx
among the plugins below DOCKER_CONFIG. Writes to OUTPUT, as JSON, {"model": …,
"bake": …, "placeholders": …, "plain": […]} or {"error": …} with Compose's output.

A variable that is required or given gets a placeholder made of its name:
values never enter the model. Where Compose accepts no text in its place, its
name is in `plain`, and 1 stands for it until its value comes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# It ends in what no name has: the placeholder of KEY is no part of that of KEY_ID.
PLACEHOLDER = "placeholder-of-{}-"
NUMBER = "1"


_ENVIRONMENT = ("PATH", "HOME", "DOCKER_CONFIG")
CONFIG = ("config", "--format", "json")


def compose(binary: str, folder: Path, request: dict[str, Any], *arguments: str, **variables: str) -> str:
    """Return what a command of Compose prints; raises RuntimeError with its messages if it fails."""
    command = [binary, "--project-directory", str(folder)]
    command += [word for file in request.get("files", ()) for word in ("--file", str(folder / file))]
    command += [word for profile in request.get("profiles", ()) for word in ("--profile", profile)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
        raise RuntimeError("\n".join(errors).strip() or f"compose ended with {done.returncode}")
    return done.stdout


def read(binary: str, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Return the model and the variables whose values are not in it."""
    variables: dict[str, dict[str, Any]] = json.loads(
        compose(binary, folder, request, *CONFIG, "--variables")
    )
    given: list[str] = request.get("given", [])
    values = {n: PLACEHOLDER.format(n) for n, item in variables.items() if item["Required"] or n in given}
    plain: list[str] = []
    while True:
        try:
            text = compose(binary, folder, request, *CONFIG, "--no-path-resolution", **values)
        except RuntimeError as error:
            rejected = [n for n, value in values.items() if n not in plain and value in str(error)]
            if not rejected:
                raise
            plain += rejected
            values |= {name: request.get("plain", {}).get(name, NUMBER) for name in rejected}
        else:
            # Compose doubles every `$`, so that what it prints could be read again.
            model = json.loads(text.replace("$$", "$"))
            placeholders = {name: value for name, value in values.items() if name not in plain}
            placeholders |= _of_files(model)
            builds = any(service.get("build") for service in model["services"].values())
            wanted = builds and request.get("bake")
            bake = _bake(binary, folder, request, {**placeholders, **values}) if wanted else {}
            return {"model": model, "bake": bake, "placeholders": placeholders, "plain": plain}


def _bake(binary: str, folder: Path, request: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Return the Bake file of the services that have a build; the folders in it are absolute."""
    printed: dict[str, Any] = json.loads(compose(binary, folder, request, "build", "--print", **values))
    return printed


def _of_files(model: dict[str, Any]) -> dict[str, str]:
    """Return the variables that secrets and configs are made from: Compose does not list them."""
    definitions = [*(model.get("secrets") or {}).values(), *(model.get("configs") or {}).values()]
    names = {item["environment"] for item in definitions if item.get("environment")}
    return {name: PLACEHOLDER.format(name) for name in sorted(names)}


def main(binary: str, folder: str, output: str, request: str) -> None:
    """Write the outcome, whichever it is: what a user got wrong is not a crash here."""
    try:
        outcome = read(binary, Path(folder), json.loads(request))
    except RuntimeError as error:
        outcome = {"error": str(error).replace(f"{folder}/", "")}
    Path(output).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
