"""The site in a real browser: every page opens, asks nobody for anything, and is used by mouse, keyboard and phone."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from keras_styles.dashboard.site import PAGES, build_site
from keras_styles.records import Failure, MachineInfo, save_equivalence
from tests.conftest import ROOT
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import HOSTILE, PASSED, measuring, processes, save_run, workload
from tests.test_records import RECORD

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Debian's names, then those of others.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, or the one that `playwright install chromium` brings."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            # Root, whom containers run as, may not use the sandbox.
            launched = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
            )
        except Error:
            pytest.skip("no Chromium on this machine; install Debian's chromium, or run playwright install chromium")
        yield launched
        launched.close()


@dataclass
class Shown:
    """A page, and what it complained of and asked for elsewhere."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., Shown]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a page of a site, at a size, in light or dark."""
    contexts = []

    def open_it(site: Path, name: str, size: Any = None, **options: Any) -> Shown:
        context = browser.new_context(viewport=size or DESKTOP, **options)
        contexts.append(context)
        shown = Shown(context.new_page())
        shown.page.on(
            "console",
            lambda said: shown.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else shown.asked.append(request.url),
        )
        shown.page.goto(f"{site.as_uri()}/{name}")
        return shown

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of what is committed under results/."""
    return build_site(ROOT / "results", tmp_path_factory.mktemp("site") / "site")[0].parent


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of records whose every text is hostile."""
    results = tmp_path_factory.mktemp("hostile") / "results"
    here = ENVIRONMENT.model_copy(update={"cpu": HOSTILE, "commit": HOSTILE[:40], "keras": HOSTILE[:60]})
    failure = Failure(test=HOSTILE, message=HOSTILE, script=HOSTILE)
    for days in range(3):
        record = RECORD.model_copy(
            update={
                "environment": here,
                "created": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days),
                "failures": [failure],
                "skips": [HOSTILE],
                "complete": True,
                "stages": [PASSED.stages[0].model_copy(update={"architecture": HOSTILE})],
            }
        )
        save_equivalence(record, results)
    odd = processes(workloads=[workload("fit", architecture=HOSTILE), workload("fit", architecture=HOSTILE, width=9)])
    odd = [
        record.model_copy(update={"environment": here.model_copy(update={"deterministic": False})}) for record in odd
    ]
    save_run(
        results, "0001_x.json", measuring(*odd).model_copy(update={"machine_info": MachineInfo(keras_styles=here)})
    )
    (results / "annotations.yaml").write_text(
        f"- date: 2026-01-02\n  text: {'<script>alert(2)</script> | ` ' * 3!r}\n", encoding="utf-8"
    )
    return build_site(results, results.parent / "site")[0].parent


def open_all(page: Page) -> None:
    """Open whatever is folded, and wait until every chart is drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    expect(page.locator("[data-chart]:not([data-drawn])")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_every_page_opens_quietly_and_fits(open_page: Open, site: Path, name: str, size: Any, scheme: str) -> None:
    shown = open_page(site, f"{name}.html", size, color_scheme=scheme)
    if name != "differences":  # a hundred probes open at once are nothing that anybody looks at
        open_all(shown.page)
    expect(shown.page.locator("nav a[aria-current]")).to_have_text(PAGES[name])
    assert shown.complaints == []
    assert shown.asked == []
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
    dark = shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    assert dark == (scheme == "dark")
    if folder := os.environ.get("KERAS_STYLES_SCREENSHOTS"):
        width = size["width"]
        shown.page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_in_a_record_is_run_or_breaks_the_layout(open_page: Open, hostile_site: Path, name: str) -> None:
    shown = open_page(hostile_site, f"{name}.html", PHONE)
    dialogs: list[str] = []
    shown.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_all(shown.page)
    assert (dialogs, shown.complaints, shown.asked) == ([], [], [])
    assert shown.page.locator("script:not([src])").count() == 0
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"


def test_differences_are_filtered_and_each_has_an_address(open_page: Open, site: Path) -> None:
    page = open_page(site, "differences.html#W-09").page
    entry = page.locator("details#W-09")
    expect(entry).to_have_attribute("open", "")
    expect(entry).to_be_in_viewport()
    rows = page.locator("table.matrix tbody tr:visible")
    total = rows.count()
    page.get_by_label("Severity").select_option("high")
    high = rows.count()
    assert 0 < high < total
    expect(page.get_by_role("status")).to_have_text(f"{high} of {total} shown")
    page.get_by_label("Search").fill("mask")
    assert 0 < rows.count() < high
    for text in rows.all_text_contents():
        assert "mask" in text.lower()
    page.get_by_label("Search").fill("no such words")
    assert rows.count() == 0
    page.get_by_label("Search").fill("")
    page.get_by_label("Severity").select_option("")
    page.get_by_label("Style").select_option("subclassing")
    assert 0 < rows.count() < total


def test_a_table_is_sorted_by_keyboard(open_page: Open, site: Path) -> None:
    page = open_page(site, "equivalence.html").page
    table = page.locator("table[data-sortable]").first
    button = table.get_by_role("button", name="comparisons")
    column = table.locator("tbody tr td:nth-child(3)")

    def numbers() -> list[int]:
        return [int(text.replace(",", "")) for text in column.all_text_contents()]

    before = numbers()
    button.focus()
    page.keyboard.press("Enter")
    assert numbers() == sorted(before)
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")
    assert numbers() == sorted(before, reverse=True)


def test_the_content_is_the_first_thing_that_a_keyboard_reaches(open_page: Open, site: Path) -> None:
    page = open_page(site, "index.html").page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_history_shows_what_is_chosen(open_page: Open, site: Path) -> None:
    shown = open_page(site, "history.html")
    page, marks = shown.page, shown.page.locator("#history-chart .mark-symbol.role-mark path")
    expect(marks).not_to_have_count(0)
    before = marks.first.get_attribute("aria-label")
    page.get_by_label("What").select_option("ratio")
    expect(page.locator("#history-chart")).to_contain_text("ratio to functional")
    page.get_by_label("Phase").select_option("load, batch 32, width 8")
    expect(marks.first).not_to_have_attribute("aria-label", before or "")
    for axis in ("commit", "release", "date"):
        page.get_by_label("By").select_option(axis)
        expect(marks).not_to_have_count(0)
    assert shown.complaints == []


def test_pages_are_whole_without_scripts(open_page: Open, site: Path) -> None:
    page = open_page(site, "differences.html", java_script_enabled=False).page
    assert page.locator("table.matrix tbody tr").count() == page.locator("details").count() > 100
    costs = open_page(site, "costs.html", java_script_enabled=False).page
    assert costs.locator("svg[aria-roledescription], .wide > svg").count() > 2


def test_an_empty_site_says_what_to_run_on_every_page(open_page: Open, tmp_path: Path) -> None:
    page, _ = build_site(tmp_path / "none", tmp_path / "site")
    for name in PAGES:
        shown = open_page(page.parent, f"{name}.html")
        assert (shown.complaints, shown.asked) == ([], [])
        expect(shown.page.locator("main code").first).to_be_visible()


def test_the_raw_records_can_be_taken_home(open_page: Open, site: Path) -> None:
    page = open_page(site, "trust.html").page
    links = page.locator("a[download]")
    assert links.count() >= 6
    for link in links.all():
        address = link.get_attribute("href")
        assert address
        assert (site / address).is_file()
