"""Summaries: which records of a results folder the site shows, and what they come to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import AwareDatetime, ConfigDict, Field

from keras_styles.costs import Conclusion, conclude
from keras_styles.environment import Environment
from keras_styles.margins import merge_margins
from keras_styles.records import (
    BenchmarkRun,
    DifferencesRecord,
    EquivalenceRecord,
    MachineInfo,
    ResultsError,
    StageSummary,
    ThroughputInfo,
    UnmeasuredCell,
    load,
    merge_stages,
    slug,
)
from keras_styles.schema import Schema
from keras_styles.workloads import Counters, ProcessRecord


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
    def identity(self) -> Identity:
        """What both records share."""
        return identity(self.environment)

    @property
    def anchor(self) -> str:
        """The name of its place in a page."""
        return slug("-".join(self.identity))

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


@dataclass(frozen=True)
class Summary:
    """What a results folder holds.

    Attributes:
        sections: by identity.
        differences: the newest run of the ledger's probes.
        previous_differences: the one before it.
        set_aside: a sentence for each file that could not be read.
        equivalence_runs: all complete runs by identity, in the order of time.
        shown: the files that sections and differences come from.
    """

    sections: list[Section]
    differences: DifferencesRecord | None = None
    previous_differences: DifferencesRecord | None = None
    set_aside: list[str] = field(default_factory=list)
    equivalence_runs: dict[Identity, list[EquivalenceRecord]] = field(default_factory=dict)
    shown: list[Path] = field(default_factory=list)

    @property
    def newest(self) -> datetime | None:
        """When the newest record was made."""
        moments = [section.equivalence.created for section in self.sections if section.equivalence]
        moments += [section.benchmark.datetime for section in self.sections if section.benchmark]
        return max(moments + ([self.differences.created] if self.differences else []), default=None)


class _Process(Schema):
    """A process of which nothing is looked at."""

    model_config = ConfigDict(extra="ignore")


class _ExtrasHeader(Schema):
    model_config = ConfigDict(extra="ignore")

    processes: list[_Process] = Field(default=[])


class _RunHeader(Schema):
    """What decides which run is shown; a thousand whole ones would take minutes and gigabytes."""

    model_config = ConfigDict(extra="ignore")

    datetime: AwareDatetime
    machine_info: MachineInfo
    keras_styles: _ExtrasHeader


def summarize(results: Path) -> Summary:
    """Read the records under `results` and keep the newest of each identity.

    A complete run of the equivalence suite is preferred to any that is not, however old: what a part of the suite
    showed must not hide what the whole did. So is a run of the benchmark that measured costs to one that did not. A
    file that cannot be read costs a sentence, not the page.
    """
    equivalence: dict[Identity, dict[Path, EquivalenceRecord]] = {}
    benchmarks: dict[Identity, dict[Path, _RunHeader]] = {}
    differences: dict[Path, DifferencesRecord] = {}
    set_aside = []
    for path in sorted(results.glob("*/*.json")):
        try:
            if path.name.startswith("equivalence-"):
                record = load(path, EquivalenceRecord)
                equivalence.setdefault(identity(record.environment), {})[path] = record
            elif path.name.startswith("differences-"):
                differences[path] = load(path, DifferencesRecord)
            elif re.match(r"\d+_", path.name):  # other records, such as the gate's, are not for these pages
                header = load(path, _RunHeader)
                benchmarks.setdefault(identity(header.machine_info.keras_styles), {})[path] = header
        except ResultsError as error:
            set_aside.append(str(error))
    # The default engine first, since most readers came for it.
    keys = sorted(
        equivalence.keys() | benchmarks.keys(), key=lambda key: (key.machine, key.engine != "tensorflow", key)
    )
    sections, shown = [], []
    for key in keys:
        path, newest = max(
            equivalence.get(key, {}).items(), key=lambda item: _completeness(item[1]), default=(None, None)
        )
        file, section, unusable = _newest_usable(newest, benchmarks.get(key, {}))
        set_aside += unusable
        shown += [each for each in (path, file) if each]
        if section:
            sections.append(section)
    probed = sorted(differences.items(), key=lambda item: item[1].created)
    return Summary(
        sections,
        differences=probed[-1][1] if probed else None,
        previous_differences=probed[-2][1] if len(probed) > 1 else None,
        set_aside=set_aside,
        equivalence_runs={
            key: sorted((run for run in runs.values() if run.complete), key=lambda run: run.created)
            for key, runs in equivalence.items()
        },
        shown=shown + [path for path, _ in probed[-1:]],
    )


def _completeness(record: EquivalenceRecord) -> tuple[bool, datetime]:
    return record.complete and record.outcome != "interrupted", record.created


def _newest_usable(
    equivalence: EquivalenceRecord | None, runs: Mapping[Path, _RunHeader]
) -> tuple[Path | None, Section | None, list[str]]:
    """Return the newest run that costs follow from, a section with it, and a sentence for each newer one."""
    unusable = []
    newest_first = sorted(
        runs.items(), key=lambda item: (bool(item[1].keras_styles.processes), item[1].datetime), reverse=True
    )
    for path, _ in newest_first:
        try:
            section = Section(equivalence, load(path, BenchmarkRun))
            section.conclusions  # noqa: B018 -- what is concluded here is kept for the page
        except ResultsError as error:
            unusable.append(str(error))
        except ValueError as error:
            unusable.append(f"The run {path} cannot be used ({error}); delete it, and run the benchmark again.")
        else:
            return path, section, unusable
    return None, Section(equivalence, None) if equivalence else None, unusable
