"""Training: a problem and a recipe in, a record out, through the public `fit` on compiled models that are kept.

`fit(epochs=300)` on arrays makes two dataset iterators an epoch on TensorFlow, and every new model is traced anew.
Here one `fit` runs over a repeated dataset with `steps_per_execution`, on models that are compiled once and whose
weights and optimizer are reset. `equivalence/test_trainer.py` proves that the bits are those of the plain way.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.architectures import Architecture, Weights, get_weights, set_weights
from keras_styles.problems import Array, Problem
from keras_styles.recipes import DType, Mode, Recipe
from keras_styles.records import Environment
from keras_styles.reference import largest_curvature
from keras_styles.styles import STYLES

# Eight widths, two distances between snapshots and three styles make 48, and single recipes come and go beside them;
# a compiled model with its traces takes about two megabytes.
KEPT_MODELS = 96


@dataclass(frozen=True)
class Snapshot:
    """The weights after so many epochs, by variable name, and the mean loss since the snapshot before."""

    epoch: int
    weights: Weights
    loss: float


@dataclass(frozen=True)
class Record:
    """What one training left behind.

    Attributes:
        model_class: name of the class that was trained, to show that three styles are three classes.
        mode: the mode that the recipe's came to.
        weights_were_given: whether training started at weights that were given, not where the recipe's seed leads.
        predictions: shape (samples, 1), by the trained weights for the training data.
        evaluation: mean squared error of the trained weights on the training data.
    """

    architecture: str
    style: str
    model_class: str
    problem: Problem
    recipe: Recipe
    device: str
    mode: Mode
    initial_weights: Weights
    weights_were_given: bool
    snapshots: tuple[Snapshot, ...]
    predictions: Array
    evaluation: float

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that was asked for, which every array of the record should have."""
        return np.dtype(self.recipe.dtype)

    @property
    def environment(self) -> Environment:
        """Where this training ran."""
        return runtime.environment(device=self.device, mode=self.mode, dtype=self.recipe.dtype)

    @property
    def diverged(self) -> str | None:
        """Say how the training came apart, or None: not finite, or past the stable learning rate and worse than before.

        Below that rate the loss may rise too, from one mini-batch to the next, without anything having come apart.
        """
        losses = [snapshot.loss for snapshot in self.snapshots]
        values = [self.predictions, *(w for snapshot in self.snapshots for w in snapshot.weights.values())]
        if not (np.isfinite([*losses, self.evaluation]).all() and all(np.isfinite(v).all() for v in values)):
            return "a loss, weight or prediction is infinite or not a number"
        if self.evaluation > losses[0]:
            stable = 2 / largest_curvature(self.problem, self.recipe)
            if self.recipe.learning_rate > stable:
                return (
                    f"the loss rose from {losses[0]:.3g} to {self.evaluation:.3g}, and a learning rate of "
                    f"{self.recipe.learning_rate:.3g} is stable below {stable:.3g} only"
                )
        return None


@dataclass(frozen=True)
class _Kept:
    """A compiled model and the state in which its optimizer began."""

    model: Any
    optimizer_state: list[Array]

    def reset(self, weights: Weights, learning_rate: float) -> None:
        set_weights(self.model, weights)
        for variable, value in zip(self.model.optimizer.variables, self.optimizer_state, strict=True):
            variable.assign(value)
        self.model.optimizer.learning_rate = learning_rate


