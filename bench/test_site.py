"""How long the site takes to build and to open after a thousand runs; measured with `--bench-profile=full` only."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.cells import leaving_unmeasured
from keras_styles.dashboard import PAGES
from keras_styles.engines import ENGINES
from keras_styles.records import stamp

if TYPE_CHECKING:
    from keras_styles.dashboard.site import Content

BuildSite = Callable[[Path, Path], "tuple[Path, Content]"]

RUNS = 1_000
# Keras has a new minor version every few weeks, and the site compares versions.
RUNS_PER_VERSION = 50
# Every push is tested on each engine and these versions of Python.
PUSHES = 50
PYTHONS = ("3.11.9", "3.12.7", "3.13.1")
START = datetime(2020, 1, 1, tzinfo=UTC)
COMMITTED = Path(__file__).parent.parent / "results"
SEED = 0


def require_full_profile(config: pytest.Config) -> None:
    if config.getoption("bench_profile") != "full":
        pytest.skip("a thousand runs take minutes; add --bench-profile=full")


def read(path: Path) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return raw


def keras_of(night: int) -> str:
    """Return the version of Keras that was new then."""
    return f"3.{15 + night // RUNS_PER_VERSION}.0"


@pytest.fixture(scope="module")
def thousand_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the committed records with what CI leaves behind in three years.

    A thousand nightly runs of the benchmark, made of the largest one, with a new version of Keras every fifty nights
    and a run of the ledger's probes on each; and the equivalence suite on every engine and Python after fifty pushes.
    It takes 2.5 GB of disk, which are free again in the end, the memory of one run, and two minutes to write.
    """
    results = tmp_path_factory.mktemp("many") / "results"
    shutil.copytree(COMMITTED, results, ignore=shutil.ignore_patterns("dashboard", "unfinished", "failures"))
    save_benchmarks(max(results.glob("*/[0-9]*_*.json"), key=lambda path: path.stat().st_size))
    save_probings(max(results.glob("*/differences-*.json")))
    save_equivalences(max(results.glob("*/equivalence-*.json")))
    yield results
    shutil.rmtree(results)


def save_benchmarks(model: Path) -> None:
    """Save a run for each night, of a machine that differs from another night by 2 %, and once a year for good."""
    raw = read(model)
    samples = [benchmark["stats"]["data"] for benchmark in raw["benchmarks"]]
    environments = [process["environment"] for process in raw["keras_styles"]["processes"]]
    random = np.random.default_rng(SEED)
    for night in range(RUNS):
        raw["datetime"] = (START + timedelta(days=night)).isoformat()
        for environment in (raw["machine_info"]["keras_styles"], *environments):
            environment["keras"] = keras_of(night)
        levels = 1.2 ** (night // 365) * random.lognormal(0, 0.02, len(samples))
        for benchmark, data, level in zip(raw["benchmarks"], samples, levels, strict=True):
            benchmark["stats"]["data"] = [value * level for value in data]
        (model.parent / f"{9000 + night}_nightly.json").write_text(json.dumps(raw), encoding="utf-8")


def save_probings(model: Path) -> None:
    """Save a run of the ledger's probes for each version of Keras."""
    raw = read(model)
    for night in range(0, RUNS, RUNS_PER_VERSION):
        moment = START + timedelta(days=night)
        raw["created"] = moment.isoformat()
        for run in raw["engines"]:
            if run["environment"]:
                run["environment"]["keras"] = keras_of(night)
        (model.parent / f"differences-{stamp(moment)}-copy.json").write_text(json.dumps(raw), encoding="utf-8")


def save_equivalences(model: Path) -> None:
    """Save what each push leaves behind: a run of the suite on each engine and each Python."""
    raw = read(model)
    for push in range(PUSHES):
        night = push * RUNS // PUSHES
        for number, (engine, python) in enumerate((engine, python) for engine in ENGINES for python in PYTHONS):
            moment = START + timedelta(days=night, minutes=number)
            raw["created"] = moment.isoformat()
            raw["environment"] |= {"keras": keras_of(night), "engine": engine, "python": python}
            (model.parent / f"equivalence-{stamp(moment)}-copy.json").write_text(json.dumps(raw), encoding="utf-8")


@pytest.fixture(scope="module")
def build_site() -> BuildSite:
    """Imported only where a site is built: every other run of the benchmark would wait three seconds for SciPy."""
    from keras_styles.dashboard import site

    return site.build_site


@pytest.fixture(scope="module")
def site(build_site: BuildSite, thousand_runs: Path) -> Path:
    return build_site(thousand_runs, thousand_runs.parent / "site")[0].parent


def test_building_the_site_of_a_thousand_runs(request: pytest.FixtureRequest) -> None:
    info: dict[str, Any] = {"kind": "site", "runs": RUNS}
    with leaving_unmeasured(request, info):
        require_full_profile(request.config)
        results, build = request.getfixturevalue("thousand_runs"), request.getfixturevalue("build_site")
        out = results.parent / "timed"
        benchmark = request.getfixturevalue("benchmark")
        benchmark.extra_info.update(info)
        _, content = benchmark.pedantic(build, args=(results, out), rounds=3)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    benchmark.extra_info["bytes"] = size
    assert max(len(timeline.runs) for timeline in content.history.timelines) > RUNS
    assert size < 15_000_000


@pytest.mark.parametrize("name", PAGES)
def test_opening_a_page_of_a_thousand_runs(request: pytest.FixtureRequest, name: str) -> None:
    """The first view, by a browser that has seen nothing of it, until all that is visible is drawn."""
    info = {"kind": "site", "runs": RUNS, "page": name}
    with leaving_unmeasured(request, info):
        require_full_profile(request.config)
        api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        address = f"{request.getfixturevalue('site').as_uri()}/{name}.html"
        path = shutil.which("chromium") or shutil.which("google-chrome")
        with api.sync_playwright() as playwright:
            try:
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            except api.Error:
                pytest.skip("no Chromium on this machine")

            def new_page() -> tuple[tuple[Any], dict[str, Any]]:
                return (browser.new_context().new_page(),), {}

            def open_it(page: Any) -> None:
                page.goto(address)
                if name == "history":
                    page.locator("#history-chart svg").wait_for()

            benchmark = request.getfixturevalue("benchmark")
            benchmark.extra_info.update(info)
            benchmark.pedantic(open_it, setup=new_page, teardown=lambda page: page.context.close(), rounds=5)
            browser.close()
