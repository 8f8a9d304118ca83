"""Push a vulnerability database, dated on the day of `up`, as an artifact for Trivy and as an image.

Trivy expects an OCI artifact. The same archive is also the only layer of an image, which the engine pulls,
because containers cannot reach a registry on the loopback.

The database is a fixture with the few advisories in `trivy/`; the README there explains what it proves.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap import golang
from airgap.process import run
from airgap.state import fingerprint_of, read_json, write_json
from airgap.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from airgap.settings import Settings
    from airgap.state import State

SOURCE = Path(__file__).with_name("trivy")
TARGET = "aquasecurity/trivy-db:2"
IMAGE_TARGET = "aquasecurity/trivy-db-image:2"
# Trivy's own mirrors, in the order it tries them.
REFERENCES = ("mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2")
# The key that the pipeline looks up in an images map (ci/src/ci/scan/mirrors.py).
IMAGE_REFERENCE = "trivy-db:2"
# Media types that Trivy requires: https://trivy.dev/docs/latest/guide/advanced/self-hosting/
CONFIG_TYPE = "application/vnd.aquasec.trivy.config.v1+json"
LAYER_TYPE = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"

_KIND = "trivy-database"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_FLAGS = ("-trimpath", "-ldflags=-s -w")


def images_map(registry: str) -> dict[str, str | None]:
    """Return the entries of the images map: both of Trivy's mirrors map to the same artifact."""
    return {
        **dict.fromkeys(REFERENCES, f"{registry}/{TARGET}"),
        IMAGE_REFERENCE: f"{registry}/{IMAGE_TARGET}",
    }


def steps(state: State, settings: Settings) -> Iterator[Step]:
    """Yield the steps that build the program, and build and push today's database."""
    today = datetime.now(UTC).date()
    program = state.artifact(_KIND, _program_fingerprint())
    stamp = {
        "fingerprint": fingerprint(today),
        "registry": settings.registry,
        "targets": [TARGET, IMAGE_TARGET],
    }
    pushed = state / "registry" / "pushed" / f"{_KIND}.json"

    def push(state: State) -> None:
        log = state.log(_KIND)
        with state.scratch_folder(_KIND) as work:
            build(work / "layout", program=program, work=work, log=log, day=today)
            copy = ("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false")
            for name, target in (("artifact", TARGET), ("image", IMAGE_TARGET)):
                to = f"docker://{settings.registry}/{target}"
                run((*copy, f"oci:{work / 'layout'}:{name}", to), log=log)
        write_json(pushed, stamp)

    yield Step(
        f"{_KIND}-program",
        "building the program that writes it",
        program.exists,
        _build_program,
        needs=("packages", "go"),
        tool=True,
    )
    yield Step(
        _KIND,
        f"pushing {TARGET} of {today} (a fixture, see airgap/trivy/README.md)",
        lambda: read_json(pushed) == stamp,
        push,
        needs=("packages", "registry", f"{_KIND}-program"),
    )


def fingerprint(day: date) -> str:
    """Hash everything that decides the database of a day."""
    return fingerprint_of(
        _program_fingerprint(), SOURCE / "advisories.json", SOURCE / "java.json", day.isoformat()
    )


def build(layout: Path, *, program: Path, work: Path, log: Path, day: date) -> None:
    """Write the database of a day as an OCI layout with `artifact` and `image`; ``program`` generates it."""
    advisories = str(SOURCE / "advisories.json")
    java = work / "java"
    write_java(java, day)
    flags = ("-advisories", advisories, "-updated", day.isoformat(), "-java", str(java), "-output", str(work))
    run((str(program / "database"), *flags), log=log)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def entry(name: str, config: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST_TYPE, "config": config, "layers": [layer]}
        named = {"org.opencontainers.image.ref.name": name}
        return {**blob(json.dumps(manifest).encode(), _MANIFEST_TYPE), "annotations": named}

    archive = (work / "db.tar.gz").read_bytes()
    title = {"org.opencontainers.image.title": "db.tar.gz"}
    manifests = [
        entry("artifact", blob(b"{}", CONFIG_TYPE), {**blob(archive, LAYER_TYPE), "annotations": title}),
        entry(
            "image",
            blob(json.dumps(_image(archive)).encode(), "application/vnd.oci.image.config.v1+json"),
            blob(archive, "application/vnd.oci.image.layer.v1.tar+gzip"),
        ),
    ]
    (layout / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": manifests}), encoding="utf-8"
    )
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")


def write_java(folder: Path, day: date) -> None:
    """Write Trivy's Java database of a few archives: by name, version and SHA-1 as Maven Central has them."""
    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "trivy-java.db")
    database.execute("CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
    database.execute("CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)")
    for number, each in enumerate(json.loads((SOURCE / "java.json").read_text()), 1):
        database.execute("INSERT INTO artifacts VALUES (?, ?, ?)", (number, each["group"], each["artifact"]))
        row = (number, each["version"], bytes.fromhex(each["sha1"]), "jar")
        database.execute("INSERT INTO indices VALUES (?, ?, ?, ?)", row)
    database.commit()
    database.close()
    about = {"Version": 1, "UpdatedAt": f"{day}T00:00:00Z", "NextUpdate": f"{day}T00:00:00Z"}
    (folder / "metadata.json").write_text(json.dumps(about))


def _image(archive: bytes) -> dict[str, Any]:
    """Return the configuration of an image with this single layer."""
    machine = platform.machine()
    return {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        "os": "linux",
        "config": {},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(gzip.decompress(archive)).hexdigest()}"],
        },
    }


def _program_fingerprint() -> str:
    sources = (*sorted(SOURCE.glob("*.go")), SOURCE / "go.mod", SOURCE / "go.sum")
    return fingerprint_of(*sources, *_FLAGS)


def _build_program(state: State) -> None:
    def compile_into(made: Path) -> None:
        made.mkdir(parents=True, exist_ok=True)
        argv = ("go", "build", "-v", *_FLAGS, "-o", str(made / "database"), ".")
        run(argv, log=state.log(f"{_KIND}-program"), cwd=SOURCE, env=golang.environment(state))

    state.make(_KIND, _program_fingerprint(), compile_into)
