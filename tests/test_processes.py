"""Processes: fresh ones measure, whatever they said is kept, and an interrupted run goes on where it was."""

import json
import sys
from pathlib import Path

import pytest

from keras_styles.processes import (
    Job,
    MeasuringError,
    Request,
    _Worker,
    measure_in_process,
    measure_in_turns,
    measure_processes,
    read_kept,
)
from keras_styles.workloads import ProcessRecord, Workload
from tests.numpy_training import ENVIRONMENT

CALL = Workload(architecture="linear_regression", phase="call")
PREDICT = Workload(architecture="linear_regression", phase="predict")
BUILD = Workload(architecture="linear_regression", phase="build")
REQUEST = Request(number=0, device="cpu", workloads=[CALL], counted=[])


@pytest.fixture(autouse=True)
def _quick_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # imported soonest; nothing here is about engines


def of(records: list[ProcessRecord], workload: Workload) -> int:
    return sum(workload in [each.workload for each in record.measured] for record in records)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    said: list[str] = []
    measure_processes([BUILD, CALL], 2, device="cpu", folder=tmp_path, show=said.append)
    assert said[0].startswith("process 1: linear_regression; 1 of 4 done, about ")
    first, second = sorted(tmp_path.glob("process-*.jsonl"))
    # As if it had been interrupted while the second process measured the second workload, and wrote it down.
    lines = second.read_text(encoding="utf-8").splitlines(keepends=True)
    built = next(number for number, line in enumerate(lines) if '"measured"' in line)
    second.write_text("".join(lines[: built + 1]) + lines[built + 1][:20], encoding="utf-8")
    kept_before = first.read_text(encoding="utf-8"), second.read_text(encoding="utf-8")

    records = measure_processes([BUILD, CALL], 2, device="cpu", folder=tmp_path)
    assert (of(records, BUILD), of(records, CALL)) == (2, 2)
    assert [record.number for record in records] == [0, 1, 2]
    assert [each.workload for each in records[2].measured] == [CALL]
    assert (first.read_text(encoding="utf-8"), second.read_text(encoding="utf-8")) == kept_before
    assert read_kept(tmp_path) == records
    # Counted in two processes: the second was cut off before it came to that.
    assert [list(record.counters) for record in records] == [["linear_regression"], [], ["linear_regression"]]
    assert all(record.pulse_nanoseconds for record in records)

    with pytest.raises(
        MeasuringError, match=r"was asked for 2 workloads in 2 processes, and this one for 1 in 2 or for others"
    ):
        measure_processes([CALL], 2, device="cpu", folder=tmp_path)
    first.unlink()  # somebody did not like it; the next one must not be written into one that is there
    again = measure_processes([BUILD, CALL], 2, device="cpu", folder=tmp_path)
    assert [record.number for record in again] == [1, 2, 3]
    assert again[:2] == records[1:]


def test_a_process_that_ends_early_costs_one_workload(tmp_path: Path) -> None:
    unknown = Workload(architecture="no_such_thing", phase="call")
    after = Workload(architecture="multilayer_network", phase="call")
    first, second = measure_processes([CALL, unknown, after], 1, device="cpu", folder=tmp_path)
    call, lost = first.measured
    assert call.workload == CALL
    assert call.nanoseconds
    assert lost.workload == unknown
    assert "its process ended: " in (lost.why_not or "")
    assert "no architecture 'no_such_thing'" in (lost.why_not or "")
    (found,) = second.measured
    assert found.workload == after
    assert found.nanoseconds
    assert [record.measured for record in read_kept(tmp_path)] == [first.measured, second.measured]


