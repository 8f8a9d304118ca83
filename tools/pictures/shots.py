"""Take pictures of a page in a browser."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, ViewportSize

__all__ = ["take"]

_WIDTH = 1200


@dataclass(frozen=True)
class Shot:
    """A picture: of which report, in which theme, from which element on, and what is clicked first."""

    name: str
    red: bool
    theme: Literal["light", "dark"]
    top: str
    height: int
    clicks: tuple[str, ...] = ()


SHOTS = (
    Shot("report-failed", red=True, theme="light", top="#verdict", height=800),
    Shot("report-passed", red=False, theme="dark", top="#verdict", height=800),
    Shot("report-tests", red=True, theme="light", top="#tests", height=700),
    Shot("report-findings", red=True, theme="dark", top="#findings", height=560),
    Shot("report-stack", red=False, theme="light", top="#stack", height=860),
    Shot(
        "report-layers",
        red=True,
        theme="light",
        top="#images",
        height=760,
        clicks=("details.layers summary",),
    ),
)


def take(green: Path, red: Path, target: Path) -> None:
    """Write each picture as NAME.png."""
    target.mkdir(exist_ok=True)
    program = shutil.which("chromium")
    if program is None:
        msg = "`make test-packages` installs Chromium"
        raise RuntimeError(msg)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        for shot in SHOTS:
            _take(browser, (red if shot.red else green) / "index.html", shot, target / f"{shot.name}.png")
        browser.close()


def _take(browser: Browser, page_file: Path, shot: Shot, target: Path) -> None:
    size: ViewportSize = {"width": _WIDTH, "height": shot.height}
    page = browser.new_page(viewport=size, color_scheme=shot.theme, reduced_motion="reduce")
    page.goto(page_file.resolve().as_uri())
    for selector in shot.clicks:
        page.locator(selector).first.click()
    # Twice: tables that are drawn on the way move what is below them.
    for _ in range(2):
        page.locator(shot.top).evaluate("each => scrollTo(0, each.offsetTop - 70)")
        page.wait_for_load_state("networkidle")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.move(0, 0)
    page.screenshot(path=target)
    page.close()
