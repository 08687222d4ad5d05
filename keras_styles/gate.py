"""The regression gate's decision: is a cell slower on head than on base, and by how much; it launches nothing."""

from collections.abc import Callable, KeysView, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, Field
from scipy import stats  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from keras_styles.costs import MAX_DRIFT, machine_drift
from keras_styles.environment import Environment
from keras_styles.schema import Schema
from keras_styles.styles import STYLES
from keras_styles.workloads import HOW_MEASURED, Counters, MeasuredWorkload, ProcessRecord, Workload

Array = npt.NDArray[np.float64]

# What two Python environments are compared for; whatever else differs would be taken for an effect of these.
UNDER_TEST: Final = frozenset({"keras", "engine_version", "commit", "python", "numpy"})

# One gate in a hundred may cry wolf: a team that sees one false alarm in twenty stops reading alarms.
STATISTICAL_LEVEL: Final = 0.01
# The first run only chooses what is measured again: each cell that looks slower at this level. It never costs a false
# alarm. A stricter one would miss what the second run could show; a laxer one lets so many cells be measured again that
# correcting for them hides it there. Of 2, 5 and 10 %, this found most when processes of unchanged code were replayed.
SCREENING_LEVEL: Final = 0.05
# Times the pairs of the first run: the second measures a few workloads only, and it decides.
PAIRS_AGAIN: Final = 2
# A t test of fewer has so few degrees of freedom that, over dozens of cells, only a landslide would pass it.
MIN_PAIRS: Final = 5
INTERVAL: Final = 0.95

Verdict = Literal["regression", "suspect", "no regression"]
ExitCode = Literal[0, 1, 2]


class CellKey(NamedTuple):
    """A cell of the gate: a workload in a style."""

    workload: Workload
    style: str

    def __str__(self) -> str:
        return f"{self.workload} {self.style}"


class CellDecision(Schema):
    """What the pairs of one cell say, in the first run or in the second.

    In the first it is suspect or not. In the second it regresses if it is slower both significantly and by more than
    its threshold. A ratio of 1.05 says that head takes 5 % longer than base; `low` and `high` enclose it at a level of
    95 %. `p_value` is that of a one-sided test; in the second run Holm's, over all cells that were suspect.
    """

    workload: Workload
    style: str
    pairs: int
    ratio: float
    low: float
    high: float
    p_value: float
    threshold: float
    verdict: Verdict

    @property
    def key(self) -> CellKey:
        """The cell that this is about."""
        return CellKey(self.workload, self.style)


class GateRecord(Schema):
    """A gate that was run: every process, every decision, and what follows from them.

    The exit code is 0 if no regression was shown, 1 if one was, and 2 if nothing was proved; `sentences` says why.
    """

    kind: Literal["gate"] = "gate"
    schema_version: Literal[1, 2] = 2
    created: AwareDatetime
    calibrated: AwareDatetime | None = Field(default=None, description="when the thresholds were measured")
    base: list[ProcessRecord]
    head: list[ProcessRecord]
    base_again: list[ProcessRecord]
    head_again: list[ProcessRecord]
    decisions: list[CellDecision]
    confirmations: list[CellDecision]
    failures: list[str] = Field(default=[], description="what is wrong with head whatever the machine did")
    doubts: list[str] = Field(default=[], description="why the times prove nothing")
    slower: list[str] = Field(default=[], description="confirmed regressions; proved unless there are doubts")
    notes: list[str] = Field(default=[], description="what could not be compared because it fails on both sides alike")
    sentences: list[str] = Field(description="all that is to be told, the most important first")
    exit_code: ExitCode


# One number for the rounds of a style in a process, as a logarithm, so that differences are ratios.
Summary = Callable[[ProcessRecord, MeasuredWorkload, str], float]


def median(_: ProcessRecord, measured: MeasuredWorkload, style: str) -> float:
    """The median round."""
    return float(np.log(np.median(measured.nanoseconds[style])))


def lower_quartile(_: ProcessRecord, measured: MeasuredWorkload, style: str) -> float:
    """The round that a quarter are faster than: noise only ever adds time, but a single fastest round is luck."""
    return float(np.log(np.quantile(measured.nanoseconds[style], 0.25)))


def lower_decile(_: ProcessRecord, measured: MeasuredWorkload, style: str) -> float:
    """The round that a tenth are faster than; of four rounds a little above the fastest."""
    return float(np.log(np.quantile(measured.nanoseconds[style], 0.1)))


def minimum(_: ProcessRecord, measured: MeasuredWorkload, style: str) -> float:
    """The fastest round."""
    return float(np.log(min(measured.nanoseconds[style])))


