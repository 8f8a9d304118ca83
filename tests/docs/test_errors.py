"""Every error code is on the page, and a test provokes it."""

from __future__ import annotations

import re
from functools import cache

import pytest

from ci.catalogue import codes
from tests.docs.pages import ROOT
from tools.reference import FOLDER

FORM = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")
# Codes without a test, each with the reason.
UNTESTED = {
    "build.images-removed": "takes a call that empties the sandbox between two steps of another",
    "registry.nothing-to-check": "only said if lists that were not empty are",
    "registry.program-ended": "takes an engine that ends the program from outside",
    "registry.program-not-started": "takes a registry that the engine cannot bind",
    "registry.tagged-image-gone": "takes an image that is deleted between two requests",
    "registry.tags-contended": "takes releases that move the same tags as often as this one looks",
    "registry.upload-lost": "takes a registry that accepts a manifest and does not keep it",
    "signing.signature-lost": "takes a registry that accepts a signature and does not keep it",
}

# Options of other programs that errors advise to use.
FOREIGN = {
    "--group": "uv add",
    "--query": "az acr show",
    "--image": "az acr repository show",
    "--unshallow": "git fetch",
    "--tags": "git fetch",
    "--git-common-dir": "git rev-parse",
    "--ref-format": "git refs migrate",
    "--path": "export of Dagger's command line",
    "--key": "cosign public-key",
}


@cache
def text_of_tests() -> str:
    """Return all tests, without this file."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    return "\n".join(path.read_text() for path in files if path.name != "test_errors.py")


def test_there_are_codes_and_each_has_the_form_and_a_next_step() -> None:
    every = codes.entries()
    assert len(every) > 150
    assert [code for code in every if not FORM.fullmatch(code)] == []
    assert [code for code, entry in every.items() if not entry.text or not entry.hint] == []


def test_the_page_has_one_anchor_a_code() -> None:
    anchors = re.findall(r'<a id="(.+?)"></a>', (FOLDER / "errors.md").read_text())
    assert anchors == list(codes.entries())


def test_each_option_that_an_error_names_exists() -> None:
    own = re.findall(r"^\| `(--[a-z-]+)` \|", (FOLDER / "functions.md").read_text(), re.MULTILINE)
    named = {
        option: code
        for code, entry in codes.entries().items()
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", f"{entry.text} {entry.hint}")
    }
    assert len(named) > 20
    assert {option: code for option, code in named.items() if option not in {*own, *FOREIGN}} == {}
    assert FOREIGN.keys() <= named.keys(), "an option of another program that no error names"


@pytest.mark.parametrize("code", codes.entries())
def test_a_test_provokes_each_code(code: str) -> None:
    found = re.search(rf"(?<![\w.-]){re.escape(code)}(?![\w.-])", text_of_tests())
    assert bool(found) != (code in UNTESTED), "add a test, or take it out of UNTESTED"


def test_the_allowlist_names_codes() -> None:
    assert set(UNTESTED) <= set(codes.entries())
