"""Trainer: what it keeps, what it tells apart, and that Keras was told what the recipe says."""

from typing import Any

import pytest

from keras_styles import runtime, training
from keras_styles.architectures import Architecture
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.training import Trainer, compile_model, steps_per_execution

LINE = LinearProblem(weights=(3.0,), bias=1.0)


def kept_models(trainer: Trainer) -> list[Any]:
    return [kept.model for kept in trainer._kept.values()]


def test_a_style_that_nobody_would_compare_is_refused() -> None:
    builders = {**ARCHITECTURE.builders, "mixed": ARCHITECTURE.builders["functional"]}
    with pytest.raises(ValueError, match=r"one that is not listed in keras_styles/styles\.py would never be compared"):
        Architecture(name="linear_regression", builders=builders)


def test_one_model_serves_other_data_rates_and_seeds() -> None:
    trainer = Trainer(ARCHITECTURE)
    for seed in range(3):
        problem = LinearProblem(weights=(1.0,), samples=10 + seed, data_seed=seed)
        trainer.train("functional", problem, Recipe(epochs=2, seed=seed, learning_rate=0.1 * seed))
    assert len(kept_models(trainer)) == 1


def test_another_width_style_mode_or_dtype_is_another_model() -> None:
    trainer = Trainer(ARCHITECTURE)
    recipes = [Recipe(epochs=2, mode=mode) for mode in runtime.modes()]
    for recipe in recipes:
        trainer.train("functional", LINE, recipe)
    told = [(model.run_eagerly, model.jit_compile) for model in kept_models(trainer)]
    assert told == [(mode == "eager", mode == "xla") for mode in runtime.modes()]
    trainer.train("sequential", LINE, Recipe(epochs=2))
    trainer.train("functional", LinearProblem(weights=(1.0, 2.0)), Recipe(epochs=2))
    trainer.train("functional", LINE, Recipe(epochs=2, dtype="float64"))
    assert len(kept_models(trainer)) == len(runtime.modes()) + 3


def test_the_model_used_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "KEPT_MODELS", 2)
    trainer = Trainer(ARCHITECTURE)
    widths = [LinearProblem(weights=(1.0,) * features) for features in (1, 2, 3)]
    for problem in (widths[0], widths[1], widths[0], widths[2]):
        trainer.train("functional", problem, Recipe(epochs=1))
    assert [model.weights[0].shape[0] for model in kept_models(trainer)] == [1, 3]


def test_compiled_steps_stay_inside_the_engine_until_a_snapshot() -> None:
    """It makes the trainer fast; that it changes no bit is shown in equivalence/test_trainer.py."""
    assert steps_per_execution(Recipe(epochs=300), "graph") == 300
    assert steps_per_execution(Recipe(epochs=300, snapshot_every=30), "xla") == 30
    assert steps_per_execution(Recipe(epochs=300), "eager") == 1


def test_a_mode_that_keras_does_not_take_is_refused() -> None:
    if runtime.ENGINE != "tensorflow":
        pytest.skip("only TensorFlow's op determinism makes Keras drop XLA")
    runtime.make_deterministic(True)
    try:
        model = ARCHITECTURE.build("functional", 1, 0)
        with (
            pytest.warns(UserWarning, match="Proceeding with `jit_compile=False`"),
            pytest.raises(runtime.RuntimeChoiceError, match="needs jit_compile=True, but Keras made it False"),
        ):
            compile_model(model, Recipe(), "xla")
    finally:
        runtime.make_deterministic(False)
