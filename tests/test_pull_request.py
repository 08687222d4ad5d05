"""The text for a pull request: the verdict first, the worst first, and nothing in a record can break out of it."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from keras_styles.environment import Environment
from keras_styles.gate import CellKey, GateRecord, gate_outcome
from keras_styles.gate_run import save_gate
from keras_styles.memory import save_memory
from keras_styles.pull_request import LONGEST, LinkError, pull_request_text
from keras_styles.records import (
    BenchmarkRun,
    DifferencesRecord,
    Failure,
    MachineInfo,
    ProbedDifference,
    ProbedEngine,
    load,
    save_differences,
    save_equivalence,
)
from keras_styles.reproduction import CASE, FAILURES, Finding, KeptCase, Side
from keras_styles.workloads import MeasuredWorkload, ProcessRecord
from tests.conftest import ROOT, Run
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import PASSED, TRUTH, measuring, memory, processes, save_run, saved_text, workload
from tests.test_gate import CALL, LIMITS, SLOW, counting, run_of
from tests.test_records import RECORD

HOSTILE = (
    "<script>alert(1)</script><!-- a | b || \\| ``` `x` ](javascript:alert(1)) ![i](http://h.test/i) www.h.test "
    "@octocat #1 GH-1 $`x`$ [^1] ~~s~~ &lt; &#64;\n\n# heading\n\n| c | d |\n|---|---|\n"
    "\x00\x1b[31m\u202e\u200f\u2066\u2028"
)
LINK = "https://example.test/page"
UNCLAIMED = "⚠ Differences of which the ledger does not say what they are on"
CHANGED = ProbedDifference(id="T-01", verdict="changed", reason="T-01 on torch: Keras changed.")
FOUND = Finding(
    symptom="other bits",
    stage="weights",
    where="layer/kernel after epoch 3",
    epoch=3,
    batch=None,
    reason="",
    index=[0, 0],
    observed=[0.1, 0.100025],
    difference=2.5e-5,
    allowed=0.0,
    ulps=1528,
    dtype="float32",
)
SIDE = Side(
    style="functional",
    problem="LinearProblem(weights=(3.0,))",
    recipe="Recipe()",
    trained_with="Recipe()",
    weights_were_given=False,
    environment=ENVIRONMENT,
)
CASE_OF_MY_MODEL = KeptCase(
    architecture="my_model",
    tier=0,
    left="functional",
    right="subclassing",
    sides={"functional": SIDE, "subclassing": SIDE},
    found=FOUND,
    first=None,
    notes=[],
)


def probing(*differences: ProbedDifference, environment: Environment = ENVIRONMENT) -> DifferencesRecord:
    """Return a run of the probes, of which some entries hold."""
    holding = [ProbedDifference(id="T-02", verdict="holds"), ProbedDifference(id="T-03", verdict="not claimed")]
    engines = [
        ProbedEngine(engine="torch", environment=environment, skipped=None, differences=[*holding, *differences]),
        ProbedEngine(engine="jax", environment=None, skipped="jax is not installed", differences=[]),
    ]
    return DifferencesRecord(created=RECORD.created, engines=engines)


def parse(text: str) -> list[Token]:
    """Return the tokens of a reader of GitHub's Markdown that lets HTML and bare addresses through."""
    return MarkdownIt("gfm-like", {"html": True}).parse(text)


def table_of(text: str) -> list[list[str]]:
    """Return the cells of the one table, as they are read."""
    rows: list[list[str]] = []
    for token, before in zip(parse(text)[1:], parse(text), strict=False):
        if token.type == "tr_open":
            rows.append([])
        elif before.type in ("td_open", "th_open"):
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def verdict_of(text: str) -> str:
    """Return the first line as it is read."""
    return "".join(child.content for child in parse(text)[1].children or [])


def gated(slow: dict[CellKey, float], seed: int = 1) -> GateRecord:
    """Return a gate that was run twice, on head as slow as it is said."""
    return gate_outcome(*run_of(20, seed, slow), *run_of(20, seed + 1, slow), LIMITS)


def save_all(results: Path, *gates: GateRecord) -> None:
    """Save a failed run of the suite, a changed difference, slower costs, and gates."""
    save_equivalence(RECORD, results)
    save_differences(probing(CHANGED), results)
    save_run(results, "0001_costs.json", measuring(*processes(TRUTH | {"sequential": 1.2})))
    for gate in gates:
        save_gate(gate, results)


