"""History: what all saved runs of the benchmark say about each cell over time, and where it took a step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from ruptures import KernelCPD
from scipy import special, stats  # type: ignore[import-untyped]

from keras_styles.annotations import Annotation, read_annotations
from keras_styles.environment import RETIRED
from keras_styles.gate import UNDER_TEST
from keras_styles.saved_runs import Cell, Cells, Identity, Run, SavedRuns, read_saved_runs
from keras_styles.statistics import CONFIDENCE
from keras_styles.styles import BASELINE_STYLE

Array = npt.NDArray[np.float64]
Quantity = Literal["seconds", "ratio"]

# May change along a series: what is under test, and the release of the operating system, which hosted machines replace
# every few days. A step names those that changed with it.
MAY_CHANGE: Final = UNDER_TEST | {"system"}

# A regression is slower by more than this; nobody acts on less.
REGRESSION: Final = 0.05
# Only what lasts is a step. What disturbs a machine may disturb some runs in a row, so a step lasts for five, the
# fewest that a median of nine follows.
SHORTEST_SEGMENT: Final = 5
WINDOW: Final = 2 * SHORTEST_SEGMENT - 1
# What is farther from the median of its window than so many standard deviations is an outlier, and that median takes
# its place: Pelt's cost is quadratic, so a run that took ten times as long would weigh more than any step.
OUTLYING: Final = 3.0
# An outlier beside a step may hide on which side of it this many runs are.
HIDDEN: Final = 2
# Of fewer points nobody knows the noise: eleven differences underestimate it by half too often.
MIN_POINTS: Final = 12
# Times the variance of the noise and the logarithm of the number of points, where short series count as `MIN_LENGTH`,
# because there the variance is known less well. Chosen by simulation, so that of a hundred series of sixty points
# without a step one at most is said to have one, also where one point in twenty is an outlier; the tests repeat it.
PENALTY: Final = 6.0
MIN_LENGTH: Final = 60
# No machine repeats a time better than this; a series that never changes has no noise to divide by.
SMALLEST_NOISE: Final = 1e-3

NOT_RUN: Final = "not run"


class Point(NamedTuple):
    """What one run says about a cell; the ratio is that to the functional style, and has an interval if known."""

    run: Run
    seconds: float | None = None  # median over processes
    ratio: float | None = None  # geometric mean over processes
    low: float | None = None
    high: float | None = None
    why_not: str | None = None  # why there is no time or, where there is one, no ratio


class Change(NamedTuple):
    """What was not the same in two runs."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Step:
    """A lasting change of a cell, somewhere between two runs; those between them have no number.

    A ratio also rises where nothing but the functional style became faster, so a step of it tells what became of the
    style's own time besides.

    Attributes:
        identity: where the cell was timed.
        cell: which one it is.
        quantity: what changed, the time or its ratio to the functional style.
        last_before: the last run before the step.
        first_after: the first one after it.
        factor: the median from this step to the next, as a ratio to that from the last step to this one.
        remaining: the median from the last step of the series on, likewise: 1 if this step was undone since.
        time_factor: like `factor`, of the style's own time in the same runs.
        time_remaining: like `remaining`, of the style's own time in the same runs.
    """

    identity: Identity
    cell: Cell
    quantity: Quantity
    last_before: Run
    first_after: Run
    factor: float
    remaining: float
    time_factor: float
    time_remaining: float

    @property
    def is_regression(self) -> bool:
        """Whether it got slower by more than `REGRESSION`; for a ratio, its style has to have taken longer itself."""
        return min(self.factor, self.time_factor) > 1 + REGRESSION

    @property
    def stands(self) -> bool:
        """Whether it is still slower, likewise, than before this step."""
        return min(self.remaining, self.time_remaining) > 1 + REGRESSION

    @property
    def changes(self) -> list[Change]:
        """What changed beside the commit, in the order of their names."""
        both = ((name, getattr(self.last_before, name), getattr(self.first_after, name)) for name in sorted(MAY_CHANGE))
        return [Change(*each) for each in both if each[0] != "commit" and each[1] != each[2]]

    @property
    def what_changed(self) -> str:
        """What is known to have changed with it, in words."""
        if self.changes:
            return ", ".join(f"{change.what} {change.before} to {change.after}" for change in self.changes)
        if self.last_before.commit != self.first_after.commit:
            return "the commit only"
        if self.last_before.dirty or self.first_after.dirty:
            return "at most what is not committed"
        return "nothing that is on record"


@dataclass(frozen=True)
class Series:
    """One cell over time: a point for each run of its timeline, and its steps in the order of time."""

    cell: Cell
    points: list[Point]
    steps: list[Step]


@dataclass(frozen=True)
class Timeline:
    """All runs of one identity in the order of time, and a series for each cell that any of them knows."""

    identity: Identity
    runs: list[Run]
    series: list[Series]

    @property
    def place(self) -> tuple[str, str, str]:
        """Machine, engine and device, where another timeline may have taken this one's place."""
        return self.identity.machine, self.identity.engine, self.identity.device

    @property
    def has_times(self) -> bool:
        """Whether any of its runs has a number."""
        return any(point.seconds is not None for series in self.series for point in series.points)


