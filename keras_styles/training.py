"""Training: a problem and a recipe in, a record out, through Keras' public interface on compiled models that are kept.

`fit(epochs=300)` on arrays makes two dataset iterators an epoch on TensorFlow, and every new model is traced anew.
Where a recipe only repeats its batches, one `fit` runs over a repeated dataset with `steps_per_execution`; models are
compiled once and reset. `equivalence/test_trainer.py` proves that the bits are those of the plain way.
"""

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.architectures import (
    Architecture,
    array_of,
    get_weights,
    named_optimizer_variables,
    named_variables,
    set_weights,
    values,
)
from keras_styles.engines import ENGINE_VARIABLE
from keras_styles.problems import Array, Problem
from keras_styles.recipes import (
    OPTIMIZERS,
    CallbackName,
    Mode,
    Policy,
    Recipe,
    RecipeError,
    has_one_rate,
    scaled_schedule,
)
from keras_styles.sources import Data, Reading, fit_data, samples_in, side_by_side, take
from keras_styles.training_record import Event, Record, Snapshot, Weights

# Three widths, four numbers of steps in a call and three styles make 36, a dozen families of recipes as many; single
# recipes come and go beside them; a compiled model with its traces takes about two megabytes.
KEPT_MODELS = 192

# On TensorFlow a step costs 1.6 ms less inside a loop, which takes 0.14 s longer to compile than one step, and serves
# some trainings: what is trained just once has few steps, what is trained for many problems has 40.
STEPS_WORTH_A_LOOP = 30

keras = runtime.keras


@dataclass(frozen=True)
class _Kept:
    """A compiled model, the seed it was built with, and what it and its optimizer began with."""

    model: Any
    seed: int
    initial_weights: Weights
    optimizer_state: list[Array]

    def reset(self, weights: Weights, recipe: Recipe) -> None:
        set_weights(self.model, weights)
        optimizer = self.model.optimizer
        for variable, value in zip(optimizer.variables, self.optimizer_state, strict=True):
            variable.assign(value)
        if not _rate_is_fixed(recipe):
            optimizer.learning_rate = recipe.learning_rate


