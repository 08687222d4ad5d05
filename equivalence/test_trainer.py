"""The trainer's shortcuts (kept models, repeated data, `steps_per_execution`) leave the bits of a plain `fit`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.architectures import get_weights
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.problems import LinearProblem, Problem, TableProblem
from keras_styles.recipes import Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer, compile_model

LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=32, noise=0.1)
STUDY_HOURS = TableProblem(source="study_hours")


def plain_fit(style: str, problem: Problem, recipe: Recipe) -> tuple[Any, list[float]]:
    """Train as anyone would: a new model, `fit` on arrays, all epochs; return the model and the loss of each epoch."""
    x, y = problem.arrays(recipe.dtype)
    with runtime.on_device(runtime.chosen_device()), runtime.precision(recipe.dtype):
        model = ARCHITECTURE.build(style, problem.features, recipe.seed)
        compile_model(model, recipe, runtime.resolve_mode(recipe.mode))
        history = model.fit(
            x, y, batch_size=recipe.batch_size or len(x), epochs=recipe.epochs, shuffle=False, verbose=0
        )
    return model, history.history["loss"]


def assert_same_bits(trainer: Trainer, style: str, problem: Problem, recipe: Recipe) -> None:
    record = assert_styles_agree(trainer, problem, recipe)[style]
    model, losses = plain_fit(style, problem, recipe)
    final = record.snapshots[-1].weights
    for name, value in get_weights(model).items():
        assert value.tobytes() == final[name].tobytes(), f"{style}: {name} is {final[name]}, plain fit has {value}"
    x, y = problem.arrays(recipe.dtype)
    with runtime.on_device(runtime.chosen_device()), runtime.precision(recipe.dtype):
        assert model.predict_on_batch(x).tobytes() == record.predictions.tobytes()
        assert model.predict(x, batch_size=len(x), verbose=0).tobytes() == record.predictions.tobytes()
        assert model.evaluate(x, y, batch_size=len(x), verbose=0) == record.evaluation["loss"]
    if recipe.epochs_per_snapshot == 1:
        assert record.losses == losses


def test_a_long_training_leaves_the_bits_of_plain_fit(trainer: Trainer, contract_seed: int) -> None:
    """The seed's 300 epochs at night; a plain `fit` takes its time for them. One style is enough: the others agree."""
    epochs = 30 if settings.get_current_profile_name() == "pr" else 300
    assert_same_bits(trainer, "functional", STUDY_HOURS, Recipe(epochs=epochs, seed=contract_seed))


@pytest.mark.parametrize(("style", "batch_size"), [*((style, 10) for style in STYLES), ("functional", None)], ids=str)
def test_every_epoch_leaves_the_bits_of_plain_fit(
    trainer: Trainer, contract_seed: int, style: str, batch_size: int | None
) -> None:
    """Eight epochs of four batches are steps enough for the trainer to run each epoch in one call."""
    assert_same_bits(
        trainer, style, LINE, Recipe(epochs=8, snapshot_every=1, batch_size=batch_size, seed=contract_seed)
    )


def test_double_precision_leaves_the_bits_of_plain_fit(trainer: Trainer, contract_seed: int) -> None:
    assert_same_bits(
        trainer, "subclassing", LINE, Recipe(epochs=3, snapshot_every=1, dtype="float64", seed=contract_seed)
    )


def test_a_kept_model_remembers_nothing(trainer: Trainer, contract_seed: int) -> None:
    """Other data, rates and seeds in between: the second training must leave the bits of the first."""
    recipe = Recipe(epochs=20, snapshot_every=10, seed=contract_seed)
    first = assert_styles_agree(trainer, LINE, recipe)
    for seed in range(3):
        other = LinearProblem(weights=(-5.0, 2.0), samples=40 + seed, data_seed=seed)
        trainer.train_styles(other, Recipe(epochs=20, snapshot_every=10, seed=seed, learning_rate=0.3))
    second = assert_styles_agree(trainer, LINE, recipe)
    for style in STYLES:
        assert np.array_equal(first[style].predictions, second[style].predictions), style
        assert first[style].losses == second[style].losses, style
