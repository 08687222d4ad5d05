"""Recipes: how a model is trained, as a frozen value that prints as Python and travels in every record."""

from dataclasses import dataclass
from typing import Literal

from keras_styles.errors import KerasStylesError
from keras_styles.problems import LARGEST_SEED, is_finite, is_integer

Mode = Literal["graph", "eager", "xla"]
DType = Literal["float32", "float64"]


class RecipeError(KerasStylesError, ValueError):
    """A recipe that cannot be followed."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: plain stochastic gradient descent on the mean squared error, over batches in the data's order.

    The defaults are the seed's recipe: SGD with learning rate 0.01, mse, 300 epochs.

    Attributes:
        learning_rate: step size; stable below 2 / (largest curvature of any batch).
        epochs: passes over the data.
        batch_size: samples per step; None takes all at once. A last batch may be smaller.
        snapshot_every: epochs between two looks at weights and loss; it divides `epochs`. None looks at the end only.
        seed: what every random source is set to before the model is built.
        mode: how the engine executes a step; None takes the engine's usual mode, and the record says which that was.
        dtype: the dtype of data, weights and arithmetic.

    Raises:
        RecipeError: if a field is out of its range.
    """

    optimizer: Literal["sgd"] = "sgd"
    learning_rate: float = 0.01
    loss: Literal["mse"] = "mse"
    epochs: int = 300
    batch_size: int | None = None
    snapshot_every: int | None = None
    seed: int = 0
    mode: Mode | None = None
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        if self.optimizer != "sgd" or self.loss != "mse":
            raise RecipeError(
                f"A recipe trains with 'sgd' on 'mse', not {self.optimizer!r} on {self.loss!r}; use those."
            )
        if self.dtype not in ("float32", "float64"):
            raise RecipeError(f"A recipe needs dtype 'float32' or 'float64', not {self.dtype!r}.")
        if not (is_finite(self.learning_rate) and self.learning_rate >= 0):
            raise RecipeError(f"A recipe needs a finite learning_rate of at least 0, not {self.learning_rate!r}.")
        for name in ("epochs", "batch_size", "snapshot_every"):
            value = getattr(self, name)
            optional = name != "epochs"
            if not (is_integer(value, 1) or (optional and value is None)):
                raise RecipeError(f"A recipe needs {name} of at least 1, a whole number, not {value!r}.")
        if not is_integer(self.seed, 0, LARGEST_SEED):
            raise RecipeError(f"A recipe needs a seed from 0 to {LARGEST_SEED}, not {self.seed!r}.")
        if self.epochs % self.epochs_per_snapshot:
            raise RecipeError(
                f"A recipe's snapshot_every must divide its epochs, but {self.snapshot_every} does not divide "
                f"{self.epochs}; change one of them."
            )

    @property
    def epochs_per_snapshot(self) -> int:
        """Epochs from one snapshot to the next."""
        return self.epochs if self.snapshot_every is None else self.snapshot_every

    def batches(self, samples: int) -> list[slice]:
        """Return the rows of each step of one epoch over `samples` rows, in order."""
        size = min(self.batch_size or samples, samples)
        return [slice(start, min(start + size, samples)) for start in range(0, samples, size)]
