"""The commands as they are typed: saving, comparing, interrupting, failing, checking; all files are real."""

import importlib.util
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keras_styles import cli, runtime
from keras_styles.records import BenchmarkRun, EquivalenceRecord, load
from keras_styles.workloads import CONTENDERS
from tests.conftest import ROOT, Run, process_environment, replace_in

Check = Callable[..., tuple[int, str, str]]

# On jax, which is imported soonest; what is typed and kept is the same on each engine.
QUICK = ("--bench-processes=2", "-k", "linear_regression-build")


def only_file(results: Path, pattern: str) -> Path:
    (path,) = results.glob(pattern)
    return path


def assert_holds_samples_environment_and_skipped_cells(path: Path) -> None:
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    run = load(path, BenchmarkRun)
    assert path.parent.name == run.machine_info.keras_styles.machine
    assert run.machine_info.keras_styles.cpu
    assert {benchmark["extra_info"]["style"] for benchmark in raw["benchmarks"]} == set(CONTENDERS)
    assert [process.number for process in run.keras_styles.processes] == [0, 1]
    for benchmark in raw["benchmarks"]:
        stats = benchmark["stats"]
        assert len(stats["data"]) == stats["rounds"] == 2
        assert stats["min"] == min(stats["data"])
        assert stats["median"] == pytest.approx(sum(stats["data"]) / 2)
        assert benchmark["extra_info"]["jit_compile"] is True
        assert benchmark["extra_info"]["equal"] is True
    if run.machine_info.keras_styles.gpu is None:
        skipped = run.keras_styles.unmeasured
        assert len(skipped) == len(CONTENDERS)
        assert {cell.reason for cell in skipped} == {"jax sees no GPU on this machine"}
        assert {cell.outcome for cell in skipped} == {"skipped"}


def assert_has_the_fields_that_others_read(path: Path) -> None:
    """Those of github-action-benchmark (`tool: pytest`) and of Bencher (`python_pytest`)."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["commit_info"]["id"]
    assert raw["datetime"]
    for benchmark in raw["benchmarks"]:
        assert benchmark["fullname"].startswith("bench/test_costs.py::test_cost[")
        for field in ("mean", "stddev", "rounds", "ops"):
            assert isinstance(benchmark["stats"][field], int | float)


def test_compare_as_typed_finds_results_through_its_default_storage() -> None:
    """`pytest-benchmark compare` reads .benchmarks and no configuration, so that has to lead to results/."""
    assert (ROOT / ".benchmarks").resolve() == (ROOT / "results").resolve()


def interrupted(results: Path, *words: str, when: str, **variables: str) -> str:
    """Run a command, interrupt it as Ctrl-C does as soon as its output holds `when`, and return all of its output."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=process_environment(results, PYTHONUNBUFFERED="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What a shell runs in the background ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if when in line:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            break
    lines += process.stdout.readlines()
    assert process.wait(timeout=120) == pytest.ExitCode.INTERRUPTED, "".join(lines)
    return "".join(lines)


