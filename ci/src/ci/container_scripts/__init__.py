"""Programs that run inside containers, with the standard library only."""

from pathlib import Path

FOLDER = Path(__file__).parent
