"""Calibration: unchanged code, timed in many processes, says what the gate may call slower and how often it errs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen
from pydantic import AwareDatetime, Field, PositiveInt, model_validator
from scipy import stats  # type: ignore[import-untyped]

from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.gate import (
    MIN_PAIRS,
    PAIRS_AGAIN,
    SCREENING_LEVEL,
    STATISTICAL_LEVEL,
    SUMMARIES,
    SUMMARY,
    Array,
    CellKey,
    common_cells,
    log_times,
    measured_cells,
    not_comparable,
    p_slower,
)
from keras_styles.schema import Schema
from keras_styles.workloads import ProcessRecord

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

# The fewest pairs that a gate takes are five, and the ten of its second run have to be drawn from twice as many.
MIN_PROCESSES: Final = 40
# Of both runs of a gate, for each pair of the first.
_PROCESSES_FOR_EACH_PAIR: Final = 2 * (1 + PAIRS_AGAIN)
# Nobody acts on less, however quiet the machine is.
SMALLEST_THRESHOLD: Final = 0.02
# A threshold is what is worth acting on; that noise is not acted upon is what the tests are for.
THRESHOLD_QUANTILE: Final = 0.99
# Two hundred of these lie above the quantile, so that no single labelling decides it.
THRESHOLD_SPLITS: Final = 20_000
# With fewer, the upper end of the interval around no false alarm at all is not far enough below 1 %.
SPLITS: Final = 1_000
SLOW_DOWNS: Final = (1.01, 1.02, 1.05, 1.10, 1.20)
# The cells that a user notices; shorter ones have relatively more noise.
LONG_NANOSECONDS: Final = 1_000_000
SEED: Final = 20_240_229
# Pairs of the first run of a gate: from nine minutes to half an hour on TensorFlow and two cores, the second included.
FRONTIER: Final = (5, 7, 10, 15, 20)


class CalibrationRecord(Schema):
    """Processes of unchanged code in the order of time: what looks like a difference between them is noise."""

    kind: Literal["calibration"] = "calibration"
    schema_version: Literal[1] = 1
    created: AwareDatetime
    environment: Environment
    processes: list[ProcessRecord] = Field(min_length=MIN_PROCESSES)

    @model_validator(mode="after")
    def _is_unchanged(self) -> Self:
        differing = not_comparable(self.processes, self.processes, frozenset())
        if differing or self.processes[0].environment != self.environment:
            raise ValueError(" ".join(differing) or "the environment is not that of the processes")
        return self


@dataclass(frozen=True)
class Draw:
    """Many ways to call processes of unchanged code base and head, and what these processes took.

    Attributes:
        base: numbers of processes, of shape (splits, pairs of both runs); all but the first `pairs` are what the gate
            runs again.
        head: the neighbour of each.
        pairs: how many pairs there are in the gate's first run.
        logs: the gate's summary, of shape (processes, cells).
        rounds: nanoseconds by cell, of shape (processes, rounds); as many rounds as the shortest process has.
        means: mean nanoseconds of all rounds, of shape (processes, cells).
        limits: the gate's threshold of each cell, of shape (splits, cells), from processes that the split has not.
    """

    base: Integers
    head: Integers
    pairs: int
    logs: Array
    rounds: list[Array]
    means: Array
    limits: Array


# Says for each split and cell whether the cell is called a regression when it alone is slower on head by a factor.
Rule = Callable[[Draw, float], Bools]


class Power(Schema):
    """How often a slow-down of one cell is found, as the mean over cells; `long_cells` take a millisecond or more."""

    all_cells: float
    long_cells: float | None


class Rates(Schema):
    """How often a rule is wrong: false alarms per run over all cells, and power by the factor of a slow-down.

    The interval is that of Clopper and Pearson at 95 %. It is about the splits: all of them share the same processes.
    """

    rule: str
    pairs: int
    splits: PositiveInt
    cells: int
    false_alarms: int
    low: float
    high: float
    power: dict[float, Power]

    @property
    def false_alarm_rate(self) -> float:
        """The fraction of runs of unchanged code in which at least one cell is called a regression."""
        return self.false_alarms / self.splits


def thresholds(calibration: CalibrationRecord, pairs: int) -> dict[CellKey, float]:
    """Return by how much the estimated ratio of each cell may differ from 1 when nothing changed.

    Neighbours in time are pairs. Many times, as many pairs as decide in a gate are picked at random, and each is
    labelled base and head at random; the threshold is what all but one in a hundred of the estimates stay within.

    Args:
        calibration: processes of unchanged code.
        pairs: of the gate's first run; those that decide are PAIRS_AGAIN times as many.

    Raises:
        KerasStylesError: if the calibration has too few processes.
    """
    found, needed = len(calibration.processes), 2 * PAIRS_AGAIN * pairs
    if found < needed:
        raise KerasStylesError(
            f"The calibration has {found} processes, but a gate of {pairs} pairs, which measures what looks slower in "
            f"{PAIRS_AGAIN * pairs} more, needs {needed}: calibrate with more pairs or ask for fewer."
        )
    cells = common_cells(calibration.processes)
    limits = _limits(log_times(calibration.processes, cells), PAIRS_AGAIN * pairs)
    return dict(zip(cells, map(float, limits), strict=True))


def _limits(logs: Array, pairs: int, repeated: bool = False) -> Array:
    """Return the threshold of each cell; see `thresholds`."""
    base, head = _label(len(logs), pairs, THRESHOLD_SPLITS, repeated)
    # Signs times logarithms, summed: the whole array of (splits, pairs, cells) would be large.
    signs, rows = np.zeros((THRESHOLD_SPLITS, len(logs))), np.arange(THRESHOLD_SPLITS)[:, None]
    np.add.at(signs, (rows, base), -1.0)
    np.add.at(signs, (rows, head), 1.0)
    estimates = np.exp(signs @ logs / pairs)
    limits: Array = np.quantile(np.abs(estimates - 1), THRESHOLD_QUANTILE, axis=0)
    return np.maximum(SMALLEST_THRESHOLD, limits)


def _label(processes: int, pairs: int, splits: int, repeated: bool = False) -> tuple[Integers, Integers]:
    """Return for each split the numbers of the base and the head processes of some pairs of neighbours.

    A pair is in a split once, or as often as chance has it if they may be `repeated`.
    """
    available = processes // 2
    random = np.random.default_rng(SEED)
    if repeated:
        order = random.integers(0, available, (splits, pairs))
    else:
        order = random.permuted(np.tile(np.arange(available), (splits, 1)), axis=1)[:, :pairs]
    flipped = random.integers(0, 2, order.shape)
    return 2 * order + flipped, 2 * order + 1 - flipped


def summary_spreads(calibration: CalibrationRecord) -> dict[str, float]:
    """Return for each summary how far processes of unchanged code lie apart: what chooses the gate's summary.

    It is the standard deviation of the logarithm of the ratio of neighbours, as the median over cells.
    """
    cells = common_cells(calibration.processes)
    spreads = {}
    for name, summary in SUMMARIES.items():
        logs = log_times(calibration.processes, cells, summary)
        even = len(logs) // 2 * 2
        # The root of the mean square, not the deviation from the mean: the true difference is known to be none.
        differences = logs[1:even:2] - logs[0:even:2]
        spreads[name] = float(np.median(np.sqrt(np.mean(differences**2, axis=0))))
    return spreads


def spreads_text(calibration: CalibrationRecord) -> str:
    """Return how far neighbours lie apart by each summary, as a line of text; that of the gate comes first."""
    spreads = sorted(summary_spreads(calibration).items(), key=lambda each: each[0] != SUMMARY.__name__)
    told = ", ".join(f"{name.replace('_', ' ')} {spread:.1%}" for name, spread in spreads)
    return f"Neighbours that are the same code differ by, as a standard deviation: {told}."


def gate_rule(draw: Draw, slow_down: float) -> Bools:
    """The gate of this project: a run that chooses cells, and one of other processes that decides over them."""
    first, second = (
        draw.logs[draw.head[:, run]] - draw.logs[draw.base[:, run]]
        for run in (slice(None, draw.pairs), slice(draw.pairs, None))
    )
    unchanged = np.where(p_slower(first, axis=1) <= SCREENING_LEVEL, p_slower(second, axis=1), np.inf)
    slower = second + np.log(slow_down)
    suspect = p_slower(first + np.log(slow_down), axis=1) <= SCREENING_LEVEL
    p_values = np.where(suspect, p_slower(slower, axis=1), np.inf)
    large: Bools = np.exp(slower.mean(axis=1)) > 1 + draw.limits
    return large & (holm_beside(p_values, unchanged) <= STATISTICAL_LEVEL)


def holm_beside(p_values: Array, others: Array) -> Array:
    """Return each p value as Holm's method adjusts it when its column in `others` is replaced by it.

    statsmodels does so for one family in a tenth of a second, which is too long for a hundred thousand families.

    Args:
        p_values: of shape (families, cells); infinity is a cell that is not in its family.
        others: likewise.
    """
    adjusted = np.empty_like(p_values)
    for cell in range(p_values.shape[1]):
        family = others.copy()
        family[:, cell] = p_values[:, cell]
        place = (family < p_values[:, [cell]]).sum(axis=1)
        family.sort(axis=1)
        left = np.isfinite(family).sum(axis=1, keepdims=True) - np.arange(family.shape[1])
        steps = np.maximum.accumulate(np.where(left > 0, family * np.maximum(left, 1), np.inf), axis=1)
        adjusted[:, cell] = np.take_along_axis(steps, place[:, None], axis=1)[:, 0]
    return adjusted


def mean_above_5_percent(draw: Draw, slow_down: float) -> Bools:
    """`pytest-benchmark --benchmark-compare-fail=mean:5%`: the mean of one process against that of one other."""
    return _mean_ratio(draw, slow_down) > 1.05


def mean_above_200_percent(draw: Draw, slow_down: float) -> Bools:
    """github-action-benchmark as it comes: an alert at more than twice the mean, of one process a side."""
    return _mean_ratio(draw, slow_down) > 2.0


def _mean_ratio(draw: Draw, slow_down: float) -> Array:
    """Return the ratio of the means of the first process of head and of base."""
    return draw.means[draw.head[:, 0]] / draw.means[draw.base[:, 0]] * slow_down


def asv_rule(draw: Draw, slow_down: float) -> Bools:
    """`asv continuous` as it comes: the rounds of two processes a side, thrown together.

    Their medians differ by more than a factor of 1.1, and Mann and Whitney's test gives less than 0.002.
    """
    verdicts = np.zeros((len(draw.base), len(draw.rounds)), dtype=bool)
    for cell, rounds in enumerate(draw.rounds):
        base = rounds[draw.base[:, :2]].reshape(len(draw.base), -1)
        head = rounds[draw.head[:, :2]].reshape(len(draw.head), -1) * slow_down
        large = np.flatnonzero(np.median(head, axis=1) > 1.1 * np.median(base, axis=1))
        if len(large):  # the test is slow, and needs no answer where the factor has given it
            verdicts[large, cell] = stats.mannwhitneyu(head[large], base[large], axis=1).pvalue < 0.002
    return verdicts


GATE: Final = "keras-styles gate"
RULES: Final[Mapping[str, Rule]] = {
    GATE: gate_rule,
    "pytest-benchmark, mean:5%": mean_above_5_percent,
    "asv, factor 1.1 and p < 0.002": asv_rule,
    "github-action-benchmark, 200 %": mean_above_200_percent,
}
# How many pairs of processes the others are used with.
FEWER_PAIRS: Final[Mapping[str, int]] = {
    "pytest-benchmark, mean:5%": 1,
    "asv, factor 1.1 and p < 0.002": 2,
    "github-action-benchmark, 200 %": 1,
}


def replay(
    calibration: CalibrationRecord,
    pairs: int,
    rule: str = GATE,
    slow_downs: Sequence[float] = SLOW_DOWNS,
    splits: int = SPLITS,
    repeated: bool = False,
) -> Rates:
    """Return how often a rule is wrong on runs that are put together from a calibration.

    A slow-down multiplies the rounds of one cell on head; each cell has its turn, and power is the mean over them.
    The gate's second run has pairs that its first has not seen, and its thresholds come from the other half of the
    calibration: half of the runs are put together from the earlier processes, half from the later ones.

    Args:
        calibration: processes of unchanged code.
        pairs: pairs of processes of the gate's first run; other rules take the few that they are used with.
        rule: a name in RULES.
        slow_downs: factors above 1.
        splits: how many runs to put together, an even number.
        repeated: whether a pair may be in a run several times, as if there were more that are like these: what more
            pairs than the calibration has would find, if its noise is what there is.

    Raises:
        KerasStylesError: if the calibration has fewer than twelve processes for each pair, unless they are repeated.
    """
    draw, is_long = draw_splits(calibration, pairs, splits, repeated)
    false_alarms = int(RULES[rule](draw, 1.0).any(axis=1).sum())
    interval = stats.binomtest(false_alarms, splits).proportion_ci(0.95, method="exact")
    power = {}
    for slow_down in slow_downs:
        found = RULES[rule](draw, slow_down).mean(axis=0)
        long_cells = float(found[is_long].mean()) if is_long.any() else None
        power[slow_down] = Power(all_cells=float(found.mean()), long_cells=long_cells)
    return Rates(
        rule=rule,
        pairs=FEWER_PAIRS.get(rule, pairs),
        splits=splits,
        cells=len(is_long),
        false_alarms=false_alarms,
        low=float(interval.low),
        high=float(interval.high),
        power=power,
    )


def draw_splits(calibration: CalibrationRecord, pairs: int, splits: int, repeated: bool = False) -> tuple[Draw, Bools]:
    """Return splits of a calibration, and which of its cells take a millisecond or more."""
    cells = common_cells(calibration.processes)
    found = [measured_cells(process) for process in calibration.processes]
    samples = [[measured[key].nanoseconds[key.style] for measured in found] for key in cells]
    logs = log_times(calibration.processes, cells)
    earlier, later = _halves(len(found), MIN_PAIRS if repeated else pairs)
    sides, limits = [], []
    for drawn, other in ((earlier, later), (later, earlier)):
        sides.append(drawn.start + np.array(_label(len(drawn), (1 + PAIRS_AGAIN) * pairs, splits // 2, repeated)))
        limits.append(np.tile(_limits(logs[other.start : other.stop], PAIRS_AGAIN * pairs, repeated), (splits // 2, 1)))
    base, head = np.concatenate(sides, axis=1)
    rounds = [np.array([one[: min(map(len, cell))] for one in cell], dtype=float) for cell in samples]
    draw = Draw(
        base=base,
        head=head,
        pairs=pairs,
        logs=logs,
        rounds=rounds,
        means=np.array([[np.mean(one) for one in cell] for cell in samples]).T,
        limits=np.concatenate(limits),
    )
    return draw, np.array([np.median(cell) >= LONG_NANOSECONDS for cell in rounds])


def _halves(processes: int, pairs: int) -> tuple[range, range]:
    """Return the numbers of the earlier and of the later processes; a half holds whole pairs."""
    half = processes // 4 * 2
    if half < _PROCESSES_FOR_EACH_PAIR * pairs:
        raise KerasStylesError(
            f"The calibration has {processes} processes, but to replay a gate of {pairs} pairs takes "
            f"{2 * _PROCESSES_FOR_EACH_PAIR * pairs}: calibrate with more pairs or ask for fewer."
        )
    return range(half), range(half, 2 * half)


def frontier(calibration: CalibrationRecord, pairs_options: Sequence[int], splits: int = SPLITS) -> list[Rates]:
    """Return the gate's rates by the number of its pairs, with its power at 5 and 10 %: what more processes buy.

    Pairs are drawn with replacement, so that there can be more than the calibration has.
    """
    return [replay(calibration, pairs, slow_downs=(1.05, 1.1), splits=splits, repeated=True) for pairs in pairs_options]


class RatesRecord(Schema):
    """How often the gate and other rules are wrong on one machine: what a calibration comes to."""

    kind: Literal["rates"] = "rates"
    schema_version: Literal[1] = 1
    created: AwareDatetime
    environment: Environment
    processes: int
    rates: Annotated[list[Rates], MinLen(1)] = Field(description="of every rule")
    frontier: list[Rates] = Field(description="of the gate by the number of its pairs")

    @property
    def slow_downs(self) -> list[float]:
        """The factors for which power is known."""
        return list(self.rates[0].power)


def rates_of(calibration: CalibrationRecord) -> RatesRecord:
    """Replay a calibration under every rule, with as many pairs as it has processes for."""
    most = len(calibration.processes) // (2 * _PROCESSES_FOR_EACH_PAIR)
    return RatesRecord(
        created=calibration.created,
        environment=calibration.environment,
        processes=len(calibration.processes),
        rates=[replay(calibration, most, rule) for rule in RULES],
        frontier=frontier(calibration, FRONTIER),
    )


def calibration_table(rates: Sequence[Rates]) -> str:
    """Return the rates as a Markdown table with a row for each; power is of all cells, and in brackets of the long."""
    slow_downs = list(dict.fromkeys(slow_down for one in rates for slow_down in one.power))
    heads = ["rule", "pairs", "false alarms per run", *(f"finds {slow_down - 1:.0%}" for slow_down in slow_downs)]
    rows = [
        [
            one.rule,
            str(one.pairs),
            f"{one.false_alarm_rate:.1%} ({one.low:.1%} to {one.high:.1%})",
            *(power_text(one.power.get(slow_down)) for slow_down in slow_downs),
        ]
        for one in rates
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ["---"] * len(heads), *rows))


def power_text(power: Power | None) -> str:
    """Return power as text, for all cells and for those of a millisecond or more."""
    if power is None:
        return "-"
    return f"{power.all_cells:.0%}" + ("" if power.long_cells is None else f" ({power.long_cells:.0%})")
