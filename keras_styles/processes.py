"""Processes: starts fresh ones to measure workloads, one after the other, and keeps every line they say at once."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.schema import Schema
from keras_styles.workloads import (
    MAX_SECONDS,
    MIN_ROUNDS,
    WIDTH,
    WORKLOAD_VERSION,
    Counters,
    MeasuredWorkload,
    ProcessRecord,
    Workload,
)

# Fifty layers in four contenders take XLA half a minute on a slow machine; what takes ten times as long hangs.
SECONDS_PER_ANSWER: Final = 300.0


# So that a process runs the code that started it.
THIS_CODE: Final = Path(__file__).parent.parent


class MeasuringError(KerasStylesError):
    """A process for measuring that cannot be had."""


class Request(Schema):
    """What one process is asked to measure."""

    number: int
    device: str
    workloads: list[Workload]
    counted: list[str]
    min_rounds: int = MIN_ROUNDS
    max_seconds: float = MAX_SECONDS


Show = Callable[[str], None]


def measure_in_process(
    request: Request,
    *,
    python: str = sys.executable,
    path: Path | None = THIS_CODE,
    kept: Path | None = None,
    show: Callable[[Workload], None] = lambda workload: None,
) -> ProcessRecord:
    """Measure in a process of its own and return what it measured, also if it ended before its end.

    Args:
        request: what to measure.
        python: the interpreter, of an environment that has keras-styles.
        path: a folder that comes first on the process' path; None where nothing comes before what is installed.
        kept: a file that each line is appended to as it arrives, so that nothing is lost with this process.
        show: called after each workload.

    Raises:
        MeasuringError: if the process does not even begin.
    """
    record = _Record(request.number)
    on_path = [path.resolve()] if path else []
    on_path += [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                # -P: a checkout that happens to be the current folder must not come before PYTHONPATH.
                [python, "-P", "-m", "keras_styles.measuring_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, on_path))},
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise MeasuringError(
                f"{python} cannot be started ({error.strerror}); name a Python interpreter."
            ) from error
        try:
            _listen(process, request, record, kept, show)
        finally:
            process.kill()
            process.wait()
        if not record.done:
            said.seek(0)
            lines = said.read().decode("utf-8", errors="replace").strip().splitlines()
            words = lines[-1].rstrip(".") if lines else "it said nothing"
            if record.environment is None:
                raise MeasuringError(f"A process of {python} measured nothing: {words}.")
            lost = next((w for w in request.workloads if w not in record.answered), None)
            if lost:
                trouble = MeasuredWorkload(workload=lost, why_not=f"its process ended: {words}")
                record.take({"measured": trouble.model_dump(mode="json")}, kept)
    return record.finished()


def _listen(
    process: "subprocess.Popen[str]",
    request: Request,
    record: "_Record",
    kept: Path | None,
    show: Callable[[Workload], None],
) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(request.model_dump_json())
        process.stdin.close()
    except BrokenPipeError:
        return  # it ended before it listened; its last words say why
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    while not record.done:
        try:
            line = lines.get(timeout=SECONDS_PER_ANSWER)
        except queue.Empty:
            return
        if line is None:
            return
        answer = json.loads(line)
        record.take(answer, kept)
        if "measured" in answer:
            show(record.measured[-1].workload)


def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


class _Record:
    """A record of a process while it grows, line by line."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.created = datetime.now(UTC)
        self.done = False
        self.workload_version = WORKLOAD_VERSION
        self.environment: Environment | None = None
        self.pulses: list[int] = []
        self.measured: list[MeasuredWorkload] = []
        self.counters: dict[str, dict[str, Counters]] = {}

    @property
    def answered(self) -> set[Workload]:
        return {each.workload for each in self.measured}

    def take(self, answer: dict[str, Any], kept: Path | None = None) -> None:
        """Take one line, and keep it."""
        ((key, value),) = answer.items()
        if key == "environment":
            self.environment = Environment.model_validate(value)
        elif key == "measured":
            self.measured.append(MeasuredWorkload.model_validate(value))
        elif key == "counters":
            self.counters |= {
                name: {style: Counters.model_validate(one) for style, one in styles.items()}
                for name, styles in value.items()
            }
        elif key == "pulse":
            self.pulses.append(value)
        elif key == "created":
            self.created = datetime.fromisoformat(value)
        elif key == "workload_version":
            self.workload_version = value
        elif key == "done":
            self.done = True
        if kept is not None:
            if not kept.exists():
                kept.write_text(json.dumps({"created": self.created.isoformat()}) + "\n", encoding="utf-8")
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(answer) + "\n")

    def finished(self) -> ProcessRecord:
        assert self.environment is not None
        return ProcessRecord(
            number=self.number,
            created=self.created,
            environment=self.environment,
            workload_version=self.workload_version,
            pulse_nanoseconds=self.pulses,
            measured=self.measured,
            counters=self.counters,
        )