def relative_to_pulse(record: ProcessRecord, measured: MeasuredWorkload, style: str) -> float:
    """The median round in units of the process's median pulse."""
    return median(record, measured, style) - float(np.log(np.median(record.pulse_nanoseconds)))


SUMMARIES: Final[Mapping[str, Summary]] = {
    summary.__name__: summary for summary in (median, lower_quartile, lower_decile, minimum, relative_to_pulse)
}
# What the gate uses.
SUMMARY: Final[Summary] = lower_decile


def measured_cells(record: ProcessRecord) -> dict[CellKey, MeasuredWorkload]:
    """Return what a process timed, by cell."""
    return {
        CellKey(measured.workload, style): measured
        for measured in record.measured
        for style in STYLES
        if measured.nanoseconds.get(style)
    }


def common_cells(records: Sequence[ProcessRecord]) -> list[CellKey]:
    """Return the cells that every process timed, in the order of the first."""
    found = [measured_cells(record) for record in records]
    return [key for key in found[0] if all(key in cells for cells in found)] if found else []


def log_times(records: Sequence[ProcessRecord], cells: Sequence[CellKey], summary: Summary = SUMMARY) -> Array:
    """Return the summary of each process (row) for each cell (column)."""
    found = [measured_cells(record) for record in records]
    return np.array(
        [
            [summary(record, measured[key], key.style) for key in cells]
            for record, measured in zip(records, found, strict=True)
        ]
    )


def not_comparable(
    base: Sequence[ProcessRecord], head: Sequence[ProcessRecord], under_test: frozenset[str] = UNDER_TEST
) -> list[str]:
    """Return a sentence for each thing that differs within a side, or between them without being under test."""
    sentences = []
    sides = {"base": base, "head": head}
    for field in (*Environment.model_fields, *HOW_MEASURED):
        values = {side: _values(records, field) for side, records in sides.items()}
        sentences += [
            f"Processes of {side} are not comparable: {field} is {' in one and '.join(map(repr, found))} in another."
            for side, found in values.items()
            if len(found) > 1
        ]
        if field not in under_test and all(len(found) == 1 for found in values.values()):
            (before,), (after,) = values.values()
            if before != after:
                sentences.append(
                    f"Base and head are not comparable: {field} is {before!r} on base and {after!r} on head."
                )
    return sentences


def _values(records: Sequence[ProcessRecord], field: str) -> list[Any]:
    """Return the values of a field in some processes, each once."""
    sources = (record if field in HOW_MEASURED else record.environment for record in records)
    return list(dict.fromkeys(getattr(source, field) for source in sources))


class Faults(NamedTuple):
    """What is seen whatever the machine did: failures of head, why nothing is proved, and what is no news."""

    failures: list[str]
    doubts: list[str]
    notes: list[str]


def counter_faults(base: Sequence[ProcessRecord], head: Sequence[ProcessRecord]) -> Faults:
    """Return a failure for each counter that changed, and a doubt for each of which that cannot be known.

    A counter that is not the same in all processes of base has nothing that it could have changed from.
    """
    failures, doubts = [], []
    sides = {"base": base, "head": head}
    for architecture, style in (each for each in _counted(base) if each in _counted(head)):
        for name in Counters.model_fields:
            values = {side: _counts(records, architecture, style, name) for side, records in sides.items()}
            counter = f"The counter {name} of {architecture} {style}"
            unsteady = [
                f"{counter} is not the same in all processes of {side}: {' and '.join(found)}."
                for side, found in values.items()
                if len(found) > 1
            ]
            if len(values["base"]) > 1:
                doubts += unsteady
            elif unsteady:
                failures += unsteady
            elif values["base"] != values["head"]:
                failures.append(f"{counter} changed from {values['base'][0]} on base to {values['head'][0]} on head.")
    timed = dict.fromkeys((key.workload.architecture, key.style) for key in common_cells([*base, *head]))
    doubts += [
        f"Nothing was counted of {architecture} {style} on {side}, so a change of what it does would not be seen."
        for side, records in sides.items()
        for architecture, style in timed
        if (architecture, style) not in _counted(records)
    ]
    return Faults(failures, doubts, [])


def _counted(records: Sequence[ProcessRecord]) -> KeysView[tuple[str, str]]:
    """Return the architectures and styles that some process has counted, in their order."""
    found = ((name, style) for record in records for name, styles in record.counters.items() for style in styles)
    return dict.fromkeys(found).keys()


