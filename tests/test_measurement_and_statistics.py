"""Measurement and statistics: rounds take turns, so that a drifting machine leaves the ratios alone."""

import itertools
import time

import numpy as np
import pytest

from keras_styles.measurement import Action, interleave
from keras_styles.statistics import paired_ratio


def test_every_round_runs_each_action_and_begins_one_further() -> None:
    ran: list[str] = []
    actions = {name: Action(run=lambda _, name=name: ran.append(name)) for name in "abc"}  # type: ignore[misc]
    samples = interleave(actions, min_rounds=4, max_seconds=0)
    assert "".join(ran) == "abc" + "abc" + "bca" + "cab" + "abc"  # the first is the warm-up
    assert {name: len(values) for name, values in samples.items()} == {"a": 4, "b": 4, "c": 4}


def test_rounds_go_on_until_the_time_is_spent() -> None:
    nap = Action(run=lambda _: time.sleep(0.01))
    assert len(interleave({"nap": nap}, min_rounds=1, max_seconds=0.1)["nap"]) in range(2, 11)


def test_preparation_is_not_timed_and_its_result_arrives() -> None:
    numbers = itertools.count()
    seen: list[int] = []

    def prepare() -> int:
        time.sleep(0.05)
        return next(numbers)

    samples = interleave({"a": Action(run=seen.append, prepare=prepare)}, min_rounds=3, max_seconds=0)
    assert seen == [0, 1, 2, 3]
    assert max(samples["a"]) < 0.05


def test_a_drifting_machine_moves_the_times_but_not_the_ratios() -> None:
    """Simulated with a known truth: b takes 1.5 times as long as a while the machine slows down tenfold."""
    random = np.random.default_rng(0)
    drift = np.geomspace(1, 10, 200)
    a = drift * random.lognormal(0, 0.05, 200)
    b = 1.5 * drift * random.lognormal(0, 0.05, 200)
    ratio = paired_ratio(list(b), list(a))
    assert ratio.median == pytest.approx(1.5, rel=0.02)
    assert ratio.low < 1.5 < ratio.high
    # One after the other, as pytest-benchmark would: the same machine makes a look ten times as fast.
    assert np.median(b[100:]) / np.median(a[:100]) > 3


def test_the_spread_is_that_of_the_quartiles() -> None:
    ratio = paired_ratio([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert (ratio.low, ratio.median, ratio.high, ratio.rounds) == (2.0, 3.0, 4.0, 5)


@pytest.mark.parametrize(("samples", "baseline"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_not_paired_has_no_ratio(samples: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_ratio(samples, baseline)
