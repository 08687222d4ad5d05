"""Running the gate: base and head in fresh processes that take turns, and again for the cells that failed."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_styles.calibration import CalibrationRecord, thresholds
from keras_styles.gate import GateRecord, gate_outcome, suspects
from keras_styles.processes import Request, measure_in_process
from keras_styles.records import ResultsError, load, save, slug, stamp
from keras_styles.workloads import ProcessRecord, Workload

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


def take_turns(
    base: Side, head: Side, workloads: Sequence[Workload], pairs: int, *, device: str, folder: Path, show: Show
) -> tuple[list[ProcessRecord], list[ProcessRecord]]:
    """Measure in the order base, head, head, base, ..., so that a machine that gets slower does so for both alike.

    Args:
        base: measured first.
        head: measured against it.
        workloads: what each process measures.
        pairs: of processes.
        device: that they measure on.
        folder: where each process' lines are kept while it measures.
        show: is told what is being measured.

    Raises:
        MeasuringError: if a process does not begin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measured: dict[str, list[ProcessRecord]] = {base.name: [], head.name: []}
    counted = list(dict.fromkeys(workload.architecture for workload in workloads))
    for pair in range(pairs):
        for side in (base, head) if pair % 2 == 0 else (head, base):
            show(f"pair {pair + 1} of {pairs}, {side.name}")
            request = Request(
                number=pair, device=device, workloads=list(workloads), counted=[] if measured[side.name] else counted
            )
            kept = folder / f"{side.name}-{pair:03}.jsonl"
            measured[side.name].append(measure_in_process(request, python=side.python, path=side.path, kept=kept))
    return measured[base.name], measured[head.name]


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
    turns = take_turns(base, head, workloads, pairs, device=device, folder=folder / "first", show=show)
    outcome = gate_outcome(*turns, [], [], allowed)
    if not (chosen := suspects(outcome.decisions)):
        return outcome
    again = list(dict.fromkeys(decision.workload for decision in chosen))
    show(f"{len(chosen)} cells look slower, some of them by chance; measuring {len(again)} workloads again")
    turns_again = take_turns(base, head, again, pairs, device=device, folder=folder / "again", show=show)
    return gate_outcome(*turns, *turns_again, allowed)


def save_gate(record: GateRecord, results: Path) -> tuple[Path, str | None]:
    """Save a gate under a unique name in its machine's folder; see `keras_styles.records.save`."""
    machine = record.base[0].environment.machine
    name = f"gate-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / machine, name, record.model_dump_json(indent=1, exclude_defaults=True) + "\n")


def save_calibration(record: CalibrationRecord, results: Path) -> tuple[Path, str | None]:
    """Save a calibration under a unique name; see `keras_styles.records.save`."""
    here = record.environment
    name = f"{slug(here.machine)}-{here.engine}-{here.device}-{stamp(record.created)}.json"
    return save(results / "calibration", name, record.model_dump_json(indent=1, exclude_defaults=True) + "\n")


def newest_calibration(results: Path, machine: str, engine: str, device: str) -> CalibrationRecord:
    """Return the newest calibration of a machine, engine and device.

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
    return max(records, key=lambda record: record.created)
