"""Saved runs: what pages over time need of all files of the benchmark, of which there may be thousands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, get_args

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from pydantic import ValidationError

from keras_styles.environment import Environment, where
from keras_styles.records import ResultsError, unusable
from keras_styles.styles import STYLES
from keras_styles.workloads import BATCH_SIZE, WIDTH

# Less than any clock's tick to thirty years, so that no ratio of them, nor its interval, leaves float64.
_Seconds = Annotated[float, Meta(ge=1e-12, le=1e9)]
_Size = Annotated[int, Meta(ge=1)]
_RUN_NAME: Final = re.compile(r"\d+_")


class Identity(NamedTuple):
    """What runs have to share to be joined: machine and settings, as in `Environment`, and what is timed."""

    machine: str
    cpu: str
    cores: int
    memory_gib: float
    gpu: str | None
    gpu_driver: str | None
    threads: int
    engine: str
    device: str
    mode: str
    jit_compile: bool
    dtype_policy: str
    deterministic: bool
    tensor_float_32: bool
    workload_version: int

    @property
    def where(self) -> str:
        """Engine, device and machine."""
        return where(self.engine, self.device, self.machine)


class Cell(NamedTuple):
    """What is timed, in which style."""

    architecture: str
    phase: str
    batch_size: int
    width: int
    style: str


class Run(NamedTuple):
    """One saved run, and what may be another in the next run of the same series."""

    id: str  # the file's name
    moment: datetime
    commit: str
    branch: str | None
    dirty: bool
    keras: str
    engine_version: str
    python: str
    numpy: str
    system: str


# Of each cell what each process took, in seconds, or why there is nothing.
Cells = dict[Cell, list[float] | str]


@dataclass(frozen=True)
class SavedRun:
    """What one file comes to.

    Attributes:
        run: what names it.
        environment: where it was made.
        planned: the number of cells that were asked for, measured or not.
        has_processes: whether it holds the rounds that costs follow from.
        cells: by identity, since one run may be of several devices.
    """

    run: Run
    environment: Environment
    planned: int
    has_processes: bool
    cells: dict[Identity, Cells]


@dataclass(frozen=True)
class SavedRuns:
    """All files in the order of time, those of one moment by name, and a sentence for each that cannot be used."""

    by_path: Mapping[Path, SavedRun]
    set_aside: list[str]


# What follows is the part of a file that is needed, for msgspec, which skips the rest: pydantic would make objects of
# all rounds of all processes first, which takes four times as long.


class _Kind(Struct):
    kind: str = "other"


class _Setting(NamedTuple):
    """What an identity takes from the cell and not from its run, which may time cells on the GPU and on the CPU."""

    engine: str
    device: str
    mode: str
    jit_compile: bool
    workload_version: int


class _Cost(Struct, frozen=True, dict=True):
    """What names a cell, and how it was timed."""

    architecture: str
    phase: str
    style: str
    engine: str
    device: str
    mode: str
    jit_compile: bool
    workload_version: int
    batch_size: _Size = BATCH_SIZE  # files of version 1 do not say: they had one size
    width: _Size = WIDTH

    @cached_property
    def cell(self) -> Cell:
        return Cell(self.architecture, self.phase, self.batch_size, self.width, self.style)

    @cached_property
    def setting(self) -> _Setting:
        return _Setting(self.engine, self.device, self.mode, self.jit_compile, self.workload_version)


class _Stats(Struct):
    data: Annotated[list[_Seconds], Meta(min_length=1)]


class _Benchmark(Struct):
    extra_info: Raw
    stats: Raw


class _Unmeasured(Struct):
    outcome: str
    reason: str
    extra_info: Raw


class _Commit(Struct):
    id: str
    branch: str | None
    dirty: bool


class _MachineInfo(Struct):
    keras_styles: Raw


_Version = Literal[1, 2]


class _Extras(Struct):
    schema_version: _Version
    unmeasured: list[_Unmeasured]
    processes: list[Raw] = []


class _File(Struct):
    datetime: Annotated[datetime, Meta(tz=True)]
    commit_info: _Commit
    machine_info: _MachineInfo
    benchmarks: list[_Benchmark]
    keras_styles: _Extras


class _NewerExtras(Struct):
    schema_version: Annotated[int, Meta(gt=max(get_args(_Version)))]


class _NewerFile(Struct):
    """Of a file that a later version of this project wrote, the part that shows it."""

    keras_styles: _NewerExtras


_FILE: Final = msgspec.json.Decoder(_File)
_NEWER_FILE: Final = msgspec.json.Decoder(_NewerFile)
# What decoding raises.
_CORRUPT: Final = (msgspec.DecodeError, ValidationError, UnicodeDecodeError, RecursionError)
_KIND: Final = msgspec.json.Decoder(_Kind)
_COST: Final = msgspec.json.Decoder(_Cost)
_STATS: Final = msgspec.json.Decoder(_Stats)


def read_saved_runs(results: Path) -> SavedRuns:
    """Read all runs of the benchmark under `results`."""
    found, set_aside = [], []
    for path in sorted(results.glob("*/*.json")):
        if _RUN_NAME.match(path.name):
            try:
                found.append((path, _read(path)))
            except ResultsError as error:
                set_aside.append(str(error))
    found.sort(key=lambda each: (each[1].run.moment, each[1].run.id))
    return SavedRuns(dict(found), set_aside)


def _read(path: Path) -> SavedRun:
    """Return what a file comes to; a thousand whole ones would not fit into memory.

    Raises:
        ResultsError: if it cannot be read, or is of another schema.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"The record {path} cannot be read ({error.strerror}); check its permissions.") from error
    try:
        saved = _FILE.decode(content)
        environment = Environment.model_validate_json(bytes(saved.machine_info.keras_styles))
        return _condense(path.name, saved, environment)
    except _CORRUPT as error:
        raise unusable(path, " ".join(str(error).split()), newer=_is_newer(content)) from error


