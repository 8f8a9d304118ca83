"""Take out of a folder what a build can read, as a tar that is the same as long as these files are.

    context.py take FOLDER PATHS.json CONTEXT.tar   each path, a folder with all that is in it
    context.py unpack CONTEXT.tar FOLDER

Where a symbolic link leads out of what is taken, all of the folder is.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path

# 1980-01-01, as in artefact.py: a checkout has the times of its making.
EPOCH = 315532800


def take(folder: Path, paths: list[str]) -> list[Path]:
    """Return the files and folders to take, relative to the folder."""
    root = folder.resolve()
    found: set[Path] = set()
    for path in paths:
        wanted = root / path
        if wanted.is_symlink() or wanted.exists():
            found.add(wanted)
            found.update(wanted.rglob("*") if not wanted.is_symlink() and wanted.is_dir() else ())
    # A link on the way to a path, or at its end, that needs what is not taken.
    if any((real := Path(os.path.realpath(path))) != path and real not in found for path in found):
        found = set(root.rglob("*"))
    return sorted(path.relative_to(root) for path in found)


def pack(folder: Path, paths: list[Path], target: Path) -> None:
    """Write the tar: modes and owners as they are, one time for all."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            member = tar.gettarinfo(folder / path, str(path))
            member.mtime = EPOCH
            member.uname = member.gname = ""
            tar.addfile(member, io.BytesIO((folder / path).read_bytes()) if member.isreg() else None)


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    match arguments:
        case ["take", folder, paths, target]:
            root = Path(folder)
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            pack(root, take(root, json.loads(Path(paths).read_text())), Path(target))
        case ["unpack", source, folder]:
            with tarfile.open(source) as tar:
                tar.extractall(folder, filter="fully_trusted")  # noqa: S202 - written by `take`
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
