"""The pages: they show what the records say, nothing in a record can break them, and nothing comes from elsewhere."""

import gzip
import html
import json
import re
import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from keras_styles.calibration import RatesRecord
from keras_styles.costs import conclude
from keras_styles.dashboard import site
from keras_styles.dashboard.charts import DIFFER, costs_chart, margins_chart
from keras_styles.dashboard.site import MOST_OLDER, Content, build_site
from keras_styles.dashboard.specs import distribution_spec, margins_spec, scaling_spec
from keras_styles.dashboard.summary import Section, Summary, summarize
from keras_styles.environment import RETIRED
from keras_styles.gate import ExitCode, GateRecord
from keras_styles.gate_run import save_gate, save_rates
from keras_styles.history import History, read_history
from keras_styles.memory import Growth, MemoryRecord, MemoryUse, save_memory
from keras_styles.records import (
    Benchmark,
    BenchmarkExtras,
    BenchmarkRun,
    BenchmarkStats,
    Failure,
    MachineInfo,
    ResultsError,
    ThroughputInfo,
    UnmeasuredCell,
    load,
    save_equivalence,
)
from keras_styles.styles import STYLES
from keras_styles.workloads import PHASES, TWIN, Counters, MeasuredWorkload, Phase, ProcessRecord, Workload, cells_of
from tests.conftest import ROOT, Run
from tests.numpy_training import ENVIRONMENT
from tests.test_records import RECORD

NOTHING = "\N{EN DASH}"  # stands where a table has no number
HOSTILE = "<script>alert(1)</script>'\"`|{{ 7 * 7 }}\u202e\u2066\u200f\u061c" + "x" * 10_000

# What each contender takes, as a ratio to the functional style.
TRUTH = {"sequential": 1.0, "functional": 1.0, "subclassing": 1.5, "twin": 1.0, "floor": 0.1, "numpy": 0.05}


def workload(phase: Phase, **changed: Any) -> Workload:
    return Workload(**{"architecture": "linear_regression", "phase": phase} | changed)


WORKLOADS = (workload("build"), workload("fit"), workload("fit", batch_size=1024))


def processes(
    truth: dict[str, float] = TRUTH,
    *,
    number: int = 4,
    device: str = "cpu",
    workloads: Sequence[Workload] = WORKLOADS,
) -> list[ProcessRecord]:
    """Return processes whose rounds take what is true, a thousandth more or less, and a millisecond for 1."""
    random = np.random.default_rng(0)
    counters = Counters(
        variables=2,
        traces=1,
        retraces=0,
        python_calls=17,
        layer_calls=3,
        forward_ops=None,
        step_ops=4321,
        dataset_iterators=0,
    )

    def rounds() -> dict[str, list[int]]:
        return {name: [int(x) for x in 1e6 * time * random.lognormal(0, 0.001, 3)] for name, time in truth.items()}

    return [
        ProcessRecord(
            number=place,
            created=datetime(2026, 1, 2, tzinfo=UTC),
            environment=ENVIRONMENT.model_copy(update={"device": device}),
            pulse_nanoseconds=[1000],
            measured=[MeasuredWorkload(workload=each, nanoseconds=rounds()) for each in workloads],
            counters={each.architecture: {"subclassing": counters} for each in workloads},
        )
        for place in range(number)
    ]


def throughput(contender: Literal["naive", "trainer", "bare_loop"], seconds: float) -> Benchmark:
    info = ThroughputInfo(kind="throughput", contender=contender, device="cpu")
    return Benchmark(fullname=contender, stats=BenchmarkStats(data=[seconds]), extra_info=info)


RUN = BenchmarkRun(
    datetime=datetime(2026, 1, 2, tzinfo=UTC),
    machine_info=MachineInfo(keras_styles=ENVIRONMENT),
    benchmarks=[throughput("naive", 20.0), throughput("trainer", 0.04), throughput("bare_loop", 0.01)],
    keras_styles=BenchmarkExtras(
        unmeasured=[UnmeasuredCell(fullname="x", outcome="skipped", reason="no GPU here", extra_info={})]
    ),
)
PASSED = RECORD.model_copy(update={"outcome": "passed", "tests": {"passed": 4}, "failures": []})


def section(**changed: object) -> Section:
    parts = {"equivalence": PASSED, "benchmark": RUN} | changed
    return Section(**parts)  # type: ignore[arg-type]


def measuring(*records: ProcessRecord, **extras: Any) -> BenchmarkRun:
    """Return a run of the benchmark of these processes."""
    return RUN.model_copy(update={"keras_styles": BenchmarkExtras(unmeasured=[], processes=list(records), **extras)})


def pages_of(summary: Summary) -> dict[str, str]:
    """Return the pages of a summary, without a history."""
    return site.render(Content(summary, History([], [], [], [])))[0]


def render(summary: Summary) -> str:
    """Return the text of all pages."""
    return "".join(pages_of(summary).values())


def page_of(*records: ProcessRecord, **extras: Any) -> str:
    return render(Summary([section(equivalence=None, benchmark=measuring(*records, **extras))]))


@pytest.fixture(scope="module")
def costs_page() -> str:
    """The page of a good run of the benchmark."""
    return page_of(*processes())


def row_of(page: str, *cells: str) -> list[str]:
    """Return the text of the cells of the one row that begins with these cells."""
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)]
    (found,) = [row for row in rows if row[: len(cells)] == list(cells)]
    return found[len(cells) :]


def save_run(results: Path, name: str, run: BenchmarkRun) -> Path:
    folder = results / ENVIRONMENT.machine
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(saved_text(run), encoding="utf-8")
    return path


def saved_text(run: BenchmarkRun) -> str:
    """Return a run as pytest-benchmark writes it, which adds where its code comes from."""
    commit = {"id": "0" * 40, "branch": "main", "dirty": False}
    return json.dumps(run.model_dump(mode="json") | {"commit_info": commit})


def marks(page: str) -> list[str]:
    """Return what the marks of the costs say to those who hear the page."""
    return re.findall(r'aria-label="(\w+ \w+(?:: [^"]*)?)" [^>]*roledescription="point"', page)


def test_every_cell_has_its_time_ratio_interval_and_verdict(costs_page: str) -> None:
    time, ratio, interval, verdict, floor, numpy = row_of(costs_page, "fit", "32", "8", "subclassing")
    assert (time[:2], time[-2:]) == ("1.", "ms")
    assert float(ratio) == pytest.approx(1.5, rel=0.005)
    low, high = map(float, interval.split(" to "))
    assert 1.49 < low <= float(ratio) <= high < 1.51
    assert (verdict, floor, numpy) == ("slower", "15.0", "30.0")
    assert row_of(costs_page, "build", "32", "8", "sequential")[3] == "no difference"
    assert row_of(costs_page, "fit", "32", "8", "functional")[1:4] == ["1", NOTHING, NOTHING]
    assert float(row_of(costs_page, "fit", "1024", "8", "subclassing")[1]) == pytest.approx(1.5, rel=0.005)


def test_the_verdict_comes_first_and_counts_the_processes(costs_page: str) -> None:
    verdict = costs_page.split("What does it cost on the CPU?")[1].split("<svg")[0]
    assert "4 processes" in verdict
    assert "3 slower" in verdict
    assert "proves nothing" not in verdict


