"""The catalogue of seeded faults, all of which must be caught, and of harmless changes, none of which may be flagged.

Beside them stand the blind spots: faults common to all styles that no comparison can see, and what looks after them.

What data can say is data; a function stands where a fault has to be done. `fault_injection.Change` explains the fields.
A renamed *layer* counts as a fault, since variables are paired by layer and variable; a renamed *model* is harmless.
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import MethodType
from typing import Any, Final

import numpy as np

from equivalence.fault_injection import FULL_BATCH, Change, Records
from keras_styles import runtime, training
from keras_styles.architectures import (
    get_weights,
    linear_regression,
    multilayer_network,
    regularized_network,
    set_weights,
)
from keras_styles.problems import Array, LinearProblem, Problem
from keras_styles.recipes import Recipe
from keras_styles.reference import BIAS, KERNEL
from keras_styles.styles import STYLES
from keras_styles.training_record import Record, Weights

keras = runtime.keras
layers, ops, optimizers = keras.layers, keras.ops, keras.optimizers

NETWORK: Final = "multilayer_network"
REGULARIZED: Final = "regularized_network"
HIDDEN_KERNEL: Final = "hidden_layer/kernel"
SQUARE: Final = LinearProblem(weights=(1.0, -2.0, 3.0, 0.5), samples=24, noise=0.1)

COMPILED: Final = replace(FULL_BATCH, mode=None)
# Batches of 10, 10 and 4.
BATCHES: Final = replace(FULL_BATCH, batch_size=10)
MOMENTUM: Final = replace(BATCHES, options={"momentum": 0.9, "nesterov": True})
# An epsilon large enough for the reference to notice where it is added.
ADAM: Final = replace(BATCHES, optimizer="adam", options={"epsilon": 0.001})
ADAMW: Final = replace(BATCHES, optimizer="adamw", options={"weight_decay": 0.1})
CLIPPED: Final = replace(BATCHES, options={"global_clipnorm": 1.0})
AVERAGED: Final = replace(BATCHES, options={"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.9})
SCHEDULED: Final = replace(BATCHES, schedule="exponential")
WATCHED: Final = replace(BATCHES, weighted=True, validation="data", metrics=("mae",))
GRADIENTS: Final = replace(BATCHES, loop="custom_loop")
RESUMED: Final = replace(MOMENTUM, loop="save_and_resume")
CALLED_BACK: Final = replace(BATCHES, callbacks=("lambda", "checkpoint"))
STOPPED: Final = replace(BATCHES, epochs=6, learning_rate=0.3, callbacks=("early_stopping",))


# Models


def float16_in_the_middle(features: int) -> Any:
    """The functional style, whose input is rounded to float16 and back."""
    inputs = keras.Input(shape=(features,))
    return keras.Model(inputs, layers.Dense(1, name="linear_layer")(ThroughFloat16()(inputs)))


# Keras makes a scope of a class's name, which on TensorFlow must not begin with an underscore.
class ThroughFloat16(layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no type information
    """A layer whose output has the precision of float16."""

    def call(self, x: Any) -> Any:
        """Round x of any shape."""
        return ops.cast(ops.cast(x, "float16"), "float32")


class UnusedLayer(linear_regression.LinearRegression):
    """The subclass with a layer that `call` never uses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spare = layers.Dense(1, name="spare_layer")
        self.spare.build((None, 1))


def calling(kind: type, call: Callable[..., Any]) -> Callable[[int], Any]:
    """Return the builder of a subclass with another `call`."""
    return instance_of(type(kind.__name__, (kind,), {"call": call}))


def deaf_to_training(self: Any, x: Any) -> Any:
    """Take no `training`."""
    return self.output_layer(self.dropout(self.normalization(self.hidden_layer(x))))


def leaving_training_to_keras(self: Any, x: Any, training: bool | None = None) -> Any:
    """Take `training` and tell nobody."""
    return self.output_layer(self.dropout(self.normalization(self.hidden_layer(x))))


def always_training(self: Any, x: Any, training: bool | None = None) -> Any:
    """Train whatever `training` says."""
    return regularized_network.RegularizedNetwork.call(self, x, training=True)


def normalization_deaf_to_training(self: Any, x: Any, training: bool | None = None) -> Any:
    """Tell only one of two layers."""
    normal = self.normalization(self.hidden_layer(x), training=False)
    return self.output_layer(self.dropout(normal, training=training))


def dropout_before_normalization(self: Any, x: Any, training: bool | None = None) -> Any:
    """Exchange two layers."""
    dropped = self.dropout(self.hidden_layer(x), training=training)
    return self.output_layer(self.normalization(dropped, training=training))


def path_around_a_layer(self: Any, x: Any) -> Any:
    """Add a little of the hidden units to the prediction."""
    hidden = self.hidden_layer(x)
    return self.output_layer(hidden) + 0.0001 * ops.mean(hidden)


def mean_over_the_wrong_axis(self: Any, x: Any) -> Any:
    """Predict relative to the other samples."""
    y = self.output_layer(self.hidden_layer(x))
    return y - ops.mean(y, axis=0, keepdims=True)


def _called(model: Any, features: int) -> Any:
    model(ops.zeros((1, features)))
    return model


def instance_of(kind: Callable[[], Any]) -> Callable[[int], Any]:
    """Return the builder of a subclass: an instance, called once."""
    return lambda features: _called(kind(), features)


def frozen(model: Any) -> Any:
    """Make the hidden layer one that is not trained."""
    model.get_layer("hidden_layer").trainable = False
    return model


def saved_and_loaded(model: Any) -> Any:
    """Save a model before it is trained, and go on with the copy."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        return keras.saving.load_model(Path(folder) / "model.keras", safe_mode=True)


def tanh_by_exponentials(x: Any) -> Any:
    """The hyperbolic tangent, but rounded on another way."""
    return 1 - 2 / (ops.exp(2 * x) + 1)


def broadcast_labels(y: Any, predicted: Any) -> Any:
    """Squared error of labels (N,) against predictions (N, 1), which NumPy's rules make N x N."""
    return ops.mean(ops.square(y[:, 0] - predicted))


def truncated_squares(y: Any, predicted: Any) -> Any:
    """Squared error of errors that went through float16."""
    return ops.mean(ops.square(ops.cast(ops.cast(y - predicted, "float16"), "float32")), axis=-1)


def forgetful_of_samples(y: Any, predicted: Any) -> Any:
    """Squared error divided by a batch of ten, also where the batch is the last and smaller."""
    return ops.sum(ops.square(y - predicted)) / 10.0


# Starts


def one_ulp_more(weights: Weights) -> Weights:
    """Move one weight to the next larger float32."""
    kernel = weights[KERNEL].copy()
    kernel[0, 0] = np.nextafter(kernel[0, 0], np.float32(np.inf))
    return {**weights, KERNEL: kernel}


def negative_zeros(weights: Weights) -> Weights:
    """Give the zeros of the bias another sign."""
    return {**weights, BIAS: -weights[BIAS]}


def transposed(weights: Weights) -> Weights:
    """Transpose a kernel that is square, so that its shape does not tell."""
    return {**weights, HIDDEN_KERNEL: weights[HIDDEN_KERNEL].T.copy()}


def rows_reversed(weights: Weights) -> Weights:
    """Give each feature the weight of another."""
    return {**weights, KERNEL: weights[KERNEL][::-1].copy()}


# Optimizers


def optimizer(kind: str, **methods: Any) -> Callable[[Recipe], Any]:
    """Return a function that makes one of Keras' optimizers with other methods."""

    def make(recipe: Recipe) -> Any:
        otherwise = type(kind, (getattr(optimizers, kind),), methods)
        return otherwise(learning_rate=recipe.learning_rate, **dict(recipe.options))

    return make


