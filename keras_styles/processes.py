"""Processes: starts fresh ones to measure workloads, alone or taking turns, and keeps every line they say at once."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, PositiveInt

from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.schema import Schema
from keras_styles.workloads import (
    HOW_MEASURED,
    LOST,
    MAX_SECONDS,
    MIN_ROUNDS,
    WIDTH,
    WORKLOAD_VERSION,
    Counters,
    MeasuredWorkload,
    ProcessRecord,
    Workload,
)

# Fifty layers in six contenders take XLA half a minute on a slow machine; what takes ten times as long hangs.
SECONDS_PER_ANSWER: Final = 300.0


# A process takes of a GPU's memory what it needs: by themselves TensorFlow and jax take nearly all of it, and the
# process that started this one may use the same GPU, as does the one that it takes turns with.
SHARED_GPU: Final = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

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
    lives: PositiveInt = Field(
        default=1, description="how often each model begins anew where its first phases are timed"
    )
    controls: bool = Field(default=True, description="whether the twin and the floors are timed beside the styles")
    takes_turns: bool = Field(default=False, description="whether it waits for its turn before all that it times")


Show = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A process that is to measure.

    Attributes:
        request: what to measure.
        name: what a message calls it; its interpreter, if it has none.
        python: the interpreter, of an environment that has keras-styles.
        path: a folder that comes first on the process' path; None where nothing comes before what is installed.
        kept: a file that each line is appended to as it arrives, so that nothing is lost with the process.
    """

    request: Request
    name: str = ""
    python: str = sys.executable
    path: Path | None = THIS_CODE
    kept: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.python})" if self.name else self.python


def measure_in_process(job: Job, show: Callable[[Workload], None] = lambda workload: None) -> ProcessRecord:
    """Measure in a process of its own and return what it measured, also if it ended before its end.

    Args:
        job: what to measure, and how.
        show: called after each workload.

    Raises:
        MeasuringError: if the process does not even begin.
    """
    (record,) = measure_in_turns([job], show)
    return record


def measure_in_turns(
    jobs: Sequence[Job], show: Callable[[Workload], None] = lambda workload: None
) -> list[ProcessRecord]:
    """Measure in a process for each job, all alive at the same time, of which only one at a time does anything timed.

    A machine that others share is slow for seconds at a time. Processes that run one after the other meet different
    such times; those that take turns, action by action, meet the same. Whoever is behind has the turn, and where all
    have come equally far, another one each time.

    Raises:
        MeasuringError: if a process does not even begin.
    """
    said: queue.Queue[tuple[_Worker, str | None]] = queue.Queue()
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(job, said)) for job in jobs]
        while running := [worker for worker in workers if not worker.ended]:
            if all(worker.place is not None for worker in running):
                min(running, key=lambda worker: _turn(worker, workers)).go()
            try:
                worker, line = said.get(timeout=SECONDS_PER_ANSWER)
            except queue.Empty:
                for worker in running:
                    if worker.place is None:  # who waits for its turn does not hang
                        worker.end(f"it gave no answer within {SECONDS_PER_ANSWER:.0f} s")
                continue
            measured = worker.take(line)
            if measured:
                show(measured)
        return [worker.finished() for worker in workers]


def _turn(worker: "_Worker", workers: "Sequence[_Worker]") -> tuple[list[int], int]:
    """Return what is smallest for whose turn it is."""
    assert worker.place is not None
    return worker.place, (workers.index(worker) + worker.request.number + sum(worker.place)) % len(workers)


