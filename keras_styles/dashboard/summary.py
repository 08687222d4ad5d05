"""Summaries: which records of a results folder a page shows, and what they come to."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_styles.environment import Environment
from keras_styles.margins import merge_margins
from keras_styles.records import (
    BenchmarkRun,
    CostInfo,
    DifferencesRecord,
    EquivalenceRecord,
    ResultsError,
    StageSummary,
    ThroughputInfo,
    UnmeasuredCell,
    load,
    merge_stages,
)
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


class Identity(NamedTuple):
    """What two records have to share to be shown beside each other."""

    machine: str
    engine: str
    engine_version: str
    keras: str
    device: str


def identity(environment: Environment) -> Identity:
    """Return the identity of the records made in an environment."""
    return Identity(*(getattr(environment, name) for name in Identity._fields))


@dataclass(frozen=True)
class Section:
    """The newest records of one identity; either may be missing, not both."""

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
    def margins(self) -> dict[str, int]:
        """The margins of all stages; empty for records made before margins were counted."""
        return merge_margins(stage.margins for stage in self.equivalence.stages) if self.equivalence else {}

    @property
    def tiers(self) -> list[StageSummary]:
        """What all stages of an architecture came to, by tier; in the order of the architectures' names."""
        stages = self.equivalence.stages if self.equivalence else []
        merged = merge_stages(stage.model_copy(update={"stage": "all"}) for stage in stages)
        return sorted(merged, key=lambda stage: (stage.architecture, stage.tier))

    @property
    def costs(self) -> list[Cost]:
        """The measured cells, in the order of the file."""
        cells = [
            (benchmark.extra_info, benchmark.stats.data)
            for benchmark in (self.benchmark.benchmarks if self.benchmark else [])
            if isinstance(benchmark.extra_info, CostInfo)
        ]
        baselines = {(info.phase, info.device): data for info, data in cells if info.style == BASELINE_STYLE}
        return [
            Cost(info.phase, info.style, info.device, float(np.median(data)), paired_ratio(data, baseline))
            for info, data in cells
            # A run of a part of the benchmark may have no baseline, and then no ratios.
            if len(baseline := baselines.get((info.phase, info.device), [])) == len(data)
        ]

    @property
    def throughput(self) -> Throughput | None:
        """The trainer between its two contenders, if all three were measured."""
        seconds = {
            benchmark.extra_info.contender: float(np.median(benchmark.stats.data))
            for benchmark in (self.benchmark.benchmarks if self.benchmark else [])
            if isinstance(benchmark.extra_info, ThroughputInfo)
        }
        if len(seconds) < 3:
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
    """All sections, by identity, the newest run of the ledger's probes, and a sentence for each file set aside."""

    sections: list[Section]
    differences: DifferencesRecord | None = None
    set_aside: list[str] = field(default_factory=list)


def summarize(results: Path) -> Summary:
    """Read all records under `results` and keep the newest of each identity.

    A complete run of the equivalence suite is preferred to any that is not, however old: what a part of the suite
    showed must not hide what the whole did. A file that cannot be read costs a sentence, not the page.
    """
    equivalence: dict[Identity, EquivalenceRecord] = {}
    benchmark: dict[Identity, BenchmarkRun] = {}
    differences: DifferencesRecord | None = None
    set_aside = []
    for path in sorted(results.glob("*/*.json")):
        try:
            if path.name.startswith("equivalence-"):
                record = load(path, EquivalenceRecord)
                key = identity(record.environment)
                equivalence[key] = max(record, equivalence.get(key, record), key=_completeness)
            elif path.name.startswith("differences-"):
                probed = load(path, DifferencesRecord)
                differences = max(probed, differences or probed, key=lambda r: r.created)
            else:
                run = load(path, BenchmarkRun)
                key = identity(run.machine_info.keras_styles)
                benchmark[key] = max(run, benchmark.get(key, run), key=lambda r: r.datetime)
        except ResultsError as error:
            set_aside.append(str(error))
    # The default engine first, since most readers came for it.
    keys = sorted(equivalence.keys() | benchmark.keys(), key=lambda key: (key.machine, key.engine != "tensorflow", key))
    return Summary([Section(equivalence.get(key), benchmark.get(key)) for key in keys], differences, set_aside)


def _completeness(record: EquivalenceRecord) -> tuple[bool, datetime]:
    return record.complete and record.outcome != "interrupted", record.created