def test_a_chart_shows_every_phase_and_style_at_the_usual_size(costs_page: str) -> None:
    assert [words.split(":")[0] for words in marks(costs_page)].count("fit subclassing") == 1
    assert {words.split(":")[0] for words in marks(costs_page)} == {
        f"{phase} {style}" for phase in ("build", "fit") for style in ("sequential", "functional", "subclassing")
    }
    assert re.search(r'aria-label="fit subclassing: 1\.\d+ times, 1\.\d+ to 1\.\d+"', costs_page)


def test_the_charts_of_a_full_run_on_three_engines_stay_small() -> None:
    """Five architectures on three engines, each with all phases, should load at once over a slow line."""
    costs = conclude(processes(workloads=cells_of(["deep_stack"]))).costs
    chart = costs_chart(costs)
    assert chart is not None
    assert 15 * len(chart) < 600_000


def test_an_interval_to_infinity_and_one_process_are_drawn_and_not_called_anything() -> None:
    page = page_of(*processes(number=1))
    assert row_of(page, "fit", "32", "8", "subclassing")[2:4] == [NOTHING, "undecided"]
    assert len(marks(page)) == 6
    (lines,) = re.findall(r'<g class="mark-rule role-mark layer_2_marks".*?</g>', page, re.S)
    lengths = [float(length) for length in re.findall(r'x2="([^"]*)"', lines)]
    assert [round(length) for length in lengths] == [520] * 4 + [0] * 2, "the axis is 520 long; functional has no line"


def test_an_undecided_cell_says_how_many_processes_more() -> None:
    spread = processes(number=3)
    for record, factor in zip(spread, (1.0, 1.1, 1.3), strict=True):
        for measured in record.measured:
            measured.nanoseconds["subclassing"] = [int(1e6 * factor)] * 3
    assert re.fullmatch(
        r"undecided: about \d+ processes more", row_of(page_of(*spread), "fit", "32", "8", "subclassing")[3]
    )


def test_a_run_that_proves_nothing_says_so_first_and_gives_no_verdict() -> None:
    page = page_of(*processes(TRUTH | {"twin": 1.2}))
    shown = page.split("What does it cost on the CPU?")[1]
    assert "✗ This run proves nothing." in shown.split("<svg")[0]
    assert "twin, which is the same code, came out slower in linear_regression fit" in shown
    assert row_of(page, "fit", "32", "8", "subclassing")[3] == NOTHING


def test_each_device_is_concluded_for_itself() -> None:
    gpu = processes(TRUTH | {"subclassing": 3.0}, device="gpu", number=2)
    on_cpu, on_gpu = page_of(*processes(), *gpu).split("What does it cost on the GPU?")
    assert float(row_of(on_cpu, "fit", "32", "8", "subclassing")[1]) == pytest.approx(1.5, rel=0.005)
    assert float(row_of(on_gpu, "fit", "32", "8", "subclassing")[1]) == pytest.approx(3, rel=0.005)


def test_the_counters_are_those_of_the_first_process_that_has_them() -> None:
    first, second, third = processes(number=3)
    changed = second.counters["linear_regression"]["subclassing"].model_copy(update={"step_ops": 99})
    first = first.model_copy(update={"counters": {}})
    third = third.model_copy(update={"counters": {"linear_regression": {"subclassing": changed}}})
    counted = row_of(page_of(third, first, second), "linear_regression", "subclassing")
    assert counted == ["2", "1", "0", "17", "3", NOTHING, "4321", "0"]


def test_a_style_without_a_time_says_why_and_without_a_baseline_nothing_is_drawn() -> None:
    alone = {name: time for name, time in TRUTH.items() if name in ("subclassing", "floor")}
    page = page_of(*processes(alone))
    assert "There is no ratio to draw" in page
    assert marks(page) == []
    assert row_of(page, "fit", "32", "8", "subclassing")[1:5] == [NOTHING, NOTHING, NOTHING, "15.0"]
    assert row_of(page, "fit", "32", "8", "sequential") == ["there is no sequential for fit of linear_regression"]


def test_a_run_of_one_process_from_before_says_what_to_run() -> None:
    sentence = "The newest run here is of one process and carries no verdict; run <code>pytest bench/"
    assert sentence in page_of(schema_version=1)
    assert sentence not in page_of()
    assert "The newest run here measured no costs; run <code>pytest bench/" in page_of()


def test_files_of_version_1_are_still_read(results: Path) -> None:
    """Those that were committed when one process was a run."""
    old = list((ROOT / "results").glob("*/000[123]_*.json"))
    assert len(old) == 3
    for path in old:
        run = load(path, BenchmarkRun)
        assert run.keras_styles.schema_version == 1
        assert Section(None, run).conclusions == {}
        assert Section(None, run).throughput is not None


def test_processes_of_two_workload_versions_are_set_aside_and_the_run_before_is_shown(results: Path) -> None:
    first, second = processes(number=2)
    good = measuring(*processes())
    save_run(results, "0001_good.json", good)
    mixed = measuring(first, second.model_copy(update={"workload_version": 1}))
    path = save_run(results, "0002_mixed.json", mixed.model_copy(update={"datetime": datetime(2027, 1, 1, tzinfo=UTC)}))
    summary = summarize(results)
    (sentence,) = summary.set_aside
    assert sentence.startswith(f"The run {path} cannot be used (costs follow from processes of one engine")
    assert [shown.benchmark for shown in summary.sections] == [good]


def test_a_run_without_costs_never_hides_one_with_them_and_other_records_are_left_alone(results: Path) -> None:
    good = measuring(*processes())
    save_run(results, "0001_costs.json", good)
    save_run(results, "0002_none.json", measuring().model_copy(update={"datetime": datetime(2027, 1, 1, tzinfo=UTC)}))
    save_run(results, "other-1.json", RUN).write_text("{}", encoding="utf-8")
    summary = summarize(results)
    assert summary.set_aside == []
    assert [shown.benchmark for shown in summary.sections] == [good]


def test_throughput_is_a_ratio_to_both_contenders() -> None:
    speed = section().throughput
    assert speed is not None
    assert (speed.trainer, speed.times_naive, speed.of_bare_loop) == pytest.approx((25, 500, 4))


def test_the_page_says_what_holds_and_what_it_costs() -> None:
    page = render(Summary([section()]))
    assert "✓ The three styles agree." in page
    assert "1 cell skipped: no GPU here." in page
    assert "500 times as many" in page
    assert "Tier 2: one style in several modes of the engine, within what both may be from the reference." in page
    assert "the comparisons with the reference, and of modes with each other (tier 2), that used" in page


def bars(page: str) -> dict[str, int]:
    """The numbers of comparisons that the bars of the margins stand for."""
    found = re.findall(r'aria-label="margin up to ([^:"]+): (\d+) comparisons" [^>]*roledescription="bar"', page)
    return {name: int(count) for name, count in found}


def test_every_margin_is_drawn_and_one_past_the_bound_has_its_number() -> None:
    page = pages_of(Summary([section()]))["equivalence"]
    assert bars(page) == PASSED.stages[0].margins
    assert DIFFER not in page
    margins = {"0": 1, "2^-20": 2, "2^0": 3, "2^1": 77, "2^1023": 5, "inf": 88}
    stage = PASSED.stages[0].model_copy(update={"margins": margins})
    page = render(Summary([section(equivalence=PASSED.model_copy(update={"stages": [stage]}))]))
    assert bars(page) == margins
    for count in (77, 5, 88):
        assert re.search(rf'fill="{DIFFER}"[^>]*>{count}</text>', page), count


