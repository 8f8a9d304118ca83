"""Images made in Python: layers of files over a base, read by the programs that read real ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.container_scripts import image_facts
from ci.container_scripts import layout as image_layout
from ci.posture import facts
from ci.posture.facts import Declared, Image, Secret, Started
from tests.unit import archives

if TYPE_CHECKING:
    from pathlib import Path

BASE = {"bin/sh": b"#!", "usr/bin/su": b"su", "usr/local/bin/python3": b"python"}
PINNED = f"python:3.13@sha256:{'0' * 64}"
SOUND = Declared(instructions=("COPY app /app",), references=(PINNED,), ports=frozenset({"8000/tcp"}))
CONFIG: dict[str, Any] = {
    "User": "10001:10001",
    "Env": ["PATH=/usr/bin", "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305"],
    "ExposedPorts": {"8000/tcp": {}},
    "Healthcheck": {"Test": ["CMD", "true"]},
    "Labels": {"org.opencontainers.image.title": "fixture"},
}


@dataclass(frozen=True)
class Entry:
    """One file of a layer."""

    data: bytes = b"x"
    mode: int = 0o644
    uid: int = 0
    time: int = 1_700_000_000


def layer(entries: dict[str, Entry]) -> bytes:
    """Return a layer with the entries in their order."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, entry in entries.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(entry.data), entry.mode, entry.time
            member.uid = member.gid = entry.uid
            tar.addfile(member, io.BytesIO(entry.data))
    return gzip.compress(raw.getvalue(), mtime=0)


def pack(path: Path, layers: list[bytes], config: dict[str, Any]) -> None:
    """Write an image's tar as BuildKit exports it."""
    archives.write(path, layers, {"created": "2027-01-15T08:00:00Z", "config": config})


@dataclass(frozen=True)
class Made:
    """What the two programs report of an image: its facts, and what is in it."""

    facts: dict[str, Any]
    read: image_facts.Image

    def with_history(self, history: list[dict[str, Any]]) -> Made:
        """Return it with another history in its config."""
        return Made({**self.facts, "config": {**self.facts["config"], "history": history}}, self.read)

    def image(
        self,
        declared: Declared = SOUND,
        started: Started | None = None,
        secrets: tuple[Secret, ...] = (),
        service: str = "web",
    ) -> Image:
        """Return it as the rules see it; `secrets` is what Trivy's rules find."""
        return facts.image(
            service,
            artifact=self.facts,
            found=json.dumps(self.read.found()),
            secrets=secrets,
            declared=declared,
            started=started or Started(),
        )


def make(
    folder: Path,
    *own: dict[str, Entry],
    config: dict[str, Any] | None = None,
    values: dict[str, bytes] | None = None,
) -> Made:
    """Make an image of a base and the given layers; `config` replaces keys of a sound one."""
    folder.mkdir(parents=True, exist_ok=True)
    base = layer({path: Entry(data, mode=0o4755) for path, data in BASE.items()})
    layers = [base, *(layer(entries) for entries in own)]
    pack(folder / "image.tar", layers, {**CONFIG, **(config or {})})
    with tarfile.open(folder / "image.tar") as image:
        found = image_layout.facts(image)
    for number, each in enumerate(found["layers"]):
        each["base"] = number < 1  # as ci.images does with what the provenance tells
    return Made(found, image_facts.read(folder / "image.tar", 1, values or {}))
