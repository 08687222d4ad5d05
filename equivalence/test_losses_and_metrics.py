"""Losses and metrics: what is minimized and what is watched are the same in every style."""

from collections.abc import Callable

import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
# Every loss of Keras that takes one real number for each sample. The others ask for classes, masks or sequences, and
# Poisson's for predictions above zero.
LOSSES = ("mae", "mape", "huber", "log_cosh", "msle", "hinge", "squared_hinge", "cosine_similarity")
METRICS = ("mae", "mse", "mape", "RootMeanSquaredError", "R2Score", "cosine_similarity", "LogCoshError")


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_agree(trainer: Trainer, loss: str) -> None:
    assert_styles_agree(trainer, PROBLEM, Recipe(loss=loss, epochs=3, snapshot_every=1, batch_size=10))


@pytest.mark.parametrize("architecture", ["linear_regression", "regularized_network"])
def test_metrics_agree(trainer_of: Callable[[str], Trainer], architecture: str) -> None:
    recipe = Recipe(metrics=METRICS, epochs=3, batch_size=10, validation="split", weighted=True)
    records = assert_styles_agree(trainer_of(architecture), PROBLEM, recipe)
    logs = records["functional"].snapshots[-1].logs
    assert len(logs) == 2 * (len(METRICS) + 1)
    assert len(records["functional"].evaluation) == len(METRICS) + 1