def epsilon_inside_the_root(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """Adam's step with epsilon added before the root is taken."""
    _adam_step(self, gradient, variable, learning_rate, lambda v: ops.sqrt(v + self.epsilon))


def no_bias_correction(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """Adam's step as if the moments had not begun at zero."""
    _adam_step(self, gradient, variable, learning_rate, lambda v: ops.sqrt(v) + self.epsilon, corrected=False)


def _adam_step(
    self: Any, gradient: Any, variable: Any, rate: Any, root: Callable[[Any], Any], *, corrected: bool = True
) -> None:
    index = self._get_variable_index(variable)
    m, v = self._momentums[index], self._velocities[index]
    step = ops.cast(self.iterations + 1, variable.dtype)
    if corrected:
        rate = rate * ops.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
    m.assign(m + (gradient - m) * (1 - self.beta_1))
    v.assign(v + (ops.square(gradient) - v) * (1 - self.beta_2))
    variable.assign(variable - m * rate / root(v))


def decay_through_the_gradient(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """AdamW's step with the decay added to the gradient, as Adam with an L2 penalty has it."""
    optimizers.Adam.update_step(self, gradient + 0.1 * variable, variable, learning_rate)


def no_decay(self: Any, variables: Any) -> None:
    """Decay nothing before the step."""
    del self, variables


def rounded_gradient(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """SGD's step with a gradient that went through float16."""
    variable.assign(variable - learning_rate * ops.cast(ops.cast(gradient, "float16"), variable.dtype))


def a_step_ahead(recipe: Recipe) -> Any:
    """SGD whose schedule begins at its second step."""
    schedule = type(
        "Ahead", (optimizers.schedules.ExponentialDecay,), {"__call__": lambda self, step: _decayed(self, step + 1)}
    )
    return optimizers.SGD(schedule(recipe.learning_rate, 4, 0.5))


def _decayed(schedule: Any, step: Any) -> Any:
    return optimizers.schedules.ExponentialDecay.__call__(schedule, step)


def in_steps_of_four(recipe: Recipe) -> Any:
    """SGD whose schedule waits for its decay steps to pass."""
    return optimizers.SGD(optimizers.schedules.ExponentialDecay(recipe.learning_rate, 4, 0.5, staircase=True))


# Data: functions of x, y


def rows(order: Callable[[int], Iterable[int]]) -> Callable[[Array, Array], tuple[Array, Array]]:
    """Return a change of data that takes other rows, given their number."""

    def take(x: Array, y: Array) -> tuple[Array, Array]:
        chosen = list(order(len(x)))
        return x[chosen], y[chosen]

    return take


def last_batch_padded(x: Array, y: Array) -> tuple[Array, Array]:
    """Fill the last batch up with zeros."""
    missing = -len(x) % 10
    return np.pad(x, ((0, missing), (0, 0))), np.pad(y, ((0, missing), (0, 0)))


def through_float16(x: Array, y: Array) -> tuple[Array, Array]:
    """Round the features."""
    return x.astype("float16").astype(x.dtype), y


def labels_one_ulp_more(x: Array, y: Array) -> tuple[Array, Array]:
    """Move each label to the next larger float32."""
    return x, np.nextafter(y, np.float32(np.inf))


# The trainer


def forgets_the_optimizer(kept: Any, weights: Weights, recipe: Recipe) -> None:
    """Reset the weights only."""
    del recipe
    set_weights(kept.model, weights)


def forgets_the_counter(kept: Any, weights: Weights, recipe: Recipe) -> None:
    """Reset everything but the number of steps taken."""
    taken = np.array(ops.convert_to_numpy(kept.model.optimizer.iterations))
    _reset(kept, weights, recipe)
    kept.model.optimizer.iterations.assign(taken)


def forgets_the_bias(kept: Any, weights: Weights, recipe: Recipe) -> None:
    """Reset everything but one weight."""
    _reset(kept, {name: value for name, value in weights.items() if name != BIAS}, recipe)


_reset = training._Kept.reset
_repeated_batches = training._repeated_batches
_fit_arguments = training.fit_arguments
_gradients = runtime.gradients
_after_epoch = training._Looks.after_epoch


def a_step_short(problem: Problem, recipe: Recipe) -> tuple[Callable[[], Any], int]:
    """Take one step fewer in each epoch, while the data go on."""
    endless, steps = _repeated_batches(problem, recipe)
    return endless, steps - 1


def validates_on_the_next_rows(problem: Problem, recipe: Recipe) -> dict[str, Any]:
    """Look at one row further on than the recipe says."""
    x, y = problem.arrays(recipe.variable_dtype)
    looked_at = recipe.validation_rows(len(x))
    shifted = slice(looked_at.start + 1, looked_at.stop + 1)
    return _fit_arguments(problem, recipe) | {"validation_data": (x[shifted], y[shifted])}


def weights_of_the_next_samples(problem: Problem, recipe: Recipe) -> dict[str, Any]:
    """Shift the samples' weights by one."""
    arguments = _fit_arguments(problem, recipe)
    return arguments | {"sample_weight": np.roll(arguments["sample_weight"], 1)}


def without_sample_weights(problem: Problem, recipe: Recipe) -> dict[str, Any]:
    """Leave the samples' weights away."""
    return {name: value for name, value in _fit_arguments(problem, recipe).items() if name != "sample_weight"}


def scaled_gradients(factor: float) -> Callable[..., Any]:
    """Return gradients times a factor."""

    def gradients(*arguments: Any) -> tuple[float, list[Any]]:
        loss, found = _gradients(*arguments)
        return loss, [gradient * factor for gradient in found]

    return gradients


def no_gradient_of_the_last(*arguments: Any) -> tuple[float, list[Any]]:
    """Return zeros for the last variable."""
    loss, found = _gradients(*arguments)
    return loss, [*found[:-1], found[-1] * 0]


def loses_the_optimizer(path: Any, **arguments: Any) -> Any:
    """Load a model and begin with a fresh optimizer."""
    model = keras.src.saving.saving_api.load_model(path, **arguments)
    for variable in model.optimizer.variables:
        if variable.path.endswith("momentum"):
            variable.assign(np.zeros(variable.shape))
    return model


def sees_weights_of_the_epoch_before(looks: Any, model: Any, epoch: int, logs: Any) -> None:
    """Report weights an epoch late."""
    _after_epoch(looks, model, epoch, logs)
    if len(looks.snapshots) > 1:
        late = getattr(looks, "late", looks.snapshots[0].weights)
        looks.late = looks.snapshots[-1].weights
        looks.snapshots[-1] = replace(looks.snapshots[-1], weights=late)


def halves_an_epoch_late(folder: Path) -> Any:
    """The trainer's callback, but for the epoch in which it halves the learning rate."""
    del folder

    def halve(epoch: int, logs: Any) -> None:
        del logs
        if epoch == 2:
            late.model.optimizer.learning_rate = float(late.model.optimizer.learning_rate) / 2

    late = keras.callbacks.LambdaCallback(on_epoch_end=halve)
    return late


def more_patient(folder: Path) -> Any:
    """The trainer's early stopping, but for one more epoch of patience."""
    del folder
    return keras.callbacks.EarlyStopping(monitor="loss", min_delta=0.5, patience=3, restore_best_weights=True)


def keeps_the_last_weights(folder: Path) -> Any:
    """The trainer's early stopping, but without giving the best weights back."""
    del folder
    return keras.callbacks.EarlyStopping(monitor="loss", min_delta=0.5, patience=2)


def saves_before_the_epoch(folder: Path) -> Any:
    """A checkpoint that is written when an epoch begins."""

    def save(epoch: int, logs: Any) -> None:
        del logs
        early.model.save_weights(folder / f"{epoch + 1:03d}.weights.h5")

    early = keras.callbacks.LambdaCallback(on_epoch_begin=save)
    return early


class Quiet(training._Listener):
    """The trainer's listener, but for one kind of call."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note nothing."""


def callback(name: str, make: Callable[[Path], Any]) -> dict[str, Any]:
    """Return the patch that makes one callback otherwise."""
    return {"keras_styles.training._CALLBACKS": {**training._CALLBACKS, name: make}}


# Records


def logs_changed(change: Callable[[list[dict[str, float]]], list[dict[str, float]]]) -> Callable[[Record], Record]:
    """Return a change of a record that reports another history, given that of each epoch."""

    def report(record: Record) -> Record:
        logs = change([dict(snapshot.logs) for snapshot in record.snapshots])
        snapshots = zip(record.snapshots, logs, strict=True)
        return replace(record, snapshots=tuple(replace(snapshot, logs=logged) for snapshot, logged in snapshots))

    return report


def rounded(logs: list[dict[str, float]]) -> list[dict[str, float]]:
    """Round to six digits."""
    return [{name: float(f"{value:.6g}") for name, value in each.items()} for each in logs]


def one_ulp_more_at_the_end(logs: list[dict[str, float]]) -> list[dict[str, float]]:
    """Report a last loss that is the next larger float32."""
    last = float(np.nextafter(np.float32(logs[-1]["loss"]), np.float32(np.inf)))
    return [*logs[:-1], logs[-1] | {"loss": last}]


def losses_not_numbers(record: Record) -> Record:
    """Report a loss that is no number."""
    return logs_changed(lambda logs: [each | {"loss": float("nan")} for each in logs])(record)


def metrics_not_numbers(record: Record) -> Record:
    """Report a metric that is no number."""
    return logs_changed(lambda logs: [each | {"mae": float("nan")} for each in logs])(record)


def weights_of_the_end(record: Record) -> Record:
    """Look at one array again and again instead of at copies of it."""
    final = record.snapshots[-1].weights
    return replace(record, snapshots=tuple(replace(snapshot, weights=final) for snapshot in record.snapshots))


def predictions_of_the_epoch_before(record: Record) -> Record:
    """Predict by the weights of the last epoch but one."""
    x, _ = record.problem.arrays()
    weights = record.snapshots[-2].weights
    return replace(record, predictions=x @ weights[KERNEL] + weights[BIAS])


def evaluation_of_the_epoch_before(record: Record) -> Record:
    """Evaluate the weights of the last epoch but one."""
    x, y = record.problem.arrays()
    weights = record.snapshots[-2].weights
    loss = float(np.square(x @ weights[KERNEL] + weights[BIAS] - y).mean())
    return replace(record, evaluation={**record.evaluation, "loss": loss})


def evaluation_of_training(record: Record) -> Record:
    """Report the last epoch's running mean as if it were an evaluation."""
    return replace(record, evaluation={**record.evaluation, "loss": record.losses[-1]})


def predictions_changed(change: Callable[[Array], Array]) -> Callable[[Record], Record]:
    """Return a change of a record that reports other predictions."""
    return lambda record: replace(record, predictions=change(record.predictions))


def predicted_in_training(model: Any) -> Any:
    """Make predictions as if in training, but evaluate as usual."""

    def predict(self: Any, x: Array) -> Any:
        return ops.convert_to_numpy(self(x, training=True))

    model.predict_on_batch = MethodType(predict, model)
    return model


def without_snapshots(record: Record) -> Record:
    """Report nothing of what happened in training."""
    return replace(record, snapshots=())


def of_one_style(records: Records) -> Records:
    """Compare one style with itself, three times."""
    return dict.fromkeys(records, records["functional"])


def of_no_style(records: Records) -> Records:
    """Compare nothing."""
    del records
    return {}


def only_one(records: Records) -> Records:
    """Compare nothing, with one record left over."""
    return {"functional": records["functional"]}


FAULTS: Final = (
    # The model
    Change(
        name="bias dropped",
        what="A layer has no bias.",
        stage="variables",
        says="linear_layer/bias",
        styles=("functional",),
        layers={"linear_layer": {"use_bias": False}},
    ),
    Change(
        name="bias dropped in all styles",
        what="No style has the bias that the reference has.",
        stage="variables",
        says="linear_layer/bias",
        styles=STYLES,
        layers={"linear_layer": {"use_bias": False}},
    ),
    Change(
        name="weights begin at zero",
        what="A kernel is initialised with zeros.",
        stage="initial weights",
        says=KERNEL,
        layers={"linear_layer": {"kernel_initializer": "zeros"}},
    ),
    Change(
        name="bias begins at one",
        what="A bias is initialised with ones.",
        stage="initial weights",
        says=BIAS,
        styles=("subclassing",),
        layers={"linear_layer": {"bias_initializer": "ones"}},
    ),
    Change(
        name="another initializer",
        what="He's initializer stands in for Glorot's.",
        stage="initial weights",
        says=HIDDEN_KERNEL,
        styles=("functional",),
        architecture=NETWORK,
        layers={"hidden_layer": {"kernel_initializer": "he_uniform"}},
    ),
    Change(
        name="seed off by one",
        what="A model is built from the next seed.",
        stage="initial weights",
        styles=("subclassing",),
        recipe={"seed": 1},
    ),
    Change(
        name="1 ULP in one initial weight",
        what="One initial weight is the next larger float32.",
        stage="initial weights",
        says="which is 1 ULPs of float32",
        styles=("functional",),
        start=one_ulp_more,
    ),
    Change(
        name="negative zero",
        what="An initial bias is -0.0, which equals 0.0 but has other bits.",
        stage="initial weights",
        says="observed      sequential -0.0, functional 0.0",
        start=negative_zeros,
    ),
    Change(
        name="weights transposed",
        what="A square kernel is copied transposed, so its shape does not tell.",
        stage="initial weights",
        says=HIDDEN_KERNEL,
        styles=("subclassing",),
        architecture=NETWORK,
        problem=SQUARE,
        start=transposed,
    ),
    Change(
        name="weights of features reversed",
        what="A kernel is copied from the last row to the first.",
        stage="initial weights",
        says=KERNEL,
        styles=("functional",),
        start=rows_reversed,
    ),
    Change(
        name="one unit more",
        what="A hidden layer is wider.",
        stage="initial weights",
        says="has shape",
        styles=("subclassing",),
        architecture=NETWORK,
        layers={"hidden_layer": {"units": 5}},
    ),
    Change(
        name="one output more",
        what="A layer has two outputs, against which one label broadcasts.",
        stage="initial weights",
        says="has shape",
        styles=("functional",),
        layers={"linear_layer": {"units": 2}},
    ),
    Change(
        name="one output more in all styles",
        what="Every style has two outputs, against which one label broadcasts.",
        stage="initial weights",
        says="the reference has shape (2, 1)",
        styles=STYLES,
        layers={"linear_layer": {"units": 2}},
    ),
    Change(
        name="activation missing",
        what="A hidden layer is linear.",
        stage="weights",
        styles=("subclassing",),
        architecture=NETWORK,
        layers={"hidden_layer": {"activation": None}},
    ),
    Change(
        name="activation rounded otherwise",
        what="A hyperbolic tangent is computed from exponentials, equal on paper.",
        stage="weights",
        styles=("functional",),
        architecture=NETWORK,
        layers={"hidden_layer": {"activation": tanh_by_exponentials}},
    ),
    Change(
        name="a layer not trained",
        what="A hidden layer is frozen.",
        stage="variables",
        says="trainable hidden_layer/bias, hidden_layer/kernel",
        architecture=NETWORK,
        model=frozen,
    ),
    Change(
        name="a layer renamed",
        what="A variable has another name, so it has no counterpart.",
        stage="variables",
        says="line/kernel",
        styles=("subclassing",),
        layers={"linear_layer": {"name": "line"}},
    ),
    Change(
        name="a layer too many",
        what="A model owns a layer that it never uses.",
        stage="variables",
        says="spare_layer/kernel",
        styles=("subclassing",),
        builder=instance_of(UnusedLayer),
    ),
    Change(
        name="a kernel constrained",
        what="A kernel is kept from becoming negative.",
        stage="weights",
        says=KERNEL,
        layers={"linear_layer": {"kernel_constraint": "non_neg"}},
    ),
    Change(
        name="a path around a layer",
        what="A ten-thousandth of the hidden units' mean is added to the prediction.",
        stage="weights",
        styles=("subclassing",),
        architecture=NETWORK,
        builder=calling(multilayer_network.MultilayerNetwork, path_around_a_layer),
    ),
    Change(
        name="mean over the wrong axis",
        what="A prediction depends on the samples beside it.",
        stage="weights",
        styles=("subclassing",),
        architecture=NETWORK,
        builder=calling(multilayer_network.MultilayerNetwork, mean_over_the_wrong_axis),
    ),
    Change(
        name="float16 in the middle",
        what="Features go through float16 on their way to a layer.",
        stage="weights",
        styles=("functional",),
        builder=float16_in_the_middle,
    ),
    Change(
        name="float16 in the middle of all styles",
        what="Features go through float16 before every model.",
        stage="weights",
        says="the bound of the float64 training, so they may be wrong together",
        styles=STYLES,
        data=through_float16,
    ),
    Change(
        name="a layer in mixed precision",
        what="One layer computes in float16, though the model's policy does not say so.",
        stage="weights",
        architecture=NETWORK,
        layers={"hidden_layer": {"dtype": "mixed_float16"}},
    ),
    Change(
        name="a layer in float64",
        what="One layer keeps its weights in float64.",
        stage="initial weights",
        says="has dtype float64",
        styles=("functional",),
        architecture=NETWORK,
        layers={"hidden_layer": {"dtype": "float64"}},
        engines=("tensorflow", "torch"),  # jax has no float64 unless it is switched on
    ),
    Change(
        name="Dropout inactive",
        what="A rate of zero takes away the masks, and with them the generator's state.",
        stage="variables",
        says="seed_generator",
        styles=("functional",),
        architecture=REGULARIZED,
        layers={"dropout": {"rate": 0.0}},
    ),
    Change(
        name="Dropout a little more often",
        what="A rate of 0.2501 instead of 0.25 scales what is kept otherwise.",
        stage="weights",
        architecture=REGULARIZED,
        layers={"dropout": {"rate": 0.2501}},
    ),
    Change(
        name="Dropout with a seed of its own",
        what="The masks come from another seed.",
        stage="initial weights",
        says="seed_generator",
        styles=("subclassing",),
        architecture=REGULARIZED,
        layers={"dropout": {"seed": 7}},
    ),
    Change(
        name="Dropout begins anew when loaded",
        what="A model is saved and loaded, and Keras does not save the state of its dropout.",
        stage="initial weights",
        says="seed_generator",
        styles=("functional",),
        architecture=REGULARIZED,
        model=saved_and_loaded,
    ),
    Change(
        name="Dropout on the other side",
        what="Dropout comes before BatchNormalization instead of after.",
        stage="weights",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, dropout_before_normalization),
    ),
    Change(
        name="BatchNormalization frozen",
        what="A normalization is not trained, which makes it use its moving statistics.",
        stage="variables",
        says="trainable normalization/beta",
        styles=("functional",),
        architecture=REGULARIZED,
        layers={"normalization": {"trainable": False}},
    ),
    Change(
        name="BatchNormalization forgets faster",
        what="The moving statistics have a momentum of 0.9899 instead of 0.99.",
        stage="weights",
        says="normalization/moving_",
        architecture=REGULARIZED,
        layers={"normalization": {"momentum": 0.9899}},
    ),
    Change(
        name="BatchNormalization with another epsilon",
        what="An epsilon of 0.001001 instead of 0.001.",
        stage="weights",
        styles=("functional",),
        architecture=REGULARIZED,
        layers={"normalization": {"epsilon": 0.001001}},
    ),
    Change(
        name="training not forwarded",
        what="`call` takes no `training`, so Keras never says it to the layers inside.",
        stage="weights",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, deaf_to_training),
    ),
    Change(
        name="training left to Keras on jax",
        what="`call` takes `training` and leaves it to Keras to tell the layers inside, which on jax it does not.",
        stage="weights",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, leaving_training_to_keras),
        engines=("jax",),  # there `fit` calls `call` itself, past what hands `training` down
    ),
    Change(
        name="training not forwarded to one layer",
        what="A normalization is always told that it does not train.",
        stage="weights",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, normalization_deaf_to_training),
    ),
    Change(
        name="always training",
        what="A model trains when it is only called, as it is when it is built.",
        stage="initial weights",
        says="normalization/moving_",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, always_training),
    ),
    Change(
        name="kernel regularizer lost",
        what="A kernel's penalty is not there.",
        stage="weights",
        architecture=REGULARIZED,
        layers={"hidden_layer": {"kernel_regularizer": None}},
    ),
    Change(
        name="bias regularizer weaker",
        what="A bias's penalty is 0.00999 instead of 0.01.",
        stage="weights",
        styles=("functional",),
        architecture=REGULARIZED,
        layers={"hidden_layer": {"bias_regularizer": keras.regularizers.L2(0.00999)}},
    ),
    Change(
        name="activity regularizer lost",
        what="A penalty on activations is not there.",
        stage="weights",
        styles=("subclassing",),
        architecture=REGULARIZED,
        layers={"hidden_layer": {"activity_regularizer": None}},
    ),
    # The loss
    Change(
        name="sum for mean",
        what="Squared errors are added up.",
        stage="weights",
        compiled={"loss": keras.losses.MeanSquaredError(reduction="sum")},
    ),
    Change(
        name="sum for mean in all styles",
        what="Squared errors are added up everywhere.",
        stage="weights",
        says="so they may be wrong together",
        styles=STYLES,
        compiled={"loss": keras.losses.MeanSquaredError(reduction="sum")},
    ),
    Change(
        name="labels broadcast",
        what="Labels (N,) against predictions (N, 1) become N x N differences.",
        stage="weights",
        styles=("functional",),
        compiled={"loss": broadcast_labels},
    ),
    Change(
        name="labels broadcast in all styles",
        what="Labels (N,) against predictions (N, 1) become N x N differences everywhere.",
        stage="weights",
        styles=STYLES,
        compiled={"loss": broadcast_labels},
    ),
    Change(
        name="errors through float16 in all styles",
        what="Differences go through float16 before they are squared.",
        stage="weights",
        styles=STYLES,
        compiled={"loss": truncated_squares},
    ),
    Change(
        name="last batch divided by a whole one in all styles",
        what="The loss of the last, smaller batch is divided by the size of the others.",
        stage="weights",
        styles=STYLES,
        base=BATCHES,
        compiled={"loss": forgetful_of_samples},
    ),
    Change(
        name="another loss",
        what="The logarithm of the hyperbolic cosine is minimized.",
        stage="weights",
        styles=("subclassing",),
        recipe={"loss": "log_cosh"},
    ),
    # The optimizer
    Change(
        name="learning rate x 1.0001",
        what="The step is a ten-thousandth longer.",
        stage="weights",
        recipe={"learning_rate": 0.05 * 1.0001},
    ),
    Change(
        name="learning rate x 1.0001 in all styles",
        what="The step is a ten-thousandth longer everywhere.",
        stage="weights",
        says="so they may be wrong together",
        styles=STYLES,
        recipe={"learning_rate": 0.05 * 1.0001},
    ),
    Change(
        name="learning rate 1 ULP more",
        what="The learning rate is the next larger float32.",
        stage="weights",
        styles=("subclassing",),
        base=BATCHES,
        recipe={"learning_rate": float(np.nextafter(np.float32(0.05), np.float32(1)))},
    ),
    Change(
        name="momentum left on",
        what="A style is trained with momentum.",
        stage="weights",
        styles=("functional",),
        base=BATCHES,
        recipe={"options": {"momentum": 0.9}},
    ),
    Change(
        name="momentum left on in all styles",
        what="Every style is trained with a momentum of a ten-thousandth.",
        stage="weights",
        styles=STYLES,
        base=BATCHES,
        recipe={"options": {"momentum": 0.0001}},
    ),
    Change(
        name="Nesterov's momentum lost in all styles",
        what="The look ahead is missing.",
        stage="weights",
        styles=STYLES,
        base=MOMENTUM,
        recipe={"options": {"momentum": 0.9}},
    ),
    Change(
        name="Adam's first decay off",
        what="beta_1 is 0.9001.",
        stage="weights",
        base=ADAM,
        recipe={"options": {"beta_1": 0.9001, "epsilon": 0.001}},
    ),
    Change(
        name="Adam's second decay off in all styles",
        what="beta_2 is 0.9991 instead of 0.999.",
        stage="weights",
        styles=STYLES,
        base=ADAM,
        recipe={"options": {"beta_2": 0.9991, "epsilon": 0.001}},
    ),
    Change(
        name="Adam's epsilon off",
        what="epsilon is 0.001001 instead of 0.001.",
        stage="weights",
        styles=("subclassing",),
        base=ADAM,
        recipe={"options": {"epsilon": 0.001001}},
    ),
    Change(
        name="Adam's epsilon inside the root in all styles",
        what="epsilon is added before the root is taken.",
        stage="weights",
        styles=STYLES,
        base=ADAM,
        optimizer=optimizer("Adam", update_step=epsilon_inside_the_root),
    ),
    Change(
        name="Adam's bias correction lost in all styles",
        what="The moments count as if they had not begun at zero.",
        stage="weights",
        styles=STYLES,
        base=ADAM,
        optimizer=optimizer("Adam", update_step=no_bias_correction),
    ),
    Change(
        name="weight decay in the gradient in all styles",
        what="AdamW's decay passes through the moments as a penalty would.",
        stage="weights",
        styles=STYLES,
        base=ADAMW,
        optimizer=optimizer("AdamW", update_step=decay_through_the_gradient, _apply_weight_decay=no_decay),
    ),
    Change(
        name="weight decay lost",
        what="AdamW decays nothing.",
        stage="weights",
        styles=("functional",),
        base=ADAMW,
        recipe={"options": {"weight_decay": 0.0}},
    ),
    Change(
        name="gradient clipped",
        what="A limit on the gradient that nobody asked for.",
        stage="weights",
        styles=("subclassing",),
        recipe={"options": {"clipnorm": 1.0}},
    ),
    Change(
        name="clipped one by one in all styles",
        what="Each gradient is clipped by its own norm instead of the norm of all.",
        stage="weights",
        styles=STYLES,
        base=CLIPPED,
        recipe={"options": {"clipnorm": 1.0}},
    ),
    Change(
        name="clipped a little later in all styles",
        what="Gradients are limited to a norm of 1.0001 instead of 1.",
        stage="weights",
        styles=STYLES,
        base=CLIPPED,
        recipe={"options": {"global_clipnorm": 1.0001}},
    ),
    Change(
        name="gradient through float16 in all styles",
        what="Gradients are rounded to float16 before the step.",
        stage="weights",
        styles=STYLES,
        optimizer=optimizer("SGD", update_step=rounded_gradient),
    ),
    Change(
        name="accumulated one batch too long",
        what="Gradients of three batches make a step instead of two.",
        stage="weights",
        base=AVERAGED,
        recipe={"options": {**dict(AVERAGED.options), "gradient_accumulation_steps": 3}},
    ),
    Change(
        name="moving average lost in all styles",
        what="Training ends with the weights themselves instead of their average.",
        stage="predictions",
        styles=STYLES,
        base=AVERAGED,
        optimizer=optimizer("SGD", finalize_variable_values=no_decay),
    ),
    Change(
        name="moving average a little shorter",
        what="The average's momentum is 0.8999 instead of 0.9.",
        stage="optimizer state",
        styles=("functional",),
        base=AVERAGED,
        recipe={"options": {**dict(AVERAGED.options), "ema_momentum": 0.8999}},
    ),
    Change(
        name="schedule off by a step in all styles",
        what="The learning rate of each step is that of the next.",
        stage="weights",
        styles=STYLES,
        base=SCHEDULED,
        optimizer=a_step_ahead,
    ),
    Change(
        name="schedule in stairs",
        what="The learning rate falls every four steps instead of at each.",
        stage="weights",
        styles=("subclassing",),
        base=SCHEDULED,
        optimizer=in_steps_of_four,
    ),
    # The data
    Change(
        name="1 ULP in each label",
        what="Labels are the next larger float32; of a single one, rounding the mean leaves no trace.",
        stage="weights",
        styles=("functional",),
        data=labels_one_ulp_more,
    ),
    Change(
        name="last batch dropped",
        what="The last batch, which is smaller, is left away.",
        stage="weights",
        styles=("subclassing",),
        base=BATCHES,
        data=rows(lambda n: range(n - n % 10)),
    ),
    Change(
        name="last batch dropped in all styles",
        what="The last batch, which is smaller, is left away everywhere.",
        stage="weights",
        styles=STYLES,
        base=BATCHES,
        data=rows(lambda n: range(n - n % 10)),
    ),
    Change(
        name="last batch padded",
        what="The last batch is filled up with zeros.",
        stage="weights",
        styles=("functional",),
        base=BATCHES,
        data=last_batch_padded,
    ),
    Change(
        name="batches swapped",
        what="The second batch comes first.",
        stage="weights",
        base=BATCHES,
        data=rows(lambda n: [*range(10, 20), *range(10), *range(20, n)]),
    ),
    Change(
        name="batches swapped in all styles",
        what="The second batch comes first everywhere.",
        stage="weights",
        styles=STYLES,
        base=BATCHES,
        data=rows(lambda n: [*range(10, 20), *range(10), *range(20, n)]),
    ),
    Change(
        name="one sample twice",
        what="The first sample stands in for the second.",
        stage="weights",
        styles=("subclassing",),
        data=rows(lambda n: [0, 0, *range(2, n)]),
    ),
    Change(
        name="features exchanged",
        what="The columns of x are in another order.",
        stage="weights",
        styles=("functional",),
        data=lambda x, y: (x[:, ::-1].copy(), y),
    ),
    Change(
        name="labels off by one in all styles",
        what="Each sample has the label of the one before.",
        stage="weights",
        styles=STYLES,
        data=lambda x, y: (x, np.roll(y, 1, axis=0)),
    ),
    Change(
        name="shuffle on",
        what="One style sees the samples in another order.",
        stage="weights",
        styles=("functional",),
        base=BATCHES,
        recipe={"shuffle": True},
    ),
    Change(
        name="batches one smaller",
        what="Batches hold nine samples instead of ten.",
        stage="weights",
        base=BATCHES,
        recipe={"batch_size": 9},
    ),
    Change(
        name="a step swallowed in all styles",
        what="Each epoch is a step short, and the next goes on where it stopped.",
        stage="weights",
        styles=STYLES,
        base=BATCHES,
        patches={"keras_styles.training._repeated_batches": a_step_short},
    ),
    Change(
        name="sample weights ignored in all styles",
        what="Every sample weighs the same.",
        stage="weights",
        styles=STYLES,
        base=WATCHED,
        patches={"keras_styles.training.fit_arguments": without_sample_weights},
    ),
    Change(
        name="sample weights off by one",
        what="Each sample has the weight of the one before.",
        stage="weights",
        styles=("subclassing",),
        base=WATCHED,
        patches={"keras_styles.training.fit_arguments": weights_of_the_next_samples},
    ),
    Change(
        name="validation on other rows in all styles",
        what="Validation looks one row further on.",
        stage="history",
        says="val_loss",
        styles=STYLES,
        base=WATCHED,
        patches={"keras_styles.training.fit_arguments": validates_on_the_next_rows},
    ),
    # The execution
    Change(
        name="eager in one style",
        what="One style runs without compilation, whose bits may even be the same.",
        stage="execution",
        says="run_eagerly=True",
        styles=("functional",),
        base=COMPILED,
        recipe={"mode": "eager"},
        engines=("tensorflow", "jax"),  # torch has no other mode
    ),
    Change(
        name="XLA in one style",
        what="One style is compiled with XLA, whose bits may even be the same.",
        stage="execution",
        says="jit_compile=True",
        styles=("subclassing",),
        base=COMPILED,
        recipe={"mode": "xla"},
        engines=("tensorflow",),  # jax compiles all with it, torch nothing
    ),
    Change(
        name="two steps at once",
        what="One style returns to Python after every second step.",
        stage="execution",
        says="steps_per_execution=2",
        base=replace(COMPILED, batch_size=10),
        recipe={"steps_per_execution": 2},
        engines=("tensorflow", "jax"),  # Keras allows one step only on torch
    ),
    Change(
        name="float64 in one style",
        what="One style is trained in double precision.",
        stage="execution",
        says="dtype policy=float64",
        styles=("subclassing",),
        recipe={"dtype": "float64"},
    ),
    Change(
        name="mixed precision in one style",
        what="One style computes in bfloat16.",
        stage="execution",
        says="dtype policy=mixed_bfloat16",
        styles=("functional",),
        recipe={"dtype": "mixed_bfloat16"},
    ),
    # The trainer
    Change(
        name="optimizer state not reset",
        what="A kept model still has the momentum of the training before.",
        stage="weights",
        styles=("functional",),
        base=MOMENTUM,
        trained_before=True,
        patches={"keras_styles.training._Kept.reset": forgets_the_optimizer},
    ),
    Change(
        name="optimizer state not reset in any style",
        what="Every kept model still has the momentum of the training before.",
        stage="weights",
        styles=STYLES,
        base=MOMENTUM,
        trained_before=True,
        patches={"keras_styles.training._Kept.reset": forgets_the_optimizer},
    ),
    Change(
        name="step counter not reset",
        what="A kept model goes on counting its steps, which nothing else depends on here.",
        stage="optimizer state",
        says="iteration",
        styles=("subclassing",),
        trained_before=True,
        patches={"keras_styles.training._Kept.reset": forgets_the_counter},
    ),
    Change(
        name="one weight not reset",
        what="A kept model begins with the bias at which it ended.",
        stage="initial weights",
        says=BIAS,
        trained_before=True,
        patches={"keras_styles.training._Kept.reset": forgets_the_bias},
    ),
    Change(
        name="one epoch more",
        what="Training goes on for an epoch too long.",
        stage="history",
        says="3 snapshots",
        styles=("functional",),
        recipe={"epochs": 4},
    ),
    Change(
        name="one epoch fewer in all styles",
        what="Training stops an epoch early everywhere.",
        stage="history",
        says="other snapshots than the recipe asks for",
        styles=STYLES,
        recipe={"epochs": 2},
    ),
    Change(
        name="first epoch skipped",
        what="Training begins with its second epoch.",
        stage="history",
        styles=("subclassing",),
        recipe={"initial_epoch": 1},
    ),
    Change(
        name="gradients 1 ULP off",
        what="Gradients are multiplied by the next float32 after one.",
        stage="gradients",
        styles=("functional",),
        base=GRADIENTS,
        patches={"keras_styles.runtime.gradients": scaled_gradients(1 + 2.0**-23)},
    ),
    Change(
        name="gradients off in all styles",
        what="Gradients are a hundred-thousandth too long everywhere.",
        stage="gradients",
        styles=STYLES,
        base=GRADIENTS,
        patches={"keras_styles.runtime.gradients": scaled_gradients(1.00001)},
    ),
    Change(
        name="a gradient lost",
        what="The gradient of one variable is zero.",
        stage="gradients",
        says=BIAS,
        styles=("subclassing",),
        base=GRADIENTS,
        patches={"keras_styles.runtime.gradients": no_gradient_of_the_last},
    ),
    Change(
        name="momentum lost on resuming",
        what="A model that is loaded begins again with an optimizer at rest.",
        stage="weights",
        says="after epoch 2",
        styles=("functional",),
        base=RESUMED,
        patches={"keras.saving.load_model": loses_the_optimizer},
    ),
    Change(
        name="callback an epoch late",
        what="A callback halves the learning rate after the third epoch instead of the second.",
        stage="weights",
        says="after epoch 3",
        base=CALLED_BACK,
        patches=callback("lambda", halves_an_epoch_late),
    ),
    Change(
        name="stopped an epoch later",
        what="Early stopping has patience for one epoch more.",
        stage="history",
        styles=("functional",),
        base=STOPPED,
        patches=callback("early_stopping", more_patient),
    ),
    Change(
        name="best weights not restored",
        what="Early stopping leaves the last weights instead of the best.",
        stage="predictions",
        styles=("subclassing",),
        base=STOPPED,
        patches=callback("early_stopping", keeps_the_last_weights),
    ),
    Change(
        name="checkpoint an epoch early",
        what="A checkpoint holds the weights with which its epoch began.",
        stage="callbacks",
        says="holds the weights of its epoch",
        styles=("functional",),
        base=CALLED_BACK,
        patches=callback("checkpoint", saves_before_the_epoch),
    ),
    Change(
        name="callback not called",
        what="Nobody tells a callback that a batch has ended.",
        stage="callbacks",
        says="batch 0 ends",
        base=CALLED_BACK,
        patches={"keras_styles.training._Listener": Quiet},
    ),
    # What is left behind
    Change(
        name="weights of the epoch before in all styles",
        what="Weights are reported an epoch late.",
        stage="weights",
        says="after epoch 2",
        styles=STYLES,
        patches={"keras_styles.training._Looks.after_epoch": sees_weights_of_the_epoch_before},
    ),
    Change(
        name="weights not copied in all styles",
        what="Every epoch shows the same array, which ends with the last weights.",
        stage="weights",
        says="after epoch 1",
        styles=STYLES,
        record=weights_of_the_end,
    ),
    Change(
        name="history off by an epoch",
        what="Each epoch has the loss of the one before.",
        stage="history",
        says="loss at epoch 2",
        record=logs_changed(lambda logs: [logs[0], *logs[:-1]]),
    ),
    Change(
        name="history off by an epoch in all styles",
        what="Each epoch has the loss of the next.",
        stage="history",
        says="loss at epoch 1",
        styles=STYLES,
        record=logs_changed(lambda logs: [*logs[1:], logs[-1]]),
    ),
    Change(
        name="history rounded",
        what="Losses are reported to six digits.",
        stage="history",
        styles=("subclassing",),
        record=logs_changed(rounded),
    ),
    Change(
        name="1 ULP in the last loss",
        what="The last loss is the next larger float32.",
        stage="history",
        says="which is 1 ULPs of float32",
        styles=("functional",),
        record=logs_changed(one_ulp_more_at_the_end),
    ),
    Change(
        name="another metric",
        what="The history tells the mean squared error instead of the absolute one.",
        stage="history",
        says="mae",
        base=WATCHED,
        recipe={"metrics": ("mse",)},
    ),
    Change(
        name="NaN in all styles",
        what="Every loss is no number, and NaN must not agree with NaN.",
        stage="training",
        says="infinite or not a number",
        styles=STYLES,
        record=losses_not_numbers,
    ),
    Change(
        name="NaN in a metric of all styles",
        what="Every metric is no number while the loss is fine.",
        stage="history",
        says="which equals nothing",
        styles=STYLES,
        base=WATCHED,
        record=metrics_not_numbers,
    ),
    Change(
        name="NaN in one prediction of all styles",
        what="One prediction is no number.",
        stage="training",
        styles=STYLES,
        record=predictions_changed(lambda y: np.where(np.arange(len(y))[:, None] == 3, np.float32("nan"), y)),
    ),
    Change(
        name="predictions of the wrong epoch",
        what="Predictions come from the weights before the last epoch.",
        stage="predictions",
        styles=("functional",),
        record=predictions_of_the_epoch_before,
    ),
    Change(
        name="predictions of the wrong epoch in all styles",
        what="Predictions come from the weights before the last epoch everywhere.",
        stage="predictions",
        styles=STYLES,
        record=predictions_of_the_epoch_before,
    ),
    Change(
        name="predictions in training",
        what="Predictions are made with units dropped.",
        stage="predictions",
        styles=("functional",),
        architecture=REGULARIZED,
        model=predicted_in_training,
    ),
    Change(
        name="predictions flattened",
        what="Predictions have shape (N,) instead of (N, 1).",
        stage="predictions",
        says="has shape (24,)",
        styles=("subclassing",),
        record=predictions_changed(np.ravel),
    ),
    Change(
        name="predictions in float64",
        what="Predictions have the same values in a wider dtype.",
        stage="predictions",
        says="has dtype float64",
        record=predictions_changed(lambda y: y.astype("float64")),
    ),
    Change(
        name="predictions backwards in all styles",
        what="Predictions are in the opposite order.",
        stage="predictions",
        styles=STYLES,
        record=predictions_changed(lambda y: y[::-1]),
    ),
    Change(
        name="evaluation of stale weights",
        what="The evaluation is of the weights before the last epoch.",
        stage="evaluation",
        record=evaluation_of_the_epoch_before,
    ),
    Change(
        name="evaluation of the training in all styles",
        what="The last epoch's running mean stands in for an evaluation.",
        stage="evaluation",
        styles=STYLES,
        base=BATCHES,
        record=evaluation_of_training,
    ),
    Change(
        name="nothing recorded in all styles",
        what="No record tells anything of the training.",
        stage="training",
        says="no snapshot",
        styles=STYLES,
        record=without_snapshots,
    ),
    # Who is compared
    Change(
        name="a style compared with itself",
        what="Three records are of one class.",
        refusal="the styles should be 3 classes",
        styles=(),
        records=of_one_style,
    ),
    Change(
        name="functional passed off as sequential",
        what="Two styles are built by the same function.",
        refusal="the styles should be 3 classes",
        builder=linear_regression.functional,
    ),
    Change(
        name="no records at all",
        what="Nothing is compared.",
        refusal="there are 0",
        styles=(),
        records=of_no_style,
    ),
    Change(
        name="one record only",
        what="A style has nothing to agree with.",
        refusal="there is 1",
        styles=(),
        records=only_one,
    ),
)

