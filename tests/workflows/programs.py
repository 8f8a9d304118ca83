"""Stand-ins of the programs that talk to GitHub, Azure and Sigstore: they write down how they were called."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GH", "Programs"]

_RECORDING = """\
#!{python}
import json, os, sys
from pathlib import Path
folder = Path({folder!r})
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([{name!r}, *sys.argv[1:]]) + "\\n")
{body}
"""

# A host of releases: each is a folder of its files. `offline` has every look at a release fail.
GH = """\
import shutil
_, action, tag, *rest = sys.argv[1:]
there = folder / "releases" / tag.replace("/", "%")
if action == "view":
    sys.exit(0 if there.exists() and not (folder / "offline").exists() else 1)
if action == "create":
    if there.exists():
        sys.exit("a release with the same tag name already exists")
    there.mkdir(parents=True)
    (there / "text").write_text(Path(rest[rest.index("--notes-file") + 1]).read_text())
if action == "upload":
    for word in rest:
        if Path(word).is_file():
            shutil.copy(word, there)
"""


@dataclass(frozen=True)
class Programs:
    """A folder with programs, which comes first on the PATH of a run."""

    folder: Path

    def add(self, name: str, body: str = "") -> None:
        """Add a program that records its words and then runs `body`, which is Python."""
        text = _RECORDING.format(python=sys.executable, folder=str(self.folder), name=name, body=body)
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The commands that were called, in order."""
        record = self.folder / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        return [shlex.join(json.loads(line)) for line in lines]

    def environment(self, **github: str) -> dict[str, str]:
        """Return the environment of a run that has these programs."""
        named = {f"GITHUB_{key.upper()}": value for key, value in github.items()}
        return {"PATH": f"{self.folder}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), **named}
