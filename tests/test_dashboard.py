"""The page: it shows what the records say, nothing in a record can break it, and nothing is fetched from anywhere."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from keras_styles.dashboard.charts import DIFFER, margins_chart
from keras_styles.dashboard.page import render, write_page
from keras_styles.dashboard.summary import Section, Summary, summarize
from keras_styles.records import (
    Benchmark,
    BenchmarkExtras,
    BenchmarkRun,
    BenchmarkStats,
    CostInfo,
    Failure,
    MachineInfo,
    ResultsError,
    ThroughputInfo,
    UnmeasuredCell,
    save_equivalence,
)
from tests.conftest import Run
from tests.numpy_training import ENVIRONMENT
from tests.test_records import RECORD

HOSTILE = "<script>alert(1)</script>'\"`|{{ 7 * 7 }}\u202e" + "x" * 10_000


def cost(phase: str, style: str, data: list[float]) -> Benchmark:
    info = CostInfo(kind="cost", architecture="linear_regression", phase=phase, style=style, device="cpu")
    return Benchmark(fullname=f"{phase}-{style}", stats=BenchmarkStats(data=data), extra_info=info)


def throughput(contender: Literal["naive", "trainer", "bare_loop"], seconds: float) -> Benchmark:
    info = ThroughputInfo(kind="throughput", contender=contender, device="cpu")
    return Benchmark(fullname=contender, stats=BenchmarkStats(data=[seconds]), extra_info=info)


RUN = BenchmarkRun(
    datetime=datetime(2026, 1, 2, tzinfo=UTC),
    machine_info=MachineInfo(keras_styles=ENVIRONMENT),
    benchmarks=[
        cost("build", "sequential", [2.0, 2.0, 2.0]),
        cost("build", "functional", [1.0, 1.0, 1.0]),
        cost("build", "subclassing", [3.0, 3.0, 3.0]),
        cost("fit", "sequential", [1.0, 1.0, 1.0]),
        cost("fit", "functional", [1.0, 1.0, 1.0]),
        cost("fit", "subclassing", [1.0, 1.1, 1.2]),
        throughput("naive", 20.0),
        throughput("trainer", 0.04),
        throughput("bare_loop", 0.01),
    ],
    keras_styles=BenchmarkExtras(
        unmeasured=[UnmeasuredCell(fullname="x", outcome="skipped", reason="no GPU here", extra_info={})]
    ),
)
PASSED = RECORD.model_copy(update={"outcome": "passed", "tests": {"passed": 4}, "failures": []})


def section(**changed: object) -> Section:
    parts = {"equivalence": PASSED, "benchmark": RUN} | changed
    return Section(**parts)  # type: ignore[arg-type]


def test_costs_are_ratios_to_functional() -> None:
    ratios = {(c.phase, c.style): c.ratio.median for c in section().costs}
    assert ratios[("build", "sequential")] == 2
    assert ratios[("build", "functional")] == 1
    assert ratios[("fit", "subclassing")] == pytest.approx(1.1)
    speed = section().throughput
    assert speed is not None
    assert (speed.trainer, speed.times_naive, speed.of_bare_loop) == pytest.approx((25, 500, 4))


def test_the_page_says_what_holds_and_what_it_costs() -> None:
    page = render(Summary([section()]))
    assert "✓ The three styles agree." in page
    assert "1 cells skipped: no GPU here." in page
    assert "500 times as many" in page
    assert "Tier 2: one style in several modes of the engine, within what both may be from the reference." in page
    assert "the comparisons with the reference, and of modes with each other (tier 2), that used" in page
    # One mark for each style in each phase, and no phase shows the marks of another.
    assert len(re.findall(r'aria-label="median: [^"]*', page)) == 6


def bars(page: str) -> dict[str, int]:
    """The numbers of comparisons that the bars of the margins stand for."""
    found = re.findall(r'aria-label="margin up to ([^:"]+): (\d+) comparisons" [^>]*roledescription="bar"', page)
    return {name: int(count) for name, count in found}


def test_every_margin_is_drawn_and_one_past_the_bound_has_its_number() -> None:
    page = render(Summary([section()]))
    assert bars(page) == PASSED.stages[0].margins
    assert DIFFER not in page.split("What does it cost")[0]
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
        (PASSED.model_copy(update={"comparisons": 0}), "✗ The styles do not agree, or a test could not show"),
        (PASSED.model_copy(update={"complete": False}), "✗ Only a part of the suite was run, so it proves nothing."),
        (PASSED.model_copy(update={"outcome": "interrupted"}), "✗ The run was interrupted, so it proves nothing."),
    ],
)
def test_the_page_never_says_agree_without_proof(record: object, verdict: str) -> None:
    page = render(Summary([section(equivalence=record)]))
    assert verdict in page
    assert "✓" not in page


def test_a_half_is_shown_with_what_to_run() -> None:
    assert "run <code>pytest equivalence/</code>" in render(Summary([section(equivalence=None)]))
    assert "run <code>pytest bench/ --benchmark-save</code>" in render(Summary([section(benchmark=None)]))


def test_hostile_records_are_shown_as_text() -> None:
    environment = ENVIRONMENT.model_copy(update={"cpu": HOSTILE, "machine": HOSTILE})
    failed = RECORD.model_copy(
        update={"failures": [Failure(test=HOSTILE, message=HOSTILE)], "skips": [HOSTILE], "environment": environment}
    )
    cell = UnmeasuredCell(fullname=HOSTILE, outcome="skipped", reason=HOSTILE, extra_info={})
    hostile_run = RUN.model_copy(update={"keras_styles": BenchmarkExtras(unmeasured=[cell])})
    page = render(Summary([section(equivalence=failed, benchmark=hostile_run)], set_aside=[HOSTILE]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_the_page_asks_nobody_for_anything() -> None:
    page = render(Summary([section()]))
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?!#)[^"' >]+""", page)
    assert "url(" not in page
    assert "default-src 'none'" in page
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
    page, _ = write_page(results, results / "dashboard")
    assert str(corrupt) in page.read_text(encoding="utf-8")


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


def test_a_page_that_cannot_be_written_is_one_sentence(results: Path) -> None:
    save_equivalence(PASSED, results)
    (results / "out" / "index.html").mkdir(parents=True)
    with pytest.raises(ResultsError, match=r"The page .*index\.html cannot be written \(Is a directory\); make room"):
        write_page(results, results / "out")


def test_no_record_at_all_says_what_to_run(results: Path, run: Run) -> None:
    with pytest.raises(ResultsError, match="run pytest equivalence/ and pytest bench/ --benchmark-save first"):
        write_page(results, results)
    done = run("keras_styles.cli", "report")
    assert done.returncode == 2
    assert done.stderr.startswith("keras-styles: There is no record under ")
    assert "Traceback" not in done.stderr


def test_the_report_is_built_without_an_engine(run: Run, results: Path) -> None:
    """A page can be built where no engine is installed, and in a second instead of five."""
    save_equivalence(PASSED, results)
    done = run("keras_styles.cli", "report", KERAS_BACKEND="none of them")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()
