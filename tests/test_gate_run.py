"""Running the gate: base and head take turns in real processes, each with architectures of its own checkout."""

import json
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from keras_styles import cli, runtime
from keras_styles.calibration import CalibrationRecord
from keras_styles.gate import GateRecord, counter_faults
from keras_styles.gate_run import (
    Side,
    measure_unchanged,
    newest_calibration,
    request_digest,
    save_calibration,
    take_turns,
)
from keras_styles.processes import Job, MeasuringError, measure_in_turns
from keras_styles.records import ResultsError, load
from keras_styles.styles import STYLES
from keras_styles.workloads import WORKLOAD_VERSION, MeasuredWorkload, ProcessRecord, Workload, plan_of
from tests.conftest import Run
from tests.numpy_training import ENVIRONMENT
from tests.test_gate import COUNTERS
from tests.test_records import RECORD

MY_MODEL = """
from keras_styles.architectures import Architecture
from keras_styles.architectures.{like} import functional, sequential, subclassing

ARCHITECTURE = Architecture(
    name="my_model",
    builders={{"sequential": sequential, "functional": functional, "subclassing": subclassing}},
)
"""


def checkout(folder: Path, name: str, like: str) -> Side:
    path = folder / name
    path.mkdir()
    (path / "my_model.py").write_text(MY_MODEL.format(like=like), encoding="utf-8")
    return Side(name, sys.executable, path)


def test_two_checkouts_of_ones_own_architecture_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # imported soonest; nothing here is about engines
    sides = checkout(tmp_path, "base", "linear_regression"), checkout(tmp_path, "head", "multilayer_network")
    workloads = [Workload(architecture="my_model", phase="call")]
    base, head = take_turns(
        *sides, workloads, 1, device="cpu", folder=tmp_path / "kept", show=lambda text: None, counted=["my_model"]
    )
    assert [record.measured[0].why_not for record in base + head] == [None] * 2
    assert [sorted(record.measured[0].nanoseconds) for record in base + head] == [sorted(STYLES)] * 2
    changed = counter_faults(base, head).failures
    assert "The counter variables of my_model functional changed from 2 on base to 4 on head." in changed


MINE = Workload(architecture="my_model", phase="call")


def calibration(hours: float, *workloads: Workload) -> CalibrationRecord:
    process = ProcessRecord(
        number=0,
        created=RECORD.created,
        environment=ENVIRONMENT,
        pulse_nanoseconds=[1],
        measured=[MeasuredWorkload(workload=workload, nanoseconds={}) for workload in workloads],
    )
    return CalibrationRecord(
        created=RECORD.created + timedelta(hours=hours), environment=ENVIRONMENT, processes=[process] * 40
    )


def test_the_newest_calibration_of_this_machine_counts(results: Path) -> None:
    here = ENVIRONMENT.machine, ENVIRONMENT.engine, ENVIRONMENT.device
    with pytest.raises(ResultsError, match="is not known; run keras-styles calibrate first"):
        newest_calibration(results, *here, [])
    for hours in (1, 3, 2):
        path, trouble = save_calibration(calibration(hours), results)
        assert trouble is None
        assert path.parent == results / "calibration"
    assert newest_calibration(results, *here, [MINE]) == calibration(3)
    save_calibration(calibration(0, MINE), results)
    assert newest_calibration(results, *here, [MINE]) == calibration(0, MINE), "the others know nothing about it"
    assert newest_calibration(results, *here, []) == calibration(3)
    with pytest.raises(ResultsError, match="There is no calibration of torch"):
        newest_calibration(results, here[0], "torch", here[2], [])


WORKER = """#!{python}
import json, random, sys
request = json.loads(sys.stdin.readline())
noise = random.Random(str(({name!r}, request["number"], len(request["workloads"]))))
def say(**line):
    print(json.dumps(line), flush=True)
say(workload_version={version})
say(measuring_code={code!r})
say(environment={environment})
for place, workload in enumerate(request["workloads"], 1):
    say(turn=[place, 0])
    sys.stdin.readline()
    say(pulse=6_000_000)
    levels = {{"sequential": 1e7, "functional": 1e7, "subclassing": 1e7}}
    if workload["phase"] == "fit":
        levels["subclassing"] *= {factor}
    times = {{style: [int(level * noise.lognormvariate(0, 0.01)) for _ in range(3)] for style, level in levels.items()}}
    say(measured=dict(workload=workload, nanoseconds=times))
for name in request["counted"]:
    say(counters={{name: {{style: {counters} for style in levels}}}})
say(done=True)
"""