@dataclass(frozen=True)
class History:
    """Everything that is known over time.

    Attributes:
        timelines: by machine; the default engine first, and of one engine what ran last.
        regressions: steps by which something got slower, worst first.
        annotations: what people know, in the order of their dates.
        set_aside: a sentence for each file that cannot be used.
    """

    timelines: list[Timeline]
    regressions: list[Step]
    annotations: list[Annotation]
    set_aside: list[str]

    @property
    def standing(self) -> list[Step]:
        """The regressions that were not undone, of timelines that go on; what is slowest now comes first."""
        current = {timeline.identity for timeline in self.timelines if not self._has_ended(timeline)}
        steps = [step for step in self.regressions if step.stands and step.identity in current]
        return sorted(steps, key=lambda step: step.remaining, reverse=True)

    def _has_ended(self, timeline: Timeline) -> bool:
        """Tell whether a machine is retired, or its runs of one engine and device go on under another identity."""
        last = timeline.runs[-1].moment
        siblings = [other.runs[0].moment for other in self.timelines if other.place == timeline.place]
        return max(other.runs[-1].moment for other in self.timelines) - last > RETIRED or max(siblings) > last


def read_history(results: Path, runs: SavedRuns | None = None) -> History:
    """Return what all runs of the benchmark under `results` say over time.

    A file that cannot be read costs a sentence, not the page.

    Args:
        results: the folder of the records.
        runs: all of its runs, if somebody has read them.
    """
    runs = runs or read_saved_runs(results)
    annotations, trouble = read_annotations(results)
    by_identity: dict[Identity, list[tuple[Run, Cells]]] = {}
    for saved in runs.by_path.values():
        for identity, cells in saved.cells.items():
            by_identity.setdefault(identity, []).append((saved.run, cells))
    timelines = [_timeline(identity, known) for identity, known in by_identity.items()]
    timelines.sort(key=lambda timeline: timeline.runs[-1].moment, reverse=True)
    timelines.sort(key=lambda timeline: (timeline.identity.machine, *_default_first(timeline.identity.engine)))
    steps = [step for timeline in timelines for series in timeline.series for step in series.steps]
    regressions = [step for step in steps if step.is_regression]
    return History(
        timelines=timelines,
        regressions=sorted(regressions, key=lambda step: step.factor, reverse=True),
        annotations=annotations,
        set_aside=runs.set_aside + ([trouble] if trouble else []),
    )


def _default_first(engine: str) -> tuple[bool, str]:
    """Return what sorts engines by name, but the default one first, since most readers came for it."""
    return engine != "tensorflow", engine


def _timeline(identity: Identity, known: Sequence[tuple[Run, Cells]]) -> Timeline:
    """Return what the runs of one identity say; cells in the order of the newest run, then those it does not know."""
    series, points_by_run = [], [(_points(run, cells), Point(run, why_not=NOT_RUN)) for run, cells in known]
    for cell in dict.fromkeys(cell for _, cells in reversed(known) for cell in cells):
        points = [found.get(cell, not_run) for found, not_run in points_by_run]
        quantities: tuple[Quantity, ...] = ("seconds", "ratio")
        steps = [step for quantity in quantities for step in _steps(identity, cell, points, quantity)]
        series.append(Series(cell, points, sorted(steps, key=lambda step: step.first_after.moment)))
    return Timeline(identity, [run for run, _ in known], series)


def _points(run: Run, cells: Cells) -> dict[Cell, Point]:
    """Return what one run says about each of its cells."""
    without = {found: Point(run, why_not=found) for found in cells.values() if isinstance(found, str)}
    points = {cell: without[found] for cell, found in cells.items() if isinstance(found, str)}
    # All cells of as many processes at once: NumPy takes as long for one of them.
    by_processes: dict[int, dict[Cell, list[float]]] = {}
    for cell, found in cells.items():
        if not isinstance(found, str):
            by_processes.setdefault(len(found), {})[cell] = found
    for measured in by_processes.values():
        seconds = dict(zip(measured, np.median(list(measured.values()), axis=1).tolist(), strict=True))
        paired = [cell for cell in measured if cell.style != BASELINE_STYLE and _baseline(cell) in measured]
        ratios = _ratios([measured[cell] for cell in paired], [measured[_baseline(cell)] for cell in paired])
        points |= {cell: Point(run, seconds[cell], *ratio) for cell, ratio in zip(paired, ratios, strict=True)}
        points |= {
            cell: Point(run, seconds[cell], why_not=_why_no_ratio(cell, cells)) for cell in measured.keys() - {*paired}
        }
    return points


@cache
def _baseline(cell: Cell) -> Cell:
    return cell._replace(style=BASELINE_STYLE)