class Trainer:
    """Trains the styles of one architecture on one device; keeps what is compiled from one training to the next."""

    def __init__(self, architecture: Architecture, device: str = "cpu") -> None:
        self.architecture = architecture
        self.device = runtime.require_device(device)
        self._kept: OrderedDict[tuple[Any, ...], _Kept] = OrderedDict()
        self._initial_weights = lru_cache(maxsize=1024)(self._build_initial_weights)

    def train(
        self,
        style: str,
        problem: Problem,
        recipe: Recipe,
        initial_weights: Weights | None = None,
        *,
        every_step: bool = False,
    ) -> Record:
        """Train one style and return its record.

        Args:
            style: one of the architecture's.
            problem: the data.
            recipe: how to train.
            initial_weights: where to start, by variable name; None, or a name that is missing, starts where the
                recipe's seed leads.
            every_step: whether the record has a snapshot after each batch instead of one where the recipe looks.

        Raises:
            ProblemError: if the data cannot be trained on.
            RecipeError: if Keras refuses the recipe.
            RuntimeChoiceError: if the engine has no such mode or source, or cannot train the architecture.
        """
        mode = runtime.resolve_mode("eager" if recipe.loop == "custom_loop" else recipe.mode)
        if self.architecture.modes and mode not in self.architecture.modes:
            raise RecipeError(
                f"{self.architecture.name} runs in no mode but {', '.join(self.architecture.modes)}; "
                f"set mode={self.architecture.modes[0]!r}."
            )
        if reason := self.architecture.untrainable.get(runtime.ENGINE):
            raise runtime.RuntimeChoiceError(f"{reason}; choose another {ENGINE_VARIABLE}.")
        data = Reading(self.architecture, problem)
        x, y = data.arrays(recipe.variable_dtype)
        with runtime.on_device(self.device), runtime.precision(recipe.dtype), runtime.in_mode(mode):
            steps = 1 if every_step else steps_per_execution(recipe, samples_in(y), mode)
            kept = self._compiled(style, problem.features, recipe, mode, steps)
            if kept.seed == recipe.seed:
                start = kept.initial_weights
            else:
                start = self._initial_weights(style, problem.features, recipe.seed, recipe.dtype)
            kept.reset({**start, **(initial_weights or {})}, recipe)
            session = _Session(kept.model, data, recipe, every_step=every_step)
            initial = get_weights(kept.model)
            model = session.train()
            # First of all: on jax, with moving averages, evaluating frees arrays that the optimizer still holds.
            optimizer_state = values(named_optimizer_variables(model))
            model.reset_metrics()
            return Record(
                architecture=self.architecture.name,
                style=style,
                model_class=type(model).__name__,
                problem=problem,
                recipe=recipe,
                environment=runtime.environment(device=self.device, mode=mode, dtype=recipe.dtype),
                computed_in=runtime.computed_in(recipe.variable_dtype),
                ran_as=_ran_as(model),
                trainable=tuple(name for name, variable in named_variables(model).items() if variable.trainable),
                initial_weights=initial,
                weights_were_given=initial_weights is not None,
                snapshots=tuple(session.looks.snapshots),
                predictions=side_by_side(model.predict_on_batch(x)),
                evaluation=_floats(model.test_on_batch(x, y, return_dict=True)),
                gradients=session.gradients,
                optimizer_state=optimizer_state,
                events=tuple(session.events),
            )

    def train_styles(
        self,
        problem: Problem,
        recipe: Recipe,
        initial_weights: Weights | None = None,
        *,
        every_step: bool = False,
    ) -> dict[str, Record]:
        """Train every style of the architecture alike and return the records by style."""
        return {
            style: self.train(style, problem, recipe, initial_weights, every_step=every_step)
            for style in self.architecture.styles
        }

    def train_again(self, record: Record, *, every_step: bool = False) -> Record:
        """Train what a record is of once more: its style, problem and recipe, from the weights that it was given."""
        start = record.initial_weights if record.weights_were_given else None
        return self.train(record.style, record.problem, record.recipe, start, every_step=every_step)

    def _build_initial_weights(self, style: str, features: int, seed: int, dtype: Policy) -> dict[str, Array]:
        del dtype  # a key of the cache: the caller has made it the policy of everything built here
        return get_weights(self.architecture.build(style, features, seed))

    def _compiled(self, style: str, features: int, recipe: Recipe, mode: Mode, steps: int) -> _Kept:
        rate = recipe.learning_rate if _rate_is_fixed(recipe) else None
        optimizer = recipe.optimizer, recipe.options, recipe.schedule, rate
        # The source and the weights too: Keras 3.15 loses the rank of what one model is given in two forms.
        data = recipe.source, recipe.weighted
        key = (style, features, optimizer, data, recipe.loss, recipe.metrics, recipe.dtype, mode, steps)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        model = self.architecture.build(style, features, recipe.seed)
        compile_model(model, recipe, mode, steps, self.architecture)
        model.optimizer.build(model.trainable_variables)
        optimizer_state = [array_of(variable) for variable in model.optimizer.variables]
        self._kept[key] = _Kept(model, recipe.seed, get_weights(model), optimizer_state)
        if len(self._kept) > KEPT_MODELS:
            self._kept.popitem(last=False)
        return self._kept[key]


def compile_model(
    model: Any, recipe: Recipe, mode: Mode, steps: int = 1, architecture: Architecture | None = None
) -> None:
    """Compile a model for a recipe, with every choice made that Keras would otherwise make by itself.

    Args:
        model: built or not.
        recipe: how it will be trained.
        mode: how its steps will be executed.
        steps: that Keras takes before it comes back to Python.
        architecture: that the model is of, if its outputs have losses of their own.

    Raises:
        RecipeError: if Keras does not take the optimizer's options, the loss or a metric.
        RuntimeChoiceError: if Keras did not take `mode` for this model.
    """
    arguments = runtime.compile_arguments(mode)
    try:
        model.compile(
            optimizer=make_optimizer(recipe),
            loss=architecture.losses_of(recipe) if architecture else recipe.loss,
            loss_weights=architecture.loss_weights if architecture else None,
            metrics=list(recipe.metrics) or None,
            steps_per_execution=steps,
            **arguments,
        )
    except (TypeError, ValueError) as error:
        raise RecipeError(f"Keras does not compile {recipe!r} ({error}); change what it names.") from error
    for name, value in arguments.items():
        if getattr(model, name) != value:
            raise runtime.RuntimeChoiceError(
                f"Mode {mode!r} needs {name}={value}, but Keras made it {getattr(model, name)} for "
                f"{type(model).__name__}; choose another mode."
            )


