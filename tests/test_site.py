"""The site in a real browser: every page opens, asks nobody for anything, and is used by mouse, keyboard and phone."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import pytest
from playwright.sync_api import Browser, Dialog, Page, ViewportSize, expect, sync_playwright

from keras_styles.calibration import RatesRecord
from keras_styles.costs_text import NO_VALUE
from keras_styles.dashboard import PAGES
from keras_styles.dashboard.site import build_site
from keras_styles.differences import Outcome
from keras_styles.gate_run import save_gate, save_rates
from keras_styles.history import MIN_POINTS
from keras_styles.memory import save_memory
from keras_styles.records import (
    DifferencesRecord,
    Failure,
    MachineInfo,
    ProbedDifference,
    ProbedEngine,
    load,
    save_differences,
    save_equivalence,
    visible,
)
from tests.conftest import ROOT
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import HOSTILE, NOTHING, PASSED, gated, measuring, memory, processes, save_run, workload
from tests.test_history import START, benchmark, nightly, save, unmeasured
from tests.test_records import RECORD

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# KiB that a model may leave behind, in no order: by their words, -100 would come before -5000 and 98.5 before 98.25.
SLOPES = (98.5, -100.0, 98.25, -5000.0, 7.0)
# What a NAME of `--benchmark-save` may be; in an address, each of these signs means something else.
ODD_NAME = "0001_#1 %41?.json"
# The marks that change in which direction the text after them is written.
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Debian's names, then those of others; `make browser` looks for the same.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What is expected comes within tenths of a second; how long to wait for it is no claim about that.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, or the one that `playwright install chromium` brings."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        path = found or playwright.chromium.executable_path
        if not Path(path).exists():
            absent = "no Chromium on this machine; run make browser"
            if os.environ.get("CI"):
                pytest.fail(absent)  # where nobody reads what was skipped
            pytest.skip(absent)
        # Root, whom containers run as, may not use the sandbox.
        launched = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
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

    def open_it(site: Path, name: str, size: ViewportSize = DESKTOP, **options: Any) -> Shown:
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        shown = Shown(context.new_page())
        shown.page.on(
            "console",
            lambda said: shown.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )

        def dismiss(dialog: Dialog) -> None:
            shown.complaints.append(dialog.message)
            dialog.dismiss()

        shown.page.on("dialog", dismiss)
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
    save_run(results, ODD_NAME, measuring(*odd).model_copy(update={"machine_info": MachineInfo(keras_styles=here)}))
    strange = {"architecture": HOSTILE[:200], "phase": HOSTILE[:200], "mode": HOSTILE[:60]}
    for day in range(2 * MIN_POINTS):
        costs = [
            benchmark("functional", [0.01] * 2, **strange),
            benchmark("subclassing", [0.02 if day < MIN_POINTS else 0.03] * 2, **strange),
        ]
        gap = unmeasured("sequential", HOSTILE, HOSTILE[:60], **strange)
        release: dict[str, Any] = {"engine_version": f"{HOSTILE[:60]}{day // MIN_POINTS}", "cpu": HOSTILE}
        save(results, day, costs, name=f"{day:04}_{HOSTILE[:8]}.json", without=[gap], **release)
    probing = DifferencesRecord(
        created=RECORD.created,
        engines=[
            ProbedEngine(
                engine="torch",
                environment=here,
                skipped=None,
                differences=[
                    ProbedDifference(
                        id="T-01",
                        verdict="changed",
                        reason=HOSTILE,
                        outcomes={"subclassing": Outcome(error=HOSTILE[:200])},
                    )
                ],
            ),
            ProbedEngine(engine="jax", environment=None, skipped=HOSTILE, differences=[]),
        ],
    )
    save_differences(probing, results)
    committed = max((ROOT / "results" / "calibration").glob("rates-*.json"))
    rates = load(committed, RatesRecord)
    hostile_rule = rates.rates[0].model_copy(update={"rule": HOSTILE})
    for day in (1, 2):
        created = {"created": datetime(2026, 1, day, tzinfo=UTC)}
        hostile_rates = rates.model_copy(update={"environment": here, "rates": [hostile_rule], **created})
        save_rates(hostile_rates, results / "calibration" / f"hostile-{day}.json")
        hostile_gate = gated(day, 2, [HOSTILE, HOSTILE], cpu=HOSTILE, commit=HOSTILE[:40], keras=HOSTILE[:60])
        save_gate(hostile_gate, results)
    (results / "annotations.yaml").write_text(
        f"- date: 2026-01-02\n  text: {'<script>alert(2)</script> | ` ' * 3!r}\n", encoding="utf-8"
    )
    page, content = build_site(results, results.parent / "site")
    assert content.history.regressions, "a step is among what is shown"
    return page.parent


@pytest.fixture(scope="module")
def nightly_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of 24 nights on two machines: on one subclassing became slower, on the other a night has no number."""
    results = tmp_path_factory.mktemp("nightly") / "results"
    nightly(results, [0.02] * MIN_POINTS + [0.03] * MIN_POINTS, machine="one")
    last = [benchmark("functional", [0.01] * 3), benchmark("subclassing", [0.03] * 3)]
    save(results, 2 * MIN_POINTS - 1, [*last, benchmark("functional", [0.01], phase="build")], machine="one")
    nightly(results, [*[0.02] * 5, None, *[0.02] * 18], machine="two")
    (results / "annotations.yaml").write_text(
        "- date: 2026-01-04\n  text: new kernel\n  machine: two\n", encoding="utf-8"
    )
    leaves = [memory(START, slope=1024 * kib).uses[0] for kib in SLOPES]
    save_memory(memory(START).model_copy(update={"uses": leaves}), results)
    before = [ProbedDifference(id="T-01", verdict="holds", outcomes={"subclassing": Outcome(value="not trained")})]
    now = [
        ProbedDifference(id="T-01", verdict="not claimed", outcomes={"subclassing": Outcome(value="trained")}),
        ProbedDifference(id="W-09", verdict="crashed", reason="It crashed."),
    ]
    save_differences(probed_with("3.15.1", START, *before), results)
    save_differences(probed_with("3.99.0", START + timedelta(days=1), *now), results)
    return build_site(results, results.parent / "site")[0].parent


