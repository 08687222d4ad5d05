"""Summaries: which records of a results folder the site shows, and what they come to."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from keras_styles.costs import Conclusion, conclude
from keras_styles.environment import RETIRED, Environment
from keras_styles.margins import merge_margins, worst_margin, worst_of_all
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
from keras_styles.saved_gates import Gate, newest_gates, read_gates
from keras_styles.saved_runs import Run, SavedRun, SavedRuns, read_saved_runs
from keras_styles.workloads import Counters, ProcessRecord

# Digits of a commit that are shown; as many as tell all commits of a project apart.
COMMIT_DIGITS: Final = 12

# What a section may hold.
Kind = Literal["equivalence", "benchmark", "memory"]


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


class SectionKey(NamedTuple):
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


def key_of(environment: Environment) -> SectionKey:
    """Return the key of the records made in an environment."""
    return SectionKey(*(getattr(environment, name) for name in SectionKey._fields))


def short_commit(commit: str | None) -> str:
    """Return the first digits of a commit, with the sign of a checkout that was modified."""
    if not commit:
        return "unknown"
    return commit[:COMMIT_DIGITS] + ("+" if commit.endswith("+") and len(commit) > COMMIT_DIGITS else "")


class Made(NamedTuple):
    """When and where a record was made."""

    moment: datetime
    environment: Environment

    @property
    def commit(self) -> str:
        """The commit it is of, in short."""
        return short_commit(self.environment.commit)


@dataclass(frozen=True)
class Section:
    """The records of one key that are shown; some may be missing, not all.

    Attributes:
        files: where they are, by kind.
        passed_over: newer runs of the equivalence suite that were interrupted, or of a part of it.
        smaller: newer runs of the benchmark that asked for less.
    """

    equivalence: EquivalenceRecord | None
    benchmark: BenchmarkRun | None
    memory: MemoryRecord | None = None
    files: Mapping[Kind, Path] = field(default_factory=dict)
    passed_over: Sequence[EquivalenceRecord] = ()
    smaller: Sequence[Run] = ()

    @property
    def made(self) -> dict[Kind, Made]:
        """When and where each record was made."""
        found: dict[Kind, Made] = {}
        if self.equivalence:
            found["equivalence"] = Made(self.equivalence.created, self.equivalence.environment)
        if self.benchmark:
            found["benchmark"] = Made(self.benchmark.datetime, self.benchmark.machine_info.keras_styles)
        if self.memory:
            found["memory"] = Made(self.memory.created, self.memory.environment)
        return found

    @property
    def key(self) -> SectionKey:
        """What all records share."""
        return key_of(self.environment)

    @property
    def place(self) -> Place:
        """Where the records follow others."""
        return place(self.environment)

    @property
    def moment(self) -> datetime:
        """When the newest of the records was made."""
        return max(made.moment for made in self.made.values())

    @property
    def anchor(self) -> str:
        """The name of its place in a page."""
        return slug("-".join(self.key))

    @property
    def environment(self) -> Environment:
        """Where the first of the records was made."""
        return next(made.environment for made in self.made.values())

    @property
    def margins(self) -> dict[str, int]:
        """The margins of all stages; empty for records made before margins were counted."""
        return merge_margins(stage.margins for stage in self.equivalence.stages) if self.equivalence else {}

    @property
    def worst(self) -> float | None:
        """The largest margin of all stages, infinity included; None if nothing had a bound."""
        stages = self.equivalence.stages if self.equivalence else []
        return worst_of_all(worst_margin(stage.worst_margin for stage in stages), self.margins)

    @property
    def tiers(self) -> list[StageSummary]:
        """What all stages of an architecture came to, by mode and tier; in the order of the architectures' names."""
        stages = self.equivalence.stages if self.equivalence else []
        merged = merge_stages(stage.model_copy(update={"stage": "all"}) for stage in stages)
        return sorted(merged, key=lambda stage: (stage.architecture, stage.tier, stage.mode or ""))

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
    def proves_nothing(self) -> bool:
        """Whether what was measured on some device cannot be believed."""
        return any(conclusion.proves_nothing for conclusion in self.conclusions.values())

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
        sections: by key, those of one place after each other and the newest first; of each place one has a run of the
            benchmark, since to conclude from one takes a second.
        probings: all runs of the ledger's probes in the order of time; some may be of a few entries only.
        set_aside: a sentence for each file that could not be read.
        equivalence_runs: all runs of the whole suite by place, in the order of time.
        newest_probing: the file of the newest run of the probes.
        environments: those of all records, the newest first.
        older_benchmarks: the runs of the benchmark of other versions than those in sections, the newest first.
        gates: all of them.
    """

    sections: list[Section]
    probings: list[DifferencesRecord] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    equivalence_runs: dict[Place, list[EquivalenceRecord]] = field(default_factory=dict)
    newest_probing: Path | None = None
    environments: list[Used] = field(default_factory=list)
    older_benchmarks: list[Made] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)

    @property
    def with_equivalence(self) -> list[Section]:
        """Of each place the newest section in which styles were compared."""
        return self.newest_of("equivalence")

    @property
    def with_costs(self) -> list[Section]:
        """Of each place the newest section in which costs were measured."""
        return [section for section in self.newest_of("benchmark") if section.conclusions]

    def newest_of(self, kind: Kind) -> list[Section]:
        """Return of each place the section whose record of a kind is the newest.

        The moment of its other records does not count: memory that was measured yesterday makes nothing else newer.
        """
        found: dict[Place, Section] = {}
        for section in self.sections:
            if kind in section.made:
                known = found.get(section.place, section)
                found[section.place] = max(known, section, key=lambda each: each.made[kind].moment)
        return list(found.values())

    @property
    def older_equivalence(self) -> list[Section]:
        """All sections in which styles were compared that a newer one of their place has replaced, the newest first."""
        shown = {section.key for section in self.with_equivalence}
        older = [section for section in self.sections if section.equivalence and section.key not in shown]
        return sorted(older, key=lambda section: section.made["equivalence"].moment, reverse=True)

    def places_without(self, kind: Kind) -> list[Place]:
        """Return where there are records, but none of a kind."""
        known = {section.place for section in self.newest_of(kind)}
        return list(dict.fromkeys(section.place for section in self.sections if section.place not in known))

    @property
    def shown(self) -> list[Path]:
        """The files of what is shown in full, and those of the newest probing and of the newest gates."""
        kinds: tuple[Kind, ...] = ("equivalence", "benchmark", "memory")
        files = [s.files[kind] for kind in kinds for s in self.newest_of(kind) if kind in s.files]
        gates = [gate.path for gate in self.newest_gates]
        return sorted(files) + ([self.newest_probing] if self.newest_probing else []) + gates

    @property
    def newest_gates(self) -> list[Gate]:
        """The newest gate of each machine, engine and device, the newest first."""
        found = newest_gates(self.gates, lambda gate: gate.place)
        return sorted(found, key=lambda gate: gate.created, reverse=True)

    @property
    def older_gates(self) -> list[Gate]:
        """All gates that a newer one has replaced, the newest first."""
        shown = {gate.path for gate in self.newest_gates}
        older = [gate for gate in self.gates if gate.path not in shown]
        return sorted(older, key=lambda gate: gate.created, reverse=True)

    @property
    def newest(self) -> datetime | None:
        """When the newest record was made."""
        moments = [section.moment for section in self.sections] + [record.created for record in self.probings]
        moments += [gate.created for gate in self.gates]
        return max(moments, default=None)


def recent_and_old(sections: Sequence[Section], kind: Kind) -> tuple[list[Section], list[Section]]:
    """Part the sections whose record of a kind is a month older than the newest of all: that machine may be gone."""
    parted: tuple[list[Section], list[Section]] = [], []
    newest = max((section.made[kind].moment for section in sections), default=None)
    for section in sections:
        is_old = newest is not None and newest - section.made[kind].moment > RETIRED
        parted[is_old].append(section)
    return parted


def summarize(results: Path, runs: SavedRuns | None = None) -> Summary:
    """Read the records under `results` and keep the newest of each key.

    A run of the whole equivalence suite is preferred to any that is not, however old: what a part of the suite showed
    must not hide what the whole did. So is a run of the benchmark that was asked for more cells of the newest
    workloads. A file that cannot be read costs a sentence, not the page.

    Args:
        results: the folder of the records.
        runs: all of its runs of the benchmark, if somebody has read them.
    """
    runs = runs or read_saved_runs(results)
    equivalence: dict[SectionKey, dict[Path, EquivalenceRecord]] = {}
    benchmarks: dict[SectionKey, dict[Path, SavedRun]] = {}
    memories: dict[SectionKey, dict[Path, MemoryRecord]] = {}
    probings: dict[Path, DifferencesRecord] = {}
    used: list[tuple[datetime, Environment]] = []
    set_aside = list(runs.set_aside)
    for path, run in runs.by_path.items():
        benchmarks.setdefault(key_of(run.environment), {})[path] = run
        used.append((run.run.moment, run.environment))
    for path in sorted(results.glob("*/*.json")):
        try:
            if path.name.startswith("equivalence-"):
                record = load(path, EquivalenceRecord)
                equivalence.setdefault(key_of(record.environment), {})[path] = record
                used.append((record.created, record.environment))
            elif path.name.startswith("memory-"):
                read = load(path, MemoryRecord)
                memories.setdefault(key_of(read.environment), {})[path] = read
                used.append((read.created, read.environment))
            elif path.name.startswith("differences-"):
                probings[path] = probing = load(path, DifferencesRecord)
                used += [(probing.created, run.environment) for run in probing.engines if run.environment]
        except ResultsError as error:
            set_aside.append(str(error))
    gates, unreadable = read_gates(results)
    set_aside += unreadable
    used += [(gate.created, side) for gate in gates for side in dict.fromkeys(gate.sides)]
    by_key = {
        key: _with_memory(_with_equivalence(equivalence.get(key, {})), memories.get(key, {}))
        for key in equivalence.keys() | memories.keys()
    }
    older_benchmarks: list[Made] = []
    for keys in _newest_first(benchmarks):
        while keys:
            key = keys.pop(0)
            section, unusable = _with_newest_usable(by_key.get(key, Section(None, None)), benchmarks[key])
            set_aside += unusable
            if section.benchmark:
                by_key[key] = section
                older_benchmarks += [_made(benchmarks[other]) for other in keys]
                break
    sections = [by_key[key] for key in sorted(by_key)]
    sections.sort(key=lambda section: section.moment, reverse=True)
    # The default engine first, since most readers came for it.
    sections.sort(key=lambda section: (section.place.machine, section.place.engine != "tensorflow", section.place))
    in_time = sorted(probings, key=lambda path: probings[path].created)
    return Summary(
        sections,
        probings=[probings[path] for path in in_time],
        set_aside=set_aside,
        equivalence_runs=_by_place(run for runs in equivalence.values() for run in runs.values()),
        newest_probing=in_time[-1] if in_time else None,
        environments=_environments(used),
        older_benchmarks=sorted(older_benchmarks, key=lambda made: made.moment, reverse=True),
        gates=gates,
    )


def _by_place(runs: Iterable[EquivalenceRecord]) -> dict[Place, list[EquivalenceRecord]]:
    found: dict[Place, list[EquivalenceRecord]] = {}
    for run in sorted(runs, key=lambda run: run.created):
        if _is_whole(run):
            found.setdefault(place(run.environment), []).append(run)
    return found


def _environments(used: Iterable[tuple[datetime, Environment]]) -> list[Used]:
    found: dict[str, Used] = {}
    for moment, environment in sorted(used, key=lambda each: each[0]):
        without_commit = environment.model_copy(update={"commit": None})
        key = without_commit.model_dump_json()
        found[key] = Used(without_commit, found[key].records + 1 if key in found else 1, moment)
    return sorted(found.values(), key=lambda each: each.newest, reverse=True)


def _is_whole(record: EquivalenceRecord) -> bool:
    return record.complete and record.outcome != "interrupted"


def _with_equivalence(records: Mapping[Path, EquivalenceRecord]) -> Section:
    """Return a section with the best of some runs of the suite, none if there are none."""
    if not records:
        return Section(None, None)
    path, best = max(records.items(), key=lambda item: (_is_whole(item[1]), item[1].created))
    passed_over = [record for record in records.values() if record.created > best.created]
    return Section(best, None, files={"equivalence": path}, passed_over=passed_over)


def _with_memory(section: Section, records: Mapping[Path, MemoryRecord]) -> Section:
    """Return a section with the newest record of memory, too, if there is one."""
    if not records:
        return section
    path, newest = max(records.items(), key=lambda item: item[1].created)
    return replace(section, memory=newest, files={**section.files, "memory": path})


def _rank(saved: SavedRun) -> tuple[bool, int, int, datetime]:
    """Return what decides between runs: whether costs were measured, of which workloads, how many cells, the time."""
    version = max((identity.workload_version for identity in saved.cells), default=0)
    return saved.has_processes, version, saved.planned, saved.run.moment


def _best(runs: Mapping[Path, SavedRun]) -> SavedRun:
    return max(runs.values(), key=_rank)


def _made(runs: Mapping[Path, SavedRun]) -> Made:
    """Return when and where the best of some runs was made."""
    best = _best(runs)
    return Made(best.run.moment, best.environment)


def _newest_first(benchmarks: Mapping[SectionKey, Mapping[Path, SavedRun]]) -> list[list[SectionKey]]:
    """Return the keys of each place, by the best run of each: the newest first, those that measured no costs last."""
    by_place: dict[Place, list[SectionKey]] = {}
    best = {key: _best(runs) for key, runs in benchmarks.items()}
    for key in sorted(best, key=lambda key: (best[key].has_processes, best[key].run.moment), reverse=True):
        by_place.setdefault(place(best[key].environment), []).append(key)
    return list(by_place.values())


def _with_newest_usable(section: Section, runs: Mapping[Path, SavedRun]) -> tuple[Section, list[str]]:
    """Return a section with the best run that costs follow from, too, and a sentence for each better one."""
    unusable = []
    in_order = sorted(runs, key=lambda path: _rank(runs[path]), reverse=True)
    for place, path in enumerate(in_order):
        others = [runs[other].run for other in in_order[place + 1 :]]
        smaller = [run for run in others if run.moment > runs[path].run.moment]
        files: dict[Kind, Path] = {**section.files, "benchmark": path}
        try:
            with_run = replace(section, benchmark=load(path, BenchmarkRun), files=files, smaller=smaller)
            # For statsmodels, which looks for garbage after each correction for multiplicity, among all records that
            # were read. What is frozen is freed like all else, as long as it is part of no cycle.
            gc.freeze()
            with_run.conclusions  # noqa: B018 -- what is concluded here is kept for the page
        except ResultsError as error:
            unusable.append(str(error))
        except ValueError as error:
            unusable.append(f"The run {path} cannot be used ({error}); delete it, and run the benchmark again.")
        else:
            return with_run, unusable
    return section, unusable
