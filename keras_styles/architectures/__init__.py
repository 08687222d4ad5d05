"""Architectures: one file for each, the styles side by side; both suites take models from here and nowhere else."""

import importlib
import pkgutil
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from keras_styles import runtime
from keras_styles.errors import KerasStylesError
from keras_styles.problems import Array
from keras_styles.recipes import Mode, Recipe
from keras_styles.styles import STYLES
from keras_styles.training_record import Weights

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


class ArchitectureError(KerasStylesError, LookupError):
    """An architecture that was asked for and is not there."""


def as_it_is(array: Array) -> Array:
    """Take columns for what they are: a table."""
    return array


def halves_of_columns(x: Any) -> tuple[Any, Any]:
    """Take columns for two inputs, the first and the last half; one that is in the middle goes to both."""
    width = (x.shape[1] + 1) // 2
    return x[:, :width], x[:, -width:]


def columns_as_steps(x: Array) -> Array:
    """Take columns for the steps of a series of single numbers: shape (samples, columns, 1)."""
    return x[..., None]


@dataclass(frozen=True)
class Inexpressible:
    """That a style cannot express an architecture, and what happens to somebody who tries.

    Attributes:
        why: the reason, in a sentence.
        attempt: does what one would try, a function without arguments. Where that goes well, it returns another one,
            which calls what was constructed.
        moment: which of the two fails.
        error: name of the exception's class.
        says: a part of its message.
    """

    why: str
    attempt: Callable[[], Any]
    moment: Literal["construction", "call"]
    error: str
    says: str


@dataclass(frozen=True, eq=False)
class Architecture:
    """One model written in every style that can express it.

    A problem is a table, whatever the architecture: how its columns become inputs and targets is for the architecture
    to say, so that each can be trained on everything that is drawn.

    Attributes:
        name: its name in records and test ids, and of its file.
        builders: for each style, a function of the number of features that returns a model with all its variables.
        inexpressible: for each other style, why there is none.
        inputs: makes the model's inputs of x of shape (samples, features): an array, a tuple or arrays by name.
        targets: makes its targets of y of shape (samples, 1), likewise.
        losses: of each output by name; None where the recipe's is that of the only one.
        loss_weights: of each output by name.
        modes: in which its styles can run; None where they can in all.
        untrainable: by engine, why Keras cannot train it there.
    """

    name: str
    builders: Mapping[str, Callable[[int], Any]]
    inexpressible: Mapping[str, Inexpressible] = field(default_factory=dict)
    inputs: Callable[[Array], Any] = as_it_is
    targets: Callable[[Array], Any] = as_it_is
    losses: Mapping[str, str] | None = None
    loss_weights: Mapping[str, float] | None = None
    modes: tuple[Mode, ...] | None = None
    untrainable: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(self.builders) != tuple(style for style in STYLES if style in self.builders):
            raise ValueError(
                f"{self.name} is built as {', '.join(self.builders)}, but the styles are {', '.join(STYLES)}: one that "
                "is not listed in keras_styles/styles.py would never be compared"
            )
        if sorted([*self.builders, *self.inexpressible]) != sorted(STYLES):
            raise ValueError(f"{self.name} needs each of {', '.join(STYLES)} once, built or with a reason why not")

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that can express it."""
        return tuple(self.builders)

    @property
    def readers(self) -> list[Callable[[Array], Any]]:
        """What makes inputs or targets of columns; none where those are taken for what they are."""
        return [reader for reader in (self.inputs, self.targets) if reader is not as_it_is]

    def losses_of(self, recipe: Recipe) -> Any:
        """Return what `compile` is told of losses: those of each output, or the recipe's."""
        return dict(self.losses) if self.losses else recipe.loss

    def build(self, style: str, features: int, seed: int) -> Any:
        """Return a new model with the weights that `seed` leads to.

        Keras draws an initializer's seed from Python's generator when a layer is constructed, so that is seeded before
        each build. `keras.utils.set_random_seed` does so, too, and leads to the same weights, but TensorFlow throws
        away all that it has compiled when it is given a seed.
        """
        random.seed(seed)
        return self.builders[style](features)


def usual_mode(architecture: Architecture) -> Mode:
    """Return how its styles are executed where nobody says: the engine's usual way, if they can run so."""
    return architecture.modes[0] if architecture.modes else runtime.resolve_mode(None)


def load(name: str) -> Architecture:
    """Return the architecture that the file `name` describes: one of ours, or a module of one's own on Python's path.

    Raises:
        ArchitectureError: if there is none, or a module of one's own cannot be imported.
    """
    if name in NAMES:
        ours: Architecture = importlib.import_module(f"{__name__}.{name}").ARCHITECTURE
        return ours
    try:
        found = getattr(importlib.import_module(name), "ARCHITECTURE", None)
    except ModuleNotFoundError as error:
        raise ArchitectureError(_there_is_none(name, f"{error}")) from error
    except Exception as error:  # what somebody else wrote can fail in every way
        raise ArchitectureError(
            f"The architecture {name!r} cannot be imported ({type(error).__name__}: {error}); mend that module."
        ) from error
    if not isinstance(found, Architecture):
        raise ArchitectureError(_there_is_none(name, f"its ARCHITECTURE is {found!r}"))
    return found


def _there_is_none(name: str, why: str) -> str:
    return (
        f"There is no architecture {name!r}; choose one of {', '.join(NAMES)}, or a module of your own on Python's "
        f"path that has an ARCHITECTURE ({why})."
    )


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


def array_of(value: Any) -> Array:
    """Return a copy of the value of a variable or tensor."""
    return np.array(runtime.keras.ops.convert_to_numpy(value))


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
        if name not in variables:
            raise ArchitectureError(
                f"{type(model).__name__} has no variable {name} to copy a weight to, only {', '.join(variables)}; "
                "name one of those, or leave the weight out."
            )
        if (shape := tuple(variables[name].shape)) != value.shape:
            raise ArchitectureError(
                f"{type(model).__name__} has no variable {name} of shape {value.shape} to copy a weight to, but one of "
                f"shape {shape}; reshape the weight."
            )
        variables[name].assign(value)
