"""Summaries: which records of a results folder a page shows, and what they come to."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_styles.records import BenchmarkRun, Environment, EquivalenceRecord, ResultsError, UnmeasuredCell, load
from keras_styles.statistics import Ratio, paired_ratio
from keras_styles.styles import BASELINE_STYLE


@dataclass(frozen=True)
class Cost:
    """What one phase costs in one style on one device."""

    phase: str
    style: str
    device: str
    seconds: float  # median of the rounds
    ratio: Ratio  # to the functional style


@dataclass(frozen=True)
class Throughput:
    """How the trainer compares, in the number of problems trained in all styles per second."""

    trainer: float
    times_naive: float
    of_bare_loop: float  # how many times longer than a loop without Keras


@dataclass(frozen=True)
class Section:
    """The newest records of one engine on one machine; either may be missing, not both."""

    machine: str
    engine: str
    equivalence: EquivalenceRecord | None
    benchmark: BenchmarkRun | None

    @property
    def environment(self) -> Environment:
        """Where the records were made."""
        if self.equivalence:
            return self.equivalence.environment
        assert self.benchmark is not None
        return self.benchmark.machine_info.keras_styles

    @property
    def costs(self) -> list[Cost]:
        """The measured cells, in the order of the file."""
        if self.benchmark is None:
            return []
        cells = [b for b in self.benchmark.benchmarks if b.extra_info.get("kind") == "cost"]
        baselines = {
            (b.extra_info["phase"], b.extra_info["device"]): b.stats.data
            for b in cells
            if b.extra_info["style"] == BASELINE_STYLE
        }
        costs = []
        for cell in cells:
            info = cell.extra_info
            baseline = baselines.get((info["phase"], info["device"]))
            if baseline is None or len(baseline) != len(cell.stats.data):
                continue  # a run of a part of the benchmark has no ratios
            costs.append(
                Cost(
                    phase=info["phase"],
                    style=info["style"],
                    device=info["device"],
                    seconds=float(np.median(cell.stats.data)),
                    ratio=paired_ratio(cell.stats.data, baseline),
                )
            )
        return costs

    @property
    def throughput(self) -> Throughput | None:
        """The trainer between its two contenders, if all three were measured."""
        cells = self.benchmark.benchmarks if self.benchmark else []
        seconds = {
            b.extra_info["contender"]: float(np.median(b.stats.data))
            for b in cells
            if b.extra_info.get("kind") == "throughput"
        }
        if seconds.keys() < {"naive", "trainer", "bare_loop"}:
            return None
        trainer = seconds["trainer"]
        return Throughput(1 / trainer, seconds["naive"] / trainer, trainer / seconds["bare_loop"])

    @property
    def unmeasured(self) -> dict[str, list[UnmeasuredCell]]:
        """The cells without a number, by reason."""
        reasons: dict[str, list[UnmeasuredCell]] = {}
        for cell in self.benchmark.keras_styles.unmeasured if self.benchmark else []:
            reasons.setdefault(cell.reason, []).append(cell)
        return reasons


@dataclass(frozen=True)
class Summary:
    """All sections, by machine and engine, and a sentence for each file that was set aside."""

    sections: list[Section]
    set_aside: list[str] = field(default_factory=list)


def summarize(results: Path) -> Summary:
    """Read all records under `results` and keep the newest of each engine on each machine.

    A file that cannot be read costs a sentence, not the page.
    """
    equivalence: dict[tuple[str, str], EquivalenceRecord] = {}
    benchmark: dict[tuple[str, str], BenchmarkRun] = {}
    set_aside = []
    for path in sorted(results.glob("*/*.json")):
        try:
            if path.name.startswith("equivalence-"):
                record = load(path, EquivalenceRecord)
                key = record.environment.machine, record.environment.engine
                equivalence[key] = max(record, equivalence.get(key, record), key=lambda r: r.created)
            else:
                run = load(path, BenchmarkRun)
                key = run.machine_info.keras_styles.machine, run.machine_info.keras_styles.engine
                benchmark[key] = max(run, benchmark.get(key, run), key=lambda r: r.datetime)
        except ResultsError as error:
            set_aside.append(str(error))
    keys = sorted(equivalence.keys() | benchmark.keys())
    return Summary([Section(*key, equivalence.get(key), benchmark.get(key)) for key in keys], set_aside)
