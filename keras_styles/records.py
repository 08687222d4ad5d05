"""Records: the schema of what is kept under results/, and how it is written and read without losing anything."""

import contextlib
import errno
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import MinLen
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from keras_styles.differences import Engine, Outcome, Verdict
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.margins import Margins, merge_margins, worst_margin, worst_of_all
from keras_styles.schema import Schema
from keras_styles.workloads import ProcessRecord

RESULTS_VARIABLE = "KERAS_STYLES_RESULTS"


class ResultsError(KerasStylesError, OSError):
    """A results folder or a record that cannot be used."""


class StageSummary(Schema):
    """What one stage's comparisons came to."""

    architecture: str
    mode: str | None = Field(
        default=None, description="of the engine: graph, eager, xla, or two of them where they were compared; new in 4"
    )
    tier: int
    stage: str
    comparisons: int
    differing: int
    diverged: int
    worst_margin: float | None = Field(description="largest finite observed difference / bound, None in tier 0")
    margins: Margins = Field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str | None, int, str]:
        """What two summaries have to share to be merged."""
        return self.architecture, self.mode, self.tier, self.stage

    @property
    def worst(self) -> float | None:
        """The largest margin, infinite where there was a difference and none is allowed; None if there is no margin."""
        return worst_of_all(self.worst_margin, self.margins)


def merge_stages(summaries: Iterable[StageSummary]) -> list[StageSummary]:
    """Return one summary for each architecture, mode, tier and stage, in order of first appearance."""
    groups: dict[tuple[str, str | None, int, str], list[StageSummary]] = {}
    for summary in summaries:
        groups.setdefault(summary.key, []).append(summary)
    return [
        group[0].model_copy(
            update={
                "comparisons": sum(summary.comparisons for summary in group),
                "differing": sum(summary.differing for summary in group),
                "diverged": sum(summary.diverged for summary in group),
                "worst_margin": worst_margin(summary.worst_margin for summary in group),
                "margins": merge_margins(summary.margins for summary in group),
            }
        )
        for group in groups.values()
    ]


class ComparedTest(Schema):
    """What one test compared, also when it was interrupted before its end."""

    comparisons: int
    worst_margin: float | None = Field(description="largest observed difference / bound, None if none had a bound")


class Failure(Schema):
    """One failed test and the text it failed with."""

    test: str
    message: str
    script: str | None = Field(default=None, description="shows it with Keras and NumPy alone; new in version 3")


class Sensitivity(Schema):
    """How often the bound noticed a learning rate that is off by one in ten thousand, on well-posed problems."""

    caught: int
    tried: int


class SeededFaults(Schema):
    """What became of the faults that were put in on purpose, and of the changes that do no harm."""

    caught: int
    missed: list[str] = Field(description="names of the faults that nothing noticed")
    not_flagged: int
    flagged: list[str] = Field(description="names of the harmless changes that were taken for faults")
    blind_spots: list[str] = Field(description="names of the faults, all common to every style, that nothing can see")

    def __str__(self) -> str:
        faults, harmless = self.caught + len(self.missed), self.not_flagged + len(self.flagged)
        text = (
            f"{self.caught} of {faults} seeded faults caught, {self.not_flagged} of {harmless} harmless changes not "
            f"flagged, {len(self.blind_spots)} blind spots known"
        )
        wrong = [("missed", self.missed), ("flagged", self.flagged)]
        return text + "".join(f"; {said}: {', '.join(names)}" for said, names in wrong if names)


class EquivalenceRecord(Schema):
    """One run of the equivalence suite.

    Fields with a default are new in version 2: a file of version 1 does not know them.
    """

    kind: Literal["equivalence"] = "equivalence"
    schema_version: Literal[1, 2, 3, 4] = 4
    created: AwareDatetime
    environment: Environment
    profile: str
    seed: int | None = Field(default=None, description="the seed of tests that need a fixed one; any must pass")
    workers: int = Field(default=1, description="how many processes the tests were spread over")
    complete: bool = Field(description="whether all tests of the suite were asked for")
    outcome: Literal["passed", "failed", "interrupted"]
    tests: dict[str, int] = Field(description="number of tests by outcome: passed, failed, skipped, ...")
    skips: list[str] = Field(description="the reason of each skipped test")
    comparisons: int
    stages: list[StageSummary]
    per_test: dict[str, ComparedTest] = Field(default={}, description="by the test's id, for those that compared")
    failures: list[Failure]
    seconds: float = Field(description="by the clock on the wall, from the start of the run to its end")
    comparisons_per_second: float | None = Field(default=None, description="comparisons / seconds")
    sensitivity: Sensitivity | None = Field(default=None, description="None where no such test ran")
    seeded_faults: SeededFaults | None = Field(default=None, description="None where none were tried")

    @property
    def proves_nothing(self) -> str | None:
        """Why a run that saw no failure proves nothing, as a sentence; None if it failed, or proves something."""
        if self.outcome == "interrupted":
            return "The run was interrupted, so it proves nothing."
        if self.outcome == "failed":
            return None
        if not self.complete:
            return "Only a part of the suite was run, so it proves nothing."
        return None if self.comparisons else "Nothing was compared, so it proves nothing."

    @property
    def agree(self) -> bool:
        """Whether the whole suite was run and showed that the styles agree."""
        return self.outcome == "passed" and self.proves_nothing is None


