"""Fetch Trivy's databases, or take those that are there, and describe them.

    trivy_database.py fetch TRIVY OUTPUT SECONDS HTTP MIRROR ...
    trivy_database.py fetch-java TRIVY OUTPUT SECONDS HTTP MIRROR ...
    trivy_database.py take FOLDER OUTPUT ORIGIN

OUTPUT gets db/ and about.json; from `fetch-java`, and from a FOLDER that has it, java-db/. Mirrors are tried
in their order, each for SECONDS at most; Trivy itself does neither. HTTP is the registry that is spoken to
without TLS, or `-`. `take` has a FOLDER with trivy.db and metadata.json, or with the db.tar.gz of the
artifact; in either a folder java-db may be Trivy's Java database. ORIGIN is where it is from, empty for the
caller's own. A failure is one line of JSON on standard error, with exit code 1, so that it is not cached.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any, BinaryIO

# bbolt's file format: https://github.com/etcd-io/bbolt, page.go and meta.go.
MAGIC = 0xED0CDAED
PAGE_HEADER = struct.Struct("<QHHI")
META = struct.Struct("<IIIIQQQQQQ")
BRANCH_ELEMENT = struct.Struct("<IIQ")
LEAF_ELEMENT = struct.Struct("<IIII")
BRANCH, LEAF = 0x01, 0x02
FIRST_PAGE_SIZES = (4096, 8192, 16384, 65536)
TAIL = 1000

ABOUT_CALLS = ["--skip-version-check", "--disable-telemetry", "--no-progress"]
# The options that download a database, by the folder of Trivy's cache that it is in.
DOWNLOADS = {
    "db": ("--skip-java-db-update", "--download-db-only", "--db-repository"),
    "java-db": ("--skip-db-update", "--download-java-db-only", "--java-db-repository"),
}
JAVA_FILES = ("trivy-java.db", "metadata.json")


class UnusableError(Exception):
    """The database, or what should be one, cannot be used."""


class Bolt:
    """An open bbolt file, to list its top-level buckets."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.page_size, self.root = self._meta()

    def _read(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise UnusableError("trivy.db is cut short")
        return data

    def _meta(self) -> tuple[int, int]:
        """Return page size and root page of the newer of the two metas that are whole."""
        found = []
        for offset in (0, *FIRST_PAGE_SIZES):
            if offset + PAGE_HEADER.size + META.size > self.size:
                continue
            raw = self._read(offset + PAGE_HEADER.size, META.size)
            magic, _, page_size, _, root, _, _, pages, transaction, checksum = META.unpack(raw)
            if magic == MAGIC and checksum == fnv1a(raw[: META.size - 8]):
                found.append((transaction, page_size, root, pages))
        if not found:
            raise UnusableError("trivy.db is no bbolt file")
        _, page_size, root, pages = max(found)
        if page_size * pages > self.size:
            raise UnusableError("trivy.db is cut short")
        return page_size, root

    def keys(self, page: int | None = None) -> list[str]:
        """Return the keys under a page, the root's by default: the names of the buckets."""
        number = self.root if page is None else page
        start = number * self.page_size
        identifier, flags, count, overflow = PAGE_HEADER.unpack(self._read(start, PAGE_HEADER.size))
        if identifier != number or not flags & (BRANCH | LEAF):
            raise UnusableError(f"trivy.db is corrupted at page {number}")
        body = self._read(start, (overflow + 1) * self.page_size)
        element = BRANCH_ELEMENT if flags & BRANCH else LEAF_ELEMENT
        names: list[str] = []
        for index in range(count):
            offset = PAGE_HEADER.size + index * element.size
            fields = element.unpack_from(body, offset)
            if flags & BRANCH:
                names += self.keys(fields[2])
            else:
                key = offset + fields[1]
                names.append(body[key : key + fields[2]].decode(errors="replace"))
        return names


def fnv1a(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash: bbolt's checksum."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def fetch(trivy: str, target: Path, mirror: str, http: str, seconds: float) -> str:
    """Have Trivy download from one mirror; return what went wrong, or "" if nothing did."""
    cache = target.parent / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = [trivy, "image", *DOWNLOADS[target.name], mirror, "--cache-dir", str(cache)]
    if mirror.startswith(f"{http}/"):
        command.append("--insecure")
    try:
        # It is killed after its time, because Trivy ignores the first SIGTERM.
        done = subprocess.run(
            [*command, *ABOUT_CALLS],
            env={"PATH": os.environ["PATH"], "HOME": str(cache), "TMPDIR": str(target.parent)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no database within {seconds:g} s"
    if done.returncode:
        return cause(done.stderr) or f"trivy ended with exit code {done.returncode}"
    (cache / target.name).rename(target)
    shutil.rmtree(cache)
    return ""


def cause(stderr: str) -> str:
    """Return the last line of Trivy's log without its decoration."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].rpartition("Fatal error\t")[2].strip(" *\t")[-TAIL:] if lines else ""


def take(folder: Path, target: Path) -> None:
    """Copy a database that is there already."""
    target.mkdir(parents=True)
    packed = folder / "db.tar.gz"
    if packed.is_file():
        try:
            with tarfile.open(packed) as archive:
                archive.extractall(target, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise UnusableError(f"db.tar.gz cannot be unpacked: {error}") from None
        return
    for name in ("trivy.db", "metadata.json", "NOTE"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    if (folder / "java-db").is_dir():
        shutil.copytree(folder / "java-db", target / "java-db")


def describe(folder: Path, origin: str, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the database says of itself, with its buckets and the digest of its content."""
    for name in ("trivy.db", "metadata.json"):
        if not (folder / name).is_file():
            raise UnusableError(f"there is no {name}")
    about = (folder / "metadata.json").read_text(errors="replace")
    note = folder / "NOTE"
    with (folder / "trivy.db").open("rb") as file:
        try:
            buckets = Bolt(file).keys()
        except (struct.error, RecursionError):
            raise UnusableError("trivy.db is corrupted") from None
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "origin": origin,
        "attempts": attempts,
        "metadata": about,
        "buckets": buckets,
        "digest": f"sha256:{digest}",
        "note": note.read_text(errors="replace").strip() if note.is_file() else "",
        "java": all((folder / "java-db" / name).is_file() for name in JAVA_FILES),
    }


def describe_java(folder: Path, origin: str, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return where a Java database is from."""
    for name in JAVA_FILES:
        if not (folder / name).is_file():
            raise UnusableError(f"there is no {name}")
    return {"origin": origin, "attempts": attempts}


def settle(folder: Path) -> None:
    """Drop the time of the download: the same database is then the same bytes."""
    path = folder / "metadata.json"
    try:
        about = json.loads(path.read_text())
        about.pop("DownloadedAt", None)
    except (OSError, ValueError, AttributeError):
        return  # `describe` and its reader say what is wrong with it
    path.write_text(json.dumps(about, sort_keys=True))


def first_that_works(
    trivy: str, target: Path, seconds: float, http: str, mirrors: list[str]
) -> dict[str, Any]:
    """Try the mirrors in their order; a database that cannot be used counts as a failure of its mirror."""
    attempts: list[dict[str, Any]] = []
    for mirror in mirrors:
        started = time.monotonic()
        shutil.rmtree(target, ignore_errors=True)
        error = fetch(trivy, target, mirror, http, seconds)
        if not error:
            settle(target)
            try:
                about = describe if target.name == "db" else describe_java
                return about(target, mirror, attempts)
            except UnusableError as unusable:
                error = str(unusable)
        attempts.append({"mirror": mirror, "error": error, "seconds": round(time.monotonic() - started, 1)})
    raise SystemExit(json.dumps({"attempts": attempts}))


def main(arguments: list[str]) -> None:
    """Run one of the commands."""
    match arguments:
        case ["fetch" | "fetch-java" as command, trivy, output, seconds, http, *mirrors] if mirrors:
            target = Path(output, "db" if command == "fetch" else "java-db").resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            about = first_that_works(trivy, target, float(seconds), http, mirrors)
        case ["take", folder, output, origin]:
            target = Path(output, "db")
            try:
                take(Path(folder), target)
                settle(target)
                about = describe(target, origin, [])
            except UnusableError as error:
                attempt = {"mirror": origin, "error": str(error)}
                raise SystemExit(json.dumps({"attempts": [attempt]})) from None
        case _:
            sys.exit(__doc__)
    Path(output, "about.json").write_text(json.dumps(about))


if __name__ == "__main__":
    main(sys.argv[1:])