def interpreter(folder: Path, name: str, factor: float = 1.0, code: str | None = None, **environment: object) -> str:
    """Return an interpreter whose worker takes times that are known: subclassing's fit by a factor longer."""
    path = folder / name
    text = WORKER.format(
        python=sys.executable,
        name=name,
        version=WORKLOAD_VERSION,
        code=code,
        environment=runtime.environment(device="cpu").model_dump() | environment,
        factor=factor,
        counters=COUNTERS.model_dump(),
    )
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def calibrated(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the interpreters are, on a machine that was calibrated."""
    monkeypatch.setenv("KERAS_STYLES_RESULTS", str(results))
    folder = tmp_path / "interpreters"
    folder.mkdir()
    one, again = (Side(name, interpreter(folder, name)) for name in ("calibrated", "again"))
    pairs = take_turns(
        one, again, plan_of(["linear_regression"]), 20, device="cpu", folder=tmp_path / "k", show=lambda text: None
    )
    processes = [record for pair in zip(*pairs, strict=True) for record in pair]
    record = CalibrationRecord(created=processes[0].created, environment=processes[0].environment, processes=processes)
    save_calibration(record, results)
    return folder


def gate(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Type `keras-styles gate` and return its exit code."""
    words = ("keras-styles", "gate", "--architecture", "linear_regression", "--pairs", "5", *words)
    monkeypatch.setattr(sys, "argv", list(words))
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    return int(exit_info.value.code or 0)


def test_the_gate_passes_fails_and_refuses_by_its_exit_code(
    calibrated: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = interpreter(calibrated, "base")
    for name, changes, code, sentence in (
        ("same", {}, 0, "No regression was shown in 36 cells."),
        ("slow", {"factor": 1.3}, 1, "linear_regression fit batch 32 width 8 subclassing takes "),
        ("other", {"cores": 64}, 2, "Base and head are not comparable: cores is "),
        ("newer", {"code": "abc"}, 2, "Base and head are not comparable: measuring_code is None on base and 'abc' on"),
    ):
        assert gate(monkeypatch, "--base", base, "--head", interpreter(calibrated, name, **changes)) == code
        said = capsys.readouterr().out
        assert sentence in said
        saved = Path(said.split("saved as ")[1].strip())
        assert load(saved, GateRecord).exit_code == code
        assert saved.parent.parent == results
        if name == "slow":
            assert re.search(r"measuring again: \d of 12 workloads\npair 1 of 10", said), "twice the pairs decide"
        assert "measuring again" not in said or code != 2
        assert ("pair 2 of 5" in said) == (code != 2), "what the first pair shows to be in vain is not gone on with"
    assert not list(results.glob("*/unfinished/*")), "what is saved is not kept twice"


def test_of_one_python_nothing_but_the_checkouts_may_differ(
    calibrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two checkouts on one Python that find two versions of Keras are not only two checkouts."""
    python = interpreter(calibrated, "python")
    text = Path(python).read_text(encoding="utf-8")
    version = f"'keras': {runtime.keras.__version__!r}"
    assert version in text
    of_path = "'keras': __import__('os').environ['PYTHONPATH'].partition('/keras-')[2][:3]"
    Path(python).write_text(text.replace(version, of_path), encoding="utf-8")
    paths = [tmp_path / "keras-3.0", tmp_path / "keras-3.1"]
    for path in paths:
        (path / "keras_styles").mkdir(parents=True)
    assert gate(monkeypatch, "--base", python, "--head", python, "--path", *map(str, paths)) == 2
    assert "Base and head are not comparable: keras is '3.0' on base and '3.1' on head." in capsys.readouterr().out


def test_a_request_is_known_by_all_that_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, head = checkout(tmp_path, "base", "linear_regression"), checkout(tmp_path, "head", "linear_regression")
    (head.path or tmp_path).joinpath("a.py").mkdir()
    (head.path or tmp_path).joinpath(".#my_model.py").symlink_to("of an editor")

    def digest(device: str = "cpu") -> str:
        return request_digest(base, head, [MINE], 5, device)

    one = digest()
    assert digest() == one != digest("gpu")
    for name, value in (("KERAS_BACKEND", "torch"), ("PYTHONPATH", "/elsewhere")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert digest() != one
    (tmp_path / "head" / ".venv").mkdir()
    (tmp_path / "head" / ".venv" / "installed.py").write_text("", encoding="utf-8")
    assert digest() == one
    (tmp_path / "head" / "more.py").write_text("", encoding="utf-8")
    assert digest() != one
    (tmp_path / "head" / "unreadable.py").symlink_to("/proc/self/mem")
    with pytest.raises(MeasuringError, match=r"unreadable\.py cannot be read \(.*\); mend that"):
        digest()


def test_a_calibration_in_which_a_process_ended_is_none(
    calibrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be kept without thresholds for all that the process did not come to."""
    base, head = Side("base", interpreter(calibrated, "base")), Side("head", interpreter(calibrated, "head"))
    whole = Path(head.python).read_text(encoding="utf-8")
    pulse = "    say(pulse=6_000_000)\n"
    assert pulse in whole
    Path(head.python).write_text(
        whole.replace(pulse, f"{pulse}    if place == 2: sys.exit('killed')\n"), encoding="utf-8"
    )
    monkeypatch.setattr("keras_styles.gate_run.UNCHANGED", (base, head))
    plan = plan_of(["linear_regression"])
    said: list[str] = []

    def measured() -> CalibrationRecord:
        return measure_unchanged(plan, 20, device="cpu", folder=tmp_path / "kept", show=said.append)

    with pytest.raises(MeasuringError, match=r"^In linear_regression compile .* its process ended: killed; mend that"):
        measured()
    Path(head.python).write_text(whole, encoding="utf-8")
    assert len(measured().processes) == 40


def test_an_interrupted_gate_goes_on_where_it_was_and_a_changed_one_does_not(
    calibrated: Path, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pair that is whole is not measured again; one of which a process is missing is."""
    base, head = interpreter(calibrated, "base"), interpreter(calibrated, "head")
    paths = [tmp_path / "before", tmp_path / "after"]
    for path in paths:
        (path / "keras_styles").mkdir(parents=True)
    words = ("--base", base, "--head", head, "--path", *map(str, paths))
    begun = []

    def interrupted(jobs: list[Job]) -> list[ProcessRecord]:
        begun.append(jobs)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return measure_in_turns(jobs)

    with monkeypatch.context() as patched:
        patched.setattr("keras_styles.gate_run.measure_in_turns", interrupted)
        assert gate(monkeypatch, *words) == 130
    assert "the same command goes on after them" in capsys.readouterr().out
    (paths[1] / "keras_styles" / "new.py").write_text("", encoding="utf-8")
    assert gate(monkeypatch, *words) == 0
    assert capsys.readouterr().out.startswith("pair 1 of 5"), "of other code"
    (paths[1] / "keras_styles" / "new.py").unlink()
    (last,) = results.glob("*/unfinished/gate-*/first/head-001.jsonl")
    last.unlink()
    first = last.with_name("head-000.jsonl").read_text(encoding="utf-8")
    assert gate(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert said.startswith("pair 2 of 5")
    kept = load(Path(said.split("saved as ")[1].strip()), GateRecord).head[0]
    assert json.loads(first.splitlines()[0])["created"] == kept.created.isoformat()


def test_a_path_that_would_change_nothing_is_refused(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_STYLES_RESULTS", str(results))
    words = ("--base", sys.executable, "--head", sys.executable, "--path")
    assert gate(monkeypatch, *words, str(tmp_path / "nowhere"), str(tmp_path)) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"keras-styles: {tmp_path / 'nowhere'} holds none of keras_styles, linear_regression;")
    assert said.count("\n") == 1


def test_a_misspelt_architecture_is_refused_before_anything_is_measured(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_STYLES_RESULTS", str(results))
    for words in (("gate", "--base", "python", "--head", "python"), ("calibrate",)):
        monkeypatch.setattr(sys, "argv", ["keras-styles", *words, "--architecture", "misspelt"])
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        assert exit_info.value.code == 2
        assert "There is no architecture 'misspelt'" in capsys.readouterr().err


def test_a_bug_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Python itself would exit with 1, which says that something is slower."""
    monkeypatch.setattr("keras_styles.cli.app", lambda: 1 / 0)
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    assert exit_info.value.code == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_machine_that_was_never_calibrated_is_one_sentence(run: Run) -> None:
    done = run("keras_styles.cli", "gate", "--base", sys.executable, "--head", sys.executable, KERAS_BACKEND="jax")
    assert done.returncode == 2
    assert done.stderr.startswith("keras-styles: There is no calibration of jax on this machine's cpu under ")
    assert done.stderr.count("\n") == 1


def test_costs_without_a_run_are_one_sentence(run: Run) -> None:
    done = run("keras_styles.cli", "costs")
    assert done.returncode == 2
    assert done.stderr.endswith("run pytest bench/ --benchmark-save first.\n")
