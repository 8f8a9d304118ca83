"""Copy the services' logs and outcomes out of their volumes, without secrets.

    logs.py STATES OUTPUT [VARIABLE ...]

STATES has a folder a service; OUTPUT gets NAME.log each, and outcomes.json.
The variables hold the secrets' values: each becomes ***, since an engine
scrubs what a program prints, but not the files it leaves.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# A shorter value would take ordinary words with it.
SHORTEST = 4


def scrub(data: bytes, values: list[bytes]) -> bytes:
    """Replace every secret value, the longest first: one may be part of another."""
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST:
            data = data.replace(value, b"***")
    return data


def main(states: str, output: str, *variables: str) -> None:
    """Write the scrubbed copies."""
    values = [os.environb[name.encode()] for name in variables]
    outcomes = {}
    for state in sorted(Path(states).iterdir()):
        log, outcome = state / "log", state / "outcome.json"
        text = scrub(log.read_bytes(), values) if log.is_file() else b""
        Path(output, f"{state.name}.log").write_bytes(text)
        if outcome.is_file():
            outcomes[state.name] = json.loads(scrub(outcome.read_bytes(), values))
    Path(output, "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