def test_where_all_is_well_one_line_says_so_and_there_is_no_table(results: Path) -> None:
    save_equivalence(PASSED, results)
    save_gate(gated({}), results)
    text = pull_request_text(results, None)
    assert verdict_of(text) == (
        "keras-styles: ✓ The styles agree on tensorflow cpu in 10 comparisons. "
        "✓ None of 6 cells was shown to be slower on head than on base, on tensorflow cpu (linear_regression)."
    )
    assert table_of(text) == []


def test_each_record_is_named_with_its_date_commit_and_versions(results: Path) -> None:
    at_abc = {"environment": ENVIRONMENT.model_copy(update={"commit": "abc"})}
    save_equivalence(PASSED.model_copy(update=at_abc), results)
    save_differences(probing(), results)
    save_run(results, "0001_costs.json", measuring(*processes()))
    save_gate(gated({}).model_copy(update={"created": datetime(2026, 1, 3, 4, 5, tzinfo=UTC)}), results)
    here = f"`{ENVIRONMENT.machine}`"
    versions = "keras 3.15.1, tensorflow 2.21.0, numpy 2.0.0, python 3.11.0, cpu, commit"
    assert [line for line in pull_request_text(results, None).splitlines() if line.startswith("- ")] == [
        f"- ✓ gate, 2026-01-03 04:05 UTC, {here}: base `{versions} abc`, head `{versions} abc`",
        f"- equivalence, 2026-01-02 03:04 UTC, {here}: `{versions} abc`",
        f"- differences, 2026-01-02 03:04 UTC, {here}: `{versions} unknown`",
        f"- costs, 2026-01-02 00:00 UTC, {here}: `{versions} unknown`",
    ]


def test_the_worst_comes_first(results: Path) -> None:
    base, head = run_of(20, 1, {SLOW: 1.05, CellKey(CALL, "functional"): 1.2})
    again = run_of(20, 2, {SLOW: 1.05, CellKey(CALL, "functional"): 1.2})
    head[0] = head[0].model_copy(update={"counters": counting(step_ops=41).counters})
    head[1:] = [each.model_copy(update={"counters": {}}) for each in head[1:]]
    save_all(results, gate_outcome(base, head, *again, LIMITS))
    text = pull_request_text(results, None)
    _, *rows = table_of(text)
    assert [row[0] for row in rows] == [
        "✗ equivalence",
        "✗ head against base",
        "✗ slower than base",
        "✗ slower than base",
        "✗ difference changed",
        *["slower than functional"] * 5,
    ]
    assert rows[0][1:3] == ["test_y", "they differ"]
    assert rows[1][1] == "The counter step_ops of linear_regression functional changed from 40 on base to 41 on head."
    assert [row[1] for row in rows[2:4]] == [f"{CALL} functional", str(SLOW)]
    for row, ratio in zip(rows[2:4], (20, 5), strict=True):
        size, low, high = map(float, re.findall(r"([+-][\d.]+)%", row[2]))
        assert low < size < high
        # Simulated processes differ by 1 %, the deciles of their rounds by as much again: 20 pairs are within 2 %.
        assert size == pytest.approx(ratio, abs=2)
    assert rows[4][1:] == ["T-01", "T-01 on torch: Keras changed.", f"tensorflow cpu, {ENVIRONMENT.machine}"]
    ratios = [float(row[2].split()[0]) for row in rows[5:]]
    assert ratios == pytest.approx([1.5] * 3 + [1.2] * 2, abs=0.02)
    assert text.splitlines().count("1 more") == 1
    assert verdict_of(text) == (
        "keras-styles: ✗ The styles do not agree, or a test could not show that they do: failed tests on tensorflow "
        "cpu: 1. ✗ Head is worse than base on tensorflow cpu (linear_regression): slower cells: 2, changed counters "
        "and lost equalities: 1. ✗ Known differences that changed, or whose probe was lost: 1. "
        f"{UNCLAIMED} torch with Keras 3.15.1: 1. ✓ Differences that hold on torch: 1 (2026-01-02). "
        "Costs that are slower than those of functional: 6."
    )


