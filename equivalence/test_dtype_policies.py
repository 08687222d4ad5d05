"""Dtype policies: the styles agree to the bit in single, double and mixed precision."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Policy, Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)
MIXED = ("mixed_float16", "mixed_bfloat16")


def recipe(dtype: Policy) -> Recipe:
    return Recipe(epochs=3, snapshot_every=1, batch_size=10, learning_rate=0.02, optimizer="adam", dtype=dtype)


@pytest.mark.parametrize("dtype", get_args(Policy))
@pytest.mark.parametrize("architecture", ["linear_regression", "multilayer_network"])
def test_styles_agree(trainer_of: Callable[[str], Trainer], architecture: str, dtype: Policy) -> None:
    records = assert_styles_agree(trainer_of(architecture), PROBLEM, recipe(dtype))
    for record in records.values():
        assert record.predictions.dtype.name == dtype.removeprefix("mixed_")
        assert {value.dtype for value in record.snapshots[-1].weights.values()} == {np.dtype(record.dtype)}
        # Keras wraps the optimizer in a LossScaleOptimizer by itself, and only where half precision needs it.
        assert ("dynamic_scale" in record.optimizer_state) == (dtype == "mixed_float16")


@pytest.mark.parametrize("dtype", get_args(Policy))
def test_the_regularized_network_agrees(trainer_of: Callable[[str], Trainer], dtype: Policy) -> None:
    """On TensorFlow Keras 3.15 cannot add penalties of two dtypes up; all styles alike cannot."""
    trainer = trainer_of("regularized_network")
    if runtime.ENGINE == "tensorflow" and dtype in MIXED:
        for style in STYLES:
            with pytest.raises(TypeError, match=r"Cannot convert a list containing a tensor of dtype"):
                trainer.train(style, PROBLEM, recipe(dtype))
        pytest.skip("Keras 3.15 cannot add penalties of two dtypes up on tensorflow, in any style")
    assert_styles_agree(trainer, PROBLEM, recipe(dtype))
