"""Running the gate: base and head in fresh processes that take turns, and again for the cells that failed."""

import hashlib
import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from keras_styles.calibration import CalibrationRecord, RatesRecord, thresholds
from keras_styles.engines import ENGINE_VARIABLE
from keras_styles.gate import (
    PAIRS_AGAIN,
    UNDER_TEST,
    GateRecord,
    common_cells,
    gate_outcome,
    measured_cells,
    not_comparable,
    to_run_again,
)
from keras_styles.processes import (
    THIS_CODE,
    Job,
    MeasuringError,
    Request,
    duration,
    measure_in_turns,
    read_whole,
    require_one_environment,
)
from keras_styles.records import ResultsError, load, save, slug, stamp
from keras_styles.workloads import GATE_LIVES, GATE_ROUNDS, GATE_SECONDS, LOST, ProcessRecord, Workload

Show = Callable[[str], None]


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: base or head.
        python: the interpreter of its environment, which has keras-styles.
        path: a folder that comes first on its Python's path: a checkout of keras-styles, or of one's own architectures.
    """

    name: str
    python: str
    path: Path | None = None


def require_code(folder: Path, architectures: Sequence[str]) -> None:
    """Refuse a folder that would change nothing on a Python's path: what is installed would be compared with itself.

    Raises:
        MeasuringError: if it holds neither this project's code nor any of the architectures.
    """
    wanted = ["keras_styles", *architectures]
    places = [folder.joinpath(*name.split(".")) for name in wanted]
    if not any(place.is_dir() or place.with_suffix(".py").is_file() for place in places):
        raise MeasuringError(
            f"{folder} holds none of {', '.join(wanted)}; give --path the folder that they are in, and name what is "
            "yours by --architecture."
        )


# What an environment's variables choose for the processes, beside what a command line does.
CHOOSING: Final = (ENGINE_VARIABLE, "PYTHONPATH")


def request_digest(base: Side, head: Side, workloads: Sequence[Workload], pairs: int, device: str) -> str:
    """Return what names a request: what is kept of an interrupted one is gone on with only if it asked for the same.

    The Python files of both paths count with what is in them, since nothing else tells a changed checkout.

    Raises:
        MeasuringError: if one of them cannot be read.
    """
    chosen = [os.environ.get(name) for name in CHOOSING]
    digest = hashlib.sha256(repr((base, head, workloads, pairs, device, chosen)).encode())
    for side in (base, head):
        for file in _python_files(side.path) if side.path else []:
            try:
                digest.update(repr((side.name, str(file), file.read_bytes())).encode())
            except OSError as error:
                raise MeasuringError(
                    f"{file} cannot be read ({error.strerror}); mend that, or give --path a folder without it."
                ) from error
    return digest.hexdigest()[:12]


def _python_files(folder: Path) -> list[Path]:
    """Return what Python could import from a folder; not what is hidden in it, such as environments and locks.

    Where this code runs there may be all that is installed; of that only this project counts.
    """
    within = folder / "keras_styles" if folder == THIS_CODE else folder
    found = (file for file in within.rglob("*.py") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def take_turns(
    base: Side,
    head: Side,
    workloads: Sequence[Workload],
    pairs: int,
    *,
    device: str,
    folder: Path,
    show: Show,
    counted: Sequence[str] = (),
    enough: Callable[[ProcessRecord, ProcessRecord], bool] = lambda base, head: False,
) -> tuple[list[ProcessRecord], list[ProcessRecord]]:
    """Measure pairs of fresh processes that are alive together and time one action after the other.

    The order is base, head, head, base, ... down to the single action, so that a machine that is slower for seconds or
    for hours is so for both alike.

    Args:
        base: measured first.
        head: measured against it.
        workloads: what each process measures.
        pairs: of processes.
        device: that they measure on.
        folder: where each process' lines are kept while it measures; pairs that are whole there are not measured again.
        show: is told what is being measured, and about how long the rest takes.
        counted: architectures whose styles' work is counted, in the first pair and in the last.
        enough: is given the first pair; if it returns True, no more are measured.

    Raises:
        MeasuringError: if a process does not begin, or what is kept there is of another environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sides = (base, head)
    measured: list[list[ProcessRecord]] = []
    measured_now, start = 0, time.monotonic()
    for pair in range(pairs):
        files = [folder / f"{side.name}-{pair:03}.jsonl" for side in sides]
        found = [read_whole(file, pair) for file in files]
        records = [record for record in found if record and {each.workload for each in record.measured} == {*workloads}]
        if len(records) < len(sides):
            for file in files:
                file.unlink(missing_ok=True)
            left = (time.monotonic() - start) / measured_now * (pairs - pair) if measured_now else None
            show(f"pair {pair + 1} of {pairs}" + (f", about {duration(left)} left" if left else ""))
            request = Request(
                number=pair,
                device=device,
                workloads=list(workloads),
                counted=list(counted) if pair in (0, pairs - 1) else [],
                min_rounds=GATE_ROUNDS,
                max_seconds=GATE_SECONDS,
                lives=GATE_LIVES,
                controls=False,  # what unchanged code differs by was measured before, by calibration
                takes_turns=True,
            )
            jobs = [
                Job(request, side.name, side.python, side.path, file) for side, file in zip(sides, files, strict=True)
            ]
            records = measure_in_turns(jobs)
            measured_now += 1
        measured.append(records)
        for first, last in zip(measured[0], records, strict=True):
            require_one_environment([first, last], folder, one_commit=True)
        if enough(*measured[0]):
            break
    return [pair[0] for pair in measured], [pair[1] for pair in measured]


