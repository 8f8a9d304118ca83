"""Load the stand-in images from the registry on this machine, under the names they replace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airgap.catalogue import images_map
from airgap.process import output_of, run
from airgap.state import read_json, write_json

if TYPE_CHECKING:
    from bench.peer.docker import Docker


def load(docker: Docker, registry: str, names: list[str]) -> None:
    """Load the named images, unless they are already loaded and unchanged."""
    there = images_map(registry)
    record = docker.state / "loaded.json"
    loaded = read_json(record)
    for name in names:
        source = there[name]
        digest = output_of(
            ("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{source}")
        )
        if (
            loaded.get(name) == digest
            and docker.run("docker", "image", "inspect", name, check=False).returncode == 0
        ):
            continue
        docker.say(f"loading {name}")
        archive = docker.shared / "image.tar"
        archive.unlink(missing_ok=True)
        copy = ("skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{source}")
        run((*copy, f"docker-archive:{archive}:{name}"), log=docker.state.log("images"))
        docker.run("docker", "load", "--input", str(archive))
        archive.unlink()
        write_json(record, {**read_json(record), name: digest})


def override(model: str, registry: str = "") -> tuple[str, list[str]]:
    """Return a compose file that uses the stand-ins, and the services without one.

    ``model`` is the output of `docker compose config --format json`. Only
    references change, because a stand-in has another digest than the official image.
    The images are already there, or are pulled from ``registry``.
    """
    there = images_map(registry)
    services: dict[str, dict[str, object]] = {}
    missing = []
    for name, service in json.loads(model)["services"].items():
        reference = service.get("image", "").partition("@")[0]
        if service.get("build") or reference not in there:
            continue
        if there[reference] is None:
            missing.append(name)
            services[name] = {"profiles": ["not-available"]}
        elif registry:
            services[name] = {"image": there[reference]}
        else:
            services[name] = {"image": reference, "pull_policy": "never"}
    return json.dumps({"services": services}), missing