# All of them would be caught in a single style. One that is caught one day belongs to the faults.
BLIND_SPOTS: Final = (
    Change(
        name="weights begin at zero in all styles",
        what="The reference begins where the styles do; `test_initial_weights.py` looks at where that is.",
        styles=STYLES,
        layers={"linear_layer": {"kernel_initializer": "zeros"}},
    ),
    Change(
        name="activation missing in all styles",
        what="There is a reference for linear regression only.",
        styles=STYLES,
        architecture=NETWORK,
        layers={"hidden_layer": {"activation": None}},
    ),
    Change(
        name="learning rate 1 ULP more in all styles",
        what="Rounding may do as much, so the bound of the reference allows it.",
        styles=STYLES,
        recipe={"learning_rate": float(np.nextafter(np.float32(0.05), np.float32(1)))},
    ),
    Change(
        name="metric wrong in all styles",
        what="The reference follows the loss, not the metrics beside it.",
        styles=STYLES,
        base=WATCHED,
        record=logs_changed(lambda logs: [each | {"mae": each["mae"] * 2} for each in logs]),
    ),
    Change(
        name="step counter not reset in any style",
        what="The reference has no optimizer state of its own.",
        styles=STYLES,
        trained_before=True,
        patches={"keras_styles.training._Kept.reset": forgets_the_counter},
    ),
    Change(
        name="checkpoint an epoch early in all styles",
        what="Callbacks are compared between styles only; `test_callbacks.py` looks at what they say.",
        styles=STYLES,
        base=CALLED_BACK,
        patches=callback("checkpoint", saves_before_the_epoch),
    ),
)


