"""Statistics: what may be said about samples that were taken in turns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ratio:
    """The ratios of paired rounds: their median and quartiles, and how many there were.

    The quartiles show the spread of rounds within one process. They are no confidence interval: rounds of one
    process are not independent, so no verdict follows from them.
    """

    median: float
    low: float
    high: float
    rounds: int


def paired_ratio(samples: Sequence[float], baseline: Sequence[float]) -> Ratio:
    """Return the ratio of samples to baseline, round by round.

    Args:
        samples: seconds per round.
        baseline: seconds of the same rounds for what counts as 1.

    Raises:
        ValueError: if there is not one baseline for each sample, or no sample.
    """
    if len(samples) != len(baseline) or not samples:
        raise ValueError(f"{len(samples)} samples cannot be paired with {len(baseline)} of the baseline")
    ratios = np.asarray(samples) / np.asarray(baseline)
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return Ratio(median=float(median), low=float(low), high=float(high), rounds=len(ratios))
