"""Call the module on a real engine, as users do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
LIMIT = 900  # seconds after which a call counts as hanging


@dataclass(frozen=True)
class Called:
    """The output and exit code of a `dagger` call."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The text of the error at the end of the output."""
        _, found, text = f"\n{self.stderr}".rpartition("\nError:")
        return f"Error:{text}" if found else ""

    def executed(self) -> list[str]:
        """The commands that the engine ran in this call according to its traces, without cached ones."""
        record = self.stderr.splitlines()
        found = [m for line in record if (m := re.match(r"^(\d+)\s*:[ ┆]*withExec (.*)$", line))]
        names = {m[1]: m[2] for m in found}
        ran = {m[1] for line in record if (m := re.match(r"^(\d+)\s*:.*withExec DONE", line))}
        cached = {m[1] for line in record if (m := re.match(r"^(\d+)\s*:.*withExec CACHED", line))}
        return [command for number, command in names.items() if number in ran - cached]


@dataclass(frozen=True)
class Dagger:
    """The command line client, in a folder."""

    folder: Path = ROOT

    def call(self, *words: str, progress: str = "plain") -> Called:
        """Run `dagger call WORDS`."""
        return self.run("call", *words, progress=progress)

    def run(self, *words: str, progress: str = "plain") -> Called:
        """Run `dagger WORDS` without a terminal."""
        done = subprocess.run(
            ["dagger", f"--progress={progress}", *words],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        return Called(done.returncode, done.stdout, done.stderr)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a call as Ctrl-C does: the client sometimes goes on after the first, and never after the second."""
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
            return
    process.kill()
    raise AssertionError("the client did not end")
