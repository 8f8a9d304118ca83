"""The engine's image: what is put into it, and how its entrypoint starts the engine."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from airgap import engineimage
from airgap.recipe import RECIPES
from airgap.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

ENTRYPOINT = RECIPES / engineimage.NAME / "dagger-entrypoint.sh"


def test_its_engine_pulls_from_the_registry_by_the_name_of_the_images_map(tmp_path: Path) -> None:
    files = engineimage.files(Settings(tmp_path, registry_port=5001), registry="172.31.239.1:5001")
    settings = json.loads(files["/etc/dagger/engine.json"])
    assert settings["registries"]["docker.io"] == {"mirrors": ["127.0.0.1:5001"]}
    assert files["/etc/dagger/registry"] == "172.31.239.1:5001\n"


def started(folder: Path, *words: str, mounted: bool = False, registry: str = "") -> list[str]:
    """Return the programs that the entrypoint runs, with its paths below a folder."""
    programs = folder / "programs"
    programs.mkdir()
    calls = folder / "calls"
    for name in ("tini", "socat", "mountpoint"):
        code = "" if name != "mountpoint" or mounted else "exit 1"
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{calls}\n{code}\n')
        (programs / name).chmod(0o755)
    (folder / "etc/dagger").mkdir(parents=True)
    if registry:
        (folder / "etc/dagger/registry").write_text(f"{registry}\n")
    script = ENTRYPOINT.read_text()
    for place in ("/sys/fs", "/run/", "/etc/"):
        script = script.replace(f" {place}", f" {folder}{place}").replace(f"<{place}", f"<{folder}{place}")
        script = script.replace(f">{place}", f">{folder}{place}")
    done = subprocess.run(
        ["sh", "-c", script, "sh", *words],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert done.returncode == 0, done.stderr
    return calls.read_text().replace(str(folder), "").splitlines()


ENGINE = "tini -- dagger-engine --config /etc/dagger/engine.toml --oci-cni-binary-dir /opt/cni/bin"


def test_the_engine_gets_the_options_of_the_container(tmp_path: Path) -> None:
    assert started(tmp_path, "--debug")[-1] == f"{ENGINE} --debug"
    assert (tmp_path / "run/dagger/airgap/bin/runc").readlink().is_absolute()


def test_a_volume_for_the_official_engine_s_data_is_used(tmp_path: Path) -> None:
    assert started(tmp_path, "--debug", mounted=True)[-1] == f"{ENGINE} --root /var/lib/dagger --debug"


def test_the_registry_is_offered_to_the_engine_and_its_containers_only(tmp_path: Path) -> None:
    ran = started(tmp_path, registry="172.31.239.1:5001")
    listeners = {line.split("TCP4-LISTEN:")[1].partition(",ip-")[0] for line in ran if "socat" in line}
    assert listeners == {"5001,bind=127.0.0.1,range=127.0.0.0/8", "5001,bind=10.87.0.1,range=10.87.0.0/16"}
    assert all(line.endswith(" TCP4:172.31.239.1:5001,nodelay") for line in ran if "socat" in line)


def test_the_groups_of_cgroup_v2_get_all_controllers(tmp_path: Path) -> None:
    root = tmp_path / "sys/fs/cgroup"
    root.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (root / "cgroup.procs").write_text("1\n7\n")
    started(tmp_path)
    assert (root / "cgroup.subtree_control").read_text() == "+cpu +memory +pids\n"
    assert (root / "init/cgroup.procs").read_text() == "1\n7\n"