class ProbedDifference(Schema):
    """What became of one probe on one engine."""

    id: str
    verdict: Verdict
    reason: str = Field(default="", description="a sentence, unless the entry of the ledger holds")
    outcomes: dict[str, Outcome] = Field(default={}, description="what each style did; empty if the probe was lost")
    seconds: float | None = Field(default=None, description="by the clock on the wall, None if the probe was lost")


class ProbedEngine(Schema):
    """What became of all probes on one engine, or why none ran."""

    engine: Engine
    environment: Environment | None
    skipped: str | None = Field(description="why no probe ran; None where they did")
    differences: list[ProbedDifference]


class DifferencesRecord(Schema):
    """One run of the ledger's probes."""

    kind: Literal["differences"] = "differences"
    schema_version: Literal[1] = 1
    created: AwareDatetime
    engines: list[ProbedEngine]


class UnmeasuredCell(Schema):
    """A cell of the benchmark without a number, and why."""

    fullname: str
    outcome: str = Field(description="skipped or failed")
    reason: str
    extra_info: dict[str, Any]


class BenchmarkExtras(Schema):
    """What this project adds to the top level of pytest-benchmark's file."""

    schema_version: Literal[1, 2] = 2
    unmeasured: list[UnmeasuredCell]
    processes: list[ProcessRecord] = Field(default=[], description="all rounds; new in version 2")


class _Partial(BaseModel):
    """A part of pytest-benchmark's file; what is not named here belongs to it and is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class BenchmarkStats(_Partial):
    """The samples of one benchmark, in seconds."""

    data: Annotated[list[PositiveFloat], MinLen(1)]


class ThroughputInfo(_Partial):
    """What names a contender of the throughput."""

    kind: Literal["throughput"]
    contender: Literal["naive", "trainer", "bare_loop"]
    device: str


class Benchmark(_Partial):
    """One measured cell; one of a kind that is not known here is left alone."""

    fullname: str
    stats: BenchmarkStats
    extra_info: ThroughputInfo | dict[str, Any]


class MachineInfo(_Partial):
    """The part of pytest-benchmark's `machine_info` that this project adds."""

    keras_styles: Environment


class BenchmarkRun(_Partial):
    """One saved run of the benchmark, as far as this project reads it."""

    datetime: AwareDatetime
    machine_info: MachineInfo
    benchmarks: list[Benchmark]
    keras_styles: BenchmarkExtras


def results_folder() -> Path:
    """Return the folder of all records: $KERAS_STYLES_RESULTS, or results/ in the current folder."""
    return Path(os.environ.get(RESULTS_VARIABLE) or "results")


