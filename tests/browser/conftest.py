"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from ci.report.html import page
from ci.report.packages import SBOM
from ci.report.read import read
from tests.unit.report.folders import Report
from tests.unit.report.test_packages import BEFORE, NOW, sbom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Start a browser for one test: while Playwright runs, no other test can have an event loop."""
    program = shutil.which("chromium")
    assert program, "`make test-packages` installs Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def written(folder: Path, report: Report, earlier: Path | None = None) -> Path:
    """Write a report and its page, compared with an earlier report if there is one; return the page."""
    report.write(folder)
    if earlier:
        shutil.copy(earlier / "summary.json", folder / "earlier.json")
        sbom(folder / SBOM.format("gateway"), NOW)
        sbom(earlier / SBOM.format("gateway"), BEFORE)
    path = folder / "index.html"
    path.write_text(page.render(read(folder, earlier)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that failed, with more rows than are shown at first."""
    services = ("gateway", "agent", "knowledge", "research", "postgres", "redis", "migrate")
    earlier = Report(red=False).write(tmp_path_factory.mktemp("earlier"))
    return written(tmp_path_factory.mktemp("red"), Report(services=services, findings=300, tests=40), earlier)


@pytest.fixture(scope="session")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that passed."""
    return written(tmp_path_factory.mktemp("green"), Report(red=False, findings=0))
