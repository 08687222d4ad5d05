"""How long the site takes to build and to open after a thousand runs; measured with `--bench-profile=full` only."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from keras_styles.dashboard import PAGES

if TYPE_CHECKING:
    from keras_styles.dashboard.site import Content

BuildSite = Callable[[Path, Path], "tuple[Path, Content]"]

RUNS = 1_000
COMMITTED = Path(__file__).parent.parent / "results"
SEED = 0


@pytest.fixture(scope="module", autouse=True)
def _only_if_asked_for(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("bench_profile") != "full":
        pytest.skip("a thousand runs take minutes; add --bench-profile=full")


@pytest.fixture(scope="module")
def thousand_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the committed records with a thousand nightly runs, made of the newest full one."""
    results = tmp_path_factory.mktemp("many") / "results"
    shutil.copytree(COMMITTED, results, ignore=shutil.ignore_patterns("dashboard", "unfinished", "failures"))
    largest = max(results.glob("*/[0-9]*_*.json"), key=lambda path: path.stat().st_size)
    raw: dict[str, Any] = json.loads(largest.read_text(encoding="utf-8"))
    samples = [benchmark["stats"]["data"] for benchmark in raw["benchmarks"]]
    random, start = np.random.default_rng(SEED), datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(RUNS):
        raw["datetime"] = (start + timedelta(days=number)).isoformat()
        # A night differs from another by 2 %, and once a year something changes for good.
        levels = 1.2 ** (number // 365) * random.lognormal(0, 0.02, len(samples))
        for benchmark, data, level in zip(raw["benchmarks"], samples, levels, strict=True):
            benchmark["stats"]["data"] = [value * level for value in data]
        (largest.parent / f"{9000 + number}_nightly.json").write_text(json.dumps(raw), encoding="utf-8")
    yield results
    shutil.rmtree(results)


@pytest.fixture(scope="module")
def build_site() -> BuildSite:
    """Imported only where a site is built: every other run of the benchmark would wait three seconds for SciPy."""
    from keras_styles.dashboard import site

    return site.build_site


@pytest.fixture(scope="module")
def site(build_site: BuildSite, thousand_runs: Path) -> Path:
    return build_site(thousand_runs, thousand_runs.parent / "site")[0].parent


def test_building_the_site_of_a_thousand_runs(build_site: BuildSite, benchmark: Any, thousand_runs: Path) -> None:
    out = thousand_runs.parent / "timed"
    benchmark.extra_info.update(kind="site", runs=RUNS)
    _, content = benchmark.pedantic(build_site, args=(thousand_runs, out), rounds=3)
    assert max(len(timeline.runs) for timeline in content.history.timelines) > RUNS
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    benchmark.extra_info["bytes"] = size
    assert size < 15_000_000


@pytest.mark.parametrize("name", PAGES)
def test_opening_a_page_of_a_thousand_runs(benchmark: Any, site: Path, name: str) -> None:
    """Until all that is visible is drawn."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except api.Error:
            pytest.skip("no Chromium on this machine")
        page = browser.new_page()
        benchmark.extra_info.update(kind="site", runs=RUNS, page=name)

        def open_it() -> None:
            page.goto(f"{site.as_uri()}/{name}.html")
            if name == "history":
                page.locator("#history-chart svg").wait_for()

        benchmark.pedantic(open_it, rounds=5, warmup_rounds=1)
        browser.close()
