"""Calibration: unchanged code, timed in many processes, says what the gate may call slower and how often it errs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, Field, model_validator
from scipy import stats  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.gate import (
    STATISTICAL_LEVEL,
    SUMMARIES,
    Array,
    CellKey,
    common_cells,
    log_times,
    measured_cells,
    not_comparable,
    p_slower,
)
from keras_styles.schema import Schema
from keras_styles.workloads import NUMPY, ProcessRecord

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

# Twice two sets of ten pairs: what the gate's two stages need to be replayed at all.
MIN_PROCESSES: Final = 40
# Nobody acts on less, however quiet the machine is.
SMALLEST_THRESHOLD: Final = 0.02
THRESHOLD_QUANTILE: Final = 0.999
# Twenty of these lie above the quantile, so that no single labelling decides it.
THRESHOLD_SPLITS: Final = 20_000
# With fewer, the upper end of the interval around no false alarm at all is not far enough below 1 %.
SPLITS: Final = 1_000
SLOW_DOWNS: Final = (1.01, 1.02, 1.05, 1.10, 1.20)
# The cells that a user notices; shorter ones have relatively more noise.
LONG_NANOSECONDS: Final = 1_000_000
SEED: Final = 20_240_229


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
        base: numbers of processes, of shape (splits, 2 x pairs); the second half is what the gate runs again.
        head: the neighbour of each.
        pairs: how many pairs there are in each half.
        logs: the gate's summary, of shape (processes, cells).
        rounds: nanoseconds by cell, of shape (processes, rounds); as many rounds as the shortest process has.
        means: mean nanoseconds of all rounds, of shape (processes, cells).
        limits: the gate's threshold of each cell.
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


@dataclass(frozen=True)
class Power:
    """How often a slow-down of one cell is found, as the mean over cells; `long_cells` take a millisecond or more."""

    all_cells: float
    long_cells: float | None


@dataclass(frozen=True)
class Rates:
    """How often a rule is wrong: false alarms per run over all cells, and power by the factor of a slow-down.

    The interval is that of Clopper and Pearson at 95 %. It is about the splits: all of them share the same processes.
    """

    rule: str
    pairs: int
    splits: int
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

    Neighbours in time are pairs. Many times, some pairs are picked at random and each is labelled base and head at
    random; the threshold is what all but one in a thousand of the estimates stay within.

    Raises:
        KerasStylesError: if the calibration has too few processes.
    """
    cells = common_cells(calibration.processes)
    logs = log_times(calibration.processes, cells)
    base, head = _label(len(logs), pairs, THRESHOLD_SPLITS)
    # Signs times differences, summed: the whole array of (splits, pairs, cells) would be large.
    signs = np.zeros((THRESHOLD_SPLITS, len(logs)))
    np.put_along_axis(signs, base, -1.0, axis=1)
    np.put_along_axis(signs, head, 1.0, axis=1)
    estimates = np.exp(signs @ logs / pairs)
    limits = np.quantile(np.abs(estimates - 1), THRESHOLD_QUANTILE, axis=0)
    return {key: max(SMALLEST_THRESHOLD, float(limit)) for key, limit in zip(cells, limits, strict=True)}


def _label(processes: int, pairs: int, splits: int) -> tuple[Integers, Integers]:
    """Return for each split the numbers of the base and the head processes of some pairs of neighbours."""
    available = processes // 2
    if pairs > available:
        raise KerasStylesError(
            f"The calibration has {processes} processes, but {pairs} pairs need {2 * pairs}: calibrate with more "
            "processes or ask for fewer pairs."
        )
    random = np.random.default_rng(SEED)
    order = random.permuted(np.tile(np.arange(available), (splits, 1)), axis=1)[:, :pairs]
    flipped = random.integers(0, 2, order.shape)
    return 2 * order + flipped, 2 * order + 1 - flipped


def summary_spreads(calibration: CalibrationRecord) -> dict[str, float]:
    """Return for each summary how far processes of unchanged code lie apart: what chooses the gate's summary.

    It is the standard deviation of the logarithm of the ratio of neighbours, as the median over cells; of the cells
    that NumPy was timed beside, so that all summaries are judged by the same cells.
    """
    found = measured_cells(calibration.processes[0])
    cells = [key for key in common_cells(calibration.processes) if found[key].nanoseconds.get(NUMPY)]
    spreads = {}
    for name, summary in SUMMARIES.items():
        logs = log_times(calibration.processes, cells, summary)
        even = len(logs) // 2 * 2
        # The root of the mean square, not the deviation from the mean: the true difference is known to be none.
        differences = logs[1:even:2] - logs[0:even:2]
        spreads[name] = float(np.median(np.sqrt(np.mean(differences**2, axis=0))))
    return spreads