def _counts(records: Sequence[ProcessRecord], architecture: str, style: str, name: str) -> list[str]:
    """Return what some processes counted, each number once, as text."""
    found = [counters for record in records if (counters := record.counters.get(architecture, {}).get(style))]
    values = [getattr(counters, name) for counters in found]
    return list(dict.fromkeys("not countable" if value is None else str(value) for value in values))


def workload_faults(base: Sequence[ProcessRecord], head: Sequence[ProcessRecord]) -> Faults:
    """Return what is wrong with workloads that some process has no times for.

    What fails in every process of both sides in the same way, such as to load a class that was never registered, is no
    news of head's: it is noted, and all else can still be compared. What Keras cannot train on this engine is not even
    noted.
    """
    sides = {"base": base, "head": head}
    by_side = {
        side: [{measured.workload: measured for measured in record.measured} for record in records]
        for side, records in sides.items()
    }
    failures, doubts, notes = [], [], []
    workloads = dict.fromkeys(workload for side in by_side.values() for process in side for workload in process)
    for workload in workloads:
        absent = MeasuredWorkload(workload=workload, why_not="its process ended before it came to that")
        without = {
            side: [one for process in processes if not (one := process.get(workload, absent)).nanoseconds]
            for side, processes in by_side.items()
        }
        unequal = {side: [one for one in found if one.is_unequal] for side, found in without.items()}
        if unequal["head"] and not without["base"]:
            failures.append(
                f"{workload}: the styles are equal on base but no more on head, so it was not timed: "
                f"{unequal['head'][0].why_not}."
            )
        elif all(len(without[side]) == len(sides[side]) for side in sides) and _fail_alike(without):
            (one, *_) = without["base"]
            if not one.is_untrainable:
                notes.append(f"{workload} was not compared, since it fails on base and head alike: {one.why_not}.")
        else:
            doubts += [
                f"{workload} was not timed in {len(found)} of {len(sides[side])} processes of {side}: "
                f"{(unequal[side] or found)[0].why_not or 'no rounds'}."
                for side, found in without.items()
                if found
            ]
    return Faults(failures, doubts, notes)


def _fail_alike(without: Mapping[str, Sequence[MeasuredWorkload]]) -> bool:
    """Tell whether a workload failed by one kind of error wherever it was asked for."""
    kinds = {one.error for found in without.values() for one in found}
    return len(kinds) == 1 and None not in kinds


def screen(
    base: Sequence[ProcessRecord], head: Sequence[ProcessRecord], thresholds: Mapping[CellKey, float]
) -> list[CellDecision]:
    """Return for each cell that every process timed and that has a threshold whether it has to be measured again.

    The i-th process of base and the i-th of head are a pair.

    Raises:
        ValueError: if there are not as many processes of head as of base.
    """
    cells = [key for key in common_cells([*base, *head]) if key in thresholds]
    estimates = _estimate(cells, base, head)
    return [
        estimate.decision(thresholds[estimate.key], "suspect" if estimate.p_value <= SCREENING_LEVEL else None)
        for estimate in estimates
    ]


def confirm(
    first: Sequence[CellDecision],
    base_again: Sequence[ProcessRecord],
    head_again: Sequence[ProcessRecord],
    thresholds: Mapping[CellKey, float],
) -> list[CellDecision]:
    """Return from other processes, for each cell that was suspect in the first run, whether it is a regression.

    Holm's correction is over these cells alone, and holds over all cells of the first run: whatever that run chose, the
    processes that decide here had no part in the choice.
    """
    again = set(common_cells([*base_again, *head_again]))
    cells = [decision.key for decision in suspects(first) if decision.key in again]
    estimates = _estimate(cells, base_again, head_again)
    if not estimates:
        return []
    rejected, adjusted, *_ = multipletests([each.p_value for each in estimates], STATISTICAL_LEVEL, method="holm")
    return [
        estimate._replace(p_value=float(p_value)).decision(
            thresholds[estimate.key],
            "regression" if significant and estimate.ratio > 1 + thresholds[estimate.key] else None,
        )
        for estimate, significant, p_value in zip(estimates, rejected, adjusted, strict=True)
    ]


def suspects(decisions: Sequence[CellDecision]) -> list[CellDecision]:
    """Return the decisions of a first run whose cells have to be measured again."""
    return [decision for decision in decisions if decision.verdict == "suspect"]


def to_run_again(record: GateRecord) -> list[CellDecision]:
    """Return the decisions of a first run that a second one has to confirm; none if it proves nothing anyhow."""
    chosen = suspects(record.decisions)
    return chosen if chosen and record.doubts == [_not_run_again(chosen)] else []


