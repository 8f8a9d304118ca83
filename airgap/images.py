"""The base images: how one is built and pushed; `catalogue` says which there are."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import layout as oci
from airgap import programs as compiled
from airgap.catalogue import by_name, images_map
from airgap.process import run
from airgap.recipe import read
from airgap.rootfs import authorities, fill, version_of
from airgap.state import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airgap.catalogue import Image
    from airgap.recipe import Recipe

# Debian packages of the host that building and pushing need.
HOST_PACKAGES: tuple[str, ...] = (
    "debian-archive-keyring",
    "mmdebstrap",
    *(() if importlib.util.find_spec("pip") else ("python3-pip",)),
    "skopeo",
    "umoci",
)

STAND_IN_LABEL = "io.dagger-airgap.stand-in"
VERSIONS_LABEL = "io.dagger-airgap.versions"
AUTHORITIES_LABEL = "io.dagger-airgap.ca-certificates"

_BUILDERS = (
    "images.py",
    "layout.py",
    "recipe.py",
    "rootfs.py",
    "images/chroot.sh",
    "images/contained.sh",
    "images/enter.sh",
)


def fingerprint(image: Image) -> str:
    """Return one SHA-256 over all that decides its content, its bases' included.

    The Debian packages are not in it: a built image keeps those of the day it was built.
    """
    recipe = read(image.name)
    parts: list[str | bytes] = [platform.machine()]
    here = Path(__file__).parent
    for path in (*(here / name for name in _BUILDERS), *recipe.sources()):
        parts += [str(path.relative_to(here)), "x" if os.access(path, os.X_OK) else "", path.read_bytes()]
    if recipe.debian:
        parts += [path.name.encode() + path.read_bytes() for path in authorities()]
    if recipe.map:
        parts.append(json.dumps(images_map("")))
    if recipe.go:
        parts.append(compiled.fingerprint(recipe, recipe.go))
    parts += [fingerprint(by_name(name)) for name in image.needs]
    return fingerprint_of(*parts)


def build(  # noqa: PLR0913 - all but the first two are by name
    image: Image,
    layout: Path,
    *,
    work: Path,
    log: Path,
    layouts: Mapping[str, Path],
    programs: Mapping[str, Path],
) -> list[str]:
    """Make the OCI layout of an image, tagged `latest`; ``layouts`` has those it needs, by name.

    ``work`` is removed first and stays behind. ``programs`` are compiled, by their paths in the image.
    Return what a user should know about how it was made.
    """
    recipe = read(image.name)
    for folder in (work, layout):
        if folder.exists():
            shutil.rmtree(folder)
    work.mkdir(parents=True)
    base = layouts[recipe.needs] if recipe.needs else None
    bundle = work / "bundle"
    root = oci.unpack(layout, bundle, base=base, log=log)
    notes = fill(root, recipe, work=work, log=log, programs=programs)
    version = recipe.version or version_of(recipe.version_of, root)
    oci.repack(layout, bundle, title=recipe.title, log=log)
    labels = _labels(recipe, version)
    if recipe.versions:
        labels[VERSIONS_LABEL] = ", ".join(f"{each} {version_of(each, root)}" for each in recipe.versions)
    oci.configure(layout, _config(recipe, version), labels, log=log)
    shutil.rmtree(work)
    return notes


def push(image: Image, layout: Path, *, registry: str, log: Path) -> str:
    """Push an image under the names it stands for; return its manifest's digest.

    The images map names the registry, so it is put into the image that carries it only here.
    """
    recipe = read(image.name)
    with tempfile.TemporaryDirectory(prefix=f"{image.name}-") as scratch:
        if recipe.map:
            layout = shutil.copytree(layout, Path(scratch) / "layout")
            file = Path(scratch) / "map.json"
            file.write_text(json.dumps(images_map(registry), indent=2) + "\n", encoding="utf-8")
            file.chmod(0o644)
            oci.insert(layout, file, recipe.map, log=log)
        digest = Path(scratch) / "digest"
        for target in recipe.targets:
            options = ("--dest-tls-verify=false", f"--digestfile={digest}")
            to = f"docker://{registry}/{target}"
            run(("skopeo", "--insecure-policy", "copy", *options, f"oci:{layout}:latest", to), log=log)
        return digest.read_text(encoding="ascii").strip()


def _config(recipe: Recipe, version: str) -> dict[str, str | list[str]]:
    return {**recipe.config, "Env": [each.replace("{version}", version) for each in recipe.config["Env"]]}


def _labels(recipe: Recipe, version: str) -> dict[str, str]:
    labels = {
        "org.opencontainers.image.title": recipe.title,
        "org.opencontainers.image.version": version,
        STAND_IN_LABEL: recipe.stand_in,
    }
    added = [path.name for path in authorities()]
    if added and (recipe.debian or recipe.needs):
        labels[AUTHORITIES_LABEL] = f"trusts what its builder's host trusts beside Debian: {', '.join(added)}"
    return labels