# What a calibration compares: the code that runs here with itself.
UNCHANGED: Final = (Side("base", sys.executable, THIS_CODE), Side("head", sys.executable, THIS_CODE))


def measure_unchanged(
    workloads: Sequence[Workload], pairs: int, *, device: str, folder: Path, show: Show
) -> CalibrationRecord:
    """Measure this environment against itself, in pairs as the gate does.

    Raises:
        MeasuringError: as `take_turns`; if a process ended before its end, or no cell was timed in all of them.
    """
    sides = take_turns(*UNCHANGED, workloads, pairs, device=device, folder=folder, show=show)
    processes = [record for pair in zip(*sides, strict=True) for record in pair]
    without = [one for record in processes for one in record.measured if one.why_not]
    if lost := next((one for one in without if (one.why_not or "").startswith(LOST)), None):
        raise MeasuringError(
            f"In {lost.workload} {lost.why_not}; mend that, and the same command goes on with the pairs that are whole."
        )
    if not (cells := common_cells(processes)):
        why_not = without[0].why_not if without else "no reason"
        raise MeasuringError(f"No cell was timed in every process ({why_not}); mend that, delete {folder}, and go on.")
    timed = dict.fromkeys(key for record in processes for key in measured_cells(record))
    if never := [key for key in timed if key not in cells]:
        show(f"{len(never)} of {len(timed)} cells were not timed in every process, such as {never[0]}: no threshold")
    return CalibrationRecord(created=datetime.now(UTC), environment=processes[0].environment, processes=processes)


def run_gate(
    base: Side,
    head: Side,
    workloads: Sequence[Workload],
    pairs: int,
    calibration: CalibrationRecord,
    *,
    device: str,
    folder: Path,
    show: Show,
) -> GateRecord:
    """Compare head with base; what looks slower is measured again, in PAIRS_AGAIN times the pairs, which alone decide.

    Raises:
        MeasuringError: if a process does not begin.
    """
    allowed = thresholds(calibration, pairs)
    counted = list(dict.fromkeys(workload.architecture for workload in workloads))
    # Of one Python nothing but what the two folders hold may differ.
    under_test = frozenset({"commit"}) if base.python == head.python else UNDER_TEST
    turns = take_turns(
        base,
        head,
        workloads,
        pairs,
        device=device,
        folder=folder / "first",
        show=show,
        counted=counted,
        enough=lambda first, second: bool(not_comparable([first], [second], under_test)),
    )
    outcome = gate_outcome(*turns, [], [], allowed, calibrated=calibration.processes[0], under_test=under_test)
    if not (chosen := to_run_again(outcome)):
        return outcome
    again = list(dict.fromkeys(decision.workload for decision in chosen))
    part = f"{len(again)} of {len(workloads)} workloads"
    show(f"{len(chosen)} cells look slower, some of them by chance; measuring again: {part}")
    turns_again = take_turns(base, head, again, PAIRS_AGAIN * pairs, device=device, folder=folder / "again", show=show)
    return gate_outcome(*turns, *turns_again, allowed, calibrated=calibration.processes[0], under_test=under_test)


def save_gate(record: GateRecord, results: Path) -> tuple[Path, str | None]:
    """Save a gate under a unique name in its machine's folder; see `keras_styles.records.save`."""
    machine = record.base[0].environment.machine
    name = f"gate-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / machine, name, record.model_dump_json(indent=1) + "\n")


def save_calibration(record: CalibrationRecord, results: Path) -> tuple[Path, str | None]:
    """Save a calibration under a unique name; see `keras_styles.records.save`."""
    here = record.environment
    unique = f"{stamp(record.created)}-{uuid.uuid4().hex[:8]}"
    name = f"{slug(here.machine)}-{here.engine}-{here.device}-{unique}.json"
    return save(results / "calibration", name, record.model_dump_json(indent=1) + "\n")


def save_rates(record: RatesRecord, calibration: Path) -> tuple[Path, str | None]:
    """Save what a calibration comes to beside it, under its name; see `keras_styles.records.save`."""
    return save(calibration.parent, f"rates-{calibration.name}", record.model_dump_json(indent=1) + "\n")


def newest_calibration(
    results: Path, machine: str, engine: str, device: str, plan: Sequence[Workload]
) -> CalibrationRecord:
    """Return the newest calibration of a machine, engine and device, if possible of one that holds the whole plan.

    Raises:
        ResultsError: if there is none, or one that cannot be read.
    """
    records = [
        load(path, CalibrationRecord) for path in (results / "calibration").glob(f"{machine}-{engine}-{device}-*.json")
    ]
    if not records:
        raise ResultsError(
            f"There is no calibration of {engine} on this machine's {device} under {results / 'calibration'}, so how "
            "much its times differ when nothing changed is not known; run keras-styles calibrate first."
        )

    def rank(record: CalibrationRecord) -> tuple[bool, datetime]:
        return {*plan} <= {measured.workload for measured in record.processes[0].measured}, record.created

    return max(records, key=rank)