def test_a_benchmark_is_interrupted_and_goes_on_and_what_it_saves_is_whole_and_read_by_others(
    results: Path, run: Run
) -> None:
    """`pytest bench/ --benchmark-save` without a NAME, then with one: one test, since a run takes its time."""
    words = ("pytest", "bench/", *QUICK, "--benchmark-save")
    output = interrupted(results, *words, when="process 1: ", KERAS_BACKEND="jax")  # the first has measured
    assert "go on by adding --bench-resume." in output
    folder = only_file(results, "*/unfinished/*")
    first = (folder / "process-000.jsonl").read_text(encoding="utf-8")

    refused = run(*words, KERAS_BACKEND="jax")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert refused.stderr.startswith(f"ERROR: An interrupted run lies in {folder}; go on with it by --bench-resume")

    otherwise = run(*words, "--bench-processes=1", "--bench-resume", KERAS_BACKEND="jax")
    assert otherwise.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"The run in {folder} was asked for 1 workloads in 2 processes, and this one for 1 in 1" in otherwise.stdout
    unsaved = run(*words[:-1], "--bench-resume", KERAS_BACKEND="jax")
    assert unsaved.returncode == 0, unsaved.stdout + unsaved.stderr
    assert f"Nothing was saved, and what the processes measured is kept in {folder}: save it by" in unsaved.stdout

    done = run(*words, "--bench-resume", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stdout + done.stderr
    path = only_file(results, "*/0001_*.json")
    (built,) = load(path, BenchmarkRun).keras_styles.processes[0].measured
    assert built.model_dump(mode="json") in [json.loads(line).get("measured") for line in first.splitlines()]
    assert not list(results.glob("*/unfinished/*")), "what is in the saved file is not kept twice"
    assert_holds_samples_environment_and_skipped_cells(path)
    assert_has_the_fields_that_others_read(path)

    done = run("pytest_benchmark", "--storage", str(results), "compare")
    assert done.returncode == 0, done.stderr
    assert "test_cost[linear_regression-build-batch-32-width-8-functional-cpu]" in done.stdout

    cells = ("-k", "linear_regression-build or building_the_site", "--bench-processes=1")
    done = run("pytest", "bench/", *cells, "--benchmark-save=mine", "--benchmark-compare", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stdout + done.stderr
    skipped = load(only_file(results, "*/0002_mine-*.json"), BenchmarkRun).keras_styles.unmeasured
    assert ("skipped", "a thousand runs take minutes; add --bench-profile=full") in [
        (cell.outcome, cell.reason) for cell in skipped
    ]
    assert "Comparing against benchmarks from" in done.stdout + done.stderr
    done = run("pytest_benchmark", "--storage", str(results), "compare", "0001", "0002")
    assert done.returncode == 0, done.stderr
    assert "(0002_mine-" in done.stdout


def test_what_is_interrupted_after_its_costs_is_not_saved_as_if_it_were_whole(
    run: Run, project: Path, results: Path
) -> None:
    (project / "bench/test_zz.py").write_text("def test_ctrl_c(): raise KeyboardInterrupt", encoding="utf-8")
    words = ("--bench-processes=1", "-k", "linear_regression-build or ctrl_c", "--benchmark-save")
    done = run("pytest", "bench/", *words, cwd=project, KERAS_BACKEND="jax")
    assert done.returncode == pytest.ExitCode.INTERRUPTED, done.stdout + done.stderr
    assert "go on by adding --bench-resume." in done.stdout
    assert not list(results.glob("*/0001_*.json"))
    (kept,) = results.glob("*/unfinished/*/process-*.jsonl")
    assert '"done": true' in kept.read_text(encoding="utf-8"), "what was measured is kept to go on with"


def test_interrupting_the_equivalence_suite_keeps_a_record(results: Path) -> None:
    words = ("pytest", "equivalence/", "-v", "-k", "real_data or optimizers")  # enough to be still at it by then
    output = interrupted(results, *words, when="PASSED", KERAS_BACKEND="jax")
    assert "Interrupted: what was compared until then is kept" in output
    record = load(only_file(results, "*/equivalence-*.json"), EquivalenceRecord)
    assert record.outcome == "interrupted"
    assert record.comparisons > 0
    assert not record.complete, "only a part was asked for"
    assert record.environment.deterministic
    assert not record.environment.tensor_float_32


@pytest.mark.parametrize("suite", ["equivalence/", "bench/"])
def test_results_that_cannot_be_written_stop_before_anything_is_measured(run: Run, results: Path, suite: str) -> None:
    results.write_text("a file in the way", encoding="utf-8")
    done = run("pytest", suite, KERAS_BACKEND="jax")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith("ERROR: Results cannot be written to ")
    assert "or set KERAS_STYLES_RESULTS to another folder." in done.stderr


def test_a_wrong_style_fails_with_a_message_that_can_be_followed(run: Run, project: Path, results: Path) -> None:
    """The subclass loses its bias; then the command from the message is typed."""
    replace_in(
        project / "keras_styles/architectures/linear_regression.py",
        'self.linear_layer = layers.Dense(1, activation="linear", name="linear_layer")',
        'self.linear_layer = layers.Dense(1, activation="linear", name="linear_layer", use_bias=False)',
    )
    done = run("pytest", "equivalence/test_batches.py", "-x", "-n0", cwd=project, KERAS_BACKEND="jax")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    text = "".join(line.removeprefix("E").strip() + "\n" for line in done.stdout.splitlines())
    assert "functional and subclassing do not agree." in text
    assert "stage         variables: names" in text
    assert "observed      subclassing has no linear_layer/bias, which functional has" in text
    record = load(only_file(results, "*/equivalence-*.json"), EquivalenceRecord)
    assert record.outcome == "failed"
    assert "subclassing has no linear_layer/bias" in record.failures[0].message

    command = next(line for line in text.splitlines() if line.startswith("repeat it")).removeprefix("repeat it").strip()
    program, *arguments = shlex.split(command)
    assert (program, arguments[0]) == ("keras-styles", "replay")
    again = run("keras_styles.cli", *arguments, cwd=project)
    assert again.returncode == 1, again.stderr
    assert "It still fails; it begins at variables: names.\n" in again.stdout
    mended = run("keras_styles.cli", *arguments)
    assert mended.returncode == 0, mended.stderr
    assert "It does not fail any more: functional and subclassing agree.\n" in mended.stdout


COMMON_FAULTS = [
    (
        "keras_styles/training.py",
        "optimizer.learning_rate = recipe.learning_rate\n",
        "optimizer.learning_rate = recipe.learning_rate * 1.0001\n",
        "sequential and reference do not agree.",
    ),
    (
        "keras_styles/architectures/linear_regression.py",
        '"subclassing": subclassing}',
        '"subclassing": functional}',
        "the styles should be 3 classes, but they are",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "complaint"), COMMON_FAULTS, ids=["learning_rate", "one_style_twice"])
def test_what_the_styles_have_in_common_is_caught_too(
    run: Run, project: Path, file: str, old: str, new: str, complaint: str
) -> None:
    """A fault in all three styles is invisible between them; the reference and the classes show it."""
    replace_in(project / file, old, new)
    done = run("pytest", "equivalence/test_batches.py", "-x", "-n0", cwd=project, KERAS_BACKEND="jax")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert complaint in done.stdout


def test_unequal_styles_are_not_timed(run: Run, project: Path) -> None:
    replace_in(
        project / "keras_styles/architectures/linear_regression.py",
        "return self.linear_layer(x)\n\n\ndef subclassing",
        "return self.linear_layer(x) * 1.0001\n\n\ndef subclassing",
    )
    done = run("pytest", "bench/", *QUICK[1:], "--bench-processes=1", cwd=project, KERAS_BACKEND="jax")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "not equal: sequential and subclassing differ in linear_layer/kernel (weights after the first" in done.stdout


@pytest.mark.parametrize(
    ("body", "complaints", "workers"),
    [
        (
            "def test_nothing(): pass\n"
            "from equivalence.agreement import assert_styles_agree\n"
            "from keras_styles.problems import LinearProblem\n"
            "from keras_styles.recipes import Recipe\n"
            "def test_idle(trainer):\n"
            "    assert_styles_agree(trainer, LinearProblem(weights=(1.0,)), Recipe(epochs=1, learning_rate=0.0))\n",
            (
                "This test made no comparison, so it could not have failed.",
                "No training of this test moved a weight, so it compared only builds.",
            ),
            "-n0",
        ),
        (
            "from hypothesis import given, strategies as st\n@given(st.none())\ndef test_given(x): pass",
            ("is a @given without an @example",),
            "-n2",
        ),
    ],
    ids=["compares nothing", "given without example"],
)
def test_a_test_that_cannot_fail_is_refused(
    run: Run, project: Path, body: str, complaints: tuple[str, ...], workers: str
) -> None:
    (project / "equivalence/test_idle.py").write_text(body, encoding="utf-8")
    done = run("pytest", "equivalence/test_idle.py", workers, cwd=project, KERAS_BACKEND="jax")
    assert done.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR)
    for complaint in complaints:
        assert complaint in done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("is a @given without an @example") <= 1, "each worker finds it"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_a_single_mode_is_not_compared_with_itself(run: Run) -> None:
    words = ("equivalence/test_execution.py", "-n0", "-rs", "-k", "modes_are_within or change_no_bit")
    done = run("pytest", *words, KERAS_BACKEND="torch")
    assert "2 skipped" in done.stdout, done.stdout + done.stderr
    assert "torch has eager mode only, so no two to compare" in done.stdout
    assert "Keras allows one step per execution only on torch, so no two to compare" in done.stdout


def test_the_suites_refuse_to_share_a_process(run: Run) -> None:
    """Determinism, which equivalence needs, would be timed; TensorFlow alone has a switch for it."""
    done = run("pytest", "equivalence/test_real_data.py", "bench/", "-k", "own_units or linear_regression-build")
    assert "Deterministic operations are on; run pytest bench/ in a process of its own." in done.stdout + done.stderr


@pytest.fixture
def check(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Check]:
    """`keras-styles check` in this process, which has its engine already: exit code, output and errors."""
    monkeypatch.setenv("KERAS_STYLES_RESULTS", str(results))

    def typed(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["keras-styles", "check", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        return int(exit_info.value.code or 0), *capsys.readouterr()

    yield typed
    runtime.make_deterministic(False)


def test_check_reports_divergence_as_divergence(check: Check) -> None:
    code, out, _ = check("TableProblem(source='study_hours')", "Recipe(learning_rate=0.5)")
    assert code == 1
    assert "diverged, so nothing can be said about agreement." in out
    assert "what to do    lower the learning rate, or rescale the data" in out
    assert "allowed" not in out.split("diverged, so nothing", 1)[1]
    assert "The three styles agree" not in out


def test_check_compares_the_styles_that_can_express_an_architecture(check: Check) -> None:
    case = "LinearProblem(weights=(1.0,))", "Recipe(epochs=2)"
    code, out, _ = check(*case, "--architecture=residual_add")
    assert code == 0
    assert "functional and subclassing agree." in out
    code, _, error = check(*case, "--architecture=tree_rnn")
    assert code == 2
    assert error.startswith("keras-styles: Only subclassing can express tree_rnn, so there is nothing to ")


def test_check_does_not_call_it_agreement_if_nothing_moved(check: Check) -> None:
    code, out, _ = check("LinearProblem(weights=(1.0,))", "Recipe(learning_rate=0.0, epochs=2)")
    assert code == 1
    assert "No training moved a weight, so that they agree proves nothing; raise the learning rate." in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("TableProblem(source='nowhere.csv')",), "The table 'nowhere.csv' cannot be read"),
        (("__import__('os').system('true')",), "is not of the form LinearProblem(...) or TableProblem(...)"),
        (("LinearProblem((1.0,))",), "has arguments without a name"),
        (("LinearProblem(weights=(1.0,), noise=-open('x'))",), "cannot be read as LinearProblem(...)"),
        (("LinearProblem(weights=(1.0,), noise=much)",), "(noise=much is no number, text in quotes, tuple or"),
        (("LinearProblem(weights=(1.0,), nose=1.0)",), "unexpected keyword argument 'nose'"),
        (
            ("LinearProblem(weights=(1.0,))", "Recipe(epochs=0)"),
            "A recipe needs epochs of at least 1, a whole number, not 0.",
        ),
    ],
)
def test_a_case_that_cannot_be_read_is_one_sentence(arguments: tuple[str, ...], sentence: str, check: Check) -> None:
    code, _, error = check(*arguments)
    assert code == 2
    assert sentence in error
    assert error.startswith("keras-styles: ")
    assert error.count("\n") == 1
