"""Summaries: which records of a results folder the site shows, and what they come to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_styles.costs import Conclusion, conclude
from keras_styles.environment import Environment
from keras_styles.margins import merge_margins
from keras_styles.memory import MemoryRecord
from keras_styles.records import (
    BenchmarkRun,
    DifferencesRecord,
    EquivalenceRecord,
    ResultsError,
    StageSummary,
    ThroughputInfo,
    UnmeasuredCell,
    load,
    merge_stages,
    slug,
)
from keras_styles.saved_runs import SavedRun, SavedRuns, read_saved_runs
from keras_styles.workloads import Counters, ProcessRecord


@dataclass(frozen=True)
class Throughput:
    """How the trainer compares, in the number of problems trained in all styles per second."""

    trainer: float
    times_naive: float
    of_bare_loop: float  # how many times longer than a loop without Keras


class Place(NamedTuple):
    """What records have to share to follow each other; the versions of Keras and of the engine change along the way."""

    machine: str
    engine: str
    device: str
    python: str  # without its third number


class Identity(NamedTuple):
    """What two records have to share to be shown beside each other."""

    machine: str
    engine: str
    engine_version: str
    keras: str
    python: str
    numpy: str
    device: str


def place(environment: Environment) -> Place:
    """Return the place of an environment's records."""
    minor = ".".join(environment.python.split(".")[:2])
    return Place(environment.machine, environment.engine, environment.device, minor)


def identity(environment: Environment) -> Identity:
    """Return the identity of the records made in an environment."""
    return Identity(*(getattr(environment, name) for name in Identity._fields))


@dataclass(frozen=True)
class Section:
    """The newest records of one identity; some may be missing, not all."""

    equivalence: EquivalenceRecord | None
    benchmark: BenchmarkRun | None
    memory: MemoryRecord | None = None

    @property
    def identity(self) -> Identity:
        """What both records share."""
        return identity(self.environment)

    @property
    def place(self) -> Place:
        """Where the records follow others."""
        return place(self.environment)

    @property
    def moment(self) -> datetime:
        """When the newest of the records was made."""
        moments = [record.created for record in (self.equivalence, self.memory) if record]
        return max(moments + ([self.benchmark.datetime] if self.benchmark else []))

    @property
    def anchor(self) -> str:
        """The name of its place in a page."""
        return slug("-".join(self.identity))

    @property
    def environment(self) -> Environment:
        """Where the records were made."""
        if self.benchmark and not self.equivalence:
            return self.benchmark.machine_info.keras_styles
        record = self.equivalence or self.memory
        assert record is not None
        return record.environment

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
    def processes(self) -> dict[str, list[ProcessRecord]]:
        """The processes that measured costs, by device, in the order of their numbers; none in files of version 1."""
        processes: dict[str, list[ProcessRecord]] = {}
        for process in self.benchmark.keras_styles.processes if self.benchmark else []:
            processes.setdefault(process.environment.device, []).append(process)
        return {device: sorted(found, key=lambda process: process.number) for device, found in processes.items()}

    @cached_property
    def conclusions(self) -> dict[str, Conclusion]:
        """What follows from the processes of each device.

        Raises:
            ValueError: if those of a device are of several engines or versions of the workloads.
        """
        return {device: conclude(processes) for device, processes in self.processes.items()}

    @property
    def counters(self) -> dict[str, dict[str, dict[str, Counters]]]:
        """What was counted, by device, architecture and style, in the first process that did."""
        return {
            device: {
                architecture: styles
                for process in reversed(processes)  # so that the first one has the last word
                for architecture, styles in process.counters.items()
            }
            for device, processes in self.processes.items()
        }

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


class Used(NamedTuple):
    """An environment that records were made in, which commit aside."""

    environment: Environment
    records: int
    newest: datetime


@dataclass(frozen=True)
class Summary:
    """What a results folder holds.

    Attributes:
        sections: by identity, those of one place after each other and the newest first.
        probings: all runs of the ledger's probes in the order of time; some may be of a few entries only.
        set_aside: a sentence for each file that could not be read.
        equivalence_runs: all complete runs by place, in the order of time.
        shown: the files that sections and the newest probing come from.
        environments: those of all records, the newest first.
    """

    sections: list[Section]
    probings: list[DifferencesRecord] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    equivalence_runs: dict[Place, list[EquivalenceRecord]] = field(default_factory=dict)
    shown: list[Path] = field(default_factory=list)
    environments: list[Used] = field(default_factory=list)

    @property
    def with_equivalence(self) -> list[Section]:
        """Of each place the newest section in which styles were compared."""
        return self._newest_with(lambda section: section.equivalence is not None)

    @property
    def with_costs(self) -> list[Section]:
        """Of each place the newest section in which costs were measured."""
        return self._newest_with(lambda section: bool(section.conclusions))

    def _newest_with(self, has: Callable[[Section], bool]) -> list[Section]:
        found: dict[Place, Section] = {}
        for section in self.sections:
            if has(section):
                found.setdefault(section.place, section)
        return list(found.values())

    @property
    def newest(self) -> datetime | None:
        """When the newest record was made."""
        moments = [section.moment for section in self.sections] + [record.created for record in self.probings]
        return max(moments, default=None)


