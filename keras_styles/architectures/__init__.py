"""Architectures: one file for each, the styles side by side; both suites take models from here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.problems import Array
from keras_styles.styles import STYLES

Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Architecture:
    """One model written in every style.

    Attributes:
        name: its name in records and test ids.
        builders: for each style, a function of the number of features that returns a model with all its variables.
    """

    name: str
    builders: Mapping[str, Callable[[int], Any]]

    def __post_init__(self) -> None:
        if tuple(self.builders) != STYLES:
            raise ValueError(
                f"{self.name} is built as {', '.join(self.builders)}, but the styles are {', '.join(STYLES)}: one that "
                "is not listed in keras_styles/styles.py would never be compared"
            )

    def build(self, style: str, features: int, seed: int) -> Any:
        """Return a new model with the weights that `seed` leads to.

        Keras draws an initializer's seed when a layer is constructed, so the seed is set before each build.
        """
        runtime.keras.utils.set_random_seed(seed)
        return self.builders[style](features)


def variable_names(model: Any) -> list[str]:
    """Return the names of a model's variables that hold in every style, in the order of `model.weights`.

    A variable's path begins with the model's name in two of the styles and not in the third; what they share is the
    name of the layer and the name of the variable in it.
    """
    return ["/".join(variable.path.split("/")[-2:]) for variable in model.weights]


def get_weights(model: Any) -> dict[str, Array]:
    """Return a copy of a model's weights by name."""
    return {
        name: np.array(runtime.keras.ops.convert_to_numpy(variable))
        for name, variable in zip(variable_names(model), model.weights, strict=True)
    }


def set_weights(model: Any, weights: Weights) -> None:
    """Copy weights into a model, paired by name: a subclass lists its variables in the order of its attributes."""
    for name, variable in zip(variable_names(model), model.weights, strict=True):
        variable.assign(weights[name])
