"""Make the pictures of the documentation: `make pictures`.

    python -m tools.pictures [GREEN RED]

GREEN and RED are folders of reports that exist. Otherwise both are made: of this repository, and of a
copy that is broken, compared with the first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.pictures.broken import ROOT, broken
from tools.pictures.shots import take

TARGET = ROOT / "docs" / "pictures"


def main(arguments: list[str]) -> None:
    """Make the reports that are not given, and take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments:
            green, red = (Path(argument) for argument in arguments)
        else:
            green, red = folder / "green", folder / "red"
            _report(ROOT, green)
            _report(broken(folder / "broken"), red, "--base", str(green))
        take(green, red, TARGET)


def _report(source: Path, target: Path, *words: str) -> None:
    command = ["dagger", "call", "--source", str(source), "report", *words, "export", "--path", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