def test_processes_take_turns_action_by_action(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two real processes; what is watched is who is told to go on, and that nobody else is doing anything then."""
    turns: list[tuple[int, list[int]]] = []
    both: list[_Worker] = []
    go = _Worker.go

    def watched(worker: _Worker) -> None:
        both.extend([worker] if worker not in both else [])
        assert all(one.ended or one.place is not None for one in both), "somebody is still measuring"
        turns.append((both.index(worker), worker.place or []))
        go(worker)

    monkeypatch.setattr(_Worker, "go", watched)
    request = Request(
        number=0, device="cpu", workloads=[CALL, PREDICT], counted=[], min_rounds=2, max_seconds=0.0, takes_turns=True
    )
    records = measure_in_turns([Job(request), Job(request)])
    places = [place for _, place in turns[::2]]
    assert places == [place for _, place in turns[1::2]], "both have come equally far"
    # The models' and the floors' first steps, then of each workload its pulse and two rounds of six contenders.
    assert places == [[1, turn] for turn in range(7)] + [[n, turn] for n in (2, 3) for turn in range(13)]
    order = [who for who, _ in turns]
    assert [order[at : at + 4] for at in range(0, 28, 4)] == 7 * [[order[0], order[1], order[1], order[0]]]
    assert [len(each.nanoseconds["functional"]) for record in records for each in record.measured] == [2] * 4


def test_a_process_that_ends_gives_its_turns_to_the_other() -> None:
    unknown = Workload(architecture="no_such_thing", phase="call")
    jobs = [
        Job(Request(number=0, device="cpu", workloads=[CALL, workload], counted=[], takes_turns=True))
        for workload in (unknown, BUILD)
    ]
    lost, whole = measure_in_turns(jobs)
    assert "no architecture 'no_such_thing'" in (lost.measured[1].why_not or "")
    assert [bool(each.nanoseconds) for each in whole.measured] == [True, True]


def worker(folder: Path, body: str) -> str:
    """Return an interpreter that runs this instead of the worker."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\nsys.stdin.readline()\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


ENVIRONMENT_LINE = f"print(json.dumps({{'environment': {ENVIRONMENT.model_dump()!r}}}), flush=True)"


def test_a_process_that_hangs_is_ended_and_its_workload_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_styles.processes.SECONDS_PER_ANSWER", 3.0)  # Python has to start in it
    python = worker(tmp_path, f"{ENVIRONMENT_LINE}\nprint('{{\"pulse\": 1}}', flush=True)\ntime.sleep(600)")
    record = measure_in_process(Job(REQUEST, python=python))
    assert [one.why_not for one in record.measured] == ["its process ended: it gave no answer within 3 s"]


def test_what_ends_before_any_workload_would_end_so_at_each_of_them(tmp_path: Path) -> None:
    python = worker(tmp_path, f"{ENVIRONMENT_LINE}\nsys.exit('no driver')")
    with pytest.raises(MeasuringError, match=r"A process of head \(.*python\) measured nothing: no driver\."):
        measure_in_process(Job(REQUEST, "head", python))


def test_processes_share_the_memory_of_a_gpu(tmp_path: Path) -> None:
    names = "XLA_PYTHON_CLIENT_PREALLOCATE", "TF_FORCE_GPU_ALLOW_GROWTH"
    python = worker(tmp_path, f"sys.exit(' '.join(os.environ[name] for name in {names}))")
    with pytest.raises(MeasuringError, match=r"measured nothing: false true\."):
        measure_in_process(Job(REQUEST, python=python))


def test_what_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    kept = tmp_path / "gone" / "process-000.jsonl"
    with pytest.raises(MeasuringError, match=r"cannot be kept in .*process-000\.jsonl \(No such file or directory\);"):
        measure_in_process(Job(REQUEST, python=worker(tmp_path, ENVIRONMENT_LINE), kept=kept))


@pytest.mark.parametrize("line", ["no json", "5", '{"environment": {"cpu": "x"}}', '{"measured": {"new_field": 1}}'])
def test_a_side_of_another_version_is_told_in_a_sentence(tmp_path: Path, line: str) -> None:
    python = worker(tmp_path, f"print({line!r}, flush=True)")
    with pytest.raises(MeasuringError, match="python has another version of keras-styles, which says what this one"):
        measure_in_process(Job(REQUEST, python=python))


def test_an_environment_that_cannot_measure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MeasuringError, match="nowhere/python cannot be started"):
        measure_in_process(Job(REQUEST, python=str(tmp_path / "nowhere/python")))
    monkeypatch.setenv("KERAS_BACKEND", "cobol")
    with pytest.raises(MeasuringError, match=r"measured nothing: .*KERAS_BACKEND=cobol names no engine"):
        measure_in_process(Job(REQUEST))


def test_a_run_that_never_began_stands_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "cobol")
    for plan in ([BUILD, CALL], [CALL]):
        with pytest.raises(MeasuringError, match="measured nothing"):
            measure_processes(plan, 2, device="cpu", folder=tmp_path)
    assert not list(tmp_path.glob("process-*"))


def test_a_run_is_not_continued_with_other_versions(tmp_path: Path) -> None:
    request = Request(number=0, device="cpu", workloads=[BUILD], counted=[])
    path = tmp_path / "process-000.jsonl"
    measure_in_process(Job(request, kept=path))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if "environment" in line:
            line["environment"]["keras"] = "2.0.0"
    changed = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "process-001.jsonl").write_text(changed, encoding="utf-8")
    with pytest.raises(MeasuringError, match=r"another environment \(keras 3\..* and 2\.0\.0\); delete that folder"):
        measure_processes([BUILD], 2, device="cpu", folder=tmp_path)


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    for line in ("no", "[]"):
        (tmp_path / "process-000.jsonl").write_text(f'{{"done": true}}\n{line}\n', encoding="utf-8")
        with pytest.raises(MeasuringError, match=r"process-000\.jsonl holds a line that cannot be read"):
            read_kept(tmp_path)