def _why_no_ratio(cell: Cell, cells: Cells) -> str | None:
    if cell.style == BASELINE_STYLE:
        return None
    found, baseline = cells[cell], cells.get(_baseline(cell), NOT_RUN)
    if isinstance(baseline, str):
        return f"no ratio, since {BASELINE_STYLE} has no time: {baseline}"
    return f"no ratio, since {len(found)} processes timed it and {len(baseline)} timed {BASELINE_STYLE}"


def _ratios(
    seconds: Sequence[Sequence[float]], baselines: Sequence[Sequence[float]]
) -> list[tuple[float, float, float] | tuple[float]]:
    """Return the geometric mean of the ratios of pairs, and where it lies by a t distribution, if that is known.

    Args:
        seconds: of each cell what each process took, as many in all of them.
        baselines: likewise what the baseline took there.
    """
    if not seconds:
        return []
    logs = np.log(np.divide(seconds, baselines))
    means, processes = logs.mean(axis=1), logs.shape[1]
    if processes < 2:
        return [(ratio,) for ratio in np.exp(means).tolist()]
    margins = _t_quantile(processes - 1) * logs.std(axis=1, ddof=1) / math.sqrt(processes)
    return list(zip(*(np.exp(means + sign * margins).tolist() for sign in (0, -1, 1)), strict=True))


@cache
def _t_quantile(degrees: int) -> float:
    """Return what a t distribution stays below in size with the usual confidence."""
    return float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _steps(identity: Identity, cell: Cell, points: Sequence[Point], quantity: Quantity) -> list[Step]:
    """Return the steps of one quantity along a series, over its gaps."""
    known = [point for point in points if getattr(point, quantity) is not None]
    logs = np.log([getattr(point, quantity) for point in known])
    firsts = find_steps(logs)
    if not firsts:
        return []
    levels = _levels(logs, firsts)
    seconds = [point.seconds for point in known if point.seconds is not None]  # each, since a ratio is of times
    own = _levels(np.log(seconds), firsts)
    return [
        Step(
            identity=identity,
            cell=cell,
            quantity=quantity,
            last_before=known[first - 1].run,
            first_after=known[first].run,
            factor=math.exp(levels[number + 1] - levels[number]),
            remaining=math.exp(levels[-1] - levels[number]),
            time_factor=math.exp(own[number + 1] - own[number]),
            time_remaining=math.exp(own[-1] - own[number]),
        )
        for number, first in enumerate(firsts)
    ]


def _levels(logs: Array, firsts: Sequence[int]) -> list[float]:
    """Return the median of each segment of a series that begins anew at `firsts`; `logs` is of shape (points,)."""
    return [float(np.median(segment)) for segment in np.split(logs, firsts)]


def find_steps(logs: Array) -> list[int]:
    """Return where a series changes its level for good: the positions of the first points of new levels.

    Pelt minimizes the squared distances to the mean of each segment plus a penalty for each segment. The penalty
    follows from the noise and the number of points. The noise is taken from the differences of neighbours, of which a
    step makes only one large, by their median absolute deviation, which leaves outliers out. That is right where the
    noise of neighbours is independent; where a machine wanders for days, its wandering is reported as steps.

    Args:
        logs: logarithms of times or of ratios in the order of time, of shape (points,).
    """
    if len(logs) < MIN_POINTS:
        return []
    deviation = stats.median_abs_deviation(np.diff(logs), scale="normal") / math.sqrt(2)
    noise = max(float(deviation), SMALLEST_NOISE)
    in_noise = (logs - np.median(logs)) / noise
    penalty = PENALTY * math.log(max(len(logs), MIN_LENGTH))
    # Pelt in C, where a linear kernel is the squared distance: in Python a series of a thousand takes seconds.
    pelt = KernelCPD(kernel="linear", min_size=SHORTEST_SEGMENT).fit(_without_outliers(in_noise))
    ends = [0, *map(int, pelt.predict(pen=penalty))]
    return [_place(in_noise, *segments) for segments in zip(ends, ends[1:], ends[2:], strict=False)]


def _without_outliers(values: Array) -> Array:
    """Replace outliers by the median of what is around them; at both ends the window is that of its neighbour.

    Args:
        values: in standard deviations of the noise, of shape (points,).
    """
    middle = np.median(np.lib.stride_tricks.sliding_window_view(values, WINDOW), axis=1)
    middle = np.pad(middle, WINDOW // 2, mode="edge")
    return np.where(np.abs(values - middle) > OUTLYING, middle, values)


def _place(values: Array, start: int, first: int, end: int) -> int:
    """Return where a step is that was found about `first`, by the values themselves, outliers and all.

    Each value near it has one vote for the level that it is closer to, weighted by how much closer; that of an outlier
    weighs no more than the step.

    Args:
        values: of shape (points,).
        start: the first position of the segment before the step.
        first: the first position of the segment after it.
        end: the position after that segment.
    """
    near = values[first - HIDDEN : first + HIDDEN]
    after = np.abs(near - np.median(values[start:first])) - np.abs(near - np.median(values[first:end]))
    votes_against = np.concatenate([[0.0], np.cumsum(after)])
    return first - HIDDEN + int(np.argmin(votes_against))