def test_what_is_left_out_is_counted_and_found_behind_the_link(results: Path) -> None:
    failures = [Failure(test=f"test_{number}", message="they differ") for number in range(12)]
    save_equivalence(RECORD.model_copy(update={"failures": failures}), results)
    assert [row[1] for row in table_of(pull_request_text(results, None))[1:]] == [f"test_{n}" for n in range(10)]
    assert "\n\n2 more\n" in pull_request_text(results, None)
    assert f"\n\n[2 more](<{LINK}>)\n" in pull_request_text(results, LINK)
    save_equivalence(RECORD.model_copy(update={"failures": failures[:10], "created": datetime.now(UTC)}), results)
    assert " more" not in pull_request_text(results, LINK)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outcome": "interrupted"}, "The run was interrupted"),
        ({"complete": False}, "Only a part of the suite was run"),
        ({"comparisons": 0}, "Nothing was compared"),
    ],
)
def test_a_part_of_the_suite_proves_nothing(results: Path, changes: dict[str, object], why: str) -> None:
    save_equivalence(PASSED.model_copy(update=changes), results)
    verdict = verdict_of(pull_request_text(results, None))
    assert verdict == f"keras-styles: ⚠ tensorflow cpu: {why}, so it proves nothing."


def test_one_engine_that_failed_hides_no_other(results: Path) -> None:
    on_jax = PASSED.model_copy(update={"environment": ENVIRONMENT.model_copy(update={"engine": "jax"})})
    save_equivalence(RECORD, results)
    save_equivalence(on_jax, results)
    verdict = verdict_of(pull_request_text(results, None))
    assert "failed tests on tensorflow cpu: 1." in verdict
    assert "✓ The styles agree on jax cpu in 10 comparisons." in verdict


def test_a_gate_that_proves_nothing_says_why_and_calls_nothing_slower(results: Path) -> None:
    slow = {SLOW: 1.05}
    first, (base_again, head_again) = run_of(20, 1, slow), run_of(20, 3, slow)
    drifting = [base_again[0].model_copy(update={"pulse_nanoseconds": [3_000]}), *base_again[1:]]
    outcome = gate_outcome(*first, drifting, head_again, LIMITS)
    assert any(decision.verdict == "regression" for decision in outcome.confirmations)
    save_gate(outcome, results)
    text = pull_request_text(results, None)
    said = "⚠ The times of base and head on tensorflow cpu (linear_regression) prove nothing: The machine drifted: the"
    assert said in verdict_of(text)
    assert "✓" not in text
    assert table_of(text) == []


def test_what_a_gate_could_not_compare_is_told_beside_what_it_could(results: Path) -> None:
    fails = MeasuredWorkload(workload=CALL, why_not="TypeError: <b>not registered</b>")
    runs = [
        [record.model_copy(update={"measured": [record.measured[0], fails]}) for record in side]
        for seed in (1, 2)
        for side in run_of(20, seed)
    ]
    outcome = gate_outcome(runs[0], runs[1], runs[2], runs[3], LIMITS)
    save_gate(outcome, results)
    verdict = verdict_of(pull_request_text(results, None))
    assert verdict.startswith("keras-styles: ✓ None of 3 cells was shown to be slower")
    assert f"⚠ Left out of the comparison: {outcome.notes[0][:50]}" in verdict


def test_a_changed_counter_counts_also_where_times_prove_nothing(results: Path) -> None:
    base, head = run_of(6, 1)
    changed = counting(step_ops=41).counters
    outcome = gate_outcome(base, [each.model_copy(update={"counters": changed}) for each in head], [], [], None)
    save_gate(outcome, results)
    text = pull_request_text(results, None)
    assert "on tensorflow cpu (linear_regression): changed counters and lost equalities: 1." in verdict_of(text)
    assert "prove nothing: This machine has no calibration, so no slow-down can be told from noise" in verdict_of(text)
    assert [row[0] for row in table_of(text)[1:]] == ["✗ head against base"]


def test_what_cannot_be_compared_has_no_changed_counters(results: Path) -> None:
    base, head = run_of(6, 1)
    elsewhere = ENVIRONMENT.model_copy(update={"cores": 64})
    changed = {"counters": counting(step_ops=41).counters, "environment": elsewhere}
    save_gate(gate_outcome(base, [each.model_copy(update=changed) for each in head], [], [], LIMITS), results)
    text = pull_request_text(results, None)
    assert "prove nothing: Base and head are not comparable: cores is 2 on base and 64 on head." in verdict_of(text)
    assert table_of(text) == []


