"""Covering recipes: whatever a recipe can say is trained alike by every style, and as the reference says where it can.

Only `tests/` knows whether the recipes hold everything; here they are trained.
"""

from collections.abc import Callable

import pytest

from equivalence.agreement import assert_styles_agree
from equivalence.covering_recipes import CASES
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.sources import why_no_source
from keras_styles.training import Trainer

PROBLEM = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=30, noise=0.5)


@pytest.mark.parametrize(("architecture", "recipe"), CASES)
def test_styles_agree(trainer_of: Callable[[str], Trainer], architecture: str, recipe: Recipe) -> None:
    # An engine without such data has nothing to be handed over; what else it is to train, other recipes hold.
    if reason := why_no_source(recipe.source):
        pytest.skip(reason)
    for record in assert_styles_agree(trainer_of(architecture), PROBLEM, recipe).values():
        assert record.predictions.dtype.name == recipe.compute_dtype
        trained = [record.snapshots[-1].weights[name].dtype.name for name in record.trainable]
        assert set(trained) == {recipe.variable_dtype}
        # Keras wraps an optimizer in a LossScaleOptimizer by itself, and only where half precision needs it.
        scales = recipe.dtype == "mixed_float16" or recipe.optimizer == "loss_scale"
        assert ("dynamic_scale" in record.optimizer_state) == scales
        if not scales:  # a scale leaves out the steps in which gradients overflow
            steps = recipe.steps_per_epoch or len(recipe.batches(PROBLEM.samples))
            taken, asked_for = record.optimizer_state["iteration"], (recipe.epochs - recipe.initial_epoch) * steps
            assert taken == asked_for, f"{taken} steps were taken, not the {asked_for} of the recipe"
        assert len(record.evaluation) == 1 + len(recipe.metrics)
        assert ("val_loss" in record.snapshots[-1].logs) == (recipe.validation is not None)
        assert bool(record.events) == bool(recipe.callbacks)
