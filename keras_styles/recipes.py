"""Recipes: how a model is trained, as a frozen value that prints as Python and travels in every record."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np

from keras_styles.errors import KerasStylesError
from keras_styles.problems import LARGEST_SEED, Array, is_finite, is_integer

Mode = Literal["graph", "eager", "xla"]
DType = Literal["float32", "float64"]
Policy = Literal["float32", "float64", "mixed_float16", "mixed_bfloat16"]
Schedule = Literal["exponential", "inverse_time", "polynomial", "cosine", "cosine_restarts", "piecewise"]
Source = Literal["arrays", "dataset", "pydataset", "generator", "pandas"]
Validation = Literal["data", "split"]
Loop = Literal["fit", "train_on_batch", "custom_loop", "save_and_resume"]
CallbackName = Literal["early_stopping", "reduce_learning_rate", "checkpoint", "lambda"]
Option = bool | int | float | str | None
Options: TypeAlias = Mapping[str, Option] | tuple[tuple[str, Option], ...]

# Every optimizer that Keras ships, by its class. `loss_scale` and `multi` wrap others: see `training.make_optimizer`.
OPTIMIZERS: Final = {
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adam": "Adam",
    "adamw": "AdamW",
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adamax": "Adamax",
    "ftrl": "Ftrl",
    "lamb": "Lamb",
    "lion": "Lion",
    "muon": "Muon",
    "nadam": "Nadam",
    "schedule_free_adamw": "ScheduleFreeAdamW",
    "loss_scale": "LossScaleOptimizer",
    "multi": "MultiOptimizer",
}

# Every schedule that Keras ships: its class and, for a learning rate of 1, its arguments; short enough that a few
# steps of training pass through the interesting part.
SCHEDULES: Final[dict[Schedule, tuple[str, dict[str, Any]]]] = {
    "exponential": ("ExponentialDecay", {"initial_learning_rate": 1.0, "decay_steps": 4, "decay_rate": 0.5}),
    "inverse_time": ("InverseTimeDecay", {"initial_learning_rate": 1.0, "decay_steps": 4, "decay_rate": 0.5}),
    "polynomial": (
        "PolynomialDecay",
        {"initial_learning_rate": 1.0, "decay_steps": 8, "end_learning_rate": 0.125, "power": 2.0},
    ),
    "cosine": ("CosineDecay", {"initial_learning_rate": 1.0, "decay_steps": 8, "alpha": 0.125}),
    "cosine_restarts": ("CosineDecayRestarts", {"initial_learning_rate": 1.0, "first_decay_steps": 3}),
    "piecewise": ("PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [1.0, 0.5, 0.125]}),
}

CALLBACKS_THAT_SET_THE_RATE: Final = ("reduce_learning_rate", "lambda")

# The part of the samples that `validation="split"` holds out, and on which `validation="data"` looks.
VALIDATION_FRACTION: Final = 0.25
# Repeated over the samples; powers of two, so that weighting a sample rounds nothing by itself.
SAMPLE_WEIGHTS: Final = (0.5, 1.0, 2.0)


def has_one_rate(optimizer: str, schedule: Schedule | None) -> bool:
    """Say whether a training has a single learning rate, which something may set while it runs."""
    return schedule is None and optimizer != "multi"


def scaled_schedule(schedule: Schedule, rate: float) -> tuple[str, dict[str, Any]]:
    """Return the class of one of `SCHEDULES` and its arguments, of which those that are learning rates are scaled."""
    name, arguments = SCHEDULES[schedule]
    scaled = {key: rate * value if key.endswith("learning_rate") else value for key, value in arguments.items()}
    if "values" in scaled:
        scaled["values"] = [rate * value for value in scaled["values"]]
    return name, scaled


class RecipeError(KerasStylesError, ValueError):
    """A recipe that cannot be followed."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Recipe:
    """How to train. The defaults are the seed's recipe: SGD with learning rate 0.01, mse, 300 epochs.

    Attributes:
        optimizer: one of `OPTIMIZERS`.
        options: further arguments of the optimizer by name, as in `{"momentum": 0.9}`.
        learning_rate: step size; gradient descent is stable below 2 / (largest curvature of any batch).
        schedule: how the learning rate changes from step to step: one of `SCHEDULES`, scaled by `learning_rate`.
        loss: a loss by its Keras name.
        metrics: metrics by their Keras names.
        epochs: passes over the data; Keras' `epochs`, so the number of the last one.
        initial_epoch: the number of epochs taken as done before.
        batch_size: samples per step; None takes all at once. A last batch may be smaller.
        steps_per_epoch: steps after which an epoch ends; None takes all batches.
        steps_per_execution: steps that Keras may run before it returns to Python; None lets the trainer choose.
        snapshot_every: epochs between two looks at weights and loss; it divides `epochs`. None looks as seldom as
            the recipe allows: at the end where batches just repeat, after each epoch elsewhere.
        shuffle: whether `fit` shuffles the samples before each epoch.
        weighted: whether the samples carry `SAMPLE_WEIGHTS`.
        validation: `"data"` looks at the first quarter of the samples after each epoch, `"split"` lets Keras hold
            out the last quarter.
        source: in what the data are handed to `fit`.
        callbacks: Keras callbacks that take part, in this order.
        loop: who calls the optimizer: `fit`, `train_on_batch`, a loop with gradients of its own, or `fit` on a model
            that is saved after half of the epochs, loaded and resumed.
        seed: what every random source is set to before the model is built.
        mode: how the engine executes a step; None takes the engine's usual mode, and the record says which that was.
        dtype: the dtype policy: of weights and data (`variable_dtype`) and of the arithmetic in layers.

    Raises:
        RecipeError: if a field is out of its range, or two fields do not go together.
    """

    optimizer: str = "sgd"
    options: Options = ()
    learning_rate: float = 0.01
    schedule: Schedule | None = None
    loss: str = "mse"
    metrics: tuple[str, ...] = ()
    epochs: int = 300
    initial_epoch: int = 0
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    steps_per_execution: int | None = None
    snapshot_every: int | None = None
    shuffle: bool = False
    weighted: bool = False
    validation: Validation | None = None
    source: Source = "arrays"
    callbacks: tuple[CallbackName, ...] = ()
    loop: Loop = "fit"
    seed: int = 0
    mode: Mode | None = None
    dtype: Policy = "float32"

    def __post_init__(self) -> None:
        self._check_options()
        self._check_choices()
        self._check_numbers()
        self._check_combinations()

    def __repr__(self) -> str:
        """Return Python that rebuilds this recipe; what is as by default is left out."""
        values = ((field.name, field.default, getattr(self, field.name)) for field in fields(self))
        shown = [
            f"{name}={dict(value) if name == 'options' else value!r}"
            for name, default, value in values
            if value != default
        ]
        return f"Recipe({', '.join(shown)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print in a failing example of Hypothesis as everywhere else."""
        del cycle
        printer.text(repr(self))

    def _check_options(self) -> None:
        pairs = tuple(self.options.items()) if isinstance(self.options, Mapping) else self.options
        if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
            raise RecipeError(f"A recipe needs options by name, as in {{'momentum': 0.9}}, not {self.options!r}.")
        object.__setattr__(self, "options", tuple(sorted(pairs)))

    def _check_choices(self) -> None:
        choices: dict[str, tuple[Any, ...]] = {
            "optimizer": tuple(OPTIMIZERS),
            "schedule": (None, *SCHEDULES),
            "validation": (None, *get_args(Validation)),
            "source": get_args(Source),
            "loop": get_args(Loop),
            "dtype": get_args(Policy),
        }
        for name, allowed in choices.items():
            if (value := getattr(self, name)) not in allowed:
                known = ", ".join(repr(choice) for choice in allowed)
                raise RecipeError(f"A recipe knows no {name} {value!r}; choose one of {known}.")
        for name in self.callbacks:
            if name not in get_args(CallbackName):
                raise RecipeError(
                    f"A recipe knows no callback {name!r}; choose from {', '.join(get_args(CallbackName))}."
                )

    def _check_numbers(self) -> None:
        if not (is_finite(self.learning_rate) and self.learning_rate >= 0):
            raise RecipeError(f"A recipe needs a finite learning_rate of at least 0, not {self.learning_rate!r}.")
        for name in ("epochs", "batch_size", "snapshot_every", "steps_per_epoch", "steps_per_execution"):
            value = getattr(self, name)
            optional = name != "epochs"
            if not (is_integer(value, 1) or (optional and value is None)):
                raise RecipeError(f"A recipe needs {name} of at least 1, a whole number, not {value!r}.")
        if not is_integer(self.initial_epoch, 0, self.epochs - 1):
            raise RecipeError(
                f"A recipe needs an initial_epoch from 0 to its epochs less one, {self.epochs - 1}, "
                f"not {self.initial_epoch!r}."
            )
        if not is_integer(self.seed, 0, LARGEST_SEED):
            raise RecipeError(f"A recipe needs a seed from 0 to {LARGEST_SEED}, not {self.seed!r}.")
        if self.epochs % self.epochs_per_snapshot:
            raise RecipeError(
                f"A recipe's snapshot_every must divide its epochs, but {self.snapshot_every} does not divide "
                f"{self.epochs}; change one of them."
            )

    def _check_combinations(self) -> None:
        if not self.repeats_its_batches and self.epochs_per_snapshot != 1:
            raise RecipeError(
                f"{self!r} does more than repeat its batches, so each epoch is looked at; set snapshot_every=1 or None."
            )
        if self.loop != "fit":
            alone = ("shuffle", "validation", "callbacks", "steps_per_epoch", "steps_per_execution", "initial_epoch")
            taken = [name for name in (*alone, "source") if getattr(self, name) != getattr(Recipe, name)]
            if taken:
                raise RecipeError(f"A recipe with loop={self.loop!r} has no {', '.join(taken)}; leave that to 'fit'.")
        if self.loop == "custom_loop" and (self.mode not in (None, "eager") or self.weighted or self.metrics):
            raise RecipeError("A recipe with loop='custom_loop' is eager, without weights and metrics; drop those.")
        if self.loop == "custom_loop" and self.optimizer == "loss_scale":
            raise RecipeError(
                "A recipe with loop='custom_loop' scales no loss; choose another optimizer than 'loss_scale'."
            )
        if self.loop == "save_and_resume" and self.epochs < 2:
            raise RecipeError("A recipe with loop='save_and_resume' needs at least two epochs, one on each side.")
        if self.loop == "save_and_resume" and self.optimizer == "multi":
            raise RecipeError(
                "A recipe with optimizer='multi' cannot be saved and resumed: which variable goes to which optimizer "
                "is a function, and safe_mode loads none; choose another optimizer."
            )
        setting = [name for name in self.callbacks if name in CALLBACKS_THAT_SET_THE_RATE]
        if setting and not has_one_rate(self.optimizer, self.schedule):
            raise RecipeError(
                f"A recipe with a schedule or optimizer='multi' has no one learning rate that {' and '.join(setting)} "
                "could set; drop one of them."
            )
        if self.source != "arrays" and (self.shuffle or self.validation == "split"):
            raise RecipeError(
                f"Keras shuffles and splits arrays only, so a recipe with source={self.source!r} does neither."
            )

    @property
    def repeats_its_batches(self) -> bool:
        """Whether every epoch takes the same steps and nothing happens between two: what the trainer can speed up."""
        stages = ("initial_epoch", "steps_per_epoch", "steps_per_execution", "callbacks", "loop", "validation")
        data = ("shuffle", "weighted", "source", "metrics")
        return all(getattr(self, name) == getattr(Recipe, name) for name in (*stages, *data))

    @property
    def epochs_per_snapshot(self) -> int:
        """Epochs from one snapshot to the next."""
        if self.snapshot_every is not None:
            return self.snapshot_every
        return self.epochs if self.repeats_its_batches else 1

    @property
    def variable_dtype(self) -> DType:
        """The dtype of weights and data."""
        return "float64" if self.dtype == "float64" else "float32"

    @property
    def compute_dtype(self) -> str:
        """The dtype of the arithmetic in layers, and so of predictions."""
        return self.dtype.removeprefix("mixed_")

    def option(self, name: str, default: Any = None) -> Any:
        """Return one of the optimizer's options, or what Keras takes when it is not given."""
        return dict(self.options).get(name, default)

    def training_rows(self, samples: int) -> slice:
        """Return the rows that are trained on: all, less those that a validation split holds out."""
        return slice(0, int(samples * (1 - VALIDATION_FRACTION)) if self.validation == "split" else samples)

    def validation_rows(self, samples: int) -> slice:
        """Return the rows that are looked at after each epoch; none without validation."""
        if self.validation == "split":
            return slice(self.training_rows(samples).stop, samples)
        return slice(0, max(1, int(samples * VALIDATION_FRACTION)) if self.validation else 0)

    def batches(self, samples: int) -> list[slice]:
        """Return the rows of each step of one epoch over `samples` rows, in order."""
        stop = self.training_rows(samples).stop
        size = min(self.batch_size or stop, stop)
        return [slice(start, min(start + size, stop)) for start in range(0, stop, size)]

    def sample_weights(self, samples: int) -> Array:
        """Return the weights of the samples, shape (samples,); ones unless the recipe is weighted."""
        pattern = SAMPLE_WEIGHTS if self.weighted else (1.0,)
        return np.resize(np.asarray(pattern, dtype=self.variable_dtype), samples)
