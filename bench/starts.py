"""Starts one command plainly and by the init, in turns, in a privileged container; needs no other module.

    starts.py COUNT           prints JSON: nanoseconds of each start, from exec to the command's first line
    starts.py become WORD...  prints the time, and becomes that command

Each start has namespaces of its own, of mounts, processes and host name, where it is process 1 as in a
container of its own. What the init changes beyond them is put back before each start of either kind: it
removes devices and writes its state. The container's control group stays as the init has limited it, so a
plain start has the same limits; that is why the first start of each kind is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

STATE = Path("/.ci-state")
ENVIRONMENT = Path("/bench/environment.json")
COMMAND = "/bench/clock"
COMMANDS = {
    "plain": [COMMAND],
    "init": ["/.ci/init", "run", "/.ci/config.json", "--", COMMAND],
}
UNSHARE = ("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
# Seconds until the next start: the one before has ended, and its share of processor time is there again.
PAUSE = 0.15


def devices() -> dict[Path, os.stat_result]:
    """Return all device nodes of the container."""
    folders = os.walk("/dev")
    found = [Path(folder, name) for folder, _, names in folders for name in names]
    return {path: path.lstat() for path in found if path.is_char_device() or path.is_block_device()}


def worked(nodes: dict[Path, os.stat_result]) -> bool:
    """Say whether an init has set this container up."""
    return (STATE / "log").exists() and not all(map(os.path.lexists, nodes))


def restore(nodes: dict[Path, os.stat_result]) -> None:
    """Make the devices again that are gone, and empty the state."""
    for path, stat in nodes.items():
        if not os.path.lexists(path):
            path.parent.mkdir(exist_ok=True)
            os.mknod(path, stat.st_mode, stat.st_rdev)
    for path in STATE.iterdir():
        path.unlink()


def once(command: list[str]) -> int:
    """Return the nanoseconds from exec to the command's first line."""
    words = [*UNSHARE, sys.executable, "-I", "-S", __file__, "become", *command]
    environment = {**os.environ, **json.loads(ENVIRONMENT.read_text())}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        if process.stdout is None or process.stderr is None:
            raise ValueError
        began, arrived = process.stdout.readline(), process.stdout.readline()
        process.kill()  # the init would start the command again
        if not arrived:
            sys.exit(f"{' '.join(command)} did not start: {process.stderr.read()}")
    return int(arrived) - int(began)


def become(command: list[str]) -> None:
    """Say when, and become the command."""
    os.write(sys.stdout.fileno(), f"{time.monotonic_ns()}\n".encode())
    os.execv(command[0], command)  # noqa: S606 - exec is what is measured


def main(words: list[str]) -> None:
    """Do what the first word says."""
    if words[0] == "become":
        become(words[1:])
    nodes = devices()
    seen: dict[str, list[int]] = {name: [] for name in COMMANDS}
    for turn in range(int(words[0]) + 1):
        for name in COMMANDS if turn % 2 == 0 else reversed(COMMANDS):
            restore(nodes)
            took = once(COMMANDS[name])
            if worked(nodes) != (name == "init"):
                sys.exit(f"{name}: the container is not as this start should leave it")
            if turn:
                seen[name].append(took)
            time.sleep(PAUSE)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