def make_optimizer(recipe: Recipe) -> Any:
    """Return a new optimizer as a recipe describes it.

    Of the two that wrap others, `loss_scale` scales the loss for Adam, and `multi` gives kernels to Adam and all else
    to SGD.
    """
    rate: Any = recipe.learning_rate
    options = dict(recipe.options)
    if recipe.schedule is not None:
        name, arguments = scaled_schedule(recipe.schedule, recipe.learning_rate)
        rate = getattr(keras.optimizers.schedules, name)(**arguments)
    optimizers = keras.optimizers
    if recipe.optimizer == "loss_scale":
        return optimizers.LossScaleOptimizer(optimizers.Adam(learning_rate=rate), **options)
    if recipe.optimizer == "multi":
        return optimizers.MultiOptimizer(
            lambda variable: (optimizers.Adam if "kernel" in variable.path else optimizers.SGD)(learning_rate=rate),
            **options,
        )
    return getattr(optimizers, OPTIMIZERS[recipe.optimizer])(learning_rate=rate, **options)


def _rate_is_fixed(recipe: Recipe) -> bool:
    """Say whether a compiled optimizer cannot be given another learning rate."""
    # A loss scale wraps the optimizer whose rate counts.
    return recipe.optimizer == "loss_scale" or not has_one_rate(recipe.optimizer, recipe.schedule)


def steps_per_execution(recipe: Recipe, samples: int, mode: Mode) -> int:
    """Return how many steps Keras may run before it comes back to Python: those from one snapshot to the next.

    Keras allows one only on torch, and without compilation there is nothing to gain; nor in a training that is over
    before a loop over steps is compiled.
    """
    if recipe.steps_per_execution is not None:
        return recipe.steps_per_execution
    batches = len(recipe.batches(samples))
    if mode == "eager" or not recipe.repeats_its_batches or recipe.epochs * batches < STEPS_WORTH_A_LOOP:
        return 1
    return recipe.epochs_per_snapshot * batches


def _ran_as(model: Any) -> dict[str, Any]:
    return {
        "run_eagerly": model.run_eagerly,
        "jit_compile": model.jit_compile,
        "steps_per_execution": model.steps_per_execution,
        "dtype policy": model.dtype_policy.name,
    }