def regressions(decisions: Sequence[CellDecision]) -> list[CellDecision]:
    """Return the decisions whose cells regressed."""
    return [decision for decision in decisions if decision.verdict == "regression"]


def p_slower(differences: Array, axis: int = 0) -> Array:
    """Return the one-sided p value of a paired t test that these logarithms of ratios have a mean above 0."""
    found = stats.ttest_1samp(differences, 0, axis=axis, alternative="greater").pvalue
    return np.where(np.isnan(found), 1.0, found)  # no number: pairs that are all equal, which show nothing


class _Estimate(NamedTuple):
    """What the pairs of one cell say, before anything is decided."""

    key: CellKey
    pairs: int
    ratio: float
    low: float
    high: float
    p_value: float

    def decision(self, threshold: float, verdict: Verdict | None) -> CellDecision:
        """Return the decision; without a verdict, no regression."""
        numbers = {name: value for name, value in self._asdict().items() if name != "key"}
        return CellDecision(
            workload=self.key.workload,
            style=self.key.style,
            threshold=threshold,
            verdict=verdict or "no regression",
            **numbers,
        )


def _estimate(
    cells: Sequence[CellKey], base: Sequence[ProcessRecord], head: Sequence[ProcessRecord]
) -> list[_Estimate]:
    """Return the estimates of some cells, which every process has timed."""
    if len(base) != len(head):
        raise ValueError(f"{len(base)} processes of base cannot be paired with {len(head)} of head")
    if not cells:
        return []
    differences = log_times(head, cells) - log_times(base, cells)
    interval = stats.ttest_1samp(differences, 0).confidence_interval(INTERVAL)
    ratios, lows, highs = (np.exp(logs) for logs in (differences.mean(axis=0), *interval))
    return [
        _Estimate(key, len(base), float(ratio), float(low), float(high), float(p_value))
        for key, ratio, low, high, p_value in zip(cells, ratios, lows, highs, p_slower(differences), strict=True)
    ]


def gate_outcome(
    base: Sequence[ProcessRecord],
    head: Sequence[ProcessRecord],
    base_again: Sequence[ProcessRecord],
    head_again: Sequence[ProcessRecord],
    thresholds: Mapping[CellKey, float] | None,
    *,
    calibrated: ProcessRecord | None = None,
    under_test: frozenset[str] = UNDER_TEST,
) -> GateRecord:
    """Return all that follows from the processes of a gate.

    What is exact, a changed counter or styles that are no more equal, is a regression whatever the machine did. Times
    count only if nothing speaks against all of them.

    Args:
        base: processes of the old environment, in the order of time.
        head: those of the new one; the i-th ran next to the i-th of base.
        base_again: those of a second run of only the cells that were suspect in the first; empty if none was.
        head_again: likewise, of the new environment.
        thresholds: what a cell may differ by on this machine when nothing changed; None if it was never calibrated.
        calibrated: a process of the calibration, which has to be comparable with those of base.
        under_test: fields of the environment that may differ between base and head.
    """
    decisions: list[CellDecision] = []
    confirmations: list[CellDecision] = []
    failures: list[str] = []
    notes: list[str] = []
    doubts = _not_paired(base, head) or not_comparable([*base, *base_again], [*head, *head_again], under_test)
    if not doubts:
        counted, timed = counter_faults(base, head), workload_faults(base, head)
        failures, notes = counted.failures + timed.failures, timed.notes
        doubts = timed.doubts + counted.doubts + _doubts(base, head, thresholds)
        doubts += _other_calibration(base, calibrated)
        if thresholds and len(base) >= MIN_PAIRS:
            decisions = screen(base, head, thresholds)
        if chosen := suspects(decisions):
            doubts += _doubts_again(chosen, base_again, head_again)
            if len(base_again) == len(head_again) >= MIN_PAIRS and thresholds:
                confirmations = confirm(decisions, base_again, head_again, thresholds)
    slower = [_slower(decision) for decision in regressions(confirmations)]
    proved = not doubts
    told = failures + doubts + (slower if proved else [f"For that reason not proved: {each}" for each in slower])
    return GateRecord(
        created=datetime.now(UTC),
        calibrated=calibrated.created if calibrated else None,
        base=list(base),
        head=list(head),
        base_again=list(base_again),
        head_again=list(head_again),
        decisions=decisions,
        confirmations=confirmations,
        failures=failures,
        doubts=doubts,
        slower=slower,
        notes=notes,
        sentences=(told or [_none_slower(decisions)]) + notes,
        exit_code=1 if failures or (slower and proved) else 2 if doubts else 0,
    )


