"""Batches: whatever `fit` is told about samples and epochs, every style takes the same steps on the same rows."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles.architectures import NAMES
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=30, noise=0.5)
RECIPE = Recipe(epochs=3, snapshot_every=1, learning_rate=0.05)

BATCHES = {
    "full": RECIPE,
    "mini": replace(RECIPE, batch_size=10),
    "ragged last batch": replace(RECIPE, batch_size=8),
    "one by one": replace(RECIPE, batch_size=1, epochs=1),
    "shuffled": replace(RECIPE, batch_size=8, shuffle=True),
    "shuffled full, weighted": replace(RECIPE, shuffle=True, weighted=True),
    "validation data": replace(RECIPE, batch_size=8, validation="data"),
    "weighted validation split": replace(RECIPE, batch_size=8, validation="split", weighted=True),
    "initial epoch": replace(RECIPE, batch_size=8, initial_epoch=1),
    "steps per epoch": replace(RECIPE, batch_size=10, steps_per_epoch=2, epochs=1),
}


@pytest.mark.parametrize("name", BATCHES)
def test_linear_regression_agrees(trainer: Trainer, name: str) -> None:
    assert_styles_agree(trainer, PROBLEM, BATCHES[name])


@pytest.mark.parametrize("architecture", [name for name in NAMES if name != "linear_regression"])
def test_networks_agree_on_everything_at_once(trainer_of: Callable[[str], Trainer], architecture: str) -> None:
    recipe = replace(RECIPE, batch_size=8, shuffle=True, weighted=True, validation="split", initial_epoch=1)
    assert_styles_agree(trainer_of(architecture), PROBLEM, replace(recipe, optimizer="adam"))


def test_shuffling_is_no_empty_word(trainer: Trainer) -> None:
    """Without this, a trainer that forgets to shuffle would pass the tests above."""
    shuffled = trainer.train_styles(PROBLEM, BATCHES["shuffled"])
    ordered = assert_styles_agree(trainer, PROBLEM, BATCHES["ragged last batch"])
    other_seed = trainer.train("functional", PROBLEM, replace(BATCHES["shuffled"], seed=1))
    first = {
        records.initial_weights["linear_layer/kernel"].tobytes() + records.predictions.tobytes()
        for records in (shuffled["functional"], ordered["functional"], other_seed)
    }
    assert len(first) == 3
