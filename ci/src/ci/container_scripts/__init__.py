"""Programs that run inside containers, by themselves: standard library only."""

from pathlib import Path

FOLDER = Path(__file__).parent
