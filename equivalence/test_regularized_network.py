"""What behaves otherwise in training: dropout masks, moving statistics and penalties, to the bit in every style."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=3, snapshot_every=1, batch_size=8, learning_rate=0.02)


def test_masks_and_moving_statistics_agree_to_the_bit(trainer_of: Callable[[str], Trainer]) -> None:
    """Every moving statistic is a variable, and so is the state of the random generator; all are in the snapshots.

    On torch Keras 3.15 drops by torch's global generator and leaves the layer's own where it was.
    """
    states = set() if runtime.ENGINE == "torch" else {"seed_generator/seed_generator_state"}
    records = assert_styles_agree(trainer_of("regularized_network"), PROBLEM, RECIPE)
    for record in records.values():
        first, last = record.snapshots[0].weights, record.snapshots[-1].weights
        changing = {name for name, value in last.items() if not np.array_equal(value, first[name])}
        statistics = {"normalization/moving_mean", "normalization/moving_variance"}
        assert statistics | states | {"hidden_layer/kernel"} <= changing


def test_dropout_and_penalties_have_a_say(trainer_of: Callable[[str], Trainer]) -> None:
    """A network that drops nothing repeats its loss at a learning rate of zero; one with penalties pays for them."""
    records = assert_styles_agree(trainer_of("regularized_network"), PROBLEM, replace(RECIPE, seed=3))
    still = trainer_of("regularized_network").train("functional", PROBLEM, replace(RECIPE, learning_rate=0.0))
    assert len(set(still.losses)) == len(still.losses)
    _, y = PROBLEM.arrays()
    for record in records.values():
        squared = float(np.square(record.predictions - y).mean())
        assert record.evaluation["loss"] > squared * (1 + 1e-4)