def test_the_stages_of_an_architecture_are_added_up_by_tier() -> None:
    stage = PASSED.stages[0]
    stages = [stage, stage.model_copy(update={"stage": "gradients"}), stage.model_copy(update={"tier": 0})]
    tiers = section(equivalence=PASSED.model_copy(update={"stages": stages})).tiers
    assert [(tier.tier, tier.comparisons) for tier in tiers] == [(0, stage.comparisons), (1, 2 * stage.comparisons)]


def test_modes_are_told_apart() -> None:
    stages = [
        PASSED.stages[0].model_copy(update={"mode": mode, "comparisons": number})
        for number, mode in enumerate(("eager", "graph", None, "eager"), start=1)
    ]
    page = pages_of(Summary([section(equivalence=PASSED.model_copy(update={"stages": stages}))]))["equivalence"]
    tiers, by_stage = page.split("The same by stage")
    shown = {mode: row_of(tiers, "linear_regression", mode, "1")[0] for mode in ("eager", "graph", NOTHING)}
    assert shown == {"eager": "5", "graph": "2", NOTHING: "3"}
    assert row_of(by_stage, "linear_regression", "graph", "1", "weights")[0] == "2"


def test_the_smallest_margins_share_a_bar() -> None:
    """Those of a long run reach down to 2^-140, which would squeeze all bars into a corner."""
    svg = margins_chart({"2^-1074": 3, "2^-30": 4, "2^-24": 5, "2^-2": 6})
    assert "margin up to 2^-24: 12 comparisons" in svg
    assert "2^-30" not in svg
    less = "\N{LESS-THAN OR EQUAL TO}"
    assert less in svg
    assert less not in margins_chart({"2^-24": 5, "2^-2": 6})


def test_a_record_from_before_margins_were_counted_has_no_chart_of_them() -> None:
    stage = PASSED.stages[0].model_copy(update={"margins": {}})
    page = render(Summary([section(equivalence=PASSED.model_copy(update={"stages": [stage]}))]))
    assert "✓ The three styles agree." in page
    assert "How much of the bound is used?" not in page


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        (RECORD, "✗ The styles do not agree"),
        (PASSED.model_copy(update={"comparisons": 0}), "⚠ Nothing was compared, so it proves nothing."),
        (PASSED.model_copy(update={"complete": False}), "⚠ Only a part of the suite was run, so it proves nothing."),
        (PASSED.model_copy(update={"outcome": "interrupted"}), "⚠ The run was interrupted, so it proves nothing."),
    ],
)
def test_the_page_never_says_agree_without_proof(record: object, verdict: str) -> None:
    pages = pages_of(Summary([section(equivalence=record)]))
    for name in ("index", "equivalence"):
        assert verdict in pages[name]
        assert "✓" not in pages[name]


def test_a_half_is_shown_with_what_to_run() -> None:
    assert "run <code>pytest equivalence/</code>" in render(Summary([section(equivalence=None)]))
    assert "run <code>pytest bench/ --benchmark-save</code>" in render(Summary([section(benchmark=None)]))


def test_hostile_records_are_shown_as_text() -> None:
    environment = ENVIRONMENT.model_copy(update={"cpu": HOSTILE, "machine": HOSTILE})
    failed = RECORD.model_copy(
        update={"failures": [Failure(test=HOSTILE, message=HOSTILE)], "skips": [HOSTILE], "environment": environment}
    )
    cell = UnmeasuredCell(fullname=HOSTILE, outcome="skipped", reason=HOSTILE, extra_info={})
    odd = processes(workloads=[workload("fit", architecture=HOSTILE)])
    for record in odd:
        record.measured.append(MeasuredWorkload(workload=workload("build", architecture=HOSTILE), why_not=HOSTILE))
    unequal = MeasuredWorkload(workload=workload("call"), why_not=f"not equal: {HOSTILE}")
    doubtful = processes(device=HOSTILE)
    doubtful[0].measured.append(unequal)
    hostile_run = RUN.model_copy(
        update={"keras_styles": BenchmarkExtras(unmeasured=[cell], processes=[*odd, *doubtful])}
    )
    page = render(Summary([section(equivalence=failed, benchmark=hostile_run)], set_aside=[HOSTILE]))
    assert "<script>" not in page.lower(), "the pages' own scripts have an address"
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_the_pages_ask_nobody_for_anything() -> None:
    pages = pages_of(Summary([section(benchmark=measuring(*processes()))]))
    for name, page in pages.items():
        # A reader may go elsewhere, but the page itself asks for nothing there.
        page = re.sub(r'<a href="https://[^"]+" rel="noreferrer">[^<]*</a>', "", page)
        asked = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>]+)""", page)
        assert all(re.match(r"(static/|data:,|#|[a-z]+\.html)", address) for address in asked), name
        assert "url(" not in page
        assert "default-src 'none'" in html.unescape(page)
        # What is left of addresses are the names of XML's vocabularies.
        assert set(re.findall(r"https?://[^\"' <]+", page)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_the_newest_record_is_shown_and_a_corrupt_one_set_aside(results: Path) -> None:
    for year in (2024, 2026, 2025):
        save_equivalence(PASSED.model_copy(update={"created": datetime(year, 1, 1, tzinfo=UTC)}), results)
    corrupt = results / ENVIRONMENT.machine / "equivalence-0.json"
    corrupt.write_text("{", encoding="utf-8")
    summary = summarize(results)
    (shown,) = summary.sections
    assert shown.equivalence is not None
    assert shown.equivalence.created.year == 2026
    assert len(summary.set_aside) == 1
    page, content = build_site(results, results / "dashboard")
    assert str(corrupt) in page.read_text(encoding="utf-8")
    assert len(content.set_aside) == 1


def test_a_part_of_the_suite_never_hides_the_whole(results: Path) -> None:
    save_equivalence(RECORD, results)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for part in ({"complete": False}, {"outcome": "interrupted"}):
        save_equivalence(PASSED.model_copy(update={"created": later, **part}), results)
    (shown,) = summarize(results).sections
    assert shown.equivalence == RECORD


def test_records_of_other_versions_and_devices_stand_apart(results: Path) -> None:
    save_equivalence(RECORD, results)
    for change in ({"keras": "3.16.0"}, {"device": "gpu"}, {"engine_version": "2.22.0"}):
        environment = ENVIRONMENT.model_copy(update=change)
        save_equivalence(PASSED.model_copy(update={"environment": environment}), results)
    shown = [s.equivalence.outcome for s in summarize(results).sections if s.equivalence]
    assert sorted(shown) == ["failed", "passed", "passed", "passed"]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["benchmarks"][0]["stats"].update(data=[]),
        lambda raw: raw["benchmarks"][0]["stats"].update(data=[0.0]),
        lambda raw: raw.update(datetime="2026-01-01T00:00:00"),
    ],
    ids=["no samples", "a sample of zero", "a time without a zone"],
)
def test_a_benchmark_file_with_a_broken_value_is_set_aside(results: Path, change: Callable[[Any], None]) -> None:
    raw = RUN.model_dump(mode="json")
    change(raw)
    folder = results / ENVIRONMENT.machine
    folder.mkdir(parents=True)
    (folder / "0001_x.json").write_text(json.dumps(raw), encoding="utf-8")
    assert len(summarize(results).set_aside) == 1


def test_a_site_that_cannot_be_written_is_one_sentence(results: Path) -> None:
    save_equivalence(PASSED, results)
    (results / "taken").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(
        ResultsError, match=r"The site .*out cannot be written \(.*\); make room, or give another --out"
    ):
        build_site(results, results / "taken" / "out")


def fail_to_rename(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let nothing of this name be renamed."""
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == name:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)


