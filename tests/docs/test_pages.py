"""Pages refer only to existing make targets, airgap commands, module functions and pages."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from airgap import cli
from tests.commands import check, commands
from tests.docs.pages import DOCS, PAGES, ROOT, name

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MAKE = re.compile(r"(?:^ *\$ |`)make +([a-z-]+)", re.MULTILINE)
AIRGAP = re.compile(r"python3 -m airgap((?: +[a-z-]+)*)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
LONGEST = 80

each_page = pytest.mark.parametrize("page", PAGES, ids=name)


@each_page
def test_targets_of_make_are_there(page: Path) -> None:
    assert set(MAKE.findall(page.read_text())) <= TARGETS


@each_page
def test_verbs_of_airgap_are_there(page: Path) -> None:
    for words in AIRGAP.findall(page.read_text()):
        if words and words.split() != ["--help"]:
            cli._parse(words.split())  # noqa: SLF001 - it says what the command line takes, and runs nothing


def test_a_target_and_a_verb_that_are_not_there_are_seen() -> None:
    assert MAKE.findall("$ make nosuch\nrun `make test`, make sure") == ["nosuch", "test"]
    assert AIRGAP.findall('eval "$(python3 -m airgap env --atuo)"') == [" env --atuo"]
    with pytest.raises(SystemExit):
        cli._parse(["env", "--atuo"])  # noqa: SLF001 - as above


@pytest.mark.engine
@each_page
def test_functions_of_the_module_are_there(page: Path) -> None:
    for words in commands(page.read_text()):
        check(words)


@each_page
def test_links_lead_to_files_that_git_has(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        tracked = subprocess.run(
            ["git", "ls-files", "--error-unmatch", target], cwd=page.parent, capture_output=True, check=False
        )
        assert tracked.returncode == 0, target


def test_the_index_has_every_page() -> None:
    listed = {(DOCS / target).resolve() for target in LINK.findall((DOCS / "README.md").read_text())}
    assert {path for path in DOCS.rglob("*.md") if path != DOCS / "README.md"} <= listed


@pytest.mark.parametrize("page", [page for page in PAGES if DOCS in page.parents], ids=name)
def test_pages_are_short(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= LONGEST
