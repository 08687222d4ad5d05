"""Covering recipes: each way to train that Keras offers, several to a recipe, in about as few recipes as can hold them.

Every recipe is compiled once for each style, which takes far longer than to train it; so each holds as much as goes
together, and `tests/test_recipes_and_strategies.py` counts what none holds. Which two do not get on with each other is
for generated recipes to find.
"""

from typing import Final

import pytest

from keras_styles.recipes import Recipe
from keras_styles.strategies import METRICS

# By architecture, then by optimizer. Those of linear regression with a loss of mse are compared with the reference.
RECIPES: Final[dict[str, dict[str, Recipe]]] = {
    "linear_regression": {
        "sgd": Recipe(schedule="exponential", batch_size=8, validation="data", initial_epoch=1, epochs=2),
        "rmsprop": Recipe(
            optimizer="rmsprop",
            schedule="inverse_time",
            batch_size=8,
            validation="split",
            weighted=True,
            metrics=METRICS,
            epochs=2,
        ),
        "adagrad": Recipe(
            optimizer="adagrad", schedule="polynomial", batch_size=8, source="pydataset", weighted=True, epochs=2
        ),
        "adam": Recipe(
            optimizer="adam",
            options={"clipnorm": 0.5, "weight_decay": 0.01, "gradient_accumulation_steps": 2, "use_ema": True},
            schedule="cosine",
            batch_size=8,
            source="generator",
            weighted=True,
            callbacks=("checkpoint",),
            epochs=2,
        ),
        "adamw": Recipe(
            optimizer="adamw",
            schedule="piecewise",
            batch_size=8,
            source="pandas",
            weighted=True,
            dtype="float64",
            epochs=2,
        ),
        # By itself, since it is eager.
        "custom_loop": Recipe(batch_size=8, options={"momentum": 0.5, "nesterov": True}, loop="custom_loop", epochs=2),
        # By itself, since jax has no datasets and leaves the recipe out.
        "dataset": Recipe(batch_size=10, source="dataset", weighted=True, epochs=2),
        "adadelta": Recipe(
            optimizer="adadelta",
            loss="mae",
            schedule="cosine_restarts",
            learning_rate=0.5,
            shuffle=True,
            weighted=True,
            epochs=2,
        ),
        "adafactor": Recipe(
            optimizer="adafactor",
            options={"loss_scale_factor": 2.0},
            loss="huber",
            batch_size=10,
            steps_per_epoch=2,
            epochs=1,
        ),
        "lion": Recipe(
            optimizer="lion",
            options={"clipvalue": 0.5},
            loss="log_cosh",
            batch_size=24,
            validation="data",
            callbacks=("reduce_learning_rate",),
            epochs=2,
        ),
    },
    "multilayer_network": {
        "adamax": Recipe(
            optimizer="adamax",
            options={"use_ema": True, "ema_overwrite_frequency": 3},
            loss="mape",
            batch_size=10,
            dtype="mixed_bfloat16",
            epochs=2,
        ),
        "ftrl": Recipe(optimizer="ftrl", loss="msle", batch_size=10, loop="save_and_resume", epochs=2),
        "lamb": Recipe(
            optimizer="lamb",
            options={"global_clipnorm": 0.5},
            loss="hinge",
            batch_size=10,
            dtype="float64",
            snapshot_every=1,
            epochs=2,
        ),
        "nadam": Recipe(optimizer="nadam", loss="squared_hinge", batch_size=10, dtype="mixed_float16", epochs=2),
        "schedule_free_adamw": Recipe(
            optimizer="schedule_free_adamw", loss="cosine_similarity", batch_size=1, epochs=1
        ),
        "muon": Recipe(optimizer="muon", batch_size=10, shuffle=True, epochs=2),
        "loss_scale": Recipe(optimizer="loss_scale", batch_size=10, weighted=True, loop="train_on_batch", epochs=2),
        "multi": Recipe(
            optimizer="multi", learning_rate=0.001, validation="data", callbacks=("early_stopping",), epochs=2
        ),
    },
    "regularized_network": {
        "adam": Recipe(
            optimizer="adam",
            options={"amsgrad": True},
            batch_size=8,
            validation="split",
            weighted=True,
            shuffle=True,
            initial_epoch=1,
            callbacks=("lambda",),
            epochs=3,
        ),
        "rmsprop": Recipe(optimizer="rmsprop", options={"centered": True, "momentum": 0.5}, epochs=2),
    },
}

# The same in one row, each as the arguments of a test: architecture and recipe.
CASES: Final = [
    pytest.param(architecture, recipe, id=f"{architecture}-{name}")
    for architecture, recipes in RECIPES.items()
    for name, recipe in recipes.items()
]
