"""Unpack a repository's history into files for the scan, and find the commit that introduced a secret.

    git_history.py pack RAW SOURCE OUTPUT LIMIT PATTERN ...
    git_history.py first HISTORY REPORT

`pack` reads the output of git_history.sh and packs each version of a text file once, as
NUMBER-COMMIT/PATH of the commit that introduced it, into OUTPUT/history.tar. Versions that SOURCE
contains now and folders that match the PATTERNs are excluded. OUTPUT/about.json has the counts.
`first` reduces Trivy's REPORT on history.tar to the first commit of each secret, and replaces the
path in the tar by file and commit.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
import tarfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

# As in Git, a file with a NUL near its beginning is binary.
BEGINNING = 8000
ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
SHA256 = 64
SHORT = 12


def unquoted(path: bytes) -> str:
    """Decode a path that Git printed, in quotes if it contains special characters."""
    if not path.startswith(b'"'):
        return os.fsdecode(path)

    def plain(match: re.Match[bytes]) -> bytes:
        text = match[1]
        return bytes([int(text, 8)]) if text.isdigit() else ESCAPES.get(text, text)

    return os.fsdecode(re.sub(rb"\\([0-7]{3}|.)", plain, path[1:-1]))


def introduced(lines: Iterator[bytes], skipped: list[str]) -> dict[str, tuple[int, str, str]]:
    """Return each object's first commit (number and id) and its path there, without skipped folders."""
    found: dict[str, tuple[int, str, str]] = {}
    number, commit = 0, ""
    for line in lines:
        if not line.startswith(b":"):
            number, commit = number + 1, line.strip().decode()
            continue
        fields, _, path = line.rstrip(b"\n").partition(b"\t")
        blob = fields.split(b" ")[-2].decode()
        if blob in found:
            continue
        name = unquoted(path)
        if not any(fnmatchcase(name, f"{pattern.rstrip('/')}/*") for pattern in skipped):
            found[blob] = (number, commit, name)
    return found


def blobs(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield id and content of each object that `git cat-file --batch` printed."""
    while header := stream.readline():
        name, _, size = header.split()
        content = stream.read(int(size))
        stream.read(1)
        yield name.decode(), content


def present(source: Path, algorithm: str, limit: int) -> set[str]:
    """Return the Git object ids of the source's files."""
    found = set()
    for folder, _, names in os.walk(source):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file() or path.stat().st_size > limit:
                continue
            content = path.read_bytes()
            found.add(hashlib.new(algorithm, b"blob %d\0" % len(content) + content).hexdigest())
    return found


def safe(path: str) -> str:
    """Make a path safe to unpack, because a malicious tree may contain any path."""
    return "/".join("_" if part in ("", ".", "..") else part for part in path.split("/"))


def pack(raw: Path, source: Path, output: Path, limit: int, skipped: list[str]) -> None:
    """Write history.tar, reproducibly, and about.json."""
    with (raw / "changes").open("rb") as lines:
        places = introduced(lines, skipped)
    commits = (raw / "commits").read_text().split()
    now = present(source, "sha256" if len(commits[0]) == SHA256 else "sha1", limit)
    sizes = [line.split() for line in (raw / "sizes").read_text().splitlines()]
    written = 0
    output.mkdir(parents=True, exist_ok=True)
    with tarfile.open(output / "history.tar", "w") as packed, (raw / "blobs").open("rb") as stream:
        for name, text in blobs(stream):
            if name not in places or name in now or b"\0" in text[:BEGINNING]:
                continue
            number, commit, path = places[name]
            member = tarfile.TarInfo(f"{number:07}-{commit}/{safe(path)}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text))
            written += 1
    about = {
        "commits": len(commits),
        "texts": written,
        "shallow": (raw / "shallow").exists(),
        "missing": sum(fields[1] == "missing" for fields in sizes),
        "large": sum(fields[1] == "blob" and int(fields[2]) > limit for fields in sizes),
        "limit": limit,
    }
    (output / "about.json").write_text(json.dumps(about))


def first(history: Path, report: dict[str, Any]) -> None:
    """Reduce the findings of each secret (same rule, path and lines) to the oldest commit."""
    seen: set[tuple[str, str, bytes]] = set()
    kept = []
    with tarfile.open(history) as packed:
        for result in sorted(report.get("Results") or (), key=lambda each: str(each["Target"])):
            place, _, path = result["Target"].partition("/")
            lines = content(packed, result["Target"]).splitlines()
            secrets = []
            for secret in result.get("Secrets") or ():
                text = b"\n".join(lines[secret["StartLine"] - 1 : secret["EndLine"]])
                key = (secret["RuleID"], path, text or str(secret["StartLine"]).encode())
                if key not in seen:
                    seen.add(key)
                    secrets.append(since(secret, place.partition("-")[2]))
            if secrets:
                kept.append({**result, "Target": path, "Secrets": secrets})
    report["Results"] = kept


def content(packed: tarfile.TarFile, name: str) -> bytes:
    """Return a packed text; empty if the name is not UTF-8, which JSON cannot represent."""
    try:
        member = packed.extractfile(name)
    except KeyError:
        return b""
    return member.read() if member else b""


def since(secret: dict[str, Any], commit: str) -> dict[str, Any]:
    """Add to a secret the commit that introduced it, also in the title."""
    title = f"{secret.get('Title', 'secret')}, introduced by commit {commit[:SHORT]}"
    return {**secret, "Title": title, "Commit": commit}


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    match arguments:
        case ["pack", raw, source, output, limit, *skipped]:
            pack(Path(raw), Path(source), Path(output), int(limit), skipped)
        case ["first", history, report]:
            path = Path(report)
            read = json.loads(path.read_text())
            first(Path(history), read)
            path.write_text(json.dumps(read, indent=1))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
