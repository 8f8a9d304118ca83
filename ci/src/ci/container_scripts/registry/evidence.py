"""Keep statements, and the output of the gates that they are about, under tags of one repository.

What cannot be read proves nothing and is not an error: it is reported, and the gate runs.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from ci.evidence.statement import MEDIA_TYPE
from ci.registry import uploads
from ci.registry.digests import EMPTY, MANIFEST, digest_of

if TYPE_CHECKING:
    from ci.registry.client import Client

__all__ = ["find", "put", "run"]

STATEMENT = MEDIA_TYPE
STATISTICS, TIMES = "application/vnd.containerise.durations.v1+json", "durations"
# The tag of what was proven beside a key, as keys by title: what is listed is only asked for together, and
# has to prove itself like anything else.
KEYS, BESIDE = "application/vnd.containerise.keys.v1+json", "beside-{}"
MOST_BESIDE = 1_000
OUTPUT = "application/vnd.containerise.evidence.output.v1.tar+gzip"
# What a gate's output may have: more is refused before it is read.
LARGEST = 32_000_000  # bytes packed
LARGEST_UNPACKED = 256_000_000
_EPOCH = 0
_KEY = re.compile(r"[a-z-]+-[0-9a-f]{64}")
# How reading a manifest, a statement or an archive ends that is not what was written.
_DAMAGED = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(OSError, EOFError, tarfile.TarError, zlib.error),
)

Json = dict[str, Any]


def run(client: Client, request: Json, *, limit: int) -> Json:
    """Find what is asked for, write what is given, or resolve a reference."""
    if "keys" in request:
        return find(client, request, Path(request["folder"]), limit=limit)
    if "durations" in request:
        return {"durations": _durations(client, f"{request['repository']}:{TIMES}")}
    if "resolve" in request:
        content = client.manifest(request["resolve"])
        return {"digest": digest_of(content) if content else ""}
    return put(client, request, limit=limit)


def find(client: Client, request: Json, folder: Path, *, limit: int) -> Json:
    """Read what is there under each key; its output is unpacked into a folder of the key's name.

    With `ahead`, what was proven beside a key is read as well.
    """
    statements: dict[str, str] = {}
    problems: list[str] = []

    def one(key: str) -> None:
        try:
            found = _read(client, request["repository"], key, folder / key)
        except (PipelineError, *_DAMAGED) as error:
            what = (
                error.what
                if isinstance(error, PipelineError)
                else f"{key} is damaged ({type(error).__name__})"
            )
            problems.append(f"it cannot be read: {what}")
            return
        if found is not None:
            statements[key] = found

    keys = set(request["keys"])
    if request.get("ahead"):
        references = [f"{request['repository']}:{BESIDE.format(key)}" for key in sorted(keys)]
        beside = each(references, lambda reference: _beside(client, reference).values(), limit=limit)
        keys = keys.union(*beside)
    each(sorted(keys), one, limit=limit)
    return {"statements": statements, "problems": sorted(set(problems))}


def put(client: Client, request: Json, *, limit: int) -> Json:
    """Write statements with their outputs, which are in a folder each."""
    problems: list[str] = []

    def one(entry: Json) -> None:
        statement, packed = entry["statement"].encode(), _packed(Path(entry["folder"]))
        if len(packed) > LARGEST:
            problems.append(
                f"not written: {entry['key']}: its output has {len(packed)} bytes, {LARGEST} are kept at most"
            )
            return
        try:
            _write(client, f"{request['repository']}:{entry['key']}", _files(statement, STATEMENT, packed))
        except PipelineError as error:
            problems.append(f"not written: {error.what}")

    each(request["entries"], one, limit=limit)
    if not problems:
        _put_lists(client, request)
    return {"problems": sorted(set(problems))}


def _put_lists(client: Client, request: Json) -> None:
    """Write what only saves time: how long things took, and what is asked for together."""
    if request.get("times"):
        reference = f"{request['repository']}:{TIMES}"
        times = json.dumps({**_durations(client, reference), **request["times"]}, sort_keys=True).encode()
        _write(client, reference, _files(times, STATISTICS))
    for key, beside in request.get("beside", {}).items():
        reference = f"{request['repository']}:{BESIDE.format(key)}"
        # Another machine may have proven the rest. What it proved of the same gate is replaced.
        whole = {**_beside(client, reference), **beside}
        _write(client, reference, _files(json.dumps(whole, sort_keys=True).encode(), KEYS))


def _durations(client: Client, reference: str) -> Json:
    """Read how long things took; nothing depends on it but which machine does what."""
    try:
        return {str(name): float(seconds) for name, seconds in (_list(client, reference) or {}).items()}
    except (PipelineError, *_DAMAGED):
        return {}


def _beside(client: Client, reference: str) -> dict[str, str]:
    """Read keys by title; one that is not of our form is none."""
    try:
        listed = list((_list(client, reference) or {}).items())[:MOST_BESIDE]
        return {title: key for title, key in listed if _KEY.fullmatch(key)}
    except (PipelineError, *_DAMAGED):
        return {}


def _list(client: Client, reference: str) -> Any:  # noqa: ANN401 - JSON
    content = client.manifest(reference)
    if content is None:
        return None
    (layer,) = json.loads(content)["layers"]
    return json.loads(client.blob(reference.rpartition(":")[0], layer["digest"]))


def _read(client: Client, repository: str, key: str, folder: Path) -> str | None:
    content = client.manifest(f"{repository}:{key}")
    if content is None:
        return None
    layers: dict[str, Json] = {layer["mediaType"]: layer for layer in json.loads(content)["layers"]}
    if layers[OUTPUT]["size"] > LARGEST:
        msg = f"its output has {layers[OUTPUT]['size']} bytes"
        raise ValueError(msg)
    statement = client.blob(repository, layers[STATEMENT]["digest"]).decode()
    packed = client.blob(repository, layers[OUTPUT]["digest"])
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        members = []
        for member in archive:
            members.append(member)
            if sum(each.size for each in members) > LARGEST_UNPACKED:
                msg = "its output is larger than any gate's"
                raise ValueError(msg)
        archive.extractall(folder, members, filter="data")
    return statement


def _files(content: bytes, kind: str, packed: bytes = b"") -> list[tuple[bytes, str]]:
    return [(content, kind), *([(packed, OUTPUT)] if packed else [])]


def _write(client: Client, reference: str, files: list[tuple[bytes, str]]) -> None:
    repository = reference.rpartition(":")[0]
    layers = []
    for content, kind in files:
        client.put_blob(repository, digest_of(content), uploads.of_bytes(content))
        layers.append({"mediaType": kind, "digest": digest_of(content), "size": len(content)})
    client.put_blob(repository, digest_of(EMPTY), uploads.of_bytes(EMPTY))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": files[0][1],
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": digest_of(EMPTY),
            "size": len(EMPTY),
        },
        "layers": layers,
    }
    client.put_manifest(reference, json.dumps(manifest).encode())


def _packed(folder: Path) -> bytes:
    """Pack a folder so that equal content gives equal bytes."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=_EPOCH) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                continue
            member = archive.gettarinfo(path, str(path.relative_to(folder)))
            member.mtime, member.uid, member.gid, member.uname, member.gname = _EPOCH, 0, 0, "", ""
            if member.isfile():
                with path.open("rb") as file:
                    archive.addfile(member, file)
            else:
                archive.addfile(member)
    return packed.getvalue()