def made(day: int, slow: dict[CellKey, float], *, name: str = "linear_regression", **sides: object) -> GateRecord:
    """Return a gate of some day, of an architecture of that name; `sides` are fields of both environments."""
    outcome = gated(slow)

    def renamed(record: ProcessRecord) -> ProcessRecord:
        measured = [
            each.model_copy(update={"workload": each.workload.model_copy(update={"architecture": name})})
            for each in record.measured
        ]
        return record.model_copy(
            update={"measured": measured, "environment": record.environment.model_copy(update=sides)}
        )

    changed = {side: list(map(renamed, getattr(outcome, side))) for side in ("base", "head")}
    return outcome.model_copy(update={"created": datetime(2026, 1, day, tzinfo=UTC), **changed})


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"engine": "torch"}, "torch cpu (linear_regression)"),
        ({"name": "my_model"}, "tensorflow cpu (my_model)"),
        ({"keras": "3.16.0"}, "tensorflow cpu (linear_regression)"),
    ],
)
def test_a_gate_hides_only_an_older_one_of_the_same(results: Path, other: dict[str, str], named: str) -> None:
    """Not that of another engine, of other architectures, or of other versions; commits change with each push."""
    for gate in (made(2, {}, commit="def"), made(1, {SLOW: 1.05}), made(1, {SLOW: 1.05}, **other)):
        save_gate(gate, results)
    text = pull_request_text(results, None)
    assert verdict_of(text) == (
        f"keras-styles: ✗ Head is worse than base on {named}: slower cells: 1. ✓ None of 6 cells was shown to be "
        "slower on head than on base, on tensorflow cpu (linear_regression)."
    )
    assert sorted(re.findall("^- (.) gate, (2026-01-0.)", text, re.MULTILINE)) == [
        ("✓", "2026-01-02"),
        ("✗", "2026-01-01"),
    ]


def older(record: GateRecord) -> GateRecord:
    """Return a gate as it was saved before records said which sentence is what."""
    return record.model_copy(update={"schema_version": 1, "failures": [], "doubts": [], "slower": []})


def test_what_an_older_gate_said_is_shown_as_it_was_said(results: Path) -> None:
    gate = gated({SLOW: 1.05})
    save_gate(older(gate), results)
    text = pull_request_text(results, None)
    assert (
        "✗ Head is worse than base on tensorflow cpu (linear_regression): sentences of an older record: 1."
        in verdict_of(text)
    )
    assert [row[:2] for row in table_of(text)[1:]] == [["✗ head against base", gate.sentences[0]]]

    base, head = run_of(20, 1)
    save_gate(older(gate_outcome(base[:4], head[:4], [], [], LIMITS)), results)
    text = pull_request_text(results, None)
    assert "prove nothing: 4 pairs of processes are too few to tell anything; run at least 5." in verdict_of(text)
    assert table_of(text) == []

    save_gate(older(gated({})), results)
    assert verdict_of(pull_request_text(results, None)).startswith("keras-styles: ✓ None of 6 cells")


def test_the_committed_gate_of_an_older_schema_is_read() -> None:
    paths = list((ROOT / "results").glob("*/gate-*.json"))
    assert paths
    assert all(load(path, GateRecord).sentences for path in paths)


def keep_case(results: Path, name: str, moment: datetime, **changes: object) -> None:
    """Keep a failing case as `keras-styles check` does."""
    folder = results / FAILURES / name
    folder.mkdir(parents=True)
    case = CASE_OF_MY_MODEL.model_copy(update=changes)
    (folder / CASE).write_text(case.model_dump_json(), encoding="utf-8")
    os.utime(folder / CASE, (moment.timestamp(),) * 2)


def test_a_check_that_failed_is_told_though_it_leaves_no_record(results: Path) -> None:
    """The gate is not run after it, so there is nothing else."""
    for day in range(1, 6):
        keep_case(results, f"case-{day}", datetime(2026, 1, day, 12, tzinfo=UTC), architecture=f"model_{day}")
    (results / FAILURES / "half written").mkdir()
    text = pull_request_text(results, None)
    assert verdict_of(text) == (
        "keras-styles: ✗ The styles do not agree on tensorflow cpu: failing cases that were kept: 5."
    )
    rows = table_of(text)[1:]
    assert [row[0] for row in rows] == ["✗ kept case"] * 3
    assert [row[1] for row in rows] == [
        f"model_{day}: functional and subclassing, weights: layer/kernel after epoch 3" for day in (5, 4, 3)
    ]
    assert rows[0][2:] == ["other bits: 2.5e-05, allowed 0", f"tensorflow cpu, {ENVIRONMENT.machine}"]
    assert "\n- kept case, 2026-01-05 12:00 UTC, " in text
    assert f"`{FAILURES}/case-5`" in text