def summarize(results: Path, runs: SavedRuns | None = None) -> Summary:
    """Read the records under `results` and keep the newest of each identity.

    A complete run of the equivalence suite is preferred to any that is not, however old: what a part of the suite
    showed must not hide what the whole did. So is a run of the benchmark that was asked for more cells. A file that
    cannot be read costs a sentence, not the page.

    Args:
        results: the folder of the records.
        runs: all of its runs of the benchmark, if somebody has read them.
    """
    runs = runs or read_saved_runs(results)
    equivalence: dict[Identity, dict[Path, EquivalenceRecord]] = {}
    benchmarks: dict[Identity, dict[Path, SavedRun]] = {}
    memories: dict[Identity, dict[Path, MemoryRecord]] = {}
    probings: dict[Path, DifferencesRecord] = {}
    used: list[tuple[datetime, Environment]] = []
    set_aside = list(runs.set_aside)
    for path, run in runs.by_path.items():
        benchmarks.setdefault(identity(run.environment), {})[path] = run
        used.append((run.run.moment, run.environment))
    for path in sorted(results.glob("*/*.json")):
        try:
            if path.name.startswith("equivalence-"):
                record = load(path, EquivalenceRecord)
                equivalence.setdefault(identity(record.environment), {})[path] = record
                used.append((record.created, record.environment))
            elif path.name.startswith("memory-"):
                read = load(path, MemoryRecord)
                memories.setdefault(identity(read.environment), {})[path] = read
                used.append((read.created, read.environment))
            elif path.name.startswith("differences-"):
                probings[path] = probing = load(path, DifferencesRecord)
                used += [(probing.created, run.environment) for run in probing.engines if run.environment]
        except ResultsError as error:
            set_aside.append(str(error))
    sections, shown = [], []
    for key in sorted(equivalence.keys() | benchmarks.keys() | memories.keys()):
        fullest, newest = max(
            equivalence.get(key, {}).items(), key=lambda item: _completeness(item[1]), default=(None, None)
        )
        of_memory, memory = max(memories.get(key, {}).items(), key=lambda item: item[1].created, default=(None, None))
        file, section, unusable = _newest_usable(Section(newest, None, memory), benchmarks.get(key, {}))
        set_aside += unusable
        shown += [each for each in (fullest, file, of_memory) if each]
        if section.equivalence or section.benchmark or section.memory:
            sections.append(section)
    sections.sort(key=lambda section: section.moment, reverse=True)
    # The default engine first, since most readers came for it.
    sections.sort(key=lambda section: (section.place.machine, section.place.engine != "tensorflow", section.place))
    in_time = sorted(probings, key=lambda path: probings[path].created)
    return Summary(
        sections,
        probings=[probings[path] for path in in_time],
        set_aside=set_aside,
        equivalence_runs=_by_place(run for runs in equivalence.values() for run in runs.values()),
        shown=sorted(shown) + in_time[-1:],
        environments=_environments(used),
    )


def _by_place(runs: Iterable[EquivalenceRecord]) -> dict[Place, list[EquivalenceRecord]]:
    found: dict[Place, list[EquivalenceRecord]] = {}
    for run in sorted(runs, key=lambda run: run.created):
        if run.complete:
            found.setdefault(place(run.environment), []).append(run)
    return found


def _environments(used: Iterable[tuple[datetime, Environment]]) -> list[Used]:
    found: dict[str, Used] = {}
    for moment, environment in sorted(used, key=lambda each: each[0]):
        without_commit = environment.model_copy(update={"commit": None})
        key = without_commit.model_dump_json()
        found[key] = Used(without_commit, found[key].records + 1 if key in found else 1, moment)
    return sorted(found.values(), key=lambda each: each.newest, reverse=True)


def _completeness(record: EquivalenceRecord) -> tuple[bool, datetime]:
    return record.complete and record.outcome != "interrupted", record.created


def _rank(saved: SavedRun) -> tuple[bool, int, datetime]:
    """Return what decides between runs: whether costs were measured, how many cells were asked for, the time."""
    return saved.has_processes, saved.planned, saved.run.moment


def _newest_usable(section: Section, runs: Mapping[Path, SavedRun]) -> tuple[Path | None, Section, list[str]]:
    """Return the best run that costs follow from, a section that has it, too, and a sentence for each better one."""
    unusable = []
    for path in sorted(runs, key=lambda path: _rank(runs[path]), reverse=True):
        try:
            with_run = replace(section, benchmark=load(path, BenchmarkRun))
            with_run.conclusions  # noqa: B018 -- what is concluded here is kept for the page
        except ResultsError as error:
            unusable.append(str(error))
        except ValueError as error:
            unusable.append(f"The run {path} cannot be used ({error}); delete it, and run the benchmark again.")
        else:
            return path, with_run, unusable
    return None, section, unusable
