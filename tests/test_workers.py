"""Workers: the suite says the same in one process and in several, also when one of them dies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from equivalence import workers
from equivalence.agreement import Tally
from equivalence.gathering import Account, Gathered, summary
from keras_styles.comparison import compare_modes, compare_styles, compare_with_reference
from keras_styles.engines import MODES, usable_cores
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.records import EquivalenceRecord, load
from tests.conftest import ROOT, Run, replace_in
from tests.numpy_training import ENVIRONMENT, train
from tests.test_records import RECORD, STAGE

# The engine that is imported soonest; what workers leave behind is the same on each.
SOONEST = "jax"
IMPORTS = """\
'''A part of a small suite.'''
import os, signal
import pytest
from hypothesis import example, given, settings, strategies as st
from equivalence.agreement import assert_records_diverged, assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
LINE = LinearProblem(weights=(1.0,))
"""

SMALL_SUITE = {
    "test_one.py": """
@settings(max_examples=5)
@given(seed=st.integers(0, 99))
@example(seed=3)
def test_generated(trainer, contract_seed, seed):
    assert_styles_agree(trainer, LINE, Recipe(epochs=2, seed=seed + contract_seed))

def test_nothing():
    pass

# What is skipped has to reach the record with its reason, so one test of this small suite is.
@pytest.mark.skip(reason="to be counted")
def test_skipped():
    pass
""",
    "test_two.py": """
def test_diverged(trainer):
    assert_records_diverged(trainer.train_styles(LINE, Recipe(learning_rate=1.9)))

@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_parametrized(trainer, epochs):
    assert_styles_agree(trainer, LINE, Recipe(epochs=epochs))

def test_wrong(trainer):
    assert_styles_agree(trainer, LINE, Recipe(epochs=1))
    raise AssertionError("they differ")