class _Session:
    """One training of one model: the loop that the recipe asks for, and all that is seen on the way."""

    def __init__(self, model: Any, data: Data, recipe: Recipe, *, every_step: bool) -> None:
        self._model = model
        self._data = data
        self._recipe = recipe
        draws = recipe.shuffle or any("seed_generator" in name for name in named_variables(model))
        self.looks = (_LooksAtSteps if every_step else _Looks)(recipe, draws=draws)
        self.events: list[Event] = []
        self.gradients: Weights = {}

    def train(self) -> Any:
        """Follow the recipe; return the model that it leaves, which is another one after saving and loading."""
        self.looks.seed_what_is_random()
        if self._recipe.repeats_its_batches:
            return self._repeat_batches()
        loops: Mapping[str, Callable[[], Any]] = {
            "fit": self._fit,
            "train_on_batch": lambda: self._step_by_step(self._train_on_batch),
            "custom_loop": lambda: self._step_by_step(self._apply_gradients),
            "save_and_resume": self._save_and_resume,
        }
        return loops[self._recipe.loop]()

    def _repeat_batches(self) -> Any:
        recipe = self._recipe
        endless, steps_per_epoch = _repeated_batches(self._data, recipe)
        self._model.fit(
            endless(),
            epochs=recipe.epochs // self.looks.epochs,
            steps_per_epoch=steps_per_epoch * self.looks.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[self.looks],
        )
        return self._model

    def _fit(self) -> Any:
        recipe = self._recipe
        with tempfile.TemporaryDirectory() as folder:
            callbacks = [_CALLBACKS[name](Path(folder)) for name in recipe.callbacks]
            callbacks += [_Listener(self.events)] if recipe.callbacks else []
            arguments = fit_arguments(self._data, recipe)
            self._model.fit(**arguments, verbose=0, callbacks=[*callbacks, self.looks])
            self._check_files(Path(folder))
        return self._model

    def _check_files(self, folder: Path) -> None:
        """Note for each file that a callback saved whether it holds the bits that its epoch ended with."""
        final = get_weights(self._model)
        at_epoch = {snapshot.epoch: snapshot.weights for snapshot in self.looks.snapshots}
        for path in sorted(folder.iterdir()):
            self._model.load_weights(path)
            loaded, weights = get_weights(self._model), at_epoch[int(path.name.split(".")[0])]
            same = all(np.array_equal(loaded[name], value) for name, value in weights.items())
            self.events.append(Event(f"{path.name} holds the weights of its epoch", {"same": float(same)}))
        set_weights(self._model, final)

    def _step_by_step(self, step: Callable[[Any, Any, Array | None], dict[str, float]]) -> Any:
        """Take each batch through `step`, which trains on it and returns its logs; an epoch's loss is the samples'."""
        recipe, model = self._recipe, self._model
        x, y = self._data.arrays(recipe.variable_dtype)
        samples = samples_in(y)
        weights = recipe.sample_weights(samples)
        for epoch in range(recipe.epochs):
            total = 0.0
            for number, rows in enumerate(recipe.batches(samples)):
                logs = step(take(x, rows), take(y, rows), weights[rows] if recipe.weighted else None)
                total += logs["loss"] * (rows.stop - rows.start)
                self.looks.after_step(model, epoch, number)
            self.looks.after_epoch(model, epoch, logs | {"loss": total / samples})
        return model

    def _train_on_batch(self, x: Any, y: Any, weights: Array | None) -> dict[str, float]:
        return _floats(self._model.train_on_batch(x, y, sample_weight=weights, return_dict=True))

    def _apply_gradients(self, x: Any, y: Any, weights: Array | None) -> dict[str, float]:
        """Train on a batch with gradients that the engine was asked for; the first ones are kept."""
        assert weights is None, "a recipe with a loop of its own has none"
        variables = self._model.trainable_variables
        loss, gradients = runtime.gradients(self._model, x, y)
        if not self.gradients:
            names = [name for name, variable in named_variables(self._model).items() if variable.trainable]
            self.gradients = values(dict(zip(names, gradients, strict=True)))
        self._model.optimizer.apply(gradients, variables)
        return {"loss": loss}

    def _save_and_resume(self) -> Any:
        recipe = self._recipe
        data = fit_arguments(self._data, recipe) | {"verbose": 0, "callbacks": [self.looks]}
        half = recipe.epochs // 2
        self._model.fit(**data | {"epochs": half})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            self._model.save(path)
            resumed = keras.saving.load_model(path, safe_mode=True)
        resumed.fit(**data | {"initial_epoch": half})
        return resumed


def fit_arguments(data: Data, recipe: Recipe) -> dict[str, Any]:
    """Return all that the public `fit` is told, but for verbosity and callbacks."""
    x, y = data.arrays(recipe.variable_dtype)
    samples = samples_in(y)
    arguments = fit_data(recipe, x, y, recipe.sample_weights(samples) if recipe.weighted else None)
    arguments |= {"epochs": recipe.epochs, "initial_epoch": recipe.initial_epoch, "shuffle": recipe.shuffle}
    if recipe.steps_per_epoch is not None:
        arguments["steps_per_epoch"] = recipe.steps_per_epoch
    looked_at = recipe.validation_rows(samples)
    if recipe.validation:
        arguments["validation_batch_size"] = looked_at.stop - looked_at.start
    if recipe.validation == "split":
        arguments["validation_split"] = 1 - looked_at.start / samples
    elif recipe.validation == "data":
        arguments["validation_data"] = take(x, looked_at), take(y, looked_at)
    return arguments