def test_a_case_that_is_told_otherwise_or_may_be_mended_is_no_news(results: Path) -> None:
    keep_case(results, "told-1", datetime(2030, 1, 1, tzinfo=UTC))
    keep_case(results, "old-2", datetime(2025, 1, 1, tzinfo=UTC))
    failed = Failure(test="test_x", message=f"they differ\n  kept in       results/{FAILURES}/told-1\n")
    save_equivalence(RECORD.model_copy(update={"failures": [failed]}), results)
    text = pull_request_text(results, None)
    assert "⚠ Older failing cases: 1, the newest of 2025-01-01 00:00 UTC; once they are mended, delete" in text
    assert [row[1] for row in table_of(text)[1:]] == ["test_x"]


def test_a_kept_case_that_cannot_be_read_is_counted(results: Path) -> None:
    keep_case(results, "broken", datetime(2026, 1, 1, tzinfo=UTC))
    (results / FAILURES / "broken" / CASE).write_text("{}", encoding="utf-8")
    assert "Files that could not be read: 1; `The record" in pull_request_text(results, None)


def test_costs_of_a_run_that_proves_nothing_are_no_rows(results: Path) -> None:
    save_run(results, "0001_costs.json", measuring(*processes(TRUTH | {"twin": 1.2})))
    text = pull_request_text(results, None)
    assert "⚠ The costs on tensorflow cpu prove nothing: the functional style's twin" in verdict_of(text)
    assert "and 2 more reasons." in verdict_of(text)
    assert "Costs that are slower" not in text
    assert table_of(text) == []


def test_costs_name_the_device_that_they_were_measured_on(results: Path) -> None:
    save_run(
        results, "0001_costs.json", measuring(*processes(), *processes(TRUTH | {"subclassing": 3.0}, device="gpu"))
    )
    _, first, *_ = table_of(pull_request_text(results, None))
    assert first[3] == f"tensorflow gpu, {ENVIRONMENT.machine}"
    assert float(first[2].split()[0]) == pytest.approx(3, abs=0.02)


def test_base_and_head_are_named_with_their_versions(results: Path) -> None:
    outcome = gated({})
    newer = ENVIRONMENT.model_copy(update={"keras": "3.16.0"})
    head = [each.model_copy(update={"environment": newer}) for each in outcome.head]
    save_gate(outcome.model_copy(update={"head": head}), results)
    (line,) = [line for line in pull_request_text(results, None).splitlines() if line.startswith("- ")]
    assert re.search(r"base `keras 3\.15\.1,.*`, head `keras 3\.16\.0,", line)


def test_what_cannot_be_read_is_counted_and_hides_nothing(results: Path) -> None:
    folder = save_equivalence(PASSED, results)[0].parent
    (folder / "gate-1.json").write_text("{}", encoding="utf-8")
    save_gate(gated({}).model_copy(update={"head": []}), results)
    text = pull_request_text(results, None)
    assert "✓ The styles agree" in verdict_of(text)
    assert "Files that could not be read: 2; `The record" in text


def test_more_environments_than_anybody_reads_are_counted(results: Path) -> None:
    for number in range(12):
        here = ENVIRONMENT.model_copy(update={"machine": f"machine-{number}"})
        save_equivalence(PASSED.model_copy(update={"environment": here}), results)
    lines = [line for line in pull_request_text(results, None).splitlines() if line.startswith("- ")]
    assert len(lines) == 11
    assert lines[-1] == "- 2 more"


def test_a_run_of_the_probes_says_how_many_differences_hold(results: Path) -> None:
    on_jax = probing().engines[0].model_copy(update={"engine": "jax"})
    save_differences(probing().model_copy(update={"engines": [probing().engines[0], on_jax]}), results)
    later = probing(ProbedDifference(id="T-01", verdict="holds"))
    alone = later.engines[0].model_copy(update={"differences": later.engines[0].differences[-1:]})
    save_differences(
        later.model_copy(update={"engines": [alone], "created": datetime(2026, 1, 5, tzinfo=UTC)}), results
    )
    assert verdict_of(pull_request_text(results, None)) == (
        f"keras-styles: {UNCLAIMED} torch with Keras 3.15.1: 1. {UNCLAIMED} jax with Keras 3.15.1: 1. "
        "✓ Differences that hold on torch: 2 (2026-01-02 to 2026-01-05). "
        "✓ Differences that hold on jax: 1 (2026-01-02)."
    )