""",
}


@pytest.fixture
def small_suite(project: Path) -> Path:
    """A copy of the project whose suite has no more than what these tests need."""
    for path in (project / "equivalence").glob("test_*.py"):
        path.unlink()
    for name, body in SMALL_SUITE.items():
        (project / "equivalence" / name).write_text(IMPORTS + body, encoding="utf-8")
    return project


def only_record(results: Path) -> EquivalenceRecord:
    (path,) = results.glob("*/equivalence-*.json")
    return load(path, EquivalenceRecord)


def test_workers_leave_the_record_of_one_process(run: Run, small_suite: Path, tmp_path: Path) -> None:
    records = []
    for words in (("-n0",), ("-n2",)):
        results = tmp_path / words[0]
        done = run(
            "pytest", "equivalence/", *words, cwd=small_suite, KERAS_BACKEND=SOONEST, KERAS_STYLES_RESULTS=str(results)
        )
        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
        assert "profile pr, seed 0" in done.stdout
        records.append(only_record(results))
    alone, shared = records
    assert (alone.workers, shared.workers) == (1, 2)
    assert alone.tests == {"failed": 2, "passed": 5, "skipped": 1}
    assert alone.skips == ["test_skipped: to be counted"]
    assert [failure.message for failure in alone.failures] == [
        "This test made no comparison, so it could not have failed.",
        "they differ",
    ]
    assert alone.complete
    assert alone.comparisons == sum(test.comparisons for test in alone.per_test.values())
    assert alone.comparisons == sum(stage.comparisons for stage in alone.stages)
    assert {stage.mode for stage in alone.stages} == {MODES[SOONEST][0]}
    for stage in alone.stages:
        # Nothing but the trainings that diverged goes without a margin in tier 1.
        assert sum(stage.margins.values()) == (0 if stage.tier == 0 else stage.comparisons - stage.diverged)
    differ_in = {"created": None, "workers": None, "seconds": None, "comparisons_per_second": None}
    assert shared.model_copy(update=differ_in) == alone.model_copy(update=differ_in)


def test_a_worker_that_dies_takes_only_its_test_with_it(run: Run, small_suite: Path, results: Path) -> None:
    """Under a profile that draws the seed, so that workers which drew their own would show."""
    note = "    print(contract_seed, file=open('seeds', 'a'))\n"
    replace_in(small_suite / "equivalence/test_one.py", "seed):\n", "seed):\n" + note)
    (small_suite / "equivalence/test_two.py").write_text(
        IMPORTS + f"def test_fatal(contract_seed):\n{note}    os.kill(os.getpid(), signal.SIGKILL)\n", encoding="utf-8"
    )
    words = ("-n2", "-k", "fatal or generated", "--hypothesis-profile=nightly")
    done = run("pytest", "equivalence/", *words, cwd=small_suite, KERAS_BACKEND=SOONEST)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    record = only_record(results)
    assert record.outcome == "failed"
    assert {int(seed) for seed in (small_suite / "seeds").read_text(encoding="utf-8").split()} == {record.seed}
    assert f"profile nightly, seed {record.seed}" in done.stdout
    assert record.tests == {"failed": 1, "passed": 1}
    assert list(record.per_test) == ["equivalence/test_one.py::test_generated"]
    (failure,) = record.failures
    assert failure.test == "equivalence/test_two.py::test_fatal"
    assert "crashed while running 'equivalence/test_two.py::test_fatal'" in failure.message


@pytest.mark.parametrize("words", [("-n0",), ("-n2",)])
def test_a_suite_that_cannot_begin_leaves_a_record_that_says_why(
    run: Run, small_suite: Path, results: Path, words: tuple[str, ...]
) -> None:
    """Or the page would go on to show what an older run saw."""
    (small_suite / "equivalence/test_one.py").write_text("import nowhere\n", encoding="utf-8")
    (small_suite / "equivalence/test_two.py").write_text("def test_x(:\n", encoding="utf-8")
    listed = run("pytest", "equivalence/", "--collect-only", cwd=small_suite, KERAS_BACKEND=SOONEST)
    assert "2 errors" in listed.stdout
    mistyped = run("pytest", "equivalence/nowhere.py", *words, cwd=small_suite, KERAS_BACKEND=SOONEST)
    assert mistyped.returncode != pytest.ExitCode.OK
    assert not list(results.glob("*/equivalence-*.json")), "who only looks, or mistypes, has run nothing"
    done = run("pytest", "equivalence/", *words, cwd=small_suite, KERAS_BACKEND=SOONEST)
    # So pytest, and so pytest-xdist.
    ended = pytest.ExitCode.INTERRUPTED if words == ("-n0",) else pytest.ExitCode.TESTS_FAILED
    assert done.returncode == ended, done.stdout + done.stderr
    record = only_record(results)
    assert (record.outcome, record.complete, record.agree, record.tests) == ("failed", True, False, {"failed": 2})
    assert (record.environment.engine, record.environment.deterministic, record.comparisons) == (SOONEST, True, 0)
    one, two = record.failures
    why = "None of its tests was run, since they could not be collected: "
    assert one.test == "equivalence/test_one.py"
    assert one.message == f"{why}ModuleNotFoundError: No module named 'nowhere'"
    assert two.message.startswith(f"{why}File ")
    assert "SyntaxError" in two.message
    assert len(two.message.splitlines()) == 1


def test_a_record_does_not_depend_on_which_test_ended_first() -> None:
    def report(test: str, stage: str, outcome: Any) -> pytest.TestReport:
        stages = [STAGE.model_copy(update={"stage": stage}).model_dump()]
        account = Account(said=f"what {test} said", stages=stages, environment=ENVIRONMENT.model_dump())
        return pytest.TestReport(test, (test, 0, test), {}, outcome, None, "call", account=account)

    reports = [
        report("b.py::test", "weights", "failed"),
        report("a.py::test", "history", "failed"),
        report("d.py::test", "weights", "skipped"),
        report("c.py::test", "predictions", "skipped"),
    ]
    texts = set()
    for order in (reports, reports[::-1]):
        gathered = Gathered()
        for one in order:
            gathered.add_report(one)
        record = gathered.record(profile="pr", seed=0, workers=1, complete=True, outcome="failed", seconds=2.0)
        texts.add(record.model_copy(update={"created": RECORD.created}).model_dump_json())
    assert len(texts) == 1
    assert record.comparisons_per_second == 20


class CommandLine:
    """As much of pytest's configuration as the choice of workers reads."""

    def __init__(self, *args: str, **options: Any) -> None:
        self.args = list(args)
        self._options = {"capture": "fd"} | options

    def getoption(self, name: str, default: Any = None) -> Any:
        """Return an option as it was typed."""
        return self._options.get(name, default)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (CommandLine("equivalence"), 8),
        (CommandLine("equivalence/", "equivalence/test_trainer.py"), 8),
        (CommandLine("equivalence/test_trainer.py"), 8),
        (CommandLine("equivalence/test_trainer.py::test_a"), 0),
        (CommandLine("equivalence/test_trainer.py::test_a", "equivalence/test_saving.py::test_b"), 2),
        (CommandLine("equivalence/test_trainer.py", "equivalence/test_saving.py::test_b"), 8),
        (CommandLine("tests", "equivalence"), 0),
        (CommandLine("bench"), 0),
        (CommandLine("bench", "equivalence"), 0),
        (CommandLine("."), 0),
        (CommandLine("equivalence", usepdb=True), 0),
        (CommandLine("equivalence", collectonly=True), 0),
        (CommandLine("equivalence", capture="no"), 0),
    ],
    ids=lambda value: " ".join([*value.args, *value._options]) if isinstance(value, CommandLine) else str(value),
)
def test_workers_are_for_the_suite_alone(line: Any, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("KERAS_STYLES_DEVICE", raising=False)
    monkeypatch.setattr(workers, "usable_cores", lambda: 8)
    assert workers.default_workers(line) == expected
    monkeypatch.setenv("KERAS_STYLES_DEVICE", "gpu")
    assert workers.default_workers(line) == 0


@pytest.mark.skipif(usable_cores() < 2, reason="one core has no use for workers")
def test_workers_come_unasked_and_their_controller_imports_no_engine(
    run: Run, small_suite: Path, results: Path
) -> None:
    """What is imported is seen at the end of the controller, by a plugin."""
    (small_suite / "look.py").write_text(
        "import sys\n"
        "def pytest_unconfigure(config):\n"
        "    if not hasattr(config, 'workerinput'):\n"
        "        print('imported', sorted({'keras', 'tensorflow'} & set(sys.modules)))\n",
        encoding="utf-8",
    )
    words = ("-p", "look", "-k", "parametrized")
    done = run("pytest", "equivalence/", *words, cwd=small_suite)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported []" in done.stdout
    assert only_record(results).workers == usable_cores()


@pytest.mark.parametrize("seed", ["100", "-1", "1.5", "x"])
def test_a_seed_outside_the_contract_is_one_sentence(run: Run, seed: str) -> None:
    done = run("pytest", "equivalence/", KERAS_STYLES_SEED=seed)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == (
        f"ERROR: KERAS_STYLES_SEED={seed} is no seed of the contract; set it to a whole number from 0 to 99, or unset "
        "it."
    )


def test_the_benchmark_refuses_workers(run: Run) -> None:
    done = run("pytest", "bench/", "-n2")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == "ERROR: Workers would disturb each other's times; run pytest bench/ without -n."


def test_comparisons_are_counted_by_mode_and_two_modes_by_both() -> None:
    trained = train(LinearProblem(weights=(1.0,), samples=8), Recipe(epochs=1))
    eager, graph, again = (
        replace(trained, environment=ENVIRONMENT.model_copy(update={"mode": mode}))
        for mode in ("eager", "graph", "graph")
    )
    tally = Tally()
    tally.add(compare_modes({"one": graph, "other": eager}), {"one": graph, "other": eager})
    tally.add(compare_styles({"one": graph, "other": again}), {"one": graph, "other": again})
    tally.add(compare_with_reference(eager, "one"), {"one": eager})
    assert {(stage.tier, stage.mode) for stage in tally.take()} == {(2, "eager and graph"), (0, "graph"), (1, "eager")}


def test_an_infinite_margin_is_the_worst_in_the_summary() -> None:
    stages = [STAGE, STAGE.model_copy(update={"margins": {"inf": 1}, "worst_margin": None})]
    said = summary(RECORD.model_copy(update={"stages": stages}))
    assert "margins: half are at most 0.000244 of the bound, the worst is inf" in said
