"""Architectures: one file for each, the styles side by side; both suites take models from here and nowhere else."""

import importlib
import pkgutil
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.errors import KerasStylesError
from keras_styles.problems import Array
from keras_styles.styles import STYLES
from keras_styles.training_record import Weights

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


class ArchitectureError(KerasStylesError, LookupError):
    """An architecture that was asked for and is not there."""


@dataclass(frozen=True)
class Architecture:
    """One model written in every style.

    Attributes:
        name: its name in records and test ids, and of its file.
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

        Keras draws an initializer's seed from Python's generator when a layer is constructed, so that is seeded before
        each build. `keras.utils.set_random_seed` does so, too, and leads to the same weights, but TensorFlow throws
        away all that it has compiled when it is given a seed.
        """
        random.seed(seed)
        return self.builders[style](features)


def load(name: str) -> Architecture:
    """Return the architecture that the file `name` describes.

    Raises:
        ArchitectureError: if there is none.
    """
    if name not in NAMES:
        raise ArchitectureError(f"There is no architecture {name!r}; choose one of {', '.join(NAMES)}.")
    architecture: Architecture = importlib.import_module(f"{__name__}.{name}").ARCHITECTURE
    return architecture


def named_variables(model: Any) -> dict[str, Any]:
    """Return a model's variables by a name that holds in every style, in the order of `model.variables`.

    A variable's path begins with the model's name in two of the styles and not in the third; what they share is the
    name of the layer and the name of the variable in it.
    """
    return _by_distinct_name(model.variables, lambda path: "/".join(path.split("/")[-2:]))


def named_optimizer_variables(model: Any) -> dict[str, Any]:
    """Return an optimizer's variables by a name that holds in every style.

    Their paths repeat the path of the weight that they belong to, with the names of the models and layers around it.
    """
    short = {
        variable.path.replace("/", "_"): name.replace("/", "_") for name, variable in named_variables(model).items()
    }

    def name_of(path: str) -> str:
        name = path.split("/")[-1]
        weight = max((long for long in short if name.startswith(f"{long}_")), key=len, default=None)
        return name if weight is None else short[weight] + name.removeprefix(weight)

    return _by_distinct_name(model.optimizer.variables, name_of)


def _by_distinct_name(variables: Iterable[Any], name_of: Callable[[str], str]) -> dict[str, Any]:
    """Name variables; those that Keras numbers throughout the process are told apart by their order instead."""
    named: dict[str, Any] = {}
    for variable in variables:
        name = re.sub(r"^(seed_generator|variable)(_\d+)?(?=/|$)", r"\1", name_of(variable.path))
        count = sum(other.partition(" #")[0] == name for other in named)
        named[f"{name} #{count + 1}" if count else name] = variable
    return named


def array_of(variable: Any) -> Array:
    """Return a copy of a variable's value."""
    return np.array(runtime.keras.ops.convert_to_numpy(variable))


def values(variables: Mapping[str, Any]) -> dict[str, Array]:
    """Return copies of variables' values."""
    return {name: array_of(variable) for name, variable in variables.items()}


def get_weights(model: Any) -> dict[str, Array]:
    """Return a copy of a model's variables by name."""
    return values(named_variables(model))


def set_weights(model: Any, weights: Weights) -> None:
    """Copy weights into a model, paired by name: a subclass lists its variables in the order of its attributes.

    Raises:
        ArchitectureError: if the model has no such variable, or one of another shape.
    """
    variables = named_variables(model)
    for name, value in weights.items():
        shape = tuple(variables[name].shape) if name in variables else None
        if shape != value.shape:
            there = f"one of shape {shape}" if shape is not None else f"only {', '.join(variables)}"
            raise ArchitectureError(
                f"{type(model).__name__} has no variable {name} of shape {value.shape} to copy a weight to, but "
                f"{there}; rename or reshape the weight."
            )
        variables[name].assign(value)