def test_a_folder_of_somebody_elses_is_not_replaced(results: Path, tmp_path: Path) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ResultsError, match="holds other files than a site of keras-styles; give another --out"):
        build_site(results, other)
    assert (other / "chapter.txt").exists()
    page, _ = build_site(results, tmp_path / "site")
    assert build_site(results, tmp_path / "site")[0] == page, "one of ours is built anew"
    assert [path.name for path in tmp_path.glob(".*")] == [], "no draft is left"
    (page.parent / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match="holds other files"):
        build_site(results, page.parent)
    assert (page.parent / "notes.txt").exists()


def test_hidden_files_beside_a_site_are_no_content_and_stay(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts and file managers put them there, or the folder is the checkout of a branch of pages."""
    out = tmp_path / "site"
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("ref: refs/heads/pages", encoding="utf-8")
    for name in (".nojekyll", ".DS_Store"):
        page, _ = build_site(results, out)
        (page.parent / name).touch()
    kept = {".git", ".nojekyll", ".DS_Store"}
    build_site(results, out)
    assert {path.name for path in out.glob(".*")} == kept
    assert (out / ".git" / "HEAD").read_text(encoding="utf-8") == "ref: refs/heads/pages"
    fail_to_rename(monkeypatch, "new")
    with pytest.raises(ResultsError, match="cannot be written"):
        build_site(results, out)
    assert {path.name for path in out.glob(".*")} == kept
    assert page.is_file()


def test_a_page_about_this_project_is_not_one_of_its_sites(results: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>What I think of keras-styles</title>", encoding="utf-8")
    with pytest.raises(ResultsError, match="holds other files"):
        build_site(results, tmp_path)


def test_a_site_that_cannot_be_replaced_stays(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, _ = build_site(results, tmp_path / "site")
    (page.parent / "data" / "old.js").touch()
    fail_to_rename(monkeypatch, "new")
    with pytest.raises(ResultsError, match=r"cannot be written \(No space left on device\)"):
        build_site(results, tmp_path / "site")
    assert (page.parent / "data" / "old.js").exists()
    assert page.is_file()


def test_raw_files_of_one_name_are_those_of_two_machines(results: Path, tmp_path: Path) -> None:
    for machine in ("one", "two"):
        here = ENVIRONMENT.model_copy(update={"machine": machine})
        run = measuring(*processes()).model_copy(update={"machine_info": MachineInfo(keras_styles=here)})
        folder = results / machine
        folder.mkdir(parents=True)
        (folder / "0001_nightly.json").write_text(saved_text(run), encoding="utf-8")
    page, _ = build_site(results, tmp_path / "site")
    for machine in ("one", "two"):
        packed = (page.parent / "raw" / machine / "0001_nightly.json.gz").read_bytes()
        kept = results / machine / "0001_nightly.json"
        assert gzip.decompress(packed) == kept.read_bytes()


def test_no_record_at_all_says_what_to_run(run: Run, results: Path) -> None:
    done = run("keras_styles.cli", "dashboard")
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip()).read_text(encoding="utf-8")
    assert "Nothing is on record yet" in page
    for command in ("pytest equivalence/", "pytest bench/ --benchmark-save", "keras-styles differences --run"):
        assert f"<code>{command}</code>" in page


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_site_is_opened_in_the_browser_if_there_is_one(run: Run, tmp_path: Path, exit_code: int) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(opened))}\nexit {exit_code}\n', encoding="utf-8")
    browser.chmod(0o755)
    # Without a path no other browser of this machine is found.
    done = run("keras_styles.cli", "dashboard", "--open", BROWSER=str(browser), PATH="")
    assert done.returncode == 0, done.stderr
    page, *said = done.stdout.splitlines()
    assert opened.read_text(encoding="utf-8").strip() == Path(page).as_uri()
    assert Path(page).is_file()
    assert said == ([] if exit_code == 0 else ["No browser could be started; open that page in one."])


def test_the_site_is_built_without_an_engine(run: Run, results: Path) -> None:
    """It can be built where no engine is installed, and sooner than one is imported."""
    save_equivalence(PASSED, results)
    done = run("keras_styles.cli", "dashboard", KERAS_BACKEND="none of them")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()


def test_a_run_of_fewer_cells_never_hides_one_of_more(results: Path) -> None:
    """One architecture that somebody looked at by `-k`, after a full run."""
    full = measuring(*processes()).model_copy(update={"benchmarks": RUN.benchmarks * 2})
    save_run(results, "0001_full.json", full)
    part = measuring(*processes(number=1)).model_copy(update={"datetime": datetime(2027, 1, 1, tzinfo=UTC)})
    save_run(results, "0002_part.json", part)
    assert [shown.benchmark for shown in summarize(results).sections] == [full]
    again = full.model_copy(update={"datetime": datetime(2028, 1, 1, tzinfo=UTC)})
    save_run(results, "0003_again.json", again)
    assert [shown.benchmark for shown in summarize(results).sections] == [again]


def test_a_failure_on_one_python_is_not_hidden_by_another(results: Path) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    save_equivalence(RECORD, results)
    newer = ENVIRONMENT.model_copy(update={"python": "3.13.1"})
    save_equivalence(PASSED.model_copy(update={"created": later, "environment": newer}), results)
    shown = [each.equivalence.outcome for each in summarize(results).with_equivalence if each.equivalence]
    assert sorted(shown) == ["failed", "passed"]


def test_today_shows_the_newest_versions_and_the_margins_of_all_of_them(results: Path) -> None:
    for day, keras in ((1, "3.9.0"), (3, "3.16.0"), (2, "3.15.9")):
        here = ENVIRONMENT.model_copy(update={"keras": keras})
        save_equivalence(
            PASSED.model_copy(update={"environment": here, "created": datetime(2026, 1, day, tzinfo=UTC)}), results
        )
    summary = summarize(results)
    assert [each.environment.keras for each in summary.with_equivalence] == ["3.16.0"]
    assert [each.environment.keras for each in summary.sections] == ["3.16.0", "3.15.9", "3.9.0"]
    (runs,) = summary.equivalence_runs.values()
    assert [run.environment.keras for run in runs] == ["3.9.0", "3.15.9", "3.16.0"]
    spec = margins_spec(runs)
    assert spec is not None
    assert [point["release"][:12] for point in margin_points(spec)] == [
        "keras 3.9.0,",
        "keras 3.15.9",
        "keras 3.16.0",
    ]
    pages = pages_of(summary)
    assert pages["index"].count("✓ The three styles agree.") == 1
    assert pages["equivalence"].count("✓ The three styles agree.") == 1, "older versions have a line each"
    older = pages["equivalence"].split("Older versions: 2</summary>")[1]
    assert re.findall(r"2026-01-0(\d) [^:]*:\d\d UTC, commit unknown: ✓ agree .*?with Keras ([\d.]+),", older) == [
        ("2", "3.15.9"),
        ("1", "3.9.0"),
    ]
    assert pages["trust"].count(": 1 record, the newest of") == 3


def test_a_margin_past_the_bound_stays_in_the_picture_with_its_number(results: Path) -> None:
    """Also an infinite one, of which a file holds no number, since JSON has none: alone, and beside others."""
    found = {
        "inside": (0.5, {"2^-1": 1}),
        "outside": (3.0, {"2^2": 1}),
        "infinite": (None, {"inf": 1}),
        "infinite too": (0.42, {"2^-1": 3, "inf": 1}),
    }
    stages = [
        PASSED.stages[0].model_copy(update={"architecture": name, "worst_margin": worst, "margins": margins})
        for name, (worst, margins) in found.items()
    ]
    save_equivalence(PASSED.model_copy(update={"stages": stages}), results)
    summary = summarize(results)
    ((run,),) = summary.equivalence_runs.values()
    spec = margins_spec([run])
    assert spec is not None
    assert [point["sign"] for point in margin_points(spec)] == ["✗", "✗", "", "✗"]
    page = pages_of(summary)["equivalence"].split("The same by stage")[0]
    worst = {name: row_of(page, name, NOTHING, "1")[-1] for name in found}
    assert worst == {"inside": "0.50", "outside": "3.00 ✗", "infinite": "∞ ✗", "infinite too": "∞ ✗"}
    assert "half are at most 0.5 of the bound, the worst is ∞, past the bound ✗." in pages_of(summary)["index"]
    shown = {point["architecture"]: (point["shown"], point["margin"]) for point in margin_points(spec)}
    (chart,) = spec["vconcat"]
    top = chart["spec"]["layer"][0]["encoding"]["y"]["scale"]["domain"][1]
    infinite = (top, "infinite")
    assert shown == {"inside": (0.5, 0.5), "outside": (top, 3.0), "infinite": infinite, "infinite too": infinite}
    assert margins_spec([]) is None


def margin_points(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the points of all profiles."""
    return [point for chart in spec["vconcat"] for point in chart["data"]["values"]]


def test_only_margins_of_one_profile_tier_and_mode_are_joined() -> None:
    """A nightly run searches more, so its worst margin is larger: joined with others it would look like erosion."""
    stage = PASSED.stages[0]
    stages = [
        stage.model_copy(update={"mode": mode, "worst_margin": worst})
        for mode, worst in (("eager", 0.1), ("graph", 0.2), ("graph", 0.3), (None, 0.4))
    ]
    stages.append(stage.model_copy(update={"tier": 2, "mode": "eager and graph", "worst_margin": 0.5}))
    runs = [
        PASSED.model_copy(update={"profile": profile, "stages": stages, **on(day)})
        for day, profile in enumerate(("pr", "nightly", "pr"), start=1)
    ]
    spec = margins_spec(runs)
    assert spec is not None
    assert [chart["title"]["text"] for chart in spec["vconcat"]] == ["profile pr", "profile nightly"]
    found = {
        "tier 1, eager": 0.1,
        "tier 1, graph": 0.3,
        "tier 1, mode unknown": 0.4,
        "tier 2, eager and graph": 0.5,
    }
    for chart, profile, days in zip(spec["vconcat"], ("pr", "nightly"), (["01", "03"], ["02"]), strict=True):
        points = chart["data"]["values"]
        assert {point["profile"] for point in points} == {profile}
        assert [point["date"][8:10] for point in points] == [day for day in days for _ in found]
        assert {point["series"]: point["margin"] for point in points} == found
        line = chart["spec"]["layer"][0]["encoding"]
        assert line["color"]["field"] == "series"
        assert line["color"]["scale"]["domain"] == sorted(found), "the same in every chart"


def test_specs_hold_what_was_measured() -> None:
    records = processes(number=2)
    conclusion = conclude(records)
    scaling = scaling_spec(conclusion.costs)
    assert scaling is not None
    (panel,) = scaling["vconcat"]  # only the batch was another
    sizes = {(point["phase"], point["style"], point["size"]) for point in panel["data"]["values"]}
    assert sizes == {("fit", style, size) for style in STYLES for size in (32, 1024)}
    of_subclass = [point["seconds"] for point in panel["data"]["values"] if point["style"] == "subclassing"]
    assert of_subclass == pytest.approx([0.0015, 0.0015], rel=0.01)
    spread = distribution_spec(records, "linear_regression")
    assert spread is not None
    points = spread["data"]["values"]
    assert {(point["phase"], point["style"], point["process"]) for point in points} == {
        (phase, style, process) for phase in ("build", "fit") for style in (*STYLES, "twin") for process in (0, 1)
    }
    assert distribution_spec(records, "deep_stack") is None
    assert scaling_spec([cost for cost in conclusion.costs if cost.workload.batch_size == 32]) is None


def test_the_data_of_a_chart_keep_their_name_when_others_are_added() -> None:
    """Or a page would draw another chart from a file that the browser has kept."""
    shown = section(equivalence=None, benchmark=measuring(*processes()))
    here = MachineInfo(keras_styles=ENVIRONMENT.model_copy(update={"machine": "another"}))
    other = measuring(*processes(TRUTH | {"sequential": 2.0})).model_copy(update={"machine_info": here})
    nothing = History([], [], [], [])
    _, before = site.render(Content(Summary([shown]), nothing))
    pages, after = site.render(Content(Summary([section(equivalence=None, benchmark=other), shown]), nothing))
    assert 0 < len(before) < len(after)
    assert {name: after[name] for name in before} == before
    assert set(re.findall('data-chart="([^"]+)"', pages["costs"])) == after.keys()


def test_the_null_control_is_told_and_what_was_not_measured_is_not_called_perfect() -> None:
    def twins(truth: dict[str, float]) -> list[str]:
        summary = Summary([section(equivalence=None, benchmark=measuring(*processes(truth)))])
        return row_of(pages_of(summary)["trust"], f"tensorflow cpu, {ENVIRONMENT.machine}")

    cells, median, largest, flagged = twins(TRUTH | {"twin": 1.1})
    assert cells == "3"
    for each in WORKLOADS:
        assert f"✗ the functional style&#39;s twin, which is the same code, came out slower in {each}: 1." in flagged
    assert 9.5 < float(median.rstrip("%")) <= float(largest.rstrip("%")) < 10.5
    alone = {name: time for name, time in TRUTH.items() if name != "twin"}
    assert twins(alone) == ["0", NOTHING, NOTHING, "not measured"]
    assert twins(TRUTH)[-1] == "none"


def test_a_twin_that_is_slower_on_the_average_alone_is_flagged_too() -> None:
    """A bias that all cells share, while three processes show it in none of them by itself."""
    random = np.random.default_rng(1)
    records = processes(number=3, workloads=[workload(phase) for phase in PHASES])
    for record in records:
        for measured in record.measured:
            for name in list(measured.nanoseconds):
                level = 1.015e6 if name == TWIN else 1e6
                measured.nanoseconds[name] = [int(level * random.lognormal(0, 0.01)) for _ in range(9)]
    (doubt,) = conclude(records).proves_nothing
    assert "came out slower on the average of all workloads: 1.01" in doubt
    summary = Summary([section(equivalence=None, benchmark=measuring(*records))])
    flagged = row_of(pages_of(summary)["trust"], f"tensorflow cpu, {ENVIRONMENT.machine}")[-1]
    assert html.unescape(flagged) == f'<span class="bad">✗ {doubt}</span>'


def gated(
    day: int, exit_code: ExitCode = 0, sentences: Sequence[str] = ("None was shown.",), **changed: Any
) -> GateRecord:
    """Return a gate of a day in January; `changed` are fields of both environments."""
    here = ENVIRONMENT.model_copy(update={"commit": "0123456789abcdef"} | changed)
    side = [record.model_copy(update={"environment": here}) for record in processes(number=1)]
    return GateRecord(
        created=datetime(2026, 1, day, tzinfo=UTC),
        base=side,
        head=side,
        base_again=[],
        head_again=[],
        decisions=[],
        confirmations=[],
        sentences=list(sentences),
        exit_code=exit_code,
    )


def test_gates_alone_are_something_on_record(results: Path, tmp_path: Path) -> None:
    """As after the recipe for CI in the README: there the suites are not run."""
    save_gate(gated(1, 1, ["It was slower."]), results)
    newest = save_gate(gated(3, 0), results)[0]
    doubtful = save_gate(gated(2, 2, [f"It drifted {HOSTILE}", "And more."], engine="jax", keras="3.16.0"), results)[0]
    page, content = build_site(results, tmp_path / "site")
    assert content.set_aside == []
    today = page.read_text(encoding="utf-8")
    assert "Nothing is on record yet" not in today
    assert (
        "The newest gate of each place: ⚠ nothing is proved in 1 of 2; ✓ nothing was shown to be worse in 1 of 2."
        in today
    )
    assert "run <code>pytest bench/" not in today
    trust = (page.parent / "trust.html").read_text(encoding="utf-8")
    said = trust.split("What did the gate say?")[1].split("</section>")[0]
    shown, folded = said.split("Older gates: 1</summary>")
    assert [re.findall(r"<tr><td>(\S+)", row)[0] for row in re.findall("<tr><td>.*?</tr>", shown, re.S)] == [
        "2026-01-03",
        "2026-01-02",
    ]
    assert "✓ nothing was shown to be worse.</strong> None was shown." in shown
    assert "⚠ nothing is proved.</strong> It drifted &lt;script&gt;" in shown
    assert "(1 more in its record)" in shown
    assert f"jax cpu, {ENVIRONMENT.machine}" in shown
    assert "Keras 3.16.0, jax 2.21.0, Python 3.11.0, commit 0123456789ab" in shown
    assert "✗ head is worse than base." in folded
    assert "<script>" not in trust
    assert {path.name for path in (page.parent / "raw" / ENVIRONMENT.machine).iterdir()} == {
        f"{newest.name}.gz",
        f"{doubtful.name}.gz",
    }
    assert trust.count("2 records, the newest of 2026-01-03") == 1, "its environment is one of those on record"


def test_a_gate_that_cannot_be_read_is_set_aside(results: Path) -> None:
    path = save_gate(gated(1, 1, ["It was slower."]), results)[0]
    newer = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 99}
    (path.parent / "gate-newer.json").write_text(json.dumps(newer), encoding="utf-8")
    (path.parent / "gate-broken.json").write_text("{", encoding="utf-8")
    summary = summarize(results)
    assert [gate.path for gate in summary.gates] == [path]
    page = html.unescape(pages_of(summary)["index"])
    assert f"The record {path.parent / 'gate-newer.json'} was written by a newer keras-styles; update to" in page
    assert f"The record {path.parent / 'gate-broken.json'} is corrupt or of another schema" in page
    assert "✗ head is worse than base in 1 of 1." in page


