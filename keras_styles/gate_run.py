"""Running the gate: base and head in fresh processes that take turns, and again for the cells that failed."""

import hashlib
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keras_styles.calibration import CalibrationRecord, RatesRecord, thresholds
from keras_styles.gate import UNDER_TEST, GateRecord, common_cells, gate_outcome, suspects
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
from keras_styles.workloads import GATE_ROUNDS, ProcessRecord, Workload

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


def request_digest(base: Side, head: Side, workloads: Sequence[Workload], pairs: int) -> str:
    """Return what names a request: what is kept of an interrupted gate is gone on with only if it asked for the same.

    The Python files of both paths count with what is in them, since nothing else tells a changed checkout.
    """
    digest = hashlib.sha256(repr((base, head, workloads, pairs)).encode())
    for side in (base, head):
        for file in sorted(side.path.rglob("*.py")) if side.path else []:
            digest.update(repr((side.name, str(file), file.read_bytes())).encode())
    return digest.hexdigest()[:12]


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
                takes_turns=True,
            )
            jobs = [Job(request, side.python, side.path, file) for side, file in zip(sides, files, strict=True)]
            records = measure_in_turns(jobs)
            measured_now += 1
        measured.append(records)
        for first, last in zip(measured[0], records, strict=True):
            require_one_environment([first, last], folder, one_commit=True)
    return [pair[0] for pair in measured], [pair[1] for pair in measured]


def measure_unchanged(
    workloads: Sequence[Workload], pairs: int, *, device: str, folder: Path, show: Show
) -> CalibrationRecord:
    """Measure this environment against itself, in pairs as the gate does.

    Raises:
        MeasuringError: as `take_turns`.
    """
    here, again = Side("base", sys.executable, THIS_CODE), Side("head", sys.executable, THIS_CODE)
    sides = take_turns(here, again, workloads, pairs, device=device, folder=folder, show=show)
    processes = [record for pair in zip(*sides, strict=True) for record in pair]
    if not common_cells(processes):
        why_not = next((one.why_not for record in processes for one in record.measured if one.why_not), "no reason")
        raise MeasuringError(f"No cell was timed in every process ({why_not}); mend that, delete {folder}, and go on.")
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
    """Compare head with base; what looks slower is measured once more, and only that decides.

    Raises:
        MeasuringError: if a process does not begin.
    """
    allowed = thresholds(calibration, pairs)
    counted = list(dict.fromkeys(workload.architecture for workload in workloads))
    turns = take_turns(base, head, workloads, pairs, device=device, folder=folder / "first", show=show, counted=counted)
    # Of one Python nothing but what the two folders hold may differ.
    under_test = frozenset({"commit"}) if base.python == head.python else UNDER_TEST
    outcome = gate_outcome(*turns, [], [], allowed, calibrated=calibration.processes[0], under_test=under_test)
    if not (chosen := suspects(outcome.decisions)):
        return outcome
    again = list(dict.fromkeys(decision.workload for decision in chosen))
    part = f"{len(again)} of {len(workloads)} workloads"
    show(f"{len(chosen)} cells look slower, some of them by chance; measuring again: {part}")
    turns_again = take_turns(base, head, again, pairs, device=device, folder=folder / "again", show=show)
    return gate_outcome(*turns, *turns_again, allowed, calibrated=calibration.processes[0], under_test=under_test)


def save_gate(record: GateRecord, results: Path) -> tuple[Path, str | None]:
    """Save a gate under a unique name in its machine's folder; see `keras_styles.records.save`."""
    machine = record.base[0].environment.machine
    name = f"gate-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / machine, name, record.model_dump_json(indent=1) + "\n")


def save_calibration(record: CalibrationRecord | RatesRecord, results: Path) -> tuple[Path, str | None]:
    """Save a calibration, or what it comes to, under a unique name; see `keras_styles.records.save`."""
    here = record.environment
    kind = "rates-" if isinstance(record, RatesRecord) else ""
    name = f"{kind}{slug(here.machine)}-{here.engine}-{here.device}-{stamp(record.created)}.json"
    return save(results / "calibration", name, record.model_dump_json(indent=1) + "\n")


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
