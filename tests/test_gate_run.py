"""Running the gate: base and head take turns in real processes, each with architectures of its own checkout."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from keras_styles.calibration import CalibrationRecord
from keras_styles.gate import changed_counters
from keras_styles.gate_run import Side, newest_calibration, save_calibration, take_turns
from keras_styles.records import ResultsError
from keras_styles.workloads import ProcessRecord, Workload
from tests.conftest import Run
from tests.numpy_training import ENVIRONMENT
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
    kept = tmp_path / "kept"
    base, head = take_turns(*sides, workloads, 2, device="cpu", folder=kept, show=lambda text: None)
    assert [record.measured[0].why_not for record in base + head] == [None] * 4
    changed = changed_counters(base, head)
    assert "The counter variables of my_model functional changed from 2 on base to 4 on head." in changed
    # A pair that is whole is not measured again; one of which a process is missing is.
    (kept / "head-001.jsonl").unlink()
    said: list[str] = []
    base_again, head_again = take_turns(*sides, workloads, 2, device="cpu", folder=kept, show=said.append)
    assert said == ["pair 2 of 2"]
    assert (base_again[0], head_again[0]) == (base[0], head[0])
    assert base_again[1] != base[1]


def calibration(hours: float) -> CalibrationRecord:
    process = ProcessRecord(
        number=0, created=RECORD.created, environment=ENVIRONMENT, pulse_nanoseconds=[1], measured=[]
    )
    return CalibrationRecord(
        created=RECORD.created + timedelta(hours=hours), environment=ENVIRONMENT, processes=[process] * 40
    )


def test_the_newest_calibration_of_this_machine_counts(results: Path) -> None:
    here = ENVIRONMENT.machine, ENVIRONMENT.engine, ENVIRONMENT.device
    with pytest.raises(ResultsError, match="is not known; run keras-styles calibrate first"):
        newest_calibration(results, *here)
    for hours in (1, 3, 2):
        path, trouble = save_calibration(calibration(hours), results)
        assert trouble is None
        assert path.parent == results / "calibration"
    assert newest_calibration(results, *here) == calibration(3)
    with pytest.raises(ResultsError, match="There is no calibration of torch"):
        newest_calibration(results, here[0], "torch", here[2])


def test_a_machine_that_was_never_calibrated_is_one_sentence(run: Run) -> None:
    done = run("keras_styles.cli", "gate", "--base", sys.executable, "--head", sys.executable, KERAS_BACKEND="jax")
    assert done.returncode == 2
    assert done.stderr.startswith("keras-styles: There is no calibration of jax on this machine's cpu under ")
    assert done.stderr.count("\n") == 1


def test_costs_without_a_run_are_one_sentence(run: Run) -> None:
    done = run("keras_styles.cli", "costs")
    assert done.returncode == 2
    assert done.stderr.endswith("run pytest bench/ --benchmark-save first.\n")