def _none_slower(decisions: Sequence[CellDecision]) -> str:
    """Return the sentence about a gate without a regression; it says what may have been missed."""
    most = [max(0.0, decision.high - 1) for decision in decisions]
    return (
        f"No regression was shown in {len(decisions)} cells. By the {INTERVAL:.0%} intervals half of them may still be "
        f"slower on head by up to {np.median(most):.1%}, and one by up to {max(most):.1%}."
    )


def _slower(decision: CellDecision) -> str:
    """Return the sentence about a regression."""
    return (
        f"{decision.key} takes {decision.ratio - 1:.1%} longer on head than on base "
        f"({INTERVAL:.0%} interval {decision.low - 1:+.1%} to {decision.high - 1:+.1%}, "
        f"threshold {decision.threshold:.1%}, {decision.pairs} pairs)."
    )


def _not_paired(base: Sequence[ProcessRecord], head: Sequence[ProcessRecord]) -> list[str]:
    """Return why two runs are no pairs of processes, if they are not."""
    if len(base) == len(head) and base:
        return []
    return [f"Nothing can be compared: there are {len(base)} processes of base and {len(head)} of head."]


def _doubts(
    base: Sequence[ProcessRecord], head: Sequence[ProcessRecord], thresholds: Mapping[CellKey, float] | None
) -> list[str]:
    """Return why the times of the first run prove nothing."""
    doubts = _doubts_of_any_run(base, head)
    cells = common_cells([*base, *head])
    if not cells:
        return [*doubts, "Base and head have no timed cell in common."]
    if thresholds is None:
        return [*doubts, "This machine has no calibration, so no slow-down can be told from noise; calibrate it first."]
    unknown = [key for key in cells if key not in thresholds]
    if unknown:
        doubts.append(
            f"The calibration has no threshold for {len(unknown)} of {len(cells)} cells, such as {unknown[0]}; "
            "calibrate this machine for all that the gate measures."
        )
    return doubts


def _other_calibration(base: Sequence[ProcessRecord], calibrated: ProcessRecord | None) -> list[str]:
    """Return why the thresholds are of something else than what was measured now."""
    if calibrated is None:
        return []
    # A kernel of another release, which leaves more or less of the memory, is no other machine: hosted ones get a new
    # one every few days.
    may_differ = UNDER_TEST | {"system", "memory_gib"}
    fields = [*(name for name in Environment.model_fields if name not in may_differ), "workload_version"]
    return [
        f"The calibration of {calibrated.created:%Y-%m-%d} is of something else: {field} was {then!r} and is {now!r}; "
        "calibrate this machine again."
        for field in fields
        for (then,), (now, *_) in [(_values([calibrated], field), _values(base, field))]
        if then != now
    ]


def _doubts_again(
    chosen: Sequence[CellDecision], base_again: Sequence[ProcessRecord], head_again: Sequence[ProcessRecord]
) -> list[str]:
    """Return why the times of the second run do not decide over the cells that were suspect in the first."""
    if not base_again and not head_again:
        return [_not_run_again(chosen)]
    if doubts := _not_paired(base_again, head_again):
        return doubts
    again = set(common_cells([*base_again, *head_again]))
    missing = [decision.key for decision in chosen if decision.key not in again]
    doubts = [f"{key} looks slower on head, but was not timed again in every process." for key in missing]
    if missing:
        faults = workload_faults(base_again, head_again)
        doubts += faults.failures + faults.doubts + faults.notes
    return doubts + _doubts_of_any_run(base_again, head_again)


def _not_run_again(chosen: Sequence[CellDecision]) -> str:
    return f"{len(chosen)} cells such as {chosen[0].key} look slower on head, but were not run again."


def _doubts_of_any_run(base: Sequence[ProcessRecord], head: Sequence[ProcessRecord]) -> list[str]:
    """Return why the times of a run prove nothing, whichever of the two runs it is."""
    doubts = []
    if len(base) < MIN_PAIRS:
        doubts.append(f"{len(base)} pairs of processes are too few to tell anything; run at least {MIN_PAIRS}.")
    records = [*base, *head]
    if not all(record.pulse_nanoseconds for record in records):
        doubts.append(
            "A process recorded no pulse, so nothing shows that the machine kept its speed; measure it again."
        )
    elif (drift := machine_drift(records)) > MAX_DRIFT:
        doubts.append(
            f"The machine drifted: the same NumPy computation took {drift:.1f} times as long in the slowest process as "
            "in the fastest; run the gate again on a quieter machine."
        )
    return doubts
