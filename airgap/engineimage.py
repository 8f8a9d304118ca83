"""Build the engine as an image: a stand-in for the one that Dagger's CLI runs on a machine with Docker.

`up` does not build it, because the air-gapped engine runs without it.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from airgap import catalogue, enginebuild, golang, images
from airgap import layout as oci
from airgap.engine import configuration
from airgap.errors import AirgapError
from airgap.process import run
from airgap.settings import VERSION
from airgap.state import fingerprint_of

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.settings import Settings
    from airgap.state import State

NAME = "engine"
REFERENCE = f"registry.dagger.io/engine:{VERSION}"  # what the CLI of this version runs
_DIAL = "github.com/dagger/dagger/cmd/dialstdio"
_KINDS = ("engine-dial", "engine-image")


def fingerprint() -> str:
    """Hash everything that decides the image, except for Debian's packages."""
    return fingerprint_of(images.fingerprint(catalogue.image(NAME)), enginebuild.fingerprint(), _DIAL)


def build(state: State) -> Path:
    """Return the OCI layout of the image, and build it if it is not there."""
    layout = state.artifact(_KINDS[1], fingerprint())
    if layout.exists():
        return layout
    (base,) = (catalogue.by_name(name) for name in catalogue.image(NAME).needs)
    below = state.artifact(f"images/{base.name}", images.fingerprint(base))
    if not below.exists() or not enginebuild.programs(state).exists() or not golang.there(state):
        raise AirgapError("the air-gapped engine is not built", hint="run python3 -m airgap up")
    programs = _programs(state)

    def into(made: Path) -> None:
        images.build(
            catalogue.image(NAME),
            made,
            work=made.with_name("work"),
            log=state.log("engine-image"),
            layouts={base.name: below},
            programs=programs,
        )

    return state.make(_KINDS[1], fingerprint(), into)


def _programs(state: State) -> dict[str, Path]:
    """Return the programs by their paths in the image, which are those of the official one."""
    built = enginebuild.programs(state)
    dial = state.artifact(_KINDS[0], enginebuild.fingerprint())
    if not dial.exists():

        def into(made: Path) -> None:
            made.mkdir()
            enginebuild.compile_into(state, made, _DIAL)

        state.make(_KINDS[0], enginebuild.fingerprint(), into)
    return {
        "/usr/local/bin/dagger-engine": built / "engine",
        "/usr/local/bin/dagger": built / "dagger",
        "/usr/local/bin/dagger-init": built / "init",
        "/opt/cni/bin/dnsname": built / "dnsname",
        "/usr/bin/dial-stdio": dial / "dialstdio",
    }


def archive(state: State, settings: Settings, target: Path, *, registry: str) -> None:
    """Write the image as an archive for `docker load`.

    Its engine reaches ``registry``, a host and port outside, under the name that the images map has.
    """
    layout, log = build(state), state.log("engine-image")
    with state.scratch_folder("engine-image") as scratch:
        copy = shutil.copytree(layout, scratch / "layout")
        for name, text in files(settings, registry=registry).items():
            file = scratch / "file"
            file.write_text(text, encoding="utf-8")
            file.chmod(0o644)
            oci.insert(copy, file, name, log=log)
        target.unlink(missing_ok=True)
        copying = ("skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{copy}:latest")
        run((*copying, f"docker-archive:{target}:{REFERENCE}"), log=log)


def files(settings: Settings, *, registry: str) -> dict[str, str]:
    """Return what depends on the registry: the engine's configuration, and where its forwarder leads."""
    return {
        "/etc/dagger/engine.json": json.dumps(configuration(settings), indent=2) + "\n",
        "/etc/dagger/registry": f"{registry}\n",
    }
