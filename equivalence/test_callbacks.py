"""Callbacks: they fire at the same moments and are told the same in every style."""

from typing import get_args

from equivalence.agreement import assert_styles_agree
from keras_styles.problems import LinearProblem
from keras_styles.recipes import CallbackName, Recipe
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=30, learning_rate=0.05, validation="data", callbacks=get_args(CallbackName))


def test_each_callback_fires(trainer: Trainer) -> None:
    """Without this, callbacks that never fire would agree."""
    record = assert_styles_agree(trainer, PROBLEM, RECIPE)["functional"]
    moments = [event.moment for event in record.events]
    assert moments[0] == "training begins"
    assert "validation ends" in moments
    rates = [snapshot.logs["learning_rate"] for snapshot in record.snapshots]
    assert len(record.snapshots) < RECIPE.epochs, "early stopping did not stop"
    assert min(rates) < 0.5 * RECIPE.learning_rate, "the learning rate was halved by one callback, not by both"
    files = [event for event in record.events if "holds the weights of its epoch" in event.moment]
    assert len(files) == len(record.snapshots)
    assert all(event.logs == {"same": 1.0} for event in files)