def probed_with(keras: str, created: datetime, *differences: ProbedDifference) -> DifferencesRecord:
    """Return a run of the probes on torch with a version of Keras."""
    here = ENVIRONMENT.model_copy(update={"keras": keras, "engine": "torch"})
    engine = ProbedEngine(engine="torch", environment=here, skipped=None, differences=list(differences))
    return DifferencesRecord(created=created, engines=[engine])


def open_all(page: Page, name: str) -> None:
    """Open whatever is folded, and wait until every chart is drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.locator("[data-chart]").count() > 0 or name not in ("equivalence", "costs")
    expect(page.locator("[data-chart]:not([data-drawn])")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_quietly_and_fits(
    open_page: Open, site: Path, name: str, size: ViewportSize, scheme: str
) -> None:
    shown = open_page(site, f"{name}.html", size, color_scheme=scheme)
    if name != "differences":  # a hundred probes open at once are nothing that anybody looks at
        open_all(shown.page, name)
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
    open_all(shown.page, name)
    if name == "history":
        shown.page.get_by_role("combobox", name="What").select_option("ratio")
        shown.page.locator("#history-chart svg").wait_for()
    assert (shown.complaints, shown.asked) == ([], [])
    assert shown.page.locator("script:not([src])").count() == 0
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"


def test_no_mark_in_a_record_turns_the_words_around(hostile_site: Path) -> None:
    """Neither as it is nor escaped, as JSON or in an address; the records themselves can be taken home unchanged."""
    built = [*hostile_site.glob("*.html"), *hostile_site.glob("data/*.js")]
    texts = {path: path.read_text(encoding="utf-8").lower() for path in built}
    assert sum("{{ 7 * 7 }}" in text for text in texts.values()) > 3
    for mark in BIDIRECTIONAL:
        for spelled in (mark, f"\\u{ord(mark):04x}", quote(mark).lower()):
            assert [path.name for path, text in texts.items() if spelled in text] == [], ascii(mark)


def test_differences_are_filtered_and_each_has_an_address(open_page: Open, site: Path) -> None:
    page = open_page(site, "differences.html#W-09").page
    entry = page.locator("details#W-09")
    expect(entry).to_have_attribute("open", "")
    expect(entry).to_be_in_viewport()
    rows = page.locator("table.matrix tbody tr:visible")
    total = rows.count()
    page.get_by_role("combobox", name="Severity").select_option("high")
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
    page.get_by_role("combobox", name="Severity").select_option("")
    page.get_by_role("combobox", name="Style").select_option("subclassing")
    assert 0 < rows.count() < total


def test_a_version_of_keras_is_one_that_an_entry_differs_with(open_page: Open, nightly_site: Path) -> None:
    """What is in trouble is shown whatever is chosen."""
    page = open_page(nightly_site, "differences.html").page
    rows = page.locator("table.matrix tbody tr")
    entry, in_trouble = (rows.filter(has=page.locator(f'a[href="#{name}"]')) for name in ("T-01", "W-09"))
    keras = page.get_by_role("combobox", name="Keras")
    keras.select_option("3.15.1")
    expect(entry).to_be_visible()
    page.get_by_role("combobox", name="Engine").select_option("torch")
    page.get_by_role("combobox", name="Style").select_option("subclassing")
    expect(entry).to_be_visible()
    page.get_by_role("combobox", name="Style").select_option("functional")
    expect(entry).to_be_hidden()
    expect(in_trouble).to_be_visible()
    page.get_by_role("combobox", name="Style").select_option("subclassing")
    keras.select_option("3.99.0")
    expect(entry).to_be_hidden()
    expect(page.locator("table.matrix tbody tr:visible")).to_have_count(1)
    page.get_by_role("combobox", name="Severity").select_option("low")
    expect(in_trouble).to_be_visible()


def test_cells_show_what_was_seen_with_the_chosen_version(open_page: Open, nightly_site: Path) -> None:
    """And with none chosen, what was seen last."""
    page = open_page(nightly_site, "differences.html").page
    row = page.locator("table.matrix tbody tr").filter(has=page.locator('a[href="#T-01"]'))
    cell = row.locator('td[title^="subclassing on torch: "]')
    keras = page.get_by_role("combobox", name="Keras")
    for version, title, sign, kind in (
        ("", "equal", "✓", "kind-1"),
        ("3.15.1", "silent difference", "≠", "kind-2"),
        ("", "equal", "✓", "kind-1"),
    ):
        keras.select_option(version)
        expect(cell).to_have_text(sign)
        expect(cell).to_have_attribute("title", f"subclassing on torch: {title}")
        expect(cell).to_have_class(kind)
    other = page.locator("table.matrix tbody tr").filter(has=page.locator('a[href="#W-09"]')).locator("td").last
    for version in ("", "3.15.1"):
        keras.select_option(version)
        expect(other).to_have_text(NO_VALUE)
    sequential = row.locator('td[title^="sequential on torch: "]')
    expect(sequential).to_have_attribute("title", "sequential on torch: not seen")


def test_a_link_opens_its_entry_again(open_page: Open, site: Path) -> None:
    shown = open_page(site, "differences.html#100%")
    page, entry = shown.page, shown.page.locator("details#T-01")
    link = page.locator("table.matrix").get_by_role("link", name="T-01", exact=True)
    for _ in range(2):
        link.click()
        expect(entry).to_have_attribute("open", "")
        entry.locator("summary").click()
        expect(entry).not_to_have_attribute("open", "")
    expect(page.get_by_role("status")).to_contain_text("shown")
    assert shown.complaints == []


def test_numbers_are_sorted_by_their_size(open_page: Open, nightly_site: Path) -> None:
    page = open_page(nightly_site, "costs.html").page
    table = page.locator("section", has=page.get_by_role("button", name="each model leaves")).locator("table")
    column = table.locator("tbody tr td:nth-child(6)")
    for order in (sorted(SLOPES), sorted(SLOPES, reverse=True)):
        table.get_by_role("button", name="each model leaves").click()
        shown = column.evaluate_all("all => all.map((each) => Number(each.dataset.value) / 1024)")
        assert shown == order


def test_what_has_no_value_is_sorted_to_the_end_in_both_directions(open_page: Open, site: Path) -> None:
    page = open_page(site, "costs.html").page
    open_all(page, "costs")
    table = page.locator("table", has=page.get_by_role("button", name="times the floor")).first
    column = table.locator("tbody tr td:nth-child(9)")
    for descending in (False, True):
        table.get_by_role("button", name="times the floor").click()
        texts = column.all_text_contents()
        numbers = [float(text) for text in texts if text != NOTHING]
        assert 1 < len(numbers) < len(texts)
        assert numbers == sorted(numbers, reverse=descending)
        assert texts[len(numbers) :] == [NOTHING] * (len(texts) - len(numbers))


def test_a_table_is_sorted_by_keyboard(open_page: Open, site: Path) -> None:
    page = open_page(site, "equivalence.html").page
    table = page.locator("table[data-sortable]").first
    button = table.get_by_role("button", name="comparisons")
    column = table.locator("tbody tr td:nth-child(4)")

    def numbers() -> list[int]:
        return [int(text.replace(",", "")) for text in column.all_text_contents()]

    before = numbers()
    button.focus()
    page.keyboard.press("Enter")
    assert numbers() == sorted(before)
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")
    assert numbers() == sorted(before, reverse=True)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_three_answers_are_seen_first_and_lead_to_what_they_follow_from(
    open_page: Open, site: Path, size: ViewportSize
) -> None:
    page = open_page(site, "index.html", size).page
    answers = page.locator(".answers li")
    expect(answers).to_have_count(3)
    for answer in answers.all():
        expect(answer).to_be_in_viewport(ratio=1)
    answers.last.get_by_role("link").click()
    expect(page.get_by_role("heading", name="What does each cost?")).to_be_in_viewport()


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
    page.get_by_role("combobox", name="What").select_option("ratio")
    expect(page.locator("#history-chart")).to_contain_text("ratio to functional")
    before = marks.first.get_attribute("aria-label")
    page.get_by_role("combobox", name="Phase").select_option("load, batch 32, width 8")
    expect(marks.first).not_to_have_attribute("aria-label", before or "")
    titles = page.locator("#history-chart .role-axis-title")
    for axis, title in (("commit", "commit"), ("release", "release"), ("date", "")):
        page.get_by_role("combobox", name="By").select_option(axis)
        expect(titles).to_have_text(list(filter(None, (title, "ratio to functional"))))
        expect(marks).not_to_have_count(0)
    assert shown.complaints == []


def test_a_step_is_told_with_its_runs_and_its_machine(open_page: Open, nightly_site: Path) -> None:
    page = open_page(nightly_site, "history.html").page
    rows = page.locator("#regressions tbody tr")
    expect(rows).to_have_count(2)  # of the time, and of the ratio
    for row in rows.all():
        expect(row).to_contain_text("1.500")
        expect(row).to_contain_text("2026-01-13, 000000000000")
        expect(row).to_contain_text(f"{MIN_POINTS - 1:04}_nightly.json")
        expect(row).to_contain_text(f"{MIN_POINTS:04}_nightly.json")
        expect(row.locator("td").last).to_have_text("tensorflow cpu, one")
    today = open_page(nightly_site, "index.html").page
    sentence = today.locator("section", has_text="What got slower").locator("li").first
    expect(sentence).to_contain_text("fit of subclassing linear_regression")
    expect(sentence).to_contain_text("1.50 times since")
    expect(sentence).to_contain_text("tensorflow cpu, one")


def test_a_step_leads_to_its_chart(open_page: Open, nightly_site: Path) -> None:
    """From another page, and from the table below it, whatever was chosen in between."""
    shown = open_page(nightly_site, "index.html")
    page = shown.page
    links = page.locator("section", has_text="What got slower").get_by_role("link", name="Its chart")
    addresses = [link.get_attribute("href") or "" for link in links.all()]
    (ratio,) = [address for address in addresses if address.endswith("quantity=ratio")]
    page.locator(f'a[href="{ratio}"]').click()
    machine, quantity = (page.get_by_role("combobox", name=name) for name in ("Engine, device and machine", "What"))
    expect(page.locator("#history-chart")).to_contain_text("ratio to functional")
    assert machine.locator("option:checked").text_content() == "tensorflow cpu, one, 24 runs"
    expect(page.locator("#history-status")).to_have_text(
        "fit, batch 32, width 8 of linear_regression: 24 runs, 1 step, 0 gaps."
    )
    expect(page.locator("#history-chart")).to_have_attribute("tabindex", "0")
    machine.select_option("tensorflow cpu, two, 24 runs")
    quantity.select_option("seconds")
    expect(page.locator("#history-status")).to_contain_text("0 steps, 1 gap.")
    machine.select_option("tensorflow cpu, one, 24 runs")
    page.get_by_role("combobox", name="Phase").select_option("build, batch 32, width 8")
    expect(page.locator("#history-status")).to_contain_text("build, batch 32, width 8 of linear_regression")
    (seconds,) = [address for address in addresses if address.endswith("quantity=seconds")]
    page.locator(f'#regressions a[href="{seconds}"]').click()
    expect(page.locator("#history-status")).to_have_text(
        "fit, batch 32, width 8 of linear_regression: 24 runs, 1 step, 0 gaps."
    )
    assert machine.locator("option:checked").text_content() == "tensorflow cpu, one, 24 runs"
    expect(page.locator("#history-chart")).to_contain_text("seconds")
    assert shown.complaints == []


def test_a_link_leads_back_to_its_chart_and_what_is_chosen_has_an_address(open_page: Open, nightly_site: Path) -> None:
    shown = open_page(nightly_site, "history.html")
    page, status = shown.page, shown.page.locator("#history-status")
    machine, quantity = (page.get_by_role("combobox", name=name) for name in ("Engine, device and machine", "What"))
    one, two = (f"tensorflow cpu, {name}, 24 runs" for name in ("one", "two"))
    link = page.locator("#regressions").get_by_role("link").first
    for _ in range(2):
        link.click()
        expect(machine.locator("option:checked")).to_have_text(one)
        expect(status).to_contain_text("1 step, 0 gaps.")
        quantity.select_option("ratio")
        machine.select_option(two)
        expect(status).to_contain_text("0 steps, 1 gap.")
    expect(page).to_have_url(re.compile("quantity=ratio"))
    again = open_page(nightly_site, page.url.split("/")[-1]).page
    chosen = again.locator("#history option:checked")
    expect(again.locator("#history-status")).to_contain_text("0 steps, 1 gap.")
    assert chosen.all_text_contents() == page.locator("#history option:checked").all_text_contents()
    link.click()
    expect(status).to_contain_text("1 step, 0 gaps.")
    page.set_viewport_size({"width": 1280, "height": 300})
    link.scroll_into_view_if_needed()
    expect(page.locator("#history")).not_to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#history")).to_be_in_viewport()
    assert shown.complaints == []


def test_the_chart_is_also_a_table_and_machines_stand_apart(open_page: Open, nightly_site: Path) -> None:
    shown = open_page(nightly_site, "history.html")
    page, table = shown.page, shown.page.locator("#history-table")
    machines = page.get_by_role("combobox", name="Engine, device and machine")
    one, two = (f"tensorflow cpu, {name}, 24 runs" for name in ("one", "two"))
    assert machines.locator("option").all_text_contents() == [one, two]
    table.locator("summary").click()
    machines.select_option(one)
    night = table.locator("tr", has_text=f"{MIN_POINTS:04}_nightly.json")
    expect(night).to_contain_text("0.03; 1.500 times from here")
    expect(night.locator("td").nth(3)).to_have_text("main")
    expect(page.locator("#history-chart")).not_to_contain_text("new kernel")
    machines.select_option(two)
    expect(table.locator("tr", has_text="0005_nightly.json")).to_contain_text("skipped: no power")
    expect(page.locator("#history-chart .role-mark text", has_text="○")).to_have_count(1)
    for axis in ("date", "commit", "release"):
        page.get_by_role("combobox", name="By").select_option(axis)
        expect(page.locator("#history-chart")).to_contain_text("new kernel")
    assert shown.complaints == []


def test_margins_over_time_are_drawn_in_utc_wherever_the_reader_is(open_page: Open, hostile_site: Path) -> None:
    drawn = []
    for zone in ("UTC", "Pacific/Honolulu"):
        page = open_page(hostile_site, "equivalence.html", timezone_id=zone).page
        open_all(page, "equivalence")
        labels = page.locator("[data-chart] .role-axis-label text")
        drawn.append(
            labels.evaluate_all("all => all.map((each) => [each.textContent, each.getAttribute('transform')])")
        )
    assert drawn[0] == drawn[1] != []


def test_pages_are_whole_without_scripts(open_page: Open, site: Path, nightly_site: Path) -> None:
    page = open_page(site, "differences.html", java_script_enabled=False).page
    assert page.locator("table.matrix tbody tr").count() == page.locator("details").count() > 100
    costs = open_page(site, "costs.html", java_script_enabled=False).page
    assert costs.locator("svg[aria-roledescription], .wide > svg").count() > 2
    history = open_page(nightly_site, "history.html", java_script_enabled=False).page
    expect(history.locator("noscript p")).to_be_visible()
    expect(history.locator("form")).to_be_hidden()
    expect(history.locator("#regressions tbody tr")).to_have_count(2)
    expect(history.locator("main")).to_contain_text("skipped: no power")


def test_two_choices_mean_both_at_once(open_page: Open, site: Path) -> None:
    """A style that differs on some engine, and an engine on which some style does, are not yet that style there."""
    page = open_page(site, "differences.html").page
    page.get_by_role("combobox", name="Style").select_option("functional")
    page.get_by_role("combobox", name="Engine").select_option("jax")
    shown = page.locator("table.matrix tbody tr:visible")
    cells = shown.locator('td[title^="functional on jax: "]').evaluate_all("all => all.map((each) => each.title)")
    assert len(cells) == shown.count() > 0
    assert not {"functional on jax: equal", "functional on jax: not seen"} & set(cells)


def test_an_empty_site_says_what_to_run_on_every_page(open_page: Open, tmp_path: Path) -> None:
    page, _ = build_site(tmp_path / "none", tmp_path / "site")
    for name in PAGES:
        shown = open_page(page.parent, f"{name}.html")
        assert (shown.complaints, shown.asked) == ([], [])
        expect(shown.page.locator("main code").first).to_be_visible()
    unprobed = open_page(page.parent, "differences.html").page
    rows = unprobed.locator("table.matrix tbody tr:visible")
    total = rows.count()
    unprobed.get_by_role("combobox", name="Style").select_option("functional")
    unprobed.get_by_role("combobox", name="Engine").select_option("jax")
    assert 0 < rows.count() < total, "before anything is probed, it is what the ledger says"


def test_a_script_is_copied(open_page: Open, hostile_site: Path) -> None:
    shown = open_page(hostile_site, "equivalence.html", permissions=["clipboard-read", "clipboard-write"])
    page = shown.page
    page.locator("summary", has_text="A script that shows it").first.click()
    page.get_by_role("button", name="copy").first.click()
    expect(page.get_by_role("button", name="copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == visible(HOSTILE)
    assert shown.complaints == []


def test_a_script_that_may_not_be_copied_is_selected(open_page: Open, hostile_site: Path) -> None:
    shown = open_page(hostile_site, "equivalence.html")
    page = shown.page
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    page.locator("summary", has_text="A script that shows it").first.click()
    page.get_by_role("button", name="copy").first.click()
    expect(page.get_by_role("button", name="selected: copy it with Ctrl+C")).to_be_visible()
    assert page.evaluate("window.getSelection().toString()") == visible(HOSTILE)
    assert shown.complaints == []


def test_the_raw_records_can_be_taken_home(open_page: Open, site: Path) -> None:
    page = open_page(site, "trust.html").page
    links = page.locator("a[download]")
    assert links.count() >= 6
    for link in links.all():
        address = link.get_attribute("href")
        assert address
        assert (site / address).is_file()


def test_a_raw_record_of_any_name_is_where_its_link_leads(open_page: Open, hostile_site: Path) -> None:
    link = open_page(hostile_site, "trust.html").page.get_by_role("link", name=ODD_NAME)
    path = Path(url2pathname(urlsplit(link.evaluate("(link) => link.href")).path))
    assert path.name == f"{ODD_NAME}.gz"
    assert path.is_file()