def test_an_older_gate_of_a_machine_that_may_be_gone_is_no_answer_of_today(results: Path) -> None:
    save_gate(gated(1, 1, machine="retired"), results)
    late = gated(1).model_copy(update={"created": datetime(2026, 1, 2, tzinfo=UTC) + RETIRED})
    save_gate(late, results)
    pages = pages_of(summarize(results))
    assert "The newest gate of each place: ✓ nothing was shown to be worse in 1 of 1." in pages["index"]
    assert "✗ head is worse than base." in pages["trust"]


def test_only_the_newest_calibration_of_a_place_is_shown_in_full(results: Path, tmp_path: Path) -> None:
    committed = max((ROOT / "results" / "calibration").glob("rates-*.json"))
    rates = load(committed, RatesRecord)
    folder, first = results / "calibration", datetime(2026, 1, 1, tzinfo=UTC)
    for day in range(MOST_OLDER + 3):
        save_rates(rates.model_copy(update={"created": first + timedelta(days=day)}), folder / f"tensorflow-{day}.json")
    on_jax = rates.environment.model_copy(update={"engine": "jax"})
    save_rates(rates.model_copy(update={"environment": on_jax, "created": first}), folder / "jax.json")
    page, content = build_site(results, tmp_path / "site")
    trust = (page.parent / "trust.html").read_text(encoding="utf-8")
    said = trust.split("Does the gate cry wolf?")[1].split("</section>")[0]
    shown, folded = said.split(f"Older calibrations: {MOST_OLDER + 2}</summary>")
    tables = [
        list(map(html.unescape, re.findall("<tr><td>(.*?)</td>", table))) for table in shown.split("</table>")[:-1]
    ]
    assert tables == 2 * [[one.rule for one in rates.rates], ["keras-styles gate"] * len(rates.frontier)]
    assert shown.count("pairs are drawn with replacement") == 2
    assert f"{first + timedelta(days=MOST_OLDER + 2):%Y-%m-%d}. In brackets" in shown
    assert re.findall("<li>(.{10})", folded)[0] == f"{first + timedelta(days=MOST_OLDER + 1):%Y-%m-%d}"
    assert folded.count("<li>") == MOST_OLDER + 1
    assert "<li>2 more, among the records</li>" in folded
    assert len(content.newest_rates) == len(list((page.parent / "raw" / "calibration").iterdir())) == 2
    assert "Nothing is on record yet" not in page.read_text(encoding="utf-8")