# Other ways to write the same model


def added(features: int) -> Any:
    """A Sequential model that grows layer by layer."""
    model = keras.Sequential()
    model.add(keras.Input(shape=(features,)))
    model.add(layers.Dense(4, activation="tanh", name="hidden_layer"))
    model.add(layers.Dense(1, name="output_layer"))
    return model


def built_later(features: int) -> Any:
    """A Sequential model that learns its width from `build`."""
    model = keras.Sequential(
        [layers.Dense(4, activation="tanh", name="hidden_layer"), layers.Dense(1, name="output_layer")]
    )
    model.build((None, features))
    return model


def renamed(name: str) -> Callable[[int], Any]:
    """Return the builder of a model whose name is not the one that Keras gives."""

    def build(features: int) -> Any:
        model = multilayer_network.MultilayerNetwork(name=name)
        return _called(model, features)

    return build


def renamed_sequential(features: int) -> Any:
    """The sequential style under a name that begins like a variable."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            layers.Dense(4, activation="tanh", name="hidden_layer"),
            layers.Dense(1, name="output_layer"),
        ],
        name="kernel_model_1",
    )


def renamed_functional(features: int) -> Any:
    """The functional style under a name of its own, and its input, too."""
    inputs = keras.Input(shape=(features,), name="measurements")
    hidden = layers.Dense(4, activation="tanh", name="hidden_layer")(inputs)
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(hidden), name="my_model")


class LayersInAList(keras.Model):  # type: ignore[misc, name-defined]
    """A class that calls the layers of a list in a loop."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack = [
            layers.Dense(4, activation="tanh", name="hidden_layer"),
            layers.Dense(1, name="output_layer"),
        ]

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        for layer in self.stack:
            x = layer(x)
        return x