class _Worker:
    """A process that measures, while it does."""

    def __init__(self, job: Job, said: "queue.Queue[tuple[_Worker, str | None]]") -> None:
        self.request = job.request
        self.ended = False
        self.place: list[int] | None = None  # how far it is if it waits for its turn
        self._why_ended: str | None = None
        self._job = job
        self._said = said
        self._record = _Record(job.request.number)
        on_path = [job.path.resolve()] if job.path else []
        on_path += [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__
        try:
            self._process = subprocess.Popen(
                # -P: a checkout that happens to be the current folder must not come before PYTHONPATH.
                [job.python, "-P", "-m", "keras_styles.measuring_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**SHARED_GPU, **os.environ, "PYTHONPATH": os.pathsep.join(map(str, on_path))},
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._errors.close()
            raise MeasuringError(
                f"{job.python} cannot be started ({error.strerror}); name a Python interpreter."
            ) from error

    def __enter__(self) -> Self:
        self._write(self.request.model_dump_json())
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put((self, line))
        self._said.put((self, None))

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        # A process that ended cannot be told anything; its last words say why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def go(self) -> None:
        """Give it the turn."""
        self.place = None
        self._write("")

    def end(self, why: str) -> None:
        """End it, since it would go on beside another one that is timed."""
        self.ended, self._why_ended = True, why
        self._process.kill()
        self._process.wait()

    def take(self, line: str | None) -> Workload | None:
        """Take a line that it said, or None for its end, and return the workload that it has measured, if it has.

        Raises:
            MeasuringError: if it says what nobody here understands.
        """
        if line is None:
            self.ended = True
            return None
        try:
            answer = _parse(line)
            if "turn" in answer:
                self.place = answer["turn"]
            else:
                self._record.take(answer, self._job.kept)
        except ValueError as error:
            why = str(error).splitlines()[0]
            raise MeasuringError(
                f"{self._job} has another version of keras-styles, which says what this one does not understand "
                f"({why}); give it this version."
            ) from error
        self.ended = self._record.done
        return self._record.measured[-1].workload if "measured" in answer else None

    def finished(self) -> ProcessRecord:
        """Return what it measured, and of what it did not come to, why.

        Raises:
            MeasuringError: if it did not even begin.
        """
        if not self._record.done:
            words = self._why_ended or self._last_words()
            if not self._record.has_begun:
                raise MeasuringError(f"A process of {self._job} measured nothing: {words}.")
            lost = next((w for w in self.request.workloads if w not in self._record.answered), None)
            if lost:
                trouble = MeasuredWorkload(workload=lost, why_not=f"{LOST}: {words}")
                self._record.take({"measured": trouble.model_dump(mode="json")}, self._job.kept)
        return self._record.finished()

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").splitlines()
        # pydantic ends with where to read about the line before.
        told = [line.strip() for line in lines if line.strip() and "For further information" not in line]
        return told[-1].rstrip(".") if told else "it said nothing"


class _Record:
    """A record of a process while it grows, line by line."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.created = datetime.now(UTC)
        self.done = False
        self.workload_version = WORKLOAD_VERSION
        self.measuring_code: str | None = None
        self.environment: Environment | None = None
        self.pulses: list[int] = []
        self.measured: list[MeasuredWorkload] = []
        self.counters: dict[str, dict[str, Counters]] = {}

    @property
    def has_begun(self) -> bool:
        """Whether it came as far as a workload; what ends before would end so at the next one, too."""
        return self.environment is not None and bool(self.pulses or self.measured)

    @property
    def answered(self) -> set[Workload]:
        return {each.workload for each in self.measured}

    def take(self, answer: dict[str, Any], kept: Path | None = None) -> None:
        """Take one line, and keep it.

        Raises:
            MeasuringError: if it cannot be kept.
        """
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
        elif key == "measuring_code":
            self.measuring_code = value
        elif key == "done":
            self.done = True
        if kept is not None:
            lines = [] if kept.exists() else [{"created": self.created.isoformat()}]
            try:
                with kept.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in [*lines, answer])
            except OSError as error:
                raise MeasuringError(
                    f"What was measured cannot be kept in {kept} ({error.strerror}); make room, and the same command "
                    "goes on with what is there."
                ) from error

    def finished(self) -> ProcessRecord:
        assert self.environment is not None
        return ProcessRecord(
            number=self.number,
            created=self.created,
            environment=self.environment,
            workload_version=self.workload_version,
            measuring_code=self.measuring_code,
            pulse_nanoseconds=self.pulses,
            measured=self.measured,
            counters=self.counters,
        )


def read_kept(folder: Path) -> list[ProcessRecord]:
    """Return the processes of a run that was interrupted, in their order; the last one may be incomplete.

    Raises:
        MeasuringError: if a file there is none of ours.
    """
    records = [_read(path, number) for number, path in _kept_files(folder).items()]
    return [record.finished() for record in records if record.environment is not None]


def _kept_files(folder: Path) -> dict[int, Path]:
    """Return the files of a run's processes by their numbers, in order; somebody may have deleted one of them."""
    return {int(path.stem.removeprefix("process-")): path for path in sorted(folder.glob("process-[0-9]*.jsonl"))}


def read_whole(path: Path, number: int) -> ProcessRecord | None:
    """Return a process that measured all it was asked for, from its lines; None if it did not, or has said nothing.

    Raises:
        MeasuringError: if the file is none of ours.
    """
    record = _read(path, number) if path.exists() else None
    return record.finished() if record and record.done else None


def _parse(line: str) -> dict[str, Any]:
    """Return what a line says.

    Raises:
        ValueError: if it is no object.
    """
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError(f"{line.strip()[:20]} is no object")  # noqa: TRY004 -- as json's own, of a line
    return answer


def _read(path: Path, number: int) -> _Record:
    record = _Record(number)
    try:
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may have been cut off
                record.take(_parse(line))
    except ValueError as error:
        raise MeasuringError(f"{path} holds a line that cannot be read ({error}); delete the file.") from error
    return record


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
        MeasuringError: if a process does not begin, or what is kept there was asked for otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _require_one_plan(plan, processes, folder)
    records = read_kept(folder)
    require_one_environment(records, folder)
    to_do = sum(max(0, processes - _answers(records, workload)) for workload in plan)
    done, start, shown = 0, time.monotonic(), ""
    while rest := [workload for workload in plan if _answers(records, workload) < processes]:
        number = max(_kept_files(folder), default=-1) + 1
        missing = dict.fromkeys(workload.architecture for workload in rest if workload.width == WIDTH)
        # In two processes, since what differs between them is no property of the styles.
        counted = [name for name in missing if sum(name in record.counters for record in records) < 2]

        def progress(workload: Workload, number: int = number) -> None:
            nonlocal done, shown
            done += 1
            left = (time.monotonic() - start) / done * (to_do - done)
            if shown != (shown := f"process {number + 1}: {workload.architecture}"):
                show(f"{shown}; {done} of {to_do} done, about {duration(left)} left")

        request = Request(number=number, device=device, workloads=rest, counted=counted)
        kept = folder / f"process-{number:03}.jsonl"
        records.append(measure_in_process(Job(request, kept=kept), progress))
        require_one_environment(records, folder)
    return records


def _require_one_plan(plan: Sequence[Workload], processes: int, folder: Path) -> None:
    """Refuse to go on with a run that measures something else, and would be taken for this one; note what this is."""
    asked = {"processes": processes, "plan": [workload.model_dump() for workload in plan]}
    file = folder / "asked.json"
    if not file.exists() or not _kept_files(folder):  # nothing was measured, so there is nothing to go on with
        file.write_text(json.dumps(asked), encoding="utf-8")
    elif (then := json.loads(file.read_text(encoding="utf-8"))) != asked:
        raise MeasuringError(
            f"The run in {folder} was asked for {len(then['plan'])} workloads in {then['processes']} processes, and "
            f"this one for {len(plan)} in {processes} or for others; give the options of then, or delete the folder."
        )


def require_one_environment(records: Sequence[ProcessRecord], folder: Path, *, one_commit: bool = False) -> None:
    """Refuse to go on with a run that was begun with other versions, or on another machine.

    Args:
        records: of the run; the last one is compared with the first.
        folder: where they are kept.
        one_commit: whether another commit of this project's checkout is another environment, too.

    Raises:
        MeasuringError: if they differ.
    """
    if not records:
        return
    but = set() if one_commit else {"commit"}
    first, last = (
        record.environment.model_dump(exclude=but) | {name: getattr(record, name) for name in HOW_MEASURED}
        for record in (records[0], records[-1])
    )
    if other := [f"{name} {first[name]} and {last[name]}" for name in first if first[name] != last[name]]:
        raise MeasuringError(
            f"The run in {folder} was begun in another environment ({', '.join(other)}); delete that folder and begin "
            "anew."
        )


def _answers(records: Sequence[ProcessRecord], workload: Workload) -> int:
    return sum(any(each.workload == workload for each in record.measured) for record in records)


def duration(seconds: float) -> str:
    """Return a time to wait as text."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
