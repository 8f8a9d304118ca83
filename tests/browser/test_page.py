"""The report's page in a real browser: every control, both themes, a phone, paper, and no network."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.conftest import written
from tests.unit.report.folders import HOSTILE, Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 740}
PAPER = {"width": 794, "height": 1123}  # A4
# Every element that someone can use is one of these, and each has a test here.
CONTROLS = (
    "#theme",
    "[data-copy]",
    "[data-change]",
    ".data input",
    ".data select",
    ".data th button",
    ".data > p > button",
    ".log input",
    "summary",
    "a[href]",
)
SECONDS_TO_PAINT = 10.0  # generous: the machine may be busy; what is measured is printed


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - of a context
    """Open a page; fail at the end if it logged anything, or requested anything but itself."""
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    yield page
    context.close()
    assert heard == []


def draw(page: Page) -> None:
    """Scroll through the page, so that every table is drawn, and open every part."""
    for element in page.locator(".data").all():
        element.scroll_into_view_if_needed()
        expect(element.locator("table")).to_be_visible()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("outcome", ["red", "green"])
def test_no_rule_of_accessibility_is_broken(
    browser: Browser,
    request: pytest.FixtureRequest,
    outcome: str,
    size: dict[str, int],
    theme: Literal["light", "dark"],
) -> None:
    with opened(browser, request.getfixturevalue(outcome), viewport=size, color_scheme=theme) as page:
        draw(page)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_a_broken_rule_of_accessibility_would_be_found(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        page.evaluate("document.querySelector('.lead').style.color = '#ccc'")
        assert [each["id"] for each in Axe().run(page).response["violations"]] == ["color-contrast"]


def test_every_control_is_known_and_has_a_name(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        draw(page)
        unknown = page.evaluate(
            """(known) => [...document.querySelectorAll("a, button, input, select, summary, [onclick]")]
            .filter((each) => !each.matches(known)).map((each) => each.outerHTML)""",
            ", ".join(CONTROLS),
        )
        assert unknown == []
        for selector in CONTROLS:
            assert page.locator(selector).count() > 0, selector


def test_no_text_of_a_project_is_markup(browser: Browser, tmp_path: Path) -> None:
    path = written(tmp_path, Report(services=("a<i>b", "gateway"), text=HOSTILE))
    with opened(browser, path) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        draw(page)
        assert page.locator("i, img, b").count() == 0
        assert page.locator("script").count() == 4
        page.locator(".log input").first.fill("<b>")
        expect(page.locator("mark").first).to_have_text("<b>")
        table = page.locator("#all-findings")
        expect(table.locator("tbody tr").first).to_contain_text(HOSTILE.partition("\u2028")[0])


def test_the_theme_is_chosen_and_remembered(browser: Browser, red: Path) -> None:
    with opened(browser, red, color_scheme="light") as page:
        color = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(color)
        page.locator("#theme").click()
        assert page.evaluate(color) == light
        page.locator("#theme").click()
        expect(page.locator("#theme")).to_have_text("Theme: dark")
        dark = page.evaluate(color)
        assert dark != light
        page.reload()
        assert page.evaluate(color) == dark
        page.locator("#theme").click()
        assert page.evaluate(color) == light


def test_a_digest_is_copied(browser: Browser, red: Path) -> None:
    with opened(browser, red, permissions=["clipboard-read", "clipboard-write"]) as page:
        button = page.locator("#images [data-copy]").nth(1)
        button.click()
        expect(button).to_have_text("copied")
        expect(page.locator("#said")).to_have_text("copied")
        assert page.evaluate("navigator.clipboard.readText()") == f"sha256:{1:064x}"
        expect(button).to_have_text("copy")


def test_findings_are_filtered_ordered_and_shown_in_portions(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        table = page.locator("#all-findings")
        table.scroll_into_view_if_needed()
        rows, count = table.locator("tbody tr"), table.locator(".count")
        # Those that fail are shown first.
        expect(count).to_have_text("150 of 300")
        expect(rows).to_have_count(15)
        table.get_by_label("status").select_option("")
        expect(count).to_have_text("300 of 300")
        table.get_by_role("button", name="Show more (285 left)").click()
        expect(rows).to_have_count(115)
        table.get_by_label("severity").select_option("CRITICAL")
        expect(count).to_have_text("75 of 300")
        table.get_by_label("Filter: All findings").fill("cve-2026-2 gateway")
        expect(count).to_have_text(re.compile(r"^[1-9] of 300$"))
        assert all("CVE-2026-2" in text for text in rows.all_inner_texts())
        table.get_by_label("Filter: All findings").fill("")
        for way in ("ascending", "descending"):
            table.get_by_role("button", name="id", exact=True).click()
            expect(table.locator(f"th[aria-sort={way}]")).to_have_text("id")
            found = [row.split("\t")[2] for row in rows.all_inner_texts()]
            assert found == sorted(found, reverse=way == "descending")


def test_a_change_shows_what_it_removes(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        button = page.locator("[data-change]")
        removed = int(page.locator("tr", has=button).locator("data").inner_text())
        button.click()
        table = page.locator("#all-findings")
        expect(table.locator(".count")).to_have_text(f"{removed} of 300")
        expect(table.get_by_label("Filter: All findings")).to_be_focused()
        table.get_by_label("change").select_option("")
        expect(table.locator(".count")).to_have_text("300 of 300")


def test_tests_are_shown_slowest_first_and_coverage_least_first(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        tests = page.locator("#all-tests")
        tests.scroll_into_view_if_needed()
        expect(tests.locator("tbody tr").first).to_contain_text("3.9 s")
        tests.get_by_label("status").select_option("failed")
        expect(tests.locator(".count")).to_have_text(re.compile("^7 of "))
        coverage = page.locator("#all-coverage")
        coverage.scroll_into_view_if_needed()
        expect(coverage.locator("tbody tr").first).to_contain_text("50 %")
        expect(coverage.locator("tbody tr").first).to_contain_text("2, 4, 6, 8")


def test_a_log_is_searched(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        log = page.locator(".log").first
        log.locator("summary").click()
        search = log.get_by_role("searchbox")
        search.fill("REQUEST")
        expect(log.locator(".count")).to_have_text(re.compile(r"^\d+ of \d+ lines$"))
        expect(log.locator("mark").first).to_have_text("request")
        search.fill("nothing like it")
        expect(log.locator(".count")).to_have_text(re.compile("^0 of "))
        assert log.locator("pre").inner_text() == ""
        search.fill("")
        expect(log.locator("pre")).to_contain_text("<b>plain</b>")


def test_the_graph_shows_what_a_service_is_connected_to(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        page.locator('.node[data-name="agent"]').hover()
        near = page.locator(".node.near").evaluate_all("all => all.map((each) => each.dataset.name)")
        assert sorted(near) == ["agent", "gateway", "migrate", "postgres", "redis"]
        page.locator("#h-stack").hover()
        expect(page.locator(".graph.chosen")).to_have_count(0)


def test_it_is_used_with_the_keyboard(browser: Browser, red: Path) -> None:
    with opened(browser, red) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the report")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        summary = page.locator("details.layers summary").first
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".treemap").first).to_be_visible()
        for link in page.locator(".top ul a").all():
            link.press("Enter")
            assert page.evaluate("location.hash") == link.get_attribute("href")
            expect(page.locator(f"{link.get_attribute('href')} h2")).to_be_in_viewport()


def test_a_phone_scrolls_in_one_direction(browser: Browser, red: Path) -> None:
    with opened(browser, red, viewport=PHONE, has_touch=True) as page:
        draw(page)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_paper_has_everything_but_controls_and_logs(browser: Browser, red: Path) -> None:
    with opened(browser, red, viewport=PAPER) as page:
        assert len(page.pdf()) > 50_000
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        for selector in (".top", ".data input", "[data-copy]", ".log"):
            expect(page.locator(selector).first).to_be_hidden()
        for selector in ("#all-findings table", ".treemap", "#posture table", "#tests pre"):
            expect(page.locator(selector).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PAPER["width"]
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        expect(page.locator(".treemap").first).to_be_hidden()


def test_without_scripts_it_says_where_the_rest_is(browser: Browser, red: Path) -> None:
    with opened(browser, red, java_script_enabled=False) as page:
        expect(page.get_by_text("The list of findings needs JavaScript")).to_be_visible()
        expect(page.locator("#theme")).to_be_hidden()
        page.locator(".log summary").first.click()
        expect(page.locator(".log pre").first).to_be_visible()


def test_a_large_run_is_usable(browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = tuple(f"service-{number:03}" for number in range(200))
    path = written(tmp_path, Report(services=services, findings=30_000, tests=50, log=250_000))
    with opened(browser, path) as page:
        painted = page.evaluate(
            """() => new Promise((done) => new PerformanceObserver((list) => {
              const found = list.getEntriesByName("first-contentful-paint")[0];
              if (found) done(found.startTime / 1000);
            }).observe({ type: "paint", buffered: true }))"""
        )
        with capsys.disabled():
            print(f"\nfirst paint of {path.stat().st_size / 1e6:.1f} MB: {painted:.2f} s")  # noqa: T201
        assert painted < SECONDS_TO_PAINT
        table = page.locator("#all-findings")
        table.scroll_into_view_if_needed()
        table.get_by_label("status").select_option("")
        table.get_by_label("Filter: All findings").fill("CVE-2026-29999")
        expect(table.locator(".count")).to_have_text("1 of 30000", timeout=20_000)
        assert page.locator(".node").count() == 200