def memory(created: datetime, peak: int = 300, slope: float = 2048.0, **changed: Any) -> MemoryRecord:
    """Return a record of memory; `changed` are fields of its environment."""
    grown = Growth(slope=slope, low=-1024, high=5120)
    use = MemoryUse(
        architecture="linear_regression",
        style="functional",
        builds=20,
        host_bytes_before=(peak - 40) * 2**20,
        peak_host_bytes=peak * 2**20,
        peak_device_bytes=None,
        bytes_per_build=grown,
        bytes_per_build_cleared=grown.model_copy(update={"low": 1024.0}),
        resident_bytes=[1, 2, 3],
        resident_bytes_cleared=[1, 2, 3],
    )
    return MemoryRecord(created=created, environment=ENVIRONMENT.model_copy(update=changed), uses=[use])


def test_the_newest_memory_is_shown_with_its_interval(results: Path) -> None:
    for day, peak in ((2, 300), (1, 999)):
        save_memory(memory(datetime(2026, 1, day, tzinfo=UTC), peak), results)
    (only,) = summarize(results).sections
    assert only.environment == ENVIRONMENT
    page = pages_of(summarize(results))["costs"]
    assert row_of(page, "linear_regression", "functional") == ["300", "40", NOTHING, "2 (-1 to 5)", "2 (1 to 5)"]


