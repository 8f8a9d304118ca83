"""The module has all functions and options that workflows and examples use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands import check, commands
from tests.workflows.runner import ROOT, WORKFLOWS, read, scripts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine
# The workflow of the pipeline's own tests is the only one that does not call the module.
CALLING = [path for path in WORKFLOWS if path.stem != "own-tests"]
FILES = [*CALLING, *sorted((ROOT / "docs" / "examples").glob("*.yml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_is_there(path: Path) -> None:
    found = [words for script in scripts(read(path)) for words in commands(script)]
    assert found
    for words in found:
        check(words)
