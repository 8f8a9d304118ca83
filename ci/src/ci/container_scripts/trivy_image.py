"""Analyze an image once, and judge the analysis against one database after the other.

    trivy_image.py analyze TRIVY IMAGE.tar OUTPUT SECONDS [EARLIER]
    trivy_image.py judge TRIVY ANALYSES OUTPUT SECONDS EXCEPTIONS [ARGUMENT ...]

`analyze` reads the layers: Trivy's own cache of what is in them (packages, secrets) is the result, with
the image's manifest and config and without its layers. It needs no vulnerability database: Trivy gets an
empty one. EARLIER is an analysis that has some of the layers. A folder /java-db is Trivy's Java database;
without one, archives are known by what is in them, and OUTPUT/outcome.json names those of which Trivy has
no package. OUTPUT/secrets.json is the report with secrets only. `judge` is `trivy image` on each analysis in
ANALYSES with the database in /cache/db, which reads no layer, and writes OUTPUT/NAME/trivy.json and
outcome.json. EXCEPTIONS is a file, or `-`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ci.container_scripts import trivy_exceptions
from ci.container_scripts.trivy_database import LEAF, LEAF_ELEMENT, MAGIC, META, PAGE_HEADER, fnv1a
from ci.container_scripts.trivy_process import QUIET, FailedError, cut_network, run, unpacked

Json = dict[str, Any]

# What is found in the config, for which Trivy names the place of the image.
CONFIG = "(config)"
JAVA_DATABASE, DATABASE = Path("/java-db"), Path("/cache/db")
SECRETS = Path(__file__).with_name("trivy_secrets.yaml")
# Trivy's cache is keyed by these, so both commands use the same.
SCAN = (
    "image",
    *QUIET,
    "--scanners",
    "vuln,secret",
    "--image-config-scanners",
    "secret",
    "--secret-config",
    str(SECRETS),
)
# What Trivy takes for a Java archive: pkg/fanal/analyzer/language/java/jar.
ARCHIVES = (".jar", ".war", ".ear", ".par")
PAGE = 4096
META_PAGE, FREE_LIST_PAGE, BUCKET = 0x04, 0x10, 0x01


def empty_database(names: tuple[str, ...]) -> bytes:
    """Return a bbolt file with empty buckets of these names, which must be sorted."""

    def meta(number: int) -> bytes:
        fields = META.pack(MAGIC, 2, PAGE, 0, 3, 0, 2, 4, number, 0)[:-8]
        page = PAGE_HEADER.pack(number, META_PAGE, 0, 0) + fields + struct.pack("<Q", fnv1a(fields))
        return page.ljust(PAGE, b"\0")

    value = struct.pack("<QQ", 0, 0) + PAGE_HEADER.pack(0, LEAF, 0, 0)
    elements, data = b"", b""
    for index, name in enumerate(names):
        offset = (len(names) - index) * LEAF_ELEMENT.size + len(data)
        elements += LEAF_ELEMENT.pack(BUCKET, offset, len(name), len(value))
        data += name.encode() + value
    root = PAGE_HEADER.pack(3, LEAF, len(names), 0) + elements + data
    free_list = PAGE_HEADER.pack(2, FREE_LIST_PAGE, 0, 0)
    return meta(0) + meta(1) + free_list.ljust(PAGE, b"\0") + root.ljust(PAGE, b"\0")


def write_empty_databases(cache: Path, *, java: bool) -> None:
    """Write a vulnerability database that knows nothing and, if wanted, such a Java database."""
    (cache / "db").mkdir(parents=True, exist_ok=True)
    (cache / "db/trivy.db").write_bytes(empty_database(("data-source", "vulnerability")))
    long_ago = {"UpdatedAt": "2000-01-01T00:00:00Z", "NextUpdate": "2000-01-01T00:00:00Z"}
    (cache / "db/metadata.json").write_text(json.dumps({"Version": 2, **long_ago}))
    if java:
        (cache / "java-db").mkdir()
        database = sqlite3.connect(cache / "java-db/trivy-java.db")
        database.execute("CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
        database.execute(
            "CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)"
        )
        database.close()
        (cache / "java-db/metadata.json").write_text(json.dumps({"Version": 1, **long_ago}))


def analyze(trivy: str, image: Path, output: Path, seconds: float, earlier: Path | None) -> None:
    """Write OUTPUT/analysis and OUTPUT/outcome.json."""
    java = JAVA_DATABASE.is_dir()
    with tempfile.TemporaryDirectory() as work:
        cache, layout = Path(work, "cache"), Path(unpacked(str(image), Path(work, "image")))
        report = Path(work, "report.json")
        (cache / "fanal").mkdir(parents=True)
        write_empty_databases(cache, java=False)
        wanted = java
        if java:
            (cache / "java-db").symlink_to(JAVA_DATABASE)
        if earlier:
            shutil.copyfile(earlier / "fanal.db", cache / "fanal/fanal.db")
            wanted = wanted or (earlier / "archives").exists()
        command = [*SCAN, "--cache-dir", str(cache), "--input", str(layout)]
        try:
            run(trivy, command, report, seconds, work)
        except FailedError:
            # Without a Java database Trivy ends as soon as it meets an archive.
            if java or not archives_of(layout):
                raise
            wanted = True
            write_empty_databases(cache, java=True)
            run(trivy, command, report, seconds, work)
        archives = archives_of(layout) if wanted else []
        keep(layout, cache, output / "analysis")
        outcome = {"archives": archives, "unread": unread(archives, report)}
        settle(report)
        read = json.loads(report.read_text())
        secrets = [each for each in read.get("Results") or () if each.get("Secrets")]
        (output / "secrets.json").write_text(json.dumps({**read, "Results": secrets}))
    if archives:
        (output / "analysis/archives").touch()
    (output / "outcome.json").write_text(json.dumps(outcome))


def unread(archives: list[str], report: Path) -> list[str]:
    """Return the archives of which Trivy has no package: neither of one itself nor of one inside it."""
    read: Json = json.loads(report.read_text())
    listed = [package for result in read.get("Results") or () for package in result.get("Packages") or ()]
    known = {package.get("FilePath", "") for package in listed}
    return [each for each in archives if not any(f"{file}/".startswith(f"{each}/") for file in known)]


def manifest(layout: Path) -> Json:
    """Return the manifest of the one image in a layout."""
    index = json.loads((layout / "index.json").read_text())
    read: Json = json.loads(blob(layout, index["manifests"][0]).read_text())
    return read


def blob(layout: Path, descriptor: Json) -> Path:
    """Return the file of a descriptor."""
    digest: str = descriptor["digest"]
    return layout / "blobs" / digest.replace(":", "/", 1)


def archives_of(layout: Path) -> list[str]:
    """Return the paths of the Java archives in an image's layers."""
    found: set[str] = set()
    for layer in manifest(layout)["layers"]:
        with tarfile.open(blob(layout, layer)) as packed:
            names = (member.name for member in packed if member.isreg())
            found.update(
                name.removeprefix("./").lstrip("/") for name in names if name.lower().endswith(ARCHIVES)
            )
    return sorted(found)


