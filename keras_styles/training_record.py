"""What one training left behind, as plain arrays: everything that is compared, and nothing that needs an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_styles.environment import Environment
from keras_styles.problems import Array, Problem
from keras_styles.recipes import Mode, Recipe
from keras_styles.reference import ComputedIn, largest_curvature

Weights = Mapping[str, Array]
Logs = Mapping[str, float]


@dataclass(frozen=True)
class Snapshot:
    """A look at a training.

    Attributes:
        epoch: how many epochs had been begun or done, counted from 1.
        weights: all of the model's variables by name, the ones that are not trained included.
        logs: what Keras reported at the end of the epoch, by name: the loss, metrics, what validation found.
        batch: within the epoch, from 0, if there is a look after every step; None at the end of an epoch.
    """

    epoch: int
    weights: Weights
    logs: Logs
    batch: int | None = None

    @property
    def when(self) -> str:
        """Say which moment this is."""
        return f"epoch {self.epoch}" + ("" if self.batch is None else f", batch {self.batch}")


@dataclass(frozen=True)
class Event:
    """One call that a callback received, and what it was told."""

    moment: str
    logs: Logs


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one training left behind.

    Attributes:
        model_class: name of the class that was trained, to show that three styles are three classes.
        trainable: names of the variables that the optimizer moves.
        computed_in: what the engine computes in when it is asked for the recipe's dtype.
        ran_as: what Keras resolved its execution to: `run_eagerly`, `jit_compile`, `steps_per_execution`, dtype policy.
        weights_were_given: whether training started at weights that were given, not where the recipe's seed leads.
        gradients: of the first batch at the initial weights, by name; empty unless the recipe's loop computes them.
        optimizer_state: the optimizer's variables at the end, by name.
        events: what callbacks were told, in order; empty unless the recipe has callbacks.
        predictions: shape (samples, outputs), by the trained weights for all of the data.
        evaluation: what the trained weights come to on all of the data, by name of loss or metric.
    """

    architecture: str
    style: str
    model_class: str
    problem: Problem
    recipe: Recipe
    environment: Environment
    computed_in: ComputedIn
    ran_as: Mapping[str, Any]
    trainable: tuple[str, ...]
    initial_weights: Weights
    weights_were_given: bool
    snapshots: tuple[Snapshot, ...]
    predictions: Array
    evaluation: Logs
    gradients: Weights = field(default_factory=dict)
    optimizer_state: Weights = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that weights should have."""
        return np.dtype(self.recipe.variable_dtype)

    @property
    def mode(self) -> Mode:
        """The mode that the recipe's came to."""
        return self.environment.mode  # type: ignore[return-value]  # the schema keeps it as text

    @property
    def losses(self) -> list[float]:
        """The loss at each snapshot that has one."""
        return [snapshot.logs["loss"] for snapshot in self.snapshots if "loss" in snapshot.logs]

    @property
    def moved(self) -> bool:
        """Whether any weight that is trained is another at the end than at the start."""
        final = self.snapshots[-1].weights if self.snapshots else self.initial_weights
        return any(not np.array_equal(self.initial_weights[name], final[name]) for name in self.trainable)

    @property
    def diverged(self) -> str | None:
        """Say how the training came apart, or None: not finite, or past the stable learning rate and worse than before.

        Below that rate the loss may rise too, from one mini-batch to the next, without anything having come apart.
        """
        numbers = [*self.losses, *self.evaluation.values()]
        arrays = [self.predictions, *(w for snapshot in self.snapshots for w in snapshot.weights.values())]
        if not (np.isfinite(numbers).all() and all(np.isfinite(np.asarray(a, dtype=np.float64)).all() for a in arrays)):
            return "a loss, weight or prediction is infinite or not a number"
        evaluation = self.evaluation["loss"]
        if self.architecture == "linear_regression" and self.losses and evaluation > self.losses[0]:
            stable = 2 / largest_curvature(self.problem, self.recipe)
            if self.recipe.optimizer == "sgd" and self.recipe.learning_rate > stable:
                return (
                    f"the loss rose from {self.losses[0]:.3g} to {evaluation:.3g}, and a learning rate of "
                    f"{self.recipe.learning_rate:.3g} is stable below {stable:.3g} only"
                )
        return None