def slug(text: str) -> str:
    """Turn any text into lower-case words joined by dashes, fit for the name of a folder."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unknown"


def visible(text: str) -> str:
    """Leave out of a text what cannot be seen, such as marks that reverse the words after them."""
    unseen = [character for character in set(text) if not (character.isprintable() or character.isspace())]
    return text.translate(dict.fromkeys(map(ord, unseen)))


def stamp(moment: datetime) -> str:
    """Return a UTC time as it stands in file names, sortable as text."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def require_writable(folder: Path) -> None:
    """Make `folder` and prove that a file can be written there, before anything is measured.

    Raises:
        ResultsError: if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        raise ResultsError(
            f"Results cannot be written to {folder} ({error.strerror or error}); make room or change its permissions, "
            f"or set {RESULTS_VARIABLE} to another folder."
        ) from error


def write_new(path: Path, text: str) -> None:
    """Write `text` to a file that must not exist yet, whole or not at all.

    Raises:
        FileExistsError: if `path` exists, also if another process has just made it.
        OSError: if it cannot be written.
    """
    with draft_of(path) as draft:
        draft.write_text(text, encoding="utf-8")
        try:
            os.link(draft, path)  # unlike a rename, a link never replaces what is there
        except FileExistsError:
            raise
        except OSError:  # a filesystem without hard links
            move_to_new(draft, path)


def move_to_new(draft: Path, path: Path) -> None:
    """Give a whole file a name that must not be taken yet, where a link cannot.

    A rename alone would replace what is there, so it is done by whoever holds the name's reservation, another file:
    `path` itself is never there before it is whole.

    Raises:
        FileExistsError: if `path` exists, or another process is about to make it.
        OSError: if it cannot be made.
    """
    reservation = path.with_name(f".{path.name}.reserved")
    reservation.open("x").close()
    try:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        draft.replace(path)
    finally:
        reservation.unlink()


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write first, so that `path` is whole or not there; what is left of it goes."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.draft")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def save(folder: Path, name: str, text: str) -> tuple[Path, str | None]:
    """Save `text` as `folder`/`name`, or in the system's folder for temporary files if that fails.

    Returns:
        The path written, and None or a sentence that says why it is not the path asked for.

    Raises:
        FileExistsError: if that name is taken.
        ResultsError: if neither place takes it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # also FileExistsError, when a file is where the folder should be
        return _rescue(folder, name, text, error)
    try:
        write_new(folder / name, text)
    except FileExistsError:
        raise
    except OSError as error:
        return _rescue(folder, name, text, error)
    return folder / name, None


def _rescue(folder: Path, name: str, text: str, trouble: OSError) -> tuple[Path, str]:
    reason = trouble.strerror or trouble
    rescue = Path(tempfile.gettempdir()) / f"{uuid.uuid4().hex[:8]}-{name}"
    try:
        write_new(rescue, text)
    except OSError:
        raise ResultsError(
            f"The record {folder / name} cannot be written ({reason}), nor can {rescue}; make room and run again."
        ) from trouble
    return rescue, (
        f"The record could not be written to {folder} ({reason}) and was kept as {rescue}; "
        f"make room and move it to {folder / name}."
    )


def save_equivalence(record: EquivalenceRecord, results: Path) -> tuple[Path, str | None]:
    """Save one run of the equivalence suite under a unique name in its machine's folder; see `save`."""
    name = f"equivalence-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / record.environment.machine, name, record.model_dump_json(indent=1) + "\n")


def save_differences(record: DifferencesRecord, results: Path) -> tuple[Path, str | None]:
    """Save one run of the ledger's probes under a unique name in its machine's folder; see `save`.

    Raises:
        ResultsError: if it cannot be written, or no probe ran.
    """
    machine = next((run.environment.machine for run in record.engines if run.environment), None)
    if machine is None:
        why = "; ".join(f"{run.engine}: {run.skipped}" for run in record.engines)
        raise ResultsError(f"No probe ran, so there is nothing to save ({why}); install an engine and run it again.")
    name = f"differences-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / machine, name, record.model_dump_json(indent=1) + "\n")


def newest_differences(results: Path) -> DifferencesRecord | None:
    """Return the record of the newest run of the ledger's probes, or None if there is none.

    Raises:
        ResultsError: if one of them cannot be read.
    """
    records = [load(path, DifferencesRecord) for path in results.glob("*/differences-*.json")]
    return max(records, key=lambda record: record.created, default=None)


Loaded = TypeVar("Loaded", bound=BaseModel)


def load(path: Path, schema: type[Loaded]) -> Loaded:
    """Read one file under results/.

    Raises:
        ResultsError: if the file cannot be read, is corrupt, or was written under another schema, such as a newer one.
    """
    try:
        return schema.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"The record {path} cannot be read ({error.strerror}); check its permissions.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        unknown = [each["input"] for each in error.errors() if each["loc"][-1:] == ("schema_version",)]
        # All versions from 1 to the newest are known, so one that is not is newer.
        newer = any(isinstance(version, int) and version > 0 for version in unknown)
        raise unusable(path, f"{where}: {first['msg']}", newer=newer) from error


def unusable(path: Path, why: str, *, newer: bool) -> ResultsError:
    """Return the error of a file that cannot be read; one that is only newer than this code must not be deleted."""
    if newer:
        return ResultsError(f"The record {path} was written by a newer keras-styles; update to read it.")
    return ResultsError(f"The record {path} is corrupt or of another schema ({why}); delete it or run again.")