class LayersInADictionary(keras.Model):  # type: ignore[misc, name-defined]
    """A class that keeps its layers in a dictionary."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = {
            "first": layers.Dense(4, activation="tanh", name="hidden_layer"),
            "second": layers.Dense(1, name="output_layer"),
        }

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        return self.parts["second"](self.parts["first"](x))


class OtherOrder(keras.Model):  # type: ignore[misc, name-defined]
    """A class whose attributes, and so its variables, come in another order than its layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        hidden = layers.Dense(4, activation="tanh", name="hidden_layer")
        self.output_layer = layers.Dense(1, name="output_layer")
        self.hidden_layer = hidden

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        return self.output_layer(self.hidden_layer(x))


class NestedSequential(keras.Model):  # type: ignore[misc, name-defined]
    """A class with a Sequential model as a part."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = keras.Sequential([layers.Dense(4, activation="tanh", name="hidden_layer")])
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        return self.output_layer(self.body(x))


def nested(features: int) -> Any:
    """A Sequential model within a functional one."""
    inputs = keras.Input(shape=(features,))
    body = keras.Sequential([layers.Dense(4, activation="tanh", name="hidden_layer")], name="body")
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(body(inputs)))


def wrapped(features: int) -> Any:
    """A functional model called by another one."""
    inputs = keras.Input(shape=(features,))
    return keras.Model(inputs, multilayer_network.functional(features)(inputs))


class Block(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer that holds two."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_layer = layers.Dense(4, activation="tanh", name="hidden_layer")
        self.output_layer = layers.Dense(1, name="output_layer")

    def build(self, input_shape: Any) -> None:
        """Build both."""
        self.hidden_layer.build(input_shape)
        self.output_layer.build((*input_shape[:-1], 4))
        self.built = True

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        return self.output_layer(self.hidden_layer(x))


def of_one_block(features: int) -> Any:
    """A functional model around a layer of one's own that holds the others."""
    inputs = keras.Input(shape=(features,))
    return keras.Model(inputs, Block()(inputs))