def test_a_difference_holds_on_an_engine_if_it_does_on_each_of_its_devices(results: Path) -> None:
    on_gpu = ENVIRONMENT.model_copy(update={"device": "gpu"})
    on_it = (
        probing()
        .engines[0]
        .model_copy(update={"environment": on_gpu, "differences": [CHANGED.model_copy(update={"id": "T-02"})]})
    )
    save_differences(probing().model_copy(update={"engines": [on_it]}), results)
    save_differences(probing().model_copy(update={"created": datetime(2026, 1, 5, tzinfo=UTC)}), results)
    text = pull_request_text(results, None)
    assert "✗ Known differences that changed, or whose probe was lost: 1." in verdict_of(text)
    assert "that hold" not in text
    assert [row[3] for row in table_of(text)[1:]] == [f"tensorflow gpu, {ENVIRONMENT.machine}"]


def test_where_nothing_is_said_the_suite_is_asked_for(results: Path) -> None:
    save_memory(memory(RECORD.created), results)
    assert verdict_of(pull_request_text(results, None)) == "keras-styles: ⚠ The equivalence suite was not run."


def test_without_records_it_says_what_to_run(results: Path) -> None:
    for text in (pull_request_text(results, None), pull_request_text(results, LINK)):
        assert verdict_of(text) == (
            "keras-styles: ⚠ there are no records, so nothing is known. Run keras-styles gate, or in a checkout of "
            "keras-styles pytest equivalence/ or pytest bench/ --benchmark-save, first."
        )


def save_everywhere(results: Path, text: str) -> None:
    """Save a record of each kind in which whatever is shown is this text."""
    names = ("machine", "keras", "engine", "engine_version", "numpy", "python", "commit")
    here = ENVIRONMENT.model_copy(update=dict.fromkeys(names, text))

    def there(records: Sequence[ProcessRecord]) -> list[ProcessRecord]:
        return [each.model_copy(update={"environment": here}) for each in records]

    def costs(truth: dict[str, float], keras: str) -> BenchmarkRun:
        run = measuring(*there(processes(truth, workloads=[strange])))
        machine = MachineInfo(keras_styles=here.model_copy(update={"keras": keras}))
        return run.model_copy(update={"machine_info": machine})

    strange = workload("fit", architecture=text)
    elsewhere = [
        timed.model_copy(update={"measured": [MeasuredWorkload(workload=strange, nanoseconds={})]})
        for timed in there(gated({}).base)
    ]
    # Not newer than the kept case, on whatever day the tests run.
    gate = gated({SLOW: 1.05}).model_copy(update={"created": datetime(2026, 1, 1, tzinfo=UTC)})
    slower = gate.confirmations[0].model_copy(update={"workload": strange, "verdict": "regression"})
    saved = {
        "equivalence-1": RECORD.model_copy(
            update={"environment": here, "failures": [Failure(test=text, message=text)]}
        ),
        "differences-1": probing(CHANGED.model_copy(update={"reason": text}), environment=here),
        "gate-1": gate.model_copy(
            update={
                "base": there(gate.base),
                "head": there(gate.head),
                "confirmations": [slower],
                "failures": [text],
                "doubts": [],
                "slower": [text],
                "exit_code": 1,
            }
        ),
        "gate-3": older(gate).model_copy(update={"base": elsewhere, "sentences": [text], "exit_code": 1}),
        "gate-4": older(gate).model_copy(update={"head": elsewhere, "sentences": [text], "exit_code": 2}),
        "0001_believed": costs(TRUTH, text),
        "0002_doubted": costs(TRUTH | {"twin": 1.2}, f"2{text}"),
    }
    folder = results / "machine"
    folder.mkdir(parents=True)
    for name, saved_record in saved.items():
        content = saved_text(saved_record) if isinstance(saved_record, BenchmarkRun) else saved_record.model_dump_json()
        (folder / f"{name}.json").write_text(content, encoding="utf-8")
    (folder / "gate-2.json").write_text("{}", encoding="utf-8")
    found = FOUND.model_copy(update={"stage": text, "where": text, "reason": text, "difference": None})
    sides = {text: SIDE.model_copy(update={"environment": here}), "subclassing": SIDE}
    keep_case(results, "case", datetime(2030, 1, 1, tzinfo=UTC), architecture=text, left=text, sides=sides, found=found)


