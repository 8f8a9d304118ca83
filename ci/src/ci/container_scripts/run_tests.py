"""Run a test command, and save its output and outcome in any case.

    run_tests.py SECONDS OUTPUT -- COMMAND ...

Write OUTPUT/output.txt and OUTPUT/outcome.json and always exit with 0, because
the engine discards the files of a program that a signal ended, and a failed
test is a result, not a crash. The reader of the outcome judges it. It also has
the texts of the output and of OUTPUT/junit.xml, so that one file has to be read.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TEXTS = {"output": "output.txt", "junit": "junit.xml"}


def text(file: Path) -> str:
    """Return what is in a file; empty if it does not exist."""
    return file.read_text(errors="replace") if file.is_file() else ""


def run(seconds: float, output: Path, command: list[str]) -> dict[str, object]:
    """Run the command; kill it with all its children after the time limit."""
    started = time.time()
    late = False
    with (output / "output.txt").open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            late = True
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    return {
        "exit_code": code if code >= 0 else 128 - code,
        "signal": signal.Signals(-code).name if code < 0 else "",
        "late": late,
        "at": started,
        "seconds": round(time.time() - started, 2),
    }


def main(arguments: list[str]) -> None:
    """Run the command and write its outcome."""
    seconds, folder, separator, *command = arguments
    if separator != "--" or not command:
        sys.exit(__doc__)
    output = Path(folder)
    outcome = run(float(seconds), output, command)
    outcome |= {name: text(output / file) for name, file in TEXTS.items()}
    (output / "outcome.json").write_text(json.dumps(outcome))
    sys.stdout.write(str(outcome["output"]))


if __name__ == "__main__":
    main(sys.argv[1:])
