"""The commands of the command line."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import choice, engine, exports, forwarder, packages, plan, registry
from airgap.errors import AirgapError
from airgap.process import interruptible, run
from airgap.progress import Progress
from airgap.state import State, check_free, locked
from airgap.status import facts, text
from airgap.steps import pending, perform

if TYPE_CHECKING:
    from airgap.settings import Settings


def up(settings: Settings) -> None:
    """Start everything and leave it running; quick if it already runs."""
    _check_host("up")
    state, say = _state(settings), Progress()
    with interruptible(), locked(state, say) as lock:
        state.prepare()
        steps = plan.steps(state, settings, lock, say)
        todo = pending(steps)
        if todo:
            check_free(state.root, settings.min_free_gb)
            _check_places(state, settings)
            unchanged = [step.name for step in steps if not step.tool and step not in todo]
            say(f"unchanged: {', '.join(unchanged) or 'nothing'}")
            # Compiling keeps every processor busy; as many other steps, which often wait, run beside it.
            perform(todo, state, say, jobs=2 * (os.cpu_count() or 1))
        exports.write_launcher(state, settings)
    done = f"{len(todo)} steps done" if todo else "nothing to do"
    say(f"up ({done}): engine {settings.runner_host}, registry {settings.registry}")


def _check_places(state: State, settings: Settings) -> None:
    """Raise AirgapError if a port or socket is in use, before minutes of building."""
    if registry.daemon(state).process() is None:
        registry.check_port(settings)
    if forwarder.daemon(state).process() is None:
        forwarder.check_port(settings)
    if engine.daemon(state).process() is None:
        engine.check_alone(settings)


def down(settings: Settings, *, force: bool) -> None:
    """Stop everything that `up` started; the engine's cache is preserved."""
    _check_root("down")
    state, say = _state(settings), Progress()
    if not state.root.exists():
        say(f"down: {state.root} does not exist")
        return
    with interruptible(), locked(state, say):
        _stop(state, say, force=force)


def _stop(state: State, say: Progress, *, force: bool) -> None:
    if force and engine.daemon(state).process() is not None:
        say("engine: with --force it is killed after 10 s, which loses the engine's cache")
    stopped = [
        name
        for name, ran in (
            ("engine", engine.stop(state, say, force=force)),
            ("forwarder", forwarder.stop(state, force=force)),
            ("registry", registry.stop(state, force=force)),
        )
        if ran
    ]
    say(f"down: {', '.join(stopped)} stopped" if stopped else "down: nothing was running")


def reset(settings: Settings, *, yes: bool, force: bool) -> None:
    """Stop everything, then remove the state folder and the mount points."""
    _check_root("reset")
    state, say = _state(settings), Progress()
    if not state.root.exists():
        say(f"reset: {state.root} does not exist")
        return
    if not yes:
        _ask(state.root)
    with interruptible(), locked(state, say):
        _stop(state, say, force=force)
        engine.remove_mount_points(state)
        _unmount(state)
        for path in sorted(state.root.iterdir(), key=lambda path: path.name == "lock"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        state.root.rmdir()
    say(f"reset: removed {state.root}; Debian packages and Go's caches remain")


def _ask(folder: Path) -> None:
    if not sys.stdin.isatty():
        raise AirgapError(
            f"`reset` removes {folder}",
            hint="run it with --yes, or on a terminal, where it asks for confirmation",
        )
    if input(f"Remove {folder}, with the engine's cache and all images? [y/N] ").strip().lower() not in {
        "y",
        "yes",
    }:
        raise AirgapError("`reset` was not confirmed; nothing was removed")


def _unmount(state: State) -> None:
    mounts = [
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    ]
    for path in reversed(mounts):
        if Path(path).is_relative_to(state.root):
            run(("umount", path), log=state.log("reset"))


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Print the status."""
    state = _state(settings)
    steps = plan.steps(state, settings, lock=-1, say=lambda _: None)
    found = facts(state, settings, steps)
    print(json.dumps(found, indent=2) if as_json else text(found), end="\n" if as_json else "")


def show_env(settings: Settings, *, auto: bool) -> None:
    """Print lines for a shell's `eval`; with ``auto`` choose the engine, and start ours if chosen."""
    state = _state(settings)
    if auto:
        chosen = choice.choose(os.environ, settings)
        print(chosen, file=sys.stderr)
        if chosen.kind != "airgap":
            choice.check_cli()
            runner = exports.shell({exports.CHOSEN: chosen.kind, **exports.QUIET})
            print(exports.of_docker() if chosen.kind == "docker" else runner, end="")
            return
        up(settings)
    print(exports.shell(exports.variables(state, settings), path=exports.launcher(state).parent), end="")


def _state(settings: Settings) -> State:
    return State(settings.state, settings.artifacts)


def _check_host(verb: str) -> None:
    _check_root(verb)
    if not packages.on_debian():
        raise AirgapError(f"`{verb}` needs apt-get and dpkg, which were not found", hint="run it on Debian")


def _check_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise AirgapError(
            f"`{verb}` needs root to mount and create namespaces; this is user {os.geteuid()}",
            hint=f"sudo python3 -m airgap {verb}",
        )