def read_kept(folder: Path) -> list[ProcessRecord]:
    """Return the processes of a run that was interrupted, in their order; the last one may be incomplete.

    Raises:
        MeasuringError: if a file there is none of ours.
    """
    records = []
    for number, path in enumerate(sorted(folder.glob("process-*.jsonl"))):
        record = _Record(number)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            for line in lines:
                if line.endswith("\n"):  # the last one may have been cut off
                    record.take(json.loads(line))
        except ValueError as error:
            raise MeasuringError(f"{path} holds a line that cannot be read ({error}); delete the file.") from error
        if record.environment is not None:
            records.append(record.finished())
    return records


def measure_processes(
    plan: Sequence[Workload],
    processes: int,
    *,
    device: str,
    folder: Path,
    show: Show = lambda text: None,
) -> list[ProcessRecord]:
    """Start fresh processes until each workload of the plan was asked of so many; go on where a run was interrupted.

    Args:
        plan: what to measure, in order.
        processes: how many processes shall have answered for each workload.
        device: that they measure on.
        folder: where each process' lines are kept; those that are there already count.
        show: is told what was done and about how long the rest takes, for each architecture.

    Raises:
        MeasuringError: if a process does not begin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = read_kept(folder)
    _require_one_environment(records, folder)
    to_do = sum(max(0, processes - _answers(records, workload)) for workload in plan)
    done, start, shown = 0, time.monotonic(), ""
    while rest := [workload for workload in plan if _answers(records, workload) < processes]:
        number = len(list(folder.glob("process-*.jsonl")))
        missing = dict.fromkeys(workload.architecture for workload in rest if workload.width == WIDTH)
        counted = [name for name in missing if not any(name in record.counters for record in records)]

        def progress(workload: Workload, number: int = number) -> None:
            nonlocal done, shown
            done += 1
            left = (time.monotonic() - start) / done * (to_do - done)
            if shown != (shown := f"process {number + 1}: {workload.architecture}"):
                show(f"{shown}; {done} of {to_do} done, about {_duration(left)} left")

        request = Request(number=number, device=device, workloads=rest, counted=counted)
        kept = folder / f"process-{number:03}.jsonl"
        records.append(measure_in_process(request, kept=kept, show=progress))
        _require_one_environment(records, folder)
    return records


def _require_one_environment(records: Sequence[ProcessRecord], folder: Path) -> None:
    """Refuse to go on with a run that was begun with other versions, or on another machine."""
    if not records:
        return
    first, last = (record.environment.model_dump(exclude={"commit"}) for record in (records[0], records[-1]))
    if other := [f"{name} {first[name]} and {last[name]}" for name in first if first[name] != last[name]]:
        raise MeasuringError(
            f"The run in {folder} was begun in another environment ({', '.join(other)}); delete that folder and begin "
            "anew."
        )


def _answers(records: Sequence[ProcessRecord], workload: Workload) -> int:
    return sum(any(each.workload == workload for each in record.measured) for record in records)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
