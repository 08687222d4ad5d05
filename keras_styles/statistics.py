"""Statistics: what may be said about samples that were taken in turns, in one process and in several."""

import bisect
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal, TypeVar

import numpy as np
from scipy import special  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]

Verdict = Literal["faster", "slower", "no difference", "undecided"]
Key = TypeVar("Key", bound=Hashable)

# What no difference is: a style that is this part slower than another, or less.
NO_DIFFERENCE: Final = 0.02
# Of the interval that is shown beside each ratio, which says nothing of the others.
CONFIDENCE: Final = 0.95
# Nobody runs more processes than this: ten thousand of half a minute each take three and a half days.
MOST_PROCESSES: Final = 10_000
# Logarithms closer than this do not differ: a part in 10^9 of a second is a nanosecond, the unit of the clock.
SAME: Final = 1e-9


@dataclass(frozen=True)
class Judgement:
    """What several processes say about one ratio."""

    ratio: float  # geometric mean over the processes
    low: float  # of the interval; 0 to infinity where one process says nothing about the spread
    high: float
    p_difference: float  # that the ratio is 1, and that it is not within the margin around 1; both are
    p_equivalence: float  # adjusted for all that was judged together, so they compare with the level
    verdict: Verdict
    processes: int
    more_processes: int | None  # where undecided: how many more would decide if they spread as these did


def log_ratio(rounds: Sequence[float], baseline: Sequence[float]) -> float:
    """Return what one process says about a ratio: the median of the rounds' logarithms.

    Args:
        rounds: the time of each round.
        baseline: the time of the same rounds for what counts as 1.

    Raises:
        ValueError: if there is not one baseline for each round, or no round.
    """
    if len(rounds) != len(baseline) or not rounds:
        raise ValueError(f"{len(rounds)} rounds cannot be paired with {len(baseline)} of the baseline")
    # Not by NumPy, which takes thirty times as long for the few rounds of one process.
    return median(math.log(time / of_baseline) for time, of_baseline in zip(rounds, baseline, strict=True))


def judge(
    log_ratios: Mapping[Key, Sequence[float]],
    *,
    within: float = NO_DIFFERENCE,
    level: float = 0.05,
    equivalence: bool = True,
) -> dict[Key, Judgement]:
    """Say of each ratio whether it is 1, after both questions about all of them were asked together.

    Each ratio is tested for a difference from 1 and for equivalence with 1. Holm's procedure keeps the chance that any
    of all these tests rejects what is true below the level, however many there are. What is both different and
    equivalent, as 1.005 can be after many processes, is no difference.

    The margin is symmetric in logarithms, from 1 / (1 + within) to 1 + within: then it makes no difference to the
    verdict which of two styles is divided by which. It lies inside 1 - within to 1 + within.

    Args:
        log_ratios: the logarithm of each ratio, once for each process.
        within: what no difference is: a style that is this part slower than another, or less.
        level: the chance of any wrong "faster", "slower" or "no difference" among all.
        equivalence: whether to ask for equivalence at all; without, fewer tests share the level.
    """
    margin = math.log1p(within)
    samples = {key: np.asarray(values, dtype=float) for key, values in log_ratios.items()}
    if not samples:
        return {}
    p_values = np.array([_p_values(sample, margin) for sample in samples.values()])
    asked = p_values if equivalence else p_values[:, :1]
    rejected, adjusted, *_ = multipletests(asked.ravel(), alpha=level, method="holm")
    if not equivalence:
        rejected = np.column_stack([rejected, np.zeros_like(rejected)])
        adjusted = np.column_stack([adjusted, np.ones_like(adjusted)])
    strictest = level / asked.size
    judgements = {}
    for (key, sample), (different, equivalent), (p_difference, p_equivalence) in zip(
        samples.items(), rejected.reshape(-1, 2), adjusted.reshape(-1, 2), strict=True
    ):
        mean = float(sample.mean()) if sample.size else math.nan
        low, high = _interval(sample)
        verdict: Verdict = "undecided"
        if equivalent:
            verdict = "no difference"
        elif different:
            verdict = "slower" if mean > 0 else "faster"
        judgements[key] = Judgement(
            ratio=math.exp(mean),
            low=math.exp(low),
            high=math.exp(high),
            p_difference=float(p_difference),
            p_equivalence=float(p_equivalence),
            verdict=verdict,
            processes=sample.size,
            more_processes=_more_processes(sample, margin, strictest) if verdict == "undecided" else None,
        )
    return judgements


def _p_values(sample: np.ndarray, margin: float) -> tuple[float, float]:
    """Return how well the mean goes with 0, and with lying outside of the margin."""
    if sample.size < 2:
        # They count all the same: otherwise what could not be measured here would change the verdict on the others.
        return 1.0, 1.0
    if np.ptp(sample) < SAME:
        # The t statistic divides by the spread; as it goes to 0, these are the limits.
        distance = abs(float(sample.mean()))
        return float(distance < SAME), float(distance >= margin)
    described = DescrStatsW(sample)
    return float(described.ttest_mean(0)[1]), float(described.ttost_mean(-margin, margin)[0])


def _interval(sample: np.ndarray) -> tuple[float, float]:
    """Return where the mean lies, by a t distribution."""
    if sample.size < 2:
        return -math.inf, math.inf
    if np.ptp(sample) < SAME:
        return float(sample.mean()), float(sample.mean())
    low, high = DescrStatsW(sample).tconfint_mean(1 - CONFIDENCE)
    return float(low), float(high)


def _more_processes(sample: np.ndarray, margin: float, level: float) -> int | None:
    """Return how many more processes would decide if mean and standard deviation stayed; None: too many, or unknown."""
    if sample.size < 2 or np.ptp(sample) < SAME:
        return None
    distance, deviation = abs(float(sample.mean())), float(sample.std(ddof=1))

    def decides(processes: int) -> bool:
        error = deviation / math.sqrt(processes)
        p_difference = 2 * special.stdtr(processes - 1, -distance / error)
        p_equivalence = special.stdtr(processes - 1, (distance - margin) / error)
        return bool(min(p_difference, p_equivalence) <= level)

    # Undecided means that not even the strictest step was passed, so fewer processes than these do not decide.
    numbers = range(sample.size + 1, MOST_PROCESSES + 1)
    position = bisect.bisect_left(numbers, True, key=decides)
    return position + 1 if position < len(numbers) else None