def test_where_the_time_of_fit_goes_is_shown() -> None:
    taken = {"fit": 100 + 10 + 16, "fit_epochs": 100 + 5 * 11, "fit_call": 111}
    records = processes(number=2, workloads=[workload(phase) for phase in ("fit", "fit_epochs", "fit_call")])
    for record in records:
        for measured in record.measured:
            measured.nanoseconds["functional"] = [int(1e6 * taken[measured.workload.phase])] * 3
    page = pages_of(Summary([section(equivalence=None, benchmark=measuring(*records))]))["costs"]
    table = page.split("Where the time of fit goes")[1]
    assert row_of(table, "linear_regression", "functional") == ["1 ms", "10 ms", "100 ms"]


def test_a_failure_can_be_copied_as_a_script() -> None:
    script = "print('</pre><script>alert(1)</script>')"
    failed = RECORD.model_copy(update={"failures": [Failure(test="t", message="m", script=script)]})
    page = pages_of(Summary([section(equivalence=failed)]))["equivalence"]
    (shown,) = re.findall(r'<pre tabindex="0" id="([^"]+)">(.*?)</pre>', page, re.S)
    assert html.unescape(shown[1]) == script
    assert f'data-copies="{shown[0]}"' in page


def on(day: int, **changed: Any) -> dict[str, Any]:
    """Return what an equivalence record of a day in January holds; `changed` are fields of its environment."""
    return {"created": datetime(2026, 1, day, tzinfo=UTC), "environment": ENVIRONMENT.model_copy(update=changed)}


def test_memory_of_an_older_version_hides_no_newer_failure_and_no_newer_cost(results: Path) -> None:
    """What is newest of a kind is decided by the records of that kind."""
    save_equivalence(PASSED.model_copy(update=on(1, keras="3.15.0")), results)
    save_equivalence(RECORD.model_copy(update=on(2, keras="3.16.0")), results)
    for day, keras in ((1, "3.15.0"), (2, "3.16.0")):
        here = MachineInfo(keras_styles=ENVIRONMENT.model_copy(update={"keras": keras}))
        run = {"machine_info": here, "datetime": datetime(2026, 1, day, tzinfo=UTC)}
        save_run(results, f"000{day}_x.json", measuring(*processes(number=2)).model_copy(update=run))
    save_memory(memory(datetime(2026, 1, 3, tzinfo=UTC), keras="3.15.0"), results)
    summary = summarize(results)
    assert [each.environment.keras for each in summary.with_equivalence] == ["3.16.0"]
    assert [each.environment.keras for each in summary.with_costs] == ["3.16.0"]
    assert "✗ The styles do not agree" in pages_of(summary)["index"]