def activation_apart(features: int) -> Any:
    """An activation as a layer instead of an argument."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,)),
            layers.Dense(4, name="hidden_layer"),
            layers.Activation("tanh"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def with_idle_layers(features: int) -> Any:
    """Layers that change nothing, and an input that says that batches may have any size."""
    inputs = keras.Input(batch_shape=(None, features), dtype="float32")
    hidden = layers.Dense(4, activation="tanh", name="hidden_layer")(layers.Dropout(0.0)(layers.Identity()(inputs)))
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(layers.Activation("linear")(hidden)))


def cloned(model: Any) -> Any:
    """Clone a model from the seeds that the original drew; the clone would draw the next ones otherwise."""
    clone = keras.models.clone_model(model)
    set_weights(clone, get_weights(model))
    return clone


def from_config(features: int) -> Any:
    """The sequential style made from its configuration, the seeds drawn anew."""
    state = random.getstate()
    config = multilayer_network.sequential(features).get_config()
    random.setstate(state)
    return keras.Sequential.from_config(config)


HARMLESS: Final = (
    Change(
        name="sequential renamed",
        what="The model has another name.",
        architecture=NETWORK,
        base=ADAM,
        builder=renamed_sequential,
    ),
    Change(
        name="functional renamed",
        what="The model and its input have other names.",
        styles=("functional",),
        architecture=NETWORK,
        base=ADAM,
        builder=renamed_functional,
    ),
    Change(
        name="subclass renamed",
        what="The model has another name.",
        styles=("subclassing",),
        architecture=NETWORK,
        base=ADAM,
        builder=renamed("hidden_layer"),
    ),
    Change(
        name="layers in a list",
        what="A class keeps its layers in a list and calls them in a loop.",
        styles=("subclassing",),
        architecture=NETWORK,
        base=ADAM,
        builder=instance_of(LayersInAList),
    ),
    Change(
        name="layers in a dictionary",
        what="A class keeps its layers in a dictionary.",
        styles=("subclassing",),
        architecture=NETWORK,
        base=ADAM,
        builder=instance_of(LayersInADictionary),
    ),
    Change(
        name="attributes in another order",
        what="A class lists its variables in another order than its layers run.",
        styles=("subclassing",),
        architecture=NETWORK,
        base=ADAM,
        builder=instance_of(OtherOrder),
    ),
    Change(
        name="Sequential within a subclass",
        what="A class has a Sequential model as a part.",
        styles=("subclassing",),
        architecture=NETWORK,
        base=ADAM,
        builder=instance_of(NestedSequential),
    ),
    Change(
        name="Sequential within a functional model",
        what="A functional model has a Sequential model as a part.",
        styles=("functional",),
        architecture=NETWORK,
        base=ADAM,
        builder=nested,
    ),
    Change(
        name="functional within a functional model",
        what="A functional model calls another one.",
        styles=("functional",),
        architecture=NETWORK,
        base=ADAM,
        builder=wrapped,
    ),
    Change(
        name="a layer that holds the others",
        what="A functional model calls one layer that holds two.",
        styles=("functional",),
        architecture=NETWORK,
        base=ADAM,
        builder=of_one_block,
    ),
    Change(
        name="idle layers",
        what="A functional model has layers that change nothing.",
        styles=("functional",),
        architecture=NETWORK,
        builder=with_idle_layers,
    ),
    Change(
        name="layers added one by one",
        what="A Sequential model grows by `add`.",
        architecture=NETWORK,
        builder=added,
    ),
    Change(
        name="built later",
        what="A Sequential model has no Input and is built by `build`.",
        architecture=NETWORK,
        builder=built_later,
    ),
    Change(
        name="activation apart",
        what="An activation is a layer instead of an argument.",
        architecture=NETWORK,
        builder=activation_apart,
    ),
    Change(
        name="initializers spelled out",
        what="Initializers are objects instead of names.",
        styles=("subclassing",),
        architecture=NETWORK,
        layers={"hidden_layer": {"kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}}}},
    ),
    Change(
        name="dtype spelled out",
        what="A layer is told the dtype policy that it would take anyway.",
        styles=("functional",),
        architecture=REGULARIZED,
        layers={"normalization": {"dtype": "float32"}},
    ),
    Change(
        name="training left to Keras",
        what="`call` takes `training` but leaves it to Keras to tell the layers inside.",
        styles=("subclassing",),
        architecture=REGULARIZED,
        builder=calling(regularized_network.RegularizedNetwork, leaving_training_to_keras),
        engines=("tensorflow", "torch"),
    ),
    Change(
        name="cloned",
        what="A model is cloned and given the original's weights.",
        styles=("functional",),
        architecture=NETWORK,
        model=cloned,
    ),
    Change(
        name="made from its configuration",
        what="A Sequential model goes through its configuration.",
        architecture=NETWORK,
        builder=from_config,
    ),
    Change(
        name="saved and loaded",
        what="A model is saved and loaded before it is trained.",
        styles=("subclassing",),
        architecture=NETWORK,
        model=saved_and_loaded,
    ),
    Change(
        name="trained before",
        what="A kept model has trained before, and was reset.",
        styles=("functional",),
        architecture=REGULARIZED,
        base=MOMENTUM,
        trained_before=True,
    ),
    Change(
        name="learning rate of more digits",
        what="A learning rate differs by less than float32 can hold.",
        recipe={"learning_rate": 0.05 * (1 + 1e-10)},
    ),
    Change(
        name="options spelled out",
        what="An optimizer is told what it would take anyway.",
        styles=("subclassing",),
        base=ADAM,
        recipe={"options": {"beta_1": 0.9, "epsilon": 0.001, "amsgrad": False}},
    ),
    Change(
        name="data from a generator",
        what="One style is given its batches one by one.",
        styles=("functional",),
        base=BATCHES,
        recipe={"source": "generator"},
    ),
)