def _is_newer(content: bytes) -> bool:
    """Whether a later version of this project wrote a file."""
    try:
        _NEWER_FILE.decode(content)
    except _CORRUPT:
        return False
    return True


def _condense(name: str, saved: _File, environment: Environment) -> SavedRun:
    commit = saved.commit_info
    run = Run(
        id=name,
        moment=saved.datetime,
        commit=commit.id,
        branch=commit.branch,
        dirty=commit.dirty,
        **{field: getattr(environment, field) for field in ("keras", "engine_version", "python", "numpy", "system")},
    )
    by_setting: dict[_Setting, Cells] = {}
    for cost, measured in _costs(saved):
        by_setting.setdefault(cost.setting, {})[cost.cell] = measured
    cells = {_identity(environment, setting): found for setting, found in by_setting.items()}
    extras = saved.keras_styles
    planned = len(saved.benchmarks) + len(extras.unmeasured)
    return SavedRun(run, environment, planned, bool(extras.processes), cells)


def _identity(environment: Environment, setting: _Setting) -> Identity:
    of_run = {name: getattr(environment, name) for name in Identity._fields if name not in _Setting._fields}
    return Identity(**of_run, **setting._asdict())


def _costs(saved: _File) -> Iterator[tuple[_Cost, list[float] | str]]:
    """Give each cell of a style with what was measured, or else why not."""
    for unmeasured in saved.keras_styles.unmeasured:
        if cost := _cost_of(bytes(unmeasured.extra_info)):
            yield cost, f"{unmeasured.outcome}: {unmeasured.reason}"
    for benchmark in saved.benchmarks:
        if cost := _cost_of(bytes(benchmark.extra_info)):
            seconds = _STATS.decode(benchmark.stats).data
            # In version 1 these are the rounds of one process, which are not independent.
            yield cost, seconds if saved.keras_styles.schema_version > 1 else [float(np.median(seconds))]


# A thousand nights time the same cells, so their names are decoded once and shared.
@lru_cache(maxsize=10_000)
def _cost_of(extra_info: bytes) -> _Cost | None:
    """Return what names a cell of a style; None of another kind, such as throughput, and of twins and floors."""
    if _KIND.decode(extra_info).kind != "cost":
        return None
    cost = _COST.decode(extra_info)
    return cost if cost.style in STYLES else None