def test_every_card_and_heading_has_its_date_and_commit(results: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567+"
    save_equivalence(PASSED.model_copy(update=on(3, commit=commit)), results)
    save_run(results, "0001_x.json", measuring(*processes(number=2)))
    save_memory(memory(datetime(2026, 1, 4, tzinfo=UTC)), results)
    pages = pages_of(summarize(results))
    of_equivalence = "2026-01-03 00:00 UTC, commit 0123456789ab+ (modified)"
    assert of_equivalence in pages["index"]
    assert of_equivalence in pages["equivalence"].split("<table")[0]
    assert "2026-01-02 00:00 UTC, commit unknown" in pages["index"].split('<section id="costs">')[1]
    assert "2026-01-02 00:00 UTC, commit unknown" in pages["costs"].split("What does it cost")[0]
    assert "2026-01-04 00:00 UTC, commit unknown" in pages["costs"].split("What does it do with memory?")[1]


def test_newer_runs_that_a_larger_one_outranks_are_counted(results: Path) -> None:
    save_equivalence(PASSED.model_copy(update=on(1)), results)
    save_equivalence(PASSED.model_copy(update={**on(2), "complete": False}), results)
    save_equivalence(RECORD.model_copy(update={**on(3), "complete": False}), results)
    full = measuring(*processes()).model_copy(update={"benchmarks": RUN.benchmarks * 2})
    save_run(results, "0001_full.json", full)
    for number in (0, 2):
        part = measuring(*processes(number=1)).model_copy(
            update={"datetime": datetime(2025 + number, 1, 1, tzinfo=UTC)}
        )
        save_run(results, f"000{2 + number}_part.json", part)
    pages = pages_of(summarize(results))
    assert "Newer runs that were interrupted, or of a part of the suite: 2; ✗ 1 of them failed." in pages["index"]
    for name in ("index", "costs"):
        said = 'Newer runs that asked for less, or for older workloads: 1. They are in the <a href="history.html">'
        assert said in pages[name]


def test_a_run_of_the_newest_workloads_is_shown_before_a_larger_one_of_older_ones(results: Path) -> None:
    def version(number: int, benchmarks: int) -> BenchmarkRun:
        info = {
            "kind": "cost",
            **workload("fit").model_dump(),
            "style": "functional",
            "engine": "tensorflow",
            "device": "cpu",
            "mode": "graph",
            "jit_compile": False,
            "workload_version": number,
        }
        cells = [Benchmark(fullname="x", stats=BenchmarkStats(data=[0.1]), extra_info=info)] * benchmarks
        records = [each.model_copy(update={"workload_version": number}) for each in processes(number=2)]
        return measuring(*records).model_copy(update={"benchmarks": cells})

    save_run(results, "0001_old.json", version(1, 9))
    new = version(2, 3)
    save_run(results, "0002_new.json", new)
    assert [shown.benchmark for shown in summarize(results).sections] == [new]


def test_each_question_has_one_answer_over_all_places(results: Path) -> None:
    for number in range(4):
        save_equivalence(PASSED.model_copy(update=on(1, python=f"3.1{number}.0")), results)
    assert "✓ They agree in all 4 places." in pages_of(summarize(results))["index"]
    save_equivalence(RECORD.model_copy(update=on(1, engine="jax")), results)
    save_equivalence(PASSED.model_copy(update={**on(1, engine="torch"), "complete": False}), results)
    answer = "✗ They differ, or a test failed, in 1 of 6; ⚠ nothing is proved in 1 of 6; they agree in 4."
    assert answer in pages_of(summarize(results))["index"]


def test_all_three_answers_stand_before_the_first_card_and_lead_to_theirs(results: Path) -> None:
    save_equivalence(PASSED, results)
    save_run(results, "0001_x.json", measuring(*processes()))
    page = pages_of(summarize(results))["index"]
    answers, cards = page.split('<div class="cards">', 1)
    assert "✓ They agree in the one place that was tried." in answers
    assert "Nothing is on record here yet." in answers, "no difference was probed"
    assert "Compared with functional, 6 cells: ▲ 3 slower" in answers
    links = re.findall(r'<li class="verdict \w+"><a href="#([^"]+)">([^<]+)</a>', answers)
    assert [page.count(f'<section id="{anchor}">\n<h2>{question}</h2>') for anchor, question in links] == [1] * 3
    assert "✓ They agree" not in cards


def test_what_costs_come_to_is_said_once_for_all_places() -> None:
    good = section(benchmark=measuring(*processes()))
    twins = section(benchmark=measuring(*processes(TRUTH | {"twin": 1.2})))
    bad = {"environment": ENVIRONMENT.model_copy(update={"engine": "jax"})}
    twins = section(
        equivalence=None,
        benchmark=twins.benchmark
        and twins.benchmark.model_copy(update={"machine_info": MachineInfo(keras_styles=bad["environment"])}),
    )
    page = pages_of(Summary([good, twins]))["index"]
    assert "Compared with functional, 6 cells: ▲ 3 slower, = 3 no difference. ⚠ 1 of 2 runs prove nothing." in page


def test_a_retired_machine_is_folded_away_and_its_failure_counted(results: Path) -> None:
    old = datetime(2026, 1, 1, tzinfo=UTC)
    save_equivalence(RECORD.model_copy(update=on(1, machine="retired")), results)
    save_equivalence(PASSED.model_copy(update={"created": old + RETIRED + timedelta(days=1)}), results)
    gone = measuring(*processes(TRUTH | {"twin": 1.2})).model_copy(
        update={"machine_info": MachineInfo(keras_styles=ENVIRONMENT.model_copy(update={"machine": "retired"}))}
    )
    save_run(results, "0001_old.json", gone)
    now = measuring(*processes()).model_copy(update={"datetime": old + RETIRED + timedelta(days=3)})
    save_run(results, "0002_new.json", now)
    page = pages_of(summarize(results))["index"]
    agreement, costs = page.split('<section id="costs">')
    shown, folded = agreement.split("<details>")
    assert "✓ They agree in the one place that was tried." in shown
    assert "✗" not in shown
    assert '1 older by more than 30 days, <span class="bad">✗ 1 of them without agreement</span>' in folded
    assert "✗ The styles do not agree" in folded
    shown, folded = costs.split("<details>")
    assert "proves nothing" not in shown
    assert '1 older by more than 30 days, <span class="bad">✗ 1 of them prove nothing</span>' in folded
    assert "✗ This run proves nothing." in folded


def test_a_card_shows_worst_and_median_margin() -> None:
    assert (
        "Margins: half are at most 0.000244 of the bound, the worst is 0.25." in pages_of(Summary([section()]))["index"]
    )
    stage = PASSED.stages[0].model_copy(update={"margins": {}})
    without = Summary([section(equivalence=PASSED.model_copy(update={"stages": [stage]}))])
    assert "Margins: the worst is 0.25." in pages_of(without)["index"]


def test_a_run_in_which_everything_failed_is_not_taken_for_none(results: Path) -> None:
    lost = [
        record.model_copy(
            update={
                "measured": [MeasuredWorkload(workload=each, why_not=f"not equal: {HOSTILE}") for each in WORKLOADS]
            }
        )
        for record in processes()
    ]
    cell = {"kind": "cost", **workload("fit").model_dump(), "style": "functional", "engine": "tensorflow"}
    cell |= {"device": "cpu", "mode": "graph", "jit_compile": False, "workload_version": 2}
    unmeasured = UnmeasuredCell(fullname="x", outcome="failed", reason="the engine is broken", extra_info=cell)
    run = measuring(*lost).model_copy(
        update={"benchmarks": [], "keras_styles": BenchmarkExtras(unmeasured=[unmeasured], processes=lost)}
    )
    path = save_run(results, "0001_x.json", run)
    summary = summarize(results)
    pages = site.render(Content(summary, read_history(results)))[0]
    costs = pages["index"].split('<section id="costs">')[1]
    assert "✗ This run proves nothing." in costs
    assert "It was run, and has no ratio to functional at the usual size." in costs
    assert "no cell of any run has a number; the reasons stand below" in pages["history"]
    assert row_of(pages["history"], path.name) == [
        "1",
        "1",
        "failed: the engine is broken",
        f"tensorflow cpu, {ENVIRONMENT.machine}",
    ]
    for name in ("index", "costs", "history"):
        assert "run <code>pytest bench/" not in pages[name]
    # Nor is one of which not even a process came back.
    save_run(results, "0001_x.json", run.model_copy(update={"keras_styles": BenchmarkExtras(unmeasured=[unmeasured])}))
    answers, costs = pages_of(summarize(results))["index"].split('<section id="costs">')
    assert "⚠ The run has no number." in answers
    assert "1 cell failed: the engine is broken." in costs


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "0001_x.json",
            lambda raw: raw["keras_styles"]["processes"][0]["measured"][0].update(
                nanoseconds={"functional": [10**30], "subclassing": [10**30]}
            ),
        ),
        ("0001_x.json", lambda raw: raw["keras_styles"]["processes"][0].update(pulse_nanoseconds=[10**400])),
        ("memory-1.json", lambda raw: raw.update(uses=[])),
        ("memory-1.json", lambda raw: raw["uses"][0].update(peak_host_bytes=10**400)),
        ("equivalence-1.json", lambda raw: raw["stages"][0].update(margins={"2^0": 10**400})),
    ],
)
def test_what_no_machine_can_have_measured_is_set_aside(
    results: Path, name: str, change: Callable[[Any], None]
) -> None:
    """A file may be of the right schema, and hold what no page could be made of."""
    records = {
        "0001_x.json": saved_text(measuring(*processes(number=2))),
        "memory-1.json": memory(RECORD.created).model_dump_json(),
        "equivalence-1.json": PASSED.model_dump_json(),
    }
    raw = json.loads(records[name])
    change(raw)
    folder = results / ENVIRONMENT.machine
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(raw), encoding="utf-8")
    summary = summarize(results)
    (sentence,) = summary.set_aside
    assert sentence in html.unescape(pages_of(summary)["index"])
    assert sentence.startswith(f"The record {folder / name} is corrupt or of another schema (")


def test_older_versions_have_a_line_and_neither_charts_nor_files(results: Path, tmp_path: Path) -> None:
    """Or each weekly release would make every page longer. One that cannot be used is no newest."""
    for day in (1, 2, 3):
        here = {"keras": f"3.{day}.0"}
        first, second = processes(number=2)
        if day == 3:
            second = second.model_copy(update={"environment": ENVIRONMENT.model_copy(update={"engine": "jax"})})
        else:
            save_equivalence(PASSED.model_copy(update=on(day, **here)), results)
        run = measuring(first, second).model_copy(
            update={
                "machine_info": MachineInfo(keras_styles=ENVIRONMENT.model_copy(update=here)),
                "datetime": datetime(2026, 1, day, tzinfo=UTC),
            }
        )
        save_run(results, f"000{day}_x.json", run)
    summary = summarize(results)
    pages = pages_of(summary)
    assert pages["equivalence"].count('roledescription="bar"') == len(PASSED.stages[0].margins)
    assert len(marks(pages["costs"])) == 6
    shown, folded = pages["costs"].split("Older versions: 1</summary>")
    assert "Keras 3.2.0" in shown
    assert "Keras 3.1.0" not in shown
    assert "Keras 3.1.0" in folded
    assert "2026-01-01 00:00 UTC, commit unknown" in folded
    (sentence,) = summary.set_aside
    assert "0003_x.json cannot be used (costs follow from processes of one engine" in sentence
    assert [path.name for path in summary.shown if path.name.startswith("0")] == ["0002_x.json"]
    assert len([path for path in summary.shown if path.name.startswith("equivalence")]) == 1


def test_an_interrupted_run_is_no_point_of_the_margins_over_time(results: Path) -> None:
    save_equivalence(PASSED, results)
    save_equivalence(PASSED.model_copy(update={"outcome": "interrupted"}), results)
    assert [[run.outcome for run in runs] for runs in summarize(results).equivalence_runs.values()] == [["passed"]]


def test_slower_stands_in_no_box_of_approval(costs_page: str) -> None:
    (box,) = set(re.findall(r'<div class="(verdict \w+)"><p><strong>Compared with functional', costs_page))
    assert box == "verdict neutral"
