"""The sandbox as a Dagger container: run a command next to a private Docker Engine."""

from __future__ import annotations

import secrets as random
from hashlib import sha256
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import module_source, tools
from ci.container_scripts import FOLDER
from ci.sandbox import failure
from ci.sandbox.binfmt import handler
from ci.sandbox.epoch import EPOCH
from ci.sandbox.place import IMAGES, STATE, WORKDIR
from ci.sandbox.substitutes import loopback_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.workspace import Workspace

__all__ = [
    "GONE",
    "LOOPBACK_PORTS",
    "VERSION",
    "command",
    "container",
    "emulating",
    "emulator",
    "image",
    "privileged",
    "run",
]

LOOPBACK_PORTS = "SANDBOX_LOOPBACK_PORTS"
_VOLUME = "docker-engine"
_EMULATOR = "/opt/emulator"
_PORT = 8000
GONE = 3
_FILES = ["containerd.toml", "daemon.json", "runc.sh", "sandbox.sh"]

# Everything besides the project that affects builds. Data of another version is not reused.
_DECIDING = ("bake.sh", "runc.sh", "sandbox.sh")
VERSION = sha256(
    b"".join([tools.DOCKER.encode(), *((FOLDER / n).read_bytes() for n in _DECIDING)])
).hexdigest()[:16]


def container(workspace: Workspace, *scripts: str) -> dagger.Container:
    """Return the container. Its mounts and variables are all inputs of a command in it.

    `scripts` are the programs of `ci.container_scripts` that the command runs.
    """
    # Dagger caches a filtered folder by its content, so other programs' changes do not affect the sandbox.
    programs = module_source.files().directory("ci/container_scripts").filter(include=[*_FILES, *scripts])
    return (
        workspace.tool(tools.DOCKER)
        .with_mounted_directory(WORKDIR, programs)
        .with_mounted_cache(STATE, dag.cache_volume(_VOLUME))
        .with_env_variable("SANDBOX_STATE", STATE)
        .with_env_variable("SANDBOX_VERSION", VERSION)
        .with_env_variable("SANDBOX_IMAGES", f"{IMAGES}/{VERSION}")
        .with_env_variable(LOOPBACK_PORTS, " ".join(loopback_ports(workspace.images)))
        .with_env_variable("SOURCE_DATE_EPOCH", str(EPOCH))
        .with_workdir(WORKDIR)
    )


async def image(workspace: Workspace, name: str) -> dagger.Directory:
    """Return the folder of an exported image, with its facts. Its end with GONE means that it was removed.

    Dagger may cache it, because its name contains a digest.
    """
    script = (
        f'test -d "$1" || exit {GONE}; touch "$1"; cp -r "$1" /output; python3 /layout.py exported /output'
    )
    plain = workspace.tool(tools.PYTHON).with_mounted_file("/layout.py", module_source.program("layout.py"))
    state = dag.cache_volume(_VOLUME)
    made = await workspace.once("exported images", lambda: plain.with_mounted_cache(STATE, state).sync())
    return made.with_exec(["sh", "-euc", script, "sh", f"{IMAGES}/{VERSION}/{name}"]).directory("/output")


async def emulating(
    workspace: Workspace, container: dagger.Container, platform: str
) -> tuple[dagger.Container, list[str]]:
    """Return the container with an emulator of a platform, and the words before a command that use it.

    Without an emulator there are no words: what only copies files can be built all the same.
    """
    wanted = handler(platform)
    binary = workspace.tool(tools.BINFMT).file(f"/usr/bin/qemu-{wanted.architecture}")
    try:
        await binary.sync()
    except dagger.QueryError:
        return container, []
    words = [f"{WORKDIR}/emulate.sh", _EMULATOR, wanted.architecture, wanted.magic, wanted.mask]
    return container.with_mounted_file(_EMULATOR, binary), words


async def emulator(workspace: Workspace, platform: str) -> dagger.Service | None:
    """Return a service that emulates a platform in other containers while it runs; none without an emulator.

    It listens on a port, because Dagger waits for one before it takes a service for started.
    """
    programs = module_source.files().directory("ci/container_scripts").filter(include=["emulate.sh"])
    plain = (
        workspace.tool(tools.PYTHON)
        .with_mounted_directory(WORKDIR, programs)
        .with_mounted_cache(STATE, dag.cache_volume(_VOLUME))
        .with_env_variable("SANDBOX_STATE", STATE)
        .with_exposed_port(_PORT)
    )
    container, words = await emulating(workspace, plain, platform)
    listen = ["python3", "-m", "http.server", str(_PORT), "--directory", WORKDIR]
    return container.as_service(args=[*words, *listen], insecure_root_capabilities=True) if words else None


async def run(
    workspace: Workspace, container: dagger.Container, *words: str, before: Sequence[str] = ()
) -> dagger.Container:
    """Run a command next to the engine and wait for its end; `before` are words of `emulating`.

    Raise `PipelineError` if the sandbox failed, `dagger.ExecError` if the command failed.
    """
    try:
        line = [*before, *command(*words)]
        return await container.with_exec(line, insecure_root_capabilities=True).sync()
    except dagger.ExecError as error:
        if not await privileged(workspace):
            raise failure.refused(error.stderr) from error
        if own_fault := failure.ended(error.exit_code, error.stderr):
            raise own_fault from error
        raise
    except dagger.QueryError as error:
        if await privileged(workspace):
            raise
        raise failure.refused(str(error)) from error


async def privileged(workspace: Workspace) -> bool:
    """Test whether the engine runs privileged containers."""
    try:
        container = workspace.tool(tools.PYTHON).with_env_variable("NOW", random.token_hex(8))
        await container.with_exec(["true"], insecure_root_capabilities=True).sync()
    except dagger.QueryError:
        return False
    return True


def command(*words: str) -> list[str]:
    """Return the command line that runs a command in the sandbox; it needs `insecure_root_capabilities`."""
    return [f"{WORKDIR}/sandbox.sh", *words]
