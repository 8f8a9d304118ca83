"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from ci.report.html import page
from ci.report.read import read
from tests.unit.report.folders import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "`make test-packages` installs Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def written(folder: Path, report: Report) -> Path:
    """Write a report and its page; return the page."""
    report.write(folder)
    path = folder / "index.html"
    path.write_text(page.render(read(folder)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that failed, with more rows than are shown at first."""
    services = ("gateway", "agent", "knowledge", "research", "postgres", "redis", "migrate")
    return written(tmp_path_factory.mktemp("red"), Report(services=services, findings=300, tests=40))


@pytest.fixture(scope="session")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that passed."""
    return written(tmp_path_factory.mktemp("green"), Report(red=False, findings=0))
