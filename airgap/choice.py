"""Choose the engine of a `make` target: a given one, the official one, or the air-gapped one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

from airgap import packages
from airgap.errors import AirgapError
from airgap.exports import RUNNER
from airgap.process import output_of
from airgap.settings import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airgap.settings import Settings

FORCE = "CI_ENGINE"
KINDS = ("airgap", "docker", "runner")

# The Docker Hub's own API address: what an engine pulls base images from.
_HUB = "https://registry-1.docker.io/v2/"
_SECONDS = 3


@dataclass(frozen=True)
class Choice:
    """A kind of engine (one of KINDS), and the reason for the choice."""

    kind: str
    reason: str

    def __str__(self) -> str:
        names = {
            "airgap": "the air-gapped engine",
            "docker": "Dagger's own engine on Docker",
            "runner": "a given engine",
        }
        return f"engine: {names[self.kind]}, because {self.reason}"


def choose(environ: Mapping[str, str], settings: Settings, *, hub: str = _HUB) -> Choice:
    """Choose the engine. Raise AirgapError, which says what to install, if there is none."""
    forced, runner = environ.get(FORCE, ""), environ.get(RUNNER, "")
    if forced:
        return _forced(forced, runner)
    if runner == settings.runner_host:
        return Choice("airgap", f"{RUNNER} names it")
    if runner:
        return Choice("runner", f"{RUNNER} is {runner}")
    docker = docker_server()
    if docker and registry_answers(hub):
        return Choice("docker", f"Docker {docker} answers and its registry can be reached")
    lacking = "its registry cannot be reached" if docker else "no Docker daemon answers"
    if os.geteuid() == 0 and packages.on_debian():
        return Choice("airgap", f"{lacking}, and this is root on Debian")
    raise AirgapError(
        f"no Dagger engine is available: {lacking}, and this is not root on Debian",
        hint=f"install Docker where its registry can be reached, or run as root on Debian, or set {RUNNER}",
    )


def _forced(kind: str, runner: str) -> Choice:
    if kind not in KINDS:
        raise AirgapError(
            f"{FORCE}={kind!r} is not a kind of engine", hint=f"set it to {', '.join(KINDS)}, or unset it"
        )
    if kind == "runner" and not runner:
        raise AirgapError(
            f"{FORCE}=runner, but {RUNNER} is not set", hint=f"set {RUNNER} to the engine's address"
        )
    if kind == "docker" and docker_server() is None:
        raise AirgapError(
            f"{FORCE}=docker, but no Docker daemon answers", hint="start Docker, or unset CI_ENGINE"
        )
    return Choice(kind, f"{FORCE}={kind}")


def check_cli() -> None:
    """Raise AirgapError unless the `dagger` on PATH has the version that this repository requires."""
    answer = output_of(("dagger", "version"))
    found = re.search(r"\bv\d+\.\d+\.\d+\S*", answer or "")
    if found is None or found[0] != VERSION:
        there = (
            f"is {found[0]}"
            if found
            else "is missing"
            if answer is None
            else f"printed no version: {answer!r}"
        )
        raise AirgapError(
            f"the `dagger` on PATH {there}, but {VERSION} is required",
            hint=f"install Dagger's CLI {VERSION} (https://docs.dagger.io/install)",
        )


def docker_server() -> str | None:
    """Return the version of the Docker daemon, or None if no daemon answers."""
    answer = output_of(("docker", "version", "--format", "{{.Server.Version}}"), timeout=5)
    return answer.strip() or None if answer else None


def registry_answers(address: str) -> bool:
    """Return whether an image registry answers at an address.

    A proxy that rejects the request does not count.
    """
    try:
        with urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 - the addresses are ours
            headers = answer.headers
    except HTTPError as error:  # a registry answers 401 to requests without credentials
        headers = error.headers
        error.close()
    except OSError:
        return False
    return bool(headers.get("Docker-Distribution-Api-Version", "").startswith("registry/2"))