def structure_of(text: str) -> list[tuple[str, list[str]]]:
    """Return what the text consists of, without its words."""
    return [(token.type, [child.type for child in token.children or []]) for token in parse(text)]


@pytest.fixture(scope="module")
def plain_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What stands there if nobody is hostile."""
    results = tmp_path_factory.mktemp("plain")
    save_everywhere(results, "plain")
    return pull_request_text(results, LINK)


@pytest.mark.parametrize(
    "hostile",
    [
        *(HOSTILE, "x" * 10_000, "`" * 81, "`", "|", "a\\|b", "\\", "](javascript:alert(1))", "\n\n# heading", "<b>"),
        *("\u202e\u200f", "www.example.test", "@octocat #1", "| - |\n|---|\n", "<!--", "$`x`$", "~~~\nx"),
    ],
    ids=lambda hostile: ascii(hostile[:12]),
)
def test_nothing_in_a_record_changes_what_the_text_consists_of(tmp_path: Path, plain_text: str, hostile: str) -> None:
    save_everywhere(tmp_path, hostile)
    text = pull_request_text(tmp_path, LINK)
    expected = structure_of(plain_text)
    assert structure_of(text) == expected
    rows = table_of(text)
    assert [row[0] for row in rows[1:]] == [
        *("✗ equivalence", "✗ kept case", "✗ head against base", "✗ head against base", "✗ slower than base"),
        *("✗ difference changed", "slower than functional"),
    ]
    assert {len(row) for row in rows} == {4}
    assert [child for _, children in expected for child in children].count("link_open") == 1, "the page's own"
    assert all(character.isprintable() for line in text.splitlines() for character in line)
    assert len(text) < 65_536, "the longest comment that GitHub takes"
    for line in text.splitlines():
        assert all(len(span) <= LONGEST for span in re.findall("`([^`]*)`", line))


def test_what_is_shown_can_still_be_read(results: Path) -> None:
    """Only what could break out is replaced; a text that is too long is cut where it ends."""
    message = "TypeError: `int | None`\n  at 3\t<b> " + "x" * 10_000
    save_equivalence(RECORD.model_copy(update={"failures": [Failure(test="t[한국어]", message=message)]}), results)
    _, (_, test, shown, _) = table_of(pull_request_text(results, None))
    assert test == "t[한국어]"
    assert shown.startswith("TypeError: 'int ¦ None' at 3 <b> xxx")
    assert len(shown) == LONGEST
    assert shown.endswith("x…")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "/page", "page.html", "https://", "ftp://a.test/", "http://[", "", "data:text/html,x"],
)
def test_a_link_has_to_lead_to_a_page(results: Path, link: str) -> None:
    with pytest.raises(LinkError, match="is no address of a page; give one that begins with https://"):
        pull_request_text(results, link)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://a.test/b_c?d=e&f=1#g", "http://a.test/b_c?d=e&f=1#g"),
        ("https://a.test/b> <c)\n\n# d](`|\\", "https://a.test/b%3E%20%3Cc%29%0A%0A#%20d]%28%60%7C%5C"),
        ("https://a.test/&lt;script&gt;", "https://a.test/&lt;script&gt;"),
    ],
)
def test_a_link_leads_where_it_says(results: Path, link: str, address: str) -> None:
    last = parse(pull_request_text(results, link))[-2].children or []
    assert [child.type for child in last] == ["link_open", "text", "link_close"]
    assert last[0].attrs["href"] == address.replace("]", "%5D")


def test_the_command_prints_the_text_as_it_is_and_exits_with_0(results: Path, run: Run) -> None:
    save_equivalence(RECORD, results)
    done = run("keras_styles.cli", "summary", "--link", LINK)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == pull_request_text(results, LINK) + "\n"
    refused = run("keras_styles.cli", "summary", "--link", "javascript:alert(1)")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("keras-styles: ")
    assert len(refused.stderr.splitlines()) == 1
