"""Run the pipeline's functions on twenty public repositories and print a table of the results.

    python -m tools.repositories [--folder CLONES] [--images MAP] [--only OWNER/NAME] [--json FILE]

Repositories that are not in the folder are cloned into it. Nothing of them becomes part of this project.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FUNCTIONS = ("doctor", "services", "build", "test", "scan", "stack")
BUG, NOT_CLONED, OK, TIMEOUT = "bug", "not cloned", "ok", "timeout"
# The names that a project's settings have, and those of the examples that its README says to copy.
_ENV_FILES = (".env", ".env.example", ".env.sample", "env.example")
_WORDS = {"stack": ("stack", "check")}
# Dagger appends the span's number to the last line of an error.
_CODE = re.compile(
    r"\bCode: ([a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*)(?: \[traceparent:.*)?\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Repository:
    """A public repository, its folder with a compose file, and the file if it has another name."""

    name: str
    folder: str = "."
    file: str = ""

    @property
    def address(self) -> str:
        """What git clones."""
        return f"https://github.com/{self.name}.git"

    @property
    def clone(self) -> str:
        """The name of its folder among the clones."""
        return self.name.replace("/", "+")


REPOSITORIES = (
    Repository("appwrite/appwrite"),
    Repository("deviantony/docker-elk"),
    Repository("docker/awesome-compose", "flask-redis"),
    Repository("dockersamples/example-voting-app"),
    Repository("fastapi/full-stack-fastapi-template"),
    Repository("getredash/redash"),
    Repository("getsentry/self-hosted"),
    Repository("healthchecks/healthchecks", "docker"),
    Repository("infiniflow/ragflow", "docker"),
    Repository("makeplane/plane"),
    Repository("n8n-io/self-hosted-ai-starter-kit"),
    Repository("netbox-community/netbox-docker"),
    Repository("nextcloud/docker", ".examples/docker-compose/insecure/postgres/apache"),
    Repository("nickjj/docker-django-example"),
    Repository("nickjj/docker-flask-example"),
    Repository("open-telemetry/opentelemetry-demo"),
    Repository("paperless-ngx/paperless-ngx", "docker/compose", "docker-compose.postgres-tika.yml"),
    Repository("plausible/community-edition"),
    Repository("saleor/saleor-platform"),
    Repository("zulip/docker-zulip"),
)


@dataclass(frozen=True)
class Result:
    """What a function did with a repository: `ok`, an error code, `bug`, `timeout` or `not cloned`."""

    repository: str
    function: str
    outcome: str
    seconds: float = 0.0


def outcome(status: int, output: str) -> str:
    """Return the error code of a call, or `ok`; a failure without a code is a bug of the pipeline.

    A call that reports instead of failing, such as `doctor`, has the code in its output.
    """
    codes = _CODE.findall(output)
    if codes:
        return str(codes[-1])
    return BUG if status else OK


def words(repository: Repository, source: Path, function: str, images: str = "") -> list[str]:
    """Return the command that calls a function on a clone, as a user of that repository would write it."""
    command = ["dagger", "--progress=plain", "call", "--source", str(source)]
    if images:
        command += ["--images", images]
    if repository.folder != ".":
        command += ["--project-directory", repository.folder]
    if repository.file:
        command += ["--files", repository.file]
    folder = source / repository.folder
    if found := next((folder / name for name in _ENV_FILES if (folder / name).is_file()), None):
        command += ["--env-file", f"file:{found}"]
    return [*command, *_WORDS.get(function, (function,))]


def table(results: list[Result]) -> str:
    """Format results with a row for each repository and a column for each function."""
    functions = list(dict.fromkeys(each.function for each in results))
    rows: dict[str, dict[str, str]] = {}
    for each in results:
        rows.setdefault(each.repository, {})[each.function] = each.outcome
    lines = [["repository", *functions]]
    lines += [[name, *(found.get(function, "") for function in functions)] for name, found in rows.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _run(repository: Repository, options: argparse.Namespace) -> list[Result]:
    clone: Path = options.folder / repository.clone
    if not clone.exists():
        command = ["git", "clone", "--quiet", "--depth", "1", repository.address, str(clone)]
        if subprocess.run(command, check=False).returncode:
            return [Result(repository.name, function, NOT_CLONED) for function in options.functions]
    return [_call(repository, clone, function, options) for function in options.functions]


def _call(repository: Repository, clone: Path, function: str, options: argparse.Namespace) -> Result:
    started = time.monotonic()
    log = options.folder / f"{repository.clone}.{function}.log"
    with log.open("w") as output:
        try:
            done = subprocess.run(
                words(repository, clone, function, options.images),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=options.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Result(repository.name, function, TIMEOUT, options.timeout)
    found = outcome(done.returncode, log.read_text(errors="replace"))
    result = Result(repository.name, function, found, round(time.monotonic() - started, 1))
    sys.stderr.write(f"{result.repository} {result.function}: {result.outcome}, {result.seconds} s\n")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the functions, print the table, and fail if there is a bug."""
    parser = argparse.ArgumentParser(prog="tools.repositories", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("dist/repositories"), help="where the clones are")
    parser.add_argument("--images", default="", help="the images map for all calls")
    parser.add_argument("--only", action="append", help="a repository, as OWNER/NAME; default: all")
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for each call")
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    options = parser.parse_args(arguments)
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [each for each in REPOSITORIES if not options.only or each.name in options.only]
    results = [result for each in wanted for result in _run(each, options)]
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    sys.stdout.write(table(results) + "\n")
    return int(any(each.outcome == BUG for each in results))


if __name__ == "__main__":
    sys.exit(main())
