"""Dtype policies: what Keras cannot train in mixed precision, it can train in no style."""

from collections.abc import Callable

import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Policy, Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=24, noise=0.5)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_penalties_in_two_dtypes(trainer_of: Callable[[str], Trainer], dtype: Policy) -> None:
    """On TensorFlow Keras 3.15 cannot add penalties of two dtypes up; all styles alike cannot."""
    trainer = trainer_of("regularized_network")
    # Half precision begins with a scale of the loss that overflows, and its first steps are left out.
    recipe = Recipe(epochs=6, snapshot_every=1, batch_size=10, dtype=dtype)
    if runtime.ENGINE == "tensorflow":
        for style in STYLES:
            with pytest.raises(TypeError, match=r"Cannot convert a list containing a tensor of dtype"):
                trainer.train(style, PROBLEM, recipe)
        pytest.skip("Keras 3.15 cannot add penalties of two dtypes up on tensorflow, in any style")
    assert_styles_agree(trainer, PROBLEM, recipe)