def gate_rule(draw: Draw, slow_down: float) -> Bools:
    """The gate of this project: both of its stages, on processes that do not overlap."""
    cells = draw.logs.shape[1]
    suspects = np.ones((len(draw.base), cells), dtype=bool)  # in the first stage, every cell
    regressed = suspects
    for half in (slice(None, draw.pairs), slice(draw.pairs, None)):
        differences = draw.logs[draw.head[:, half]] - draw.logs[draw.base[:, half]]
        unchanged = p_slower(differences, axis=1)
        rejected = _holm(unchanged, suspects)
        # One cell is slower and the others are as they are, so Holm's correction for it is by all cells of the family
        # but those others that are rejected before it.
        family = suspects.sum(axis=1, keepdims=True) + ~suspects
        level = STATISTICAL_LEVEL / (family - (rejected.sum(axis=1, keepdims=True) - rejected))
        slower = differences + np.log(slow_down)
        regressed = regressed & (p_slower(slower, axis=1) <= level) & (np.exp(slower.mean(axis=1)) > 1 + draw.limits)
        suspects = suspects & rejected & (np.exp(differences.mean(axis=1)) > 1 + draw.limits)
    return regressed


def _holm(p_values: Array, family: Bools) -> Bools:
    """Return for each row which p values Holm's method rejects, those outside of the family aside."""
    rejected = np.zeros_like(family)
    # Holm's first step is Bonferroni's. Rows that fail it, nearly all, need no call; each call collects all garbage.
    smallest = np.where(family, p_values, np.inf).min(axis=1)
    for row in np.flatnonzero(smallest <= STATISTICAL_LEVEL / np.maximum(family.sum(axis=1), 1)):
        members = family[row]
        rejected[row, members] = multipletests(p_values[row, members], alpha=STATISTICAL_LEVEL, method="holm")[0]
    return rejected


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


def replay(
    calibration: CalibrationRecord,
    pairs: int,
    rule: str = GATE,
    slow_downs: Sequence[float] = SLOW_DOWNS,
    splits: int = SPLITS,
) -> Rates:
    """Return how often a rule is wrong on runs that are put together from a calibration.

    A slow-down multiplies the rounds of one cell on head; each cell has its turn, and power is the mean over them.
    The gate's second stage has pairs that its first has not seen.

    Args:
        calibration: processes of unchanged code.
        pairs: pairs of processes of each of the gate's two stages; other rules take the few that they are used with.
        rule: a name in RULES.
        slow_downs: factors above 1.
        splits: how many runs to put together.

    Raises:
        KerasStylesError: if the calibration has fewer than four processes for each pair.
    """
    draw, is_long = _draw(calibration, pairs, splits)
    false_alarms = int(RULES[rule](draw, 1.0).any(axis=1).sum())
    interval = stats.binomtest(false_alarms, splits).proportion_ci(0.95, method="exact")
    power = {}
    for slow_down in slow_downs:
        found = RULES[rule](draw, slow_down).mean(axis=0)
        power[slow_down] = Power(float(found.mean()), float(found[is_long].mean()) if is_long.any() else None)
    return Rates(
        rule=rule,
        pairs=pairs,
        splits=splits,
        cells=len(is_long),
        false_alarms=false_alarms,
        low=float(interval.low),
        high=float(interval.high),
        power=power,
    )


def _draw(calibration: CalibrationRecord, pairs: int, splits: int) -> tuple[Draw, Bools]:
    """Return splits of a calibration, and which of its cells take a millisecond or more."""
    cells = common_cells(calibration.processes)
    found = [measured_cells(process) for process in calibration.processes]
    samples = [[measured[key].nanoseconds[key.style] for measured in found] for key in cells]
    base, head = _label(len(found), 2 * pairs, splits)
    limits = thresholds(calibration, pairs)
    rounds = [np.array([one[: min(map(len, cell))] for one in cell], dtype=float) for cell in samples]
    draw = Draw(
        base=base,
        head=head,
        pairs=pairs,
        logs=log_times(calibration.processes, cells),
        rounds=rounds,
        means=np.array([[np.mean(one) for one in cell] for cell in samples]).T,
        limits=np.array([limits[key] for key in cells]),
    )
    return draw, np.array([np.median(cell) >= LONG_NANOSECONDS for cell in rounds])


def frontier(calibration: CalibrationRecord, pairs_options: Sequence[int], splits: int = SPLITS) -> list[Rates]:
    """Return the gate's rates by the number of its pairs, with its power at 5 %: what more processes buy."""
    return [replay(calibration, pairs, slow_downs=(1.05,), splits=splits) for pairs in pairs_options]


def calibration_table(rates: Sequence[Rates]) -> str:
    """Return the rates as a Markdown table with a row for each; power is of all cells, and in brackets of the long."""
    slow_downs = list(dict.fromkeys(slow_down for one in rates for slow_down in one.power))
    heads = ["rule", "pairs", "false alarms per run", *(f"finds {slow_down - 1:.0%}" for slow_down in slow_downs)]
    rows = [
        [
            one.rule,
            str(one.pairs),
            f"{one.false_alarm_rate:.1%} ({one.low:.1%} to {one.high:.1%})",
            *(_power_text(one.power.get(slow_down)) for slow_down in slow_downs),
        ]
        for one in rates
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ["---"] * len(heads), *rows))


def _power_text(power: Power | None) -> str:
    """Return power as text, for all cells and for those of a millisecond or more."""
    if power is None:
        return "-"
    return f"{power.all_cells:.0%}" + ("" if power.long_cells is None else f" ({power.long_cells:.0%})")
