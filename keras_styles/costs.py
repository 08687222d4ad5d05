"""Costs: what the processes of one run say together about each style, and whether they can be believed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from keras_styles.schema import Schema
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE, Judgement, judge, log_ratio
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import (
    BATCH_SIZE,
    CONTENDERS,
    EPOCHS,
    FLOOR,
    NUMPY,
    STEPS,
    TWIN,
    WIDTH,
    MeasuredWorkload,
    ProcessRecord,
    Workload,
)

# Ratios are taken within rounds, and a test shows that they hold under this much drift; beyond it nobody looked.
MAX_DRIFT: Final = 2.0
# The twin is the same code, so one good run in a hundred is lost to a cell of it that is flagged by chance, and at most
# one more to the average of its cells.
TWIN_LEVEL: Final = 0.01


@dataclass(frozen=True)
class Cost:
    """What one workload costs in one contender."""

    workload: Workload
    contender: str
    seconds: float | None  # median over processes of the medians of their rounds
    judgement: Judgement | None  # of the ratio to the functional style
    times_floor: float | None  # geometric means over processes; of styles only
    times_numpy: float | None
    why_not: str | None  # why there are no seconds


@dataclass(frozen=True)
class FitParts:
    """Where the time of `fit` goes in one style, in seconds: medians over processes, which noise can make negative."""

    architecture: str
    style: str
    step: float
    epoch: float  # what it takes beside its steps
    call: float  # what `fit` takes beside its epochs


@dataclass(frozen=True)
class Conclusion:
    """What one run says about all costs, in the order of its plan, and why it may prove nothing."""

    engine: str
    device: str
    processes: int  # that answered for one workload, at most; an interrupted run may have begun more
    costs: list[Cost]
    fits: list[FitParts]
    twin_doubts: list[str]  # sentences without a full stop: where the twin was told from what it is a copy of
    other_doubts: list[str]  # whatever else speaks against the run

    @property
    def proves_nothing(self) -> list[str]:
        """Why the run proves nothing, in sentences without a full stop; none if it can be believed."""
        return self.twin_doubts + self.other_doubts

    @property
    def by_architecture(self) -> dict[str, dict[Workload, list[Cost]]]:
        """The costs of each workload, by architecture."""
        groups: dict[str, dict[Workload, list[Cost]]] = {}
        for cost in self.costs:
            groups.setdefault(cost.workload.architecture, {}).setdefault(cost.workload, []).append(cost)
        return groups


def conclude(processes: Sequence[ProcessRecord]) -> Conclusion:
    """Conclude from the processes of one engine and device.

    Raises:
        ValueError: if there are none, or they are of several engines, devices or versions of the workloads.
    """
    kinds = {(p.environment.engine, p.environment.device, p.workload_version) for p in processes}
    if len(kinds) != 1:
        raise ValueError(f"costs follow from processes of one engine, device and workload version, not of {kinds}")
    processes = sorted(processes, key=lambda process: process.number)
    by_workload: dict[Workload, list[MeasuredWorkload]] = {}
    for process in processes:
        for measured in process.measured:
            by_workload.setdefault(measured.workload, []).append(measured)
    compared = {
        (workload, contender): ratios
        for workload, measured_there in by_workload.items()
        for contender in (*STYLES, TWIN)
        if contender != BASELINE_STYLE and (ratios := _log_ratios(measured_there, contender, BASELINE_STYLE))
    }
    # The styles are judged together, so that all their verdicts hold at once; the twins decide over the run.
    twins = judge(
        {key: ratios for key, ratios in compared.items() if key[1] == TWIN}, level=TWIN_LEVEL, equivalence=False
    )
    judgements = judge({key: ratios for key, ratios in compared.items() if key[1] != TWIN}) | twins
    costs = [
        _cost(workload, contender, measured_there, judgements.get((workload, contender)))
        for workload, measured_there in by_workload.items()
        for contender in CONTENDERS
    ]
    environment = processes[0].environment
    twin_doubts = list(_flagged_twins({workload: judgement for (workload, _), judgement in twins.items()})) or list(
        _flagged_on_average([ratios for (_, contender), ratios in compared.items() if contender == TWIN])
    )
    other_doubts = [
        *_unequal_styles(processes),
        *_drift(processes),
        *_unstable_counters(processes),
        *_other_traces(processes),
        *_uncounted(processes),
        *_several_environments(processes),
    ]
    fits = list(_fits(processes))
    answers = max(map(len, by_workload.values()), default=0)
    return Conclusion(environment.engine, environment.device, answers, costs, fits, twin_doubts, other_doubts)


def _fits(processes: Sequence[ProcessRecord]) -> Iterator[FitParts]:
    """Give the parts of `fit` at the usual size, where all three kinds of it were timed."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for process in processes:
        usual = {
            (measured.workload.architecture, measured.workload.phase): measured.nanoseconds
            for measured in process.measured
            if (measured.workload.batch_size, measured.workload.width) == (BATCH_SIZE, WIDTH)
        }
        for architecture in dict.fromkeys(name for name, _ in usual):
            kinds = [usual.get((architecture, phase), {}) for phase in ("fit", "fit_epochs", "fit_call")]
            for style in (style for style in STYLES if all(kind.get(style) for kind in kinds)):
                many_steps, many_epochs, one_of_each = (float(np.median(kind[style])) / 1e9 for kind in kinds)
                step = (many_steps - one_of_each) / (STEPS - 1)
                epoch = (many_epochs - one_of_each) / (EPOCHS - 1) - step
                parts = step, epoch, one_of_each - epoch - step
                found.setdefault((architecture, style), []).append(parts)
    for (architecture, style), parts_of_processes in found.items():
        yield FitParts(architecture, style, *map(float, np.median(parts_of_processes, axis=0)))


