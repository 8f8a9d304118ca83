"""Make files of what a repository's history has, and say of a secret in them where it began.

    git_history.py pack RAW SOURCE OUTPUT LIMIT PATTERN ...
    git_history.py first HISTORY REPORT

`pack` takes what git_history.sh wrote and packs each text once, as it was when a commit introduced
it, as NUMBER-COMMIT/PATH into OUTPUT/history.tar; but not what SOURCE has now, nor what is in the
folders of the PATTERNs. OUTPUT/about.json says how much there was. `first` reduces Trivy's REPORT on
it to the first commit of each secret, and names file and commit instead of the place in the tar.
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

# As Git does: a NUL in its beginning makes a file a binary one.
BEGINNING = 8000
ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
SHA256 = 64
SHORT = 12


def unquoted(path: bytes) -> str:
    """Return a path as it is, of how Git prints it: in quotes if it has a special character."""
    if not path.startswith(b'"'):
        return os.fsdecode(path)

    def plain(match: re.Match[bytes]) -> bytes:
        text = match[1]
        return bytes([int(text, 8)]) if text.isdigit() else ESCAPES.get(text, text)

    return os.fsdecode(re.sub(rb"\\([0-7]{3}|.)", plain, path[1:-1]))


def introduced(lines: Iterator[bytes], skipped: list[str]) -> dict[str, tuple[int, str, str]]:
    """Return each object's first commit, by number and id, and its path there, without skipped folders."""
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
    """Return the ids that Git would give the files of the source."""
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
    """Return a path that stays below where it is unpacked: a tree may be made by hand."""
    return "/".join("_" if part in ("", ".", "..") else part for part in path.split("/"))


def pack(raw: Path, source: Path, output: Path, limit: int, skipped: list[str]) -> None:
    """Write history.tar, of which the same history gives the same bytes, and about.json."""
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
    """Keep of each secret, by rule, path and the lines it is in, what the oldest commit has."""
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
    """Return a packed text; nothing for a name that is no UTF-8 and that JSON cannot have."""
    try:
        member = packed.extractfile(name)
    except KeyError:
        return b""
    return member.read() if member else b""


def since(secret: dict[str, Any], commit: str) -> dict[str, Any]:
    """Return the secret with the commit that introduced it, also where only its title is shown."""
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