class Trainer:
    """Trains the styles of one architecture on one device; keeps what is compiled from one training to the next."""

    def __init__(self, architecture: Architecture, device: str = "cpu") -> None:
        self.architecture = architecture
        self.device = runtime.require_device(device)
        self._kept: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()
        self._initial_weights = lru_cache(maxsize=1024)(self._build_initial_weights)

    def train(self, style: str, problem: Problem, recipe: Recipe, initial_weights: Weights | None = None) -> Record:
        """Train one style and return its record.

        Args:
            style: one of `STYLES`.
            problem: the data.
            recipe: how to train.
            initial_weights: where to start, by variable name; None starts where the recipe's seed leads.

        Raises:
            ProblemError: if the data cannot be trained on.
            RuntimeChoiceError: if the engine has no such mode.
        """
        mode = runtime.resolve_mode(recipe.mode)
        batches = _repeated_batches(problem, recipe)
        with runtime.on_device(self.device), runtime.precision(recipe.dtype), runtime.in_mode(mode):
            start = initial_weights or self._initial_weights(style, problem.features, recipe.seed, recipe.dtype)
            kept = self._compiled(style, problem.features, recipe, mode)
            kept.reset(start, recipe.learning_rate)
            model = kept.model
            looks = _Snapshots(recipe.epochs_per_snapshot)
            initial = get_weights(model)
            model.fit(
                batches.endless(),
                epochs=recipe.epochs // recipe.epochs_per_snapshot,
                steps_per_epoch=batches.steps_per_epoch * recipe.epochs_per_snapshot,
                shuffle=False,
                verbose=0,
                callbacks=[looks],
            )
            model.reset_metrics()
            return Record(
                architecture=self.architecture.name,
                style=style,
                model_class=type(model).__name__,
                problem=problem,
                recipe=recipe,
                device=self.device,
                mode=mode,
                initial_weights=initial,
                weights_were_given=initial_weights is not None,
                snapshots=tuple(looks.snapshots),
                predictions=model.predict_on_batch(batches.x),
                evaluation=float(model.test_on_batch(batches.x, batches.y)),
            )

    def train_styles(
        self, problem: Problem, recipe: Recipe, initial_weights: Weights | None = None
    ) -> dict[str, Record]:
        """Train every style alike and return the records by style."""
        return {style: self.train(style, problem, recipe, initial_weights) for style in STYLES}

    def _build_initial_weights(self, style: str, features: int, seed: int, dtype: DType) -> Weights:
        del dtype  # a key of the cache: the caller has made it the dtype of everything built here
        return get_weights(self.architecture.build(style, features, seed))

    def _compiled(self, style: str, features: int, recipe: Recipe, mode: Mode) -> _Kept:
        steps = steps_per_execution(recipe, mode)
        key = (style, features, recipe.optimizer, recipe.loss, recipe.dtype, mode, steps)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        model = self.architecture.build(style, features, recipe.seed)
        compile_model(model, recipe, mode, steps)
        model.optimizer.build(model.trainable_variables)
        state = [np.array(runtime.keras.ops.convert_to_numpy(variable)) for variable in model.optimizer.variables]
        self._kept[key] = _Kept(model, state)
        if len(self._kept) > KEPT_MODELS:
            self._kept.popitem(last=False)
        return self._kept[key]


def compile_model(model: Any, recipe: Recipe, mode: Mode, steps: int = 1) -> None:
    """Compile a model for a recipe, with every choice made that Keras would otherwise make by itself.

    Raises:
        RuntimeChoiceError: if Keras did not take `mode` for this model.
    """
    optimizer = runtime.keras.optimizers.SGD(learning_rate=recipe.learning_rate, momentum=0.0, nesterov=False)
    model.compile(optimizer=optimizer, loss=recipe.loss, steps_per_execution=steps, **runtime.compile_arguments(mode))
    for name, value in runtime.compile_arguments(mode).items():
        if getattr(model, name) != value:
            raise runtime.RuntimeChoiceError(
                f"Mode {mode!r} needs {name}={value}, but Keras made it {getattr(model, name)} for "
                f"{type(model).__name__}; choose another mode."
            )


def steps_per_execution(recipe: Recipe, mode: Mode) -> int:
    """Return how many steps Keras may run before it comes back to Python.

    Keras allows one only on torch, and without compilation there is nothing to gain.
    """
    return 1 if mode == "eager" else recipe.epochs_per_snapshot


@dataclass(frozen=True)
class _Batches:
    x: Array
    y: Array
    steps_per_epoch: int
    endless: Any


@lru_cache(maxsize=4)  # the styles take turns on the same data
def _repeated_batches(problem: Problem, recipe: Recipe) -> _Batches:
    x, y = problem.arrays(recipe.dtype)
    rows = recipe.batches(len(x))
    return _Batches(x, y, len(rows), runtime.repeated_batches([(x[step], y[step]) for step in rows]))


class _Snapshots(runtime.keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type information
    """Copies weights and loss after each of Keras' epochs, which are `epochs_per_snapshot` of the recipe's."""

    def __init__(self, epochs_per_snapshot: int) -> None:
        super().__init__()
        self._epochs = epochs_per_snapshot
        self.snapshots: list[Snapshot] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take a snapshot; Keras counts epochs from 0."""
        loss = float((logs or {})["loss"])
        self.snapshots.append(Snapshot((epoch + 1) * self._epochs, get_weights(self.model), loss))