def _log_ratios(measured: Sequence[MeasuredWorkload], contender: str, baseline: str) -> list[float]:
    """Return one value for each process that measured both."""
    return [
        log_ratio(process.nanoseconds[contender], process.nanoseconds[baseline])
        for process in measured
        if process.nanoseconds.get(contender) and process.nanoseconds.get(baseline)
    ]


def _cost(
    workload: Workload, contender: str, measured: Sequence[MeasuredWorkload], judgement: Judgement | None
) -> Cost:
    def times(baseline: str) -> float | None:
        ratios = _log_ratios(measured, contender, baseline) if contender in STYLES else []
        return math.exp(np.mean(ratios)) if ratios else None

    medians = [median(rounds) for process in measured if (rounds := process.nanoseconds.get(contender))]
    reasons = [process.why_not for process in measured if process.why_not]
    absent = f"there is no {contender} for {workload.phase} of {workload.architecture}"
    return Cost(
        workload=workload,
        contender=contender,
        seconds=median(medians) / 1e9 if medians else None,
        judgement=judgement,
        times_floor=times(FLOOR),
        times_numpy=times(NUMPY),
        why_not=None if medians else (reasons[0] if reasons else absent),
    )


def _flagged_twins(twins: Mapping[Workload, Judgement]) -> Iterator[str]:
    for workload, twin in twins.items():
        if twin.verdict in ("faster", "slower"):
            yield (
                f"the functional style's twin, which is the same code, came out {twin.verdict} in {workload}: "
                f"{twin.ratio:.3f} times, {CONFIDENCE:.0%} interval {twin.low:.3f} to {twin.high:.3f}"
            )


def _flagged_on_average(twins: Sequence[Sequence[float]]) -> Iterator[str]:
    """Tell of a bias that all cells share: few processes show it in none of them by itself.

    Args:
        twins: of each workload the logarithm of the twin's ratio in each process that answered for it. After an
            interruption these are not the same processes for all, but as many; where one was lost there are fewer, and
            that workload is left out.
    """
    if not twins:
        return
    answers = round(float(np.median([len(ratios) for ratios in twins])))
    whole = [ratios[:answers] for ratios in twins if len(ratios) >= answers]
    ((_, twin),) = judge({TWIN: np.mean(whole, axis=0).tolist()}, level=TWIN_LEVEL, equivalence=False).items()
    if twin.verdict != "undecided" and abs(math.log(twin.ratio)) > math.log1p(NO_DIFFERENCE) / 2:
        yield (
            f"the functional style's twin, which is the same code, came out {twin.verdict} on the average of all "
            f"workloads: {twin.ratio:.3f} times, {CONFIDENCE:.0%} interval {twin.low:.3f} to {twin.high:.3f}"
        )


def _unequal_styles(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    told = set()
    for process in processes:
        for measured in process.measured:
            if measured.is_unequal and measured.workload not in told:
                told.add(measured.workload)
                yield f"{measured.workload} was not timed in process {process.number}: {measured.why_not}"


def machine_drift(processes: Sequence[ProcessRecord]) -> float:
    """Return how many times as long the same computation took in the slowest process as in the fastest.

    It is the median of each process' pulse. A process without a pulse says nothing; without two there is no drift.
    """
    pulses = [float(np.median(process.pulse_nanoseconds)) for process in processes if process.pulse_nanoseconds]
    return max(pulses) / min(pulses) if pulses else 1.0


def _drift(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    if (drift := machine_drift(processes)) > MAX_DRIFT:
        yield (
            f"the machine drifted: the same computation took {drift:.1f} times as long in the slowest process as in "
            f"the fastest, and ratios are known to hold up to {MAX_DRIFT:g} times"
        )


def _unstable_counters(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    by_style: dict[tuple[str, str], dict[int, Schema]] = {}
    for process in processes:
        for architecture, styles in process.counters.items():
            for style, counters in styles.items():
                by_style.setdefault((architecture, style), {})[process.number] = counters
    for (architecture, style), by_process in by_style.items():
        for difference in _differing_fields(by_process):
            yield f"counters of {style} {architecture} are not the same in all processes: {difference}"


def _other_traces(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    """Tell of styles that are traced more often than others: their times would be those of something else."""
    counters = {name: styles for process in reversed(processes) for name, styles in process.counters.items()}
    for architecture, styles in counters.items():
        traces = {style: (counted.traces, counted.retraces) for style, counted in styles.items()}
        if len(set(traces.values())) > 1:
            told = ", ".join(f"{style} {first} and {again} times" for style, (first, again) in traces.items())
            yield f"{architecture} is not traced alike in every style, in a first fit and for another shape: {told}"


def _uncounted(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    """Tell of architectures of which no process got to counting, so that nobody knows how often they are traced."""
    timed = {one.workload.architecture for process in processes for one in process.measured if one.nanoseconds}
    for architecture in sorted(timed - {name for process in processes for name in process.counters}):
        yield f"nothing was counted of {architecture}, so whether its styles are traced alike is not known"


def _several_environments(processes: Sequence[ProcessRecord]) -> Iterator[str]:
    for difference in _differing_fields({p.number: p.environment for p in processes}, but=("commit",)):
        yield f"the processes ran in several environments: {difference}"


def _differing_fields(by_process: Mapping[int, Schema], but: Sequence[str] = ()) -> Iterator[str]:
    """Tell of each field in which a process is not like the first, once."""
    (first, reference), *others = by_process.items()
    for name in type(reference).model_fields:
        expected = getattr(reference, name)
        for number, other in others:
            if name not in but and (found := getattr(other, name)) != expected:
                yield f"{name} was {expected} in process {first} and {found} in process {number}"
                break