def keep(layout: Path, cache: Path, analysis: Path) -> None:
    """Copy what `judge` needs: Trivy's cache, and of the layout all but the layers."""
    analysis.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cache / "fanal/fanal.db", analysis / "fanal.db")
    layers = {blob(layout, layer) for layer in manifest(layout)["layers"]}
    for path in layout.rglob("*"):
        if path.is_file() and path not in layers:
            target = analysis / "layout" / path.relative_to(layout)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def judge(  # noqa: PLR0913, PLR0917 - the words of the command
    trivy: str, analysis: Path, output: Path, seconds: float, exceptions: str, arguments: list[str]
) -> None:
    """Write the report on one image."""
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        cache = Path(work, "cache")
        (cache / "fanal").mkdir(parents=True)
        shutil.copyfile(analysis / "fanal.db", cache / "fanal/fanal.db")
        (cache / "db").symlink_to(DATABASE)
        command = [*SCAN, "--cache-dir", str(cache), "--input", str(analysis / "layout")]
        command += [*trivy_exceptions.flags(exceptions), *arguments]
        try:
            exit_code = run(trivy, command, output / "trivy.json", seconds, work)
        except FailedError as error:
            raise FailedError(error.code, f"{output.name}: {error}") from error
    settle(output / "trivy.json")
    if exceptions != "-":
        trivy_exceptions.add_licenses(trivy, output / "trivy.json", exceptions)
    outcome = {
        "exit_code": exit_code,
        "seconds": round(time.monotonic() - started, 2),
        "inline": [],
        "unread": [],
    }
    (output / "outcome.json").write_text(json.dumps(outcome))


def settle(report: Path) -> None:
    """Drop what each run has of its own, so that the same findings are the same bytes."""
    read = json.loads(report.read_text())
    place = read.get("ArtifactName")
    read.pop("ReportID", None)
    read.pop("CreatedAt", None)
    for result in read.get("Results") or ():
        if result.get("Class") == "secret" and result["Target"] == place:
            result["Target"] = CONFIG
    report.write_text(json.dumps(read, indent=1))


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    try:
        match arguments:
            case ["analyze", trivy, image, output, seconds, *earlier]:
                cut_network()
                base = Path(earlier[0]) if earlier else None
                analyze(trivy, Path(image), Path(output), float(seconds), base)
            case ["judge", trivy, analyses, output, seconds, exceptions, *rest]:
                cut_network()
                one = partial(judge, trivy, seconds=float(seconds), exceptions=exceptions, arguments=rest)
                names = sorted(path.name for path in Path(analyses).iterdir())
                with ThreadPoolExecutor(os.cpu_count()) as threads:
                    places = [(Path(analyses, name), Path(output, name)) for name in names]
                    for done in [threads.submit(one, here, there) for here, there in places]:
                        done.result()
            case _:
                sys.exit(__doc__)
    except FailedError as error:
        print(error, file=sys.stderr)
        sys.exit(error.code)


if __name__ == "__main__":
    main(sys.argv[1:])