@lru_cache(maxsize=4)  # the styles take turns on the same data
def _repeated_batches(data: Data, recipe: Recipe) -> tuple[Callable[[], Any], int]:
    x, y = data.arrays(recipe.variable_dtype)
    rows = recipe.batches(samples_in(y))
    return runtime.repeated_batches([(take(x, step), take(y, step)) for step in rows]), len(rows)


def _floats(logs: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}


class _Looks(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # no types
    """Copies weights and logs after each of `fit`'s epochs, which may be several of the recipe's.

    It has no say about batches: Keras brings each batch's logs to Python as soon as one callback has.
    """

    def __init__(self, recipe: Recipe, *, draws: bool) -> None:
        super().__init__()
        self.epochs = recipe.epochs_per_snapshot
        self._seed = recipe.seed if draws else None
        self.snapshots: list[Snapshot] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Seed again: the first `fit` of a model looks at a batch before this, which draws from torch's generator."""
        del logs
        if not self.snapshots:
            self.seed_what_is_random()

    def seed_what_is_random(self) -> None:
        """Let what shuffles and drops draw the same numbers whatever this process did before.

        On torch Keras 3.15 drops by torch's global generator, not by the layer's own. Where nothing is random nothing
        is seeded: TensorFlow throws away all that it has compiled when it is given a seed.
        """
        if self._seed is not None:
            keras.utils.set_random_seed(self._seed)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look after an epoch."""
        self.after_epoch(self.model, epoch, logs or {})

    def after_step(self, model: Any, epoch: int, batch: int) -> None:
        """Look away."""

    def after_epoch(self, model: Any, epoch: int, logs: Mapping[str, Any]) -> None:
        """Take a snapshot."""
        self.snapshots.append(Snapshot((epoch + 1) * self.epochs, get_weights(model), _floats(logs)))


class _LooksAtSteps(_Looks):
    """Copies weights after each batch, and logs where an epoch ends."""

    def __init__(self, recipe: Recipe, *, draws: bool) -> None:
        super().__init__(recipe, draws=draws)
        self.epochs = 1
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch; Keras counts from 0."""
        del logs
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look after a step."""
        del logs
        self.after_step(self.model, self._epoch, batch)

    def after_step(self, model: Any, epoch: int, batch: int) -> None:
        """Take a snapshot."""
        self.snapshots.append(Snapshot(epoch + 1, get_weights(model), {}, batch))

    def after_epoch(self, model: Any, epoch: int, logs: Mapping[str, Any]) -> None:
        """Give the last step's snapshot the logs."""
        del model, epoch
        self.snapshots[-1] = replace(self.snapshots[-1], logs=_floats(logs))


class _Listener(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # no types
    """Notes at which moments Keras calls, and what it tells."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = events

    def _note(self, moment: str, logs: Mapping[str, Any] | None) -> None:
        self._events.append(Event(moment, _floats(logs or {})))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Note that training begins."""
        self._note("training begins", logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note that an epoch begins."""
        self._note(f"epoch {epoch + 1} begins", logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Note that a batch ends."""
        self._note(f"batch {batch} ends", logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Note that validation ends."""
        self._note("validation ends", logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note that an epoch ends."""
        self._note(f"epoch {epoch + 1} ends", logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Note that training ends."""
        self._note("training ends", logs)


def _lambda_callback(folder: Path) -> Any:
    """Return a callback that halves the learning rate after the second epoch: it fires, and training feels it."""
    del folder

    def halve(epoch: int, logs: Any) -> None:
        del logs
        if epoch == 1:
            optimizer = callback.model.optimizer
            optimizer.learning_rate = float(optimizer.learning_rate) / 2

    callback = keras.callbacks.LambdaCallback(on_epoch_end=halve)
    return callback


# They watch the loss and call an improvement only what is large, so that they fire within a few epochs.
_CALLBACKS: Mapping[CallbackName, Callable[[Path], Any]] = {
    "early_stopping": lambda folder: keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=0.5, patience=2, restore_best_weights=True
    ),
    "reduce_learning_rate": lambda folder: keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, min_delta=0.5, patience=1, cooldown=1
    ),
    "checkpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        folder / "{epoch:03d}.weights.h5", save_weights_only=True
    ),
    "lambda": _lambda_callback,
}
