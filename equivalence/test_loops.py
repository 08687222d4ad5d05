"""Loops: whoever calls the optimizer, the styles take the same steps from the same gradients; and like meets like."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from equivalence.agreement import assert_runs_agree, assert_styles_agree
from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.architectures import load, set_weights
from keras_styles.comparison import compare_styles, failures
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Loop, Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer, compile_model

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
RECIPE = Recipe(epochs=2, snapshot_every=1, batch_size=12, learning_rate=0.02, optimizer="adam")
# With sample weights, an uninterrupted training is a plain fit, too.
UNINTERRUPTED = replace(RECIPE, epochs=4, weighted=True)
RESUMED = replace(UNINTERRUPTED, loop="save_and_resume")


@pytest.mark.parametrize("loop", ["train_on_batch", "custom_loop"])
@pytest.mark.parametrize("architecture", RECIPES)
def test_styles_agree(trainer_of: Callable[[str], Trainer], architecture: str, loop: Loop) -> None:
    """A loop with gradients of its own compares those of the first step as well."""
    # A loop with gradients of its own has no weights.
    recipe = replace(RECIPE, loop=loop, weighted=loop == "train_on_batch")
    records = assert_styles_agree(trainer_of(architecture), PROBLEM, recipe)
    for record in records.values():
        assert set(record.gradients) == (set(record.trainable) if loop == "custom_loop" else set())


@pytest.mark.parametrize("architecture", RECIPES)
def test_gradients_that_were_asked_for_leave_the_bits_of_those_that_keras_takes_itself(
    trainer_of: Callable[[str], Trainer], architecture: str
) -> None:
    """Only so are they known to be a training's: with dropout, penalties and the statistics of a batch."""
    runs = {}
    for loop in ("train_on_batch", "custom_loop"):
        recipe = replace(RECIPE, loop=loop, mode="eager")
        record = trainer_of(architecture).train("functional", PROBLEM, recipe)
        # The one shows no gradients, and takes its loss for a mean, which rounds once more.
        looks = tuple(replace(snapshot, logs={}) for snapshot in record.snapshots)
        runs[loop] = replace(record, snapshots=looks, gradients={})
    assert_runs_agree(runs)


@pytest.mark.parametrize("style", STYLES)
def test_a_training_that_was_saved_and_resumed_leaves_the_bits_of_one_that_was_not(
    trainer_of: Callable[[str], Trainer], style: str
) -> None:
    trainer = trainer_of("multilayer_network")
    runs = {
        "uninterrupted": trainer.train(style, PROBLEM, UNINTERRUPTED),
        "resumed": trainer.train(style, PROBLEM, RESUMED),
    }
    assert_runs_agree(runs, trainer)


def test_a_saved_dropout_begins_anew_and_all_styles_alike(trainer_of: Callable[[str], Trainer]) -> None:
    """Keras 3.15 saves no state of a random generator, so other masks follow; when it does, this test is news."""
    trainer = trainer_of("regularized_network")
    resumed = assert_styles_agree(trainer, PROBLEM, RESUMED)["functional"]
    uninterrupted = trainer.train("functional", PROBLEM, UNINTERRUPTED)
    found = failures(compare_styles({"uninterrupted": uninterrupted, "resumed": resumed}))
    assert found, "the resumed training drew the masks of the uninterrupted one: the state of a dropout was saved"
    assert (found[0].stage, found[0].moment[0]) == ("weights", RESUMED.epochs // 2 + 1)


@pytest.mark.parametrize("architecture", ["linear_regression", "regularized_network"])
def test_every_way_to_predict_and_to_evaluate_gives_the_same_in_every_style(
    trainer_of: Callable[[str], Trainer], architecture: str
) -> None:
    """Like with like: each way is compared between styles to the bit, never one way with another."""
    trainer = trainer_of(architecture)
    records = assert_styles_agree(trainer, PROBLEM, RECIPE)
    x, y = PROBLEM.arrays()
    found: dict[str, set[bytes]] = {}
    with runtime.on_device(trainer.device):
        for style, record in records.items():
            model = load(architecture).build(style, PROBLEM.features, seed=1)
            compile_model(model, RECIPE, runtime.resolve_mode(None))
            set_weights(model, record.snapshots[-1].weights)
            runtime.keras.utils.set_random_seed(1)  # on torch, dropout draws from the one generator for everything
            ways = {
                "predict": model.predict(x, batch_size=12, verbose=0),
                "predict_on_batch": model.predict_on_batch(x),
                "call": runtime.keras.ops.convert_to_numpy(model(x)),
                "call in training": runtime.keras.ops.convert_to_numpy(model(x, training=True))
                if architecture == "regularized_network"
                else np.zeros(1),
                "evaluate": np.asarray(model.evaluate(x, y, batch_size=12, verbose=0)),
                "test_on_batch": np.asarray(model.test_on_batch(x, y)),
            }
            assert np.array_equal(ways["predict_on_batch"], record.predictions), style
            for way, value in ways.items():
                found.setdefault(way, set()).add(np.asarray(value).tobytes())
    assert {way for way, values in found.items() if len(values) > 1} == set()
