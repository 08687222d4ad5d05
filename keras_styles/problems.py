"""Problems: small frozen datasets, generated or measured, whose repr is valid Python and rebuilds the same arrays."""

import csv
import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from keras_styles.errors import KerasStylesError

Array = NDArray[np.floating]
Float64Array = NDArray[np.float64]

BUNDLED_TABLES = ("nist_norris", "study_hours")

# What NumPy's and Keras' generators take.
LARGEST_SEED = 2**32 - 1


class ProblemError(KerasStylesError, ValueError):
    """A dataset that cannot be trained on."""


def is_integer(value: object, least: int, most: float = math.inf) -> bool:
    """Say whether a value is a whole number in a range; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_finite(value: object) -> bool:
    """Say whether a value is a number that is neither infinite nor NaN."""
    return isinstance(value, int | float) and math.isfinite(value)


class Problem(Hashable, Protocol):
    """What training asks of a dataset; it is hashable, so that prepared data can be kept for it."""

    @property
    def features(self) -> int:
        """Number of columns of x."""

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Return x of shape (samples, features) and y of shape (samples, 1), both of `dtype`."""


@dataclass(frozen=True, kw_only=True)
class LinearProblem:
    """A generated dataset, y = x @ weights + bias + noise, every ingredient of which is visible and shrinkable.

    `condition` spreads the columns' scales from 1 down to 1/condition before a reflection mixes them, so that the
    columns are correlated; `collinear` takes that to its limit, where every column is a multiple of one; `scale`
    multiplies and `offset` then shifts all features, so `scale=0` makes them constant.

    Raises:
        ProblemError: if an ingredient is not finite or out of its range, or the data overflow the dtype asked for.
    """

    weights: tuple[float, ...]
    bias: float = 0.0
    samples: int = 32
    noise: float = 0.0
    offset: float = 0.0
    scale: float = 1.0
    condition: float = 1.0
    collinear: bool = False
    data_seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.weights, tuple) or not self.weights:
            raise ProblemError(
                f"LinearProblem needs at least one weight in a tuple, as in weights=(1.0,), not {self.weights!r}."
            )
        if not all(is_finite(weight) for weight in self.weights):
            raise ProblemError(f"LinearProblem needs finite weights, not weights={self.weights!r}.")
        for name in ("bias", "noise", "offset", "scale", "condition"):
            if not is_finite(getattr(self, name)):
                raise ProblemError(f"LinearProblem needs a finite {name}, not {name}={getattr(self, name)!r}.")
        if not is_integer(self.samples, 1):
            raise ProblemError(
                f"LinearProblem needs at least one sample, a whole number, not samples={self.samples!r}."
            )
        if not is_integer(self.data_seed, 0, LARGEST_SEED):
            raise ProblemError(f"LinearProblem needs a data_seed from 0 to {LARGEST_SEED}, not {self.data_seed!r}.")
        if self.condition < 1:
            raise ProblemError(f"LinearProblem needs condition >= 1, not condition={self.condition!r}.")

    @property
    def features(self) -> int:
        """Number of columns of x."""
        return len(self.weights)

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Return x of shape (samples, features) and y of shape (samples, 1), both of `dtype`.

        The same fields give the same bits with every NumPy: RandomState's stream is frozen, Generator's is not
        (https://numpy.org/neps/nep-0019-rng-policy.html), and no linear algebra library is involved.
        """
        random = np.random.RandomState(self.data_seed)
        normal = random.standard_normal((self.samples, self.features + 1))
        columns, errors = normal[:, :-1], normal[:, -1:]
        spread = np.zeros(self.features) if self.collinear else self.condition ** -np.linspace(0, 1, self.features)
        spread[0] = 1.0
        columns = columns * spread
        # Householder's reflection at the diagonal: orthogonal, so the mixed columns keep the conditioning.
        columns = columns - 2 * columns.sum(axis=1, keepdims=True) / self.features
        with np.errstate(over="ignore", invalid="ignore"):
            x = (columns * self.scale + self.offset).astype(dtype)
            target = (x.astype(np.float64) * np.asarray(self.weights)).sum(axis=1, keepdims=True)
            y = (target + self.bias + self.noise * errors).astype(dtype)
        return checked_arrays(x, y, where=repr(self))


@dataclass(frozen=True, kw_only=True)
class TableProblem:
    """A measured dataset: the rows of a CSV file with a header, whose last column is the target.

    `source` is the name of a bundled table or the path of a file. With `standardized`, every column is shifted to
    mean 0 and scaled to standard deviation 1, in float64, before it is rounded to the dtype asked for.

    Raises:
        ProblemError: if the table is missing, malformed, empty or not finite, or a column to standardize is constant.
    """

    source: str
    standardized: bool = False

    @property
    def features(self) -> int:
        """Number of columns of x."""
        return int(self._table().shape[1]) - 1

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Return x of shape (samples, features) and y of shape (samples, 1), both of `dtype`."""
        table = self._table()
        if self.standardized:
            mean, deviation = self._moments()
            table = (table - mean) / deviation
        with np.errstate(over="ignore"):
            rounded = table.astype(dtype)
        return checked_arrays(rounded[:, :-1], rounded[:, -1:], where=repr(self))

    def original_coordinates(self, weight: float, bias: float) -> tuple[float, float]:
        """Map weight and bias of a line fitted to the standardized table back to the units of the file."""
        (x_mean, y_mean), (x_deviation, y_deviation) = self._moments()
        slope = weight * y_deviation / x_deviation
        return float(slope), float(y_mean + bias * y_deviation - slope * x_mean)

    def _table(self) -> Float64Array:
        return _read_table(self.source)

    def _moments(self) -> tuple[Float64Array, Float64Array]:
        table = self._table()
        deviation = table.std(axis=0)
        if not deviation.all():
            raise ProblemError(f"{self!r} has a constant column, which cannot be standardized; drop that column.")
        return table.mean(axis=0), deviation


@dataclass(frozen=True, kw_only=True)
class ExpressionProblem:
    """Generated arithmetic expressions of sums, differences and products, as trees, and what they come to.

    An expression has up to `operations` operations, each as likely, in a tree of any shape; its numbers are multiples
    of a quarter from -1 to 1. A row of x holds its nodes, children before parents and the root last, with numbers that
    are not used before them; each is four columns: 0 for a number, 1, 2, 3 for +, -, *; the places of the left and the
    right child among the nodes; the number.

    Raises:
        ProblemError: if a field is out of its range.
    """

    samples: int = 32
    operations: int = 3
    data_seed: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (("samples", 1, math.inf), ("operations", 1, 100), ("data_seed", 0, LARGEST_SEED)):
            if not is_integer(getattr(self, name), least, most):
                raise ProblemError(
                    f"ExpressionProblem needs {name} from {least} to {most}, a whole number, not "
                    f"{name}={getattr(self, name)!r}."
                )

    @property
    def features(self) -> int:
        """Number of columns of x."""
        return 4 * (2 * self.operations + 1)

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Return x of shape (samples, features) and y of shape (samples, 1), both of `dtype`."""
        random = np.random.RandomState(self.data_seed)
        x = np.zeros((self.samples, self.features // 4, 4))
        y = np.zeros((self.samples, 1))
        for nodes, value in zip(x, y, strict=True):
            operations = random.randint(self.operations + 1)
            place = len(nodes) - (2 * operations + 1)
            value[0], _ = _grow(random, nodes, place, operations)
        return checked_arrays(x.reshape(self.samples, -1).astype(dtype), y.astype(dtype), where=repr(self))


def _grow(random: np.random.RandomState, nodes: Float64Array, place: int, operations: int) -> tuple[float, int]:
    """Write a random expression into nodes from a place on; return what it comes to, and the place after it."""
    if not operations:
        nodes[place, 3] = random.randint(-4, 5) / 4
        return float(nodes[place, 3]), place + 1
    operator, before = random.randint(3), random.randint(operations)
    left, middle = _grow(random, nodes, place, before)
    right, root = _grow(random, nodes, middle, operations - 1 - before)
    nodes[root, :3] = operator + 1, middle - 1, root - 1
    return (left + right, left - right, left * right)[operator], root + 1


def checked_arrays(x: Array, y: Array, *, where: str) -> tuple[Array, Array]:
    """Return x and y if they can be trained on.

    Args:
        x: shape (samples, features).
        y: shape (samples, 1).
        where: what to call this dataset in the message.

    Raises:
        ProblemError: if the shapes do not fit together, there is nothing in them, or a value is NaN or infinite.
    """
    if x.ndim != 2 or y.ndim != 2 or y.shape[1] != 1:
        raise ProblemError(
            f"{where}: x has shape {x.shape} and y {y.shape}; reshape them to (samples, features) and (samples, 1)."
        )
    if x.size == 0 or y.size == 0:
        raise ProblemError(
            f"{where}: x has shape {x.shape} and y {y.shape}, so there is nothing to train on; add data."
        )
    if len(x) != len(y):
        raise ProblemError(f"{where}: x has {len(x)} samples but y has {len(y)}; drop or add rows until they match.")
    for name, values in (("x", x), ("y", y)):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = (int(i) for i in bad[0])
            raise ProblemError(
                f"{where}: {name}[{row}, {column}] is {values[row, column]} in {values.dtype}, the first of {len(bad)} "
                "values that are not finite; repair, drop or rescale those rows."
            )
    return x, y


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8)
def _read_table(source: str) -> Float64Array:
    """Read a CSV file of finite numbers with a header line; the shape is (rows, columns), at least 1 and 2."""
    if source in BUNDLED_TABLES:
        text = resources.files("keras_styles").joinpath("data", f"{source}.csv").read_text(encoding="utf-8")
    else:
        try:
            text = Path(source).read_text(encoding="utf-8-sig")  # spreadsheets begin a file with a byte order mark
        except (OSError, TypeError, ValueError) as error:
            raise ProblemError(
                f"The table {source!r} cannot be read ({error}); give the path of a CSV file, "
                f"or one of {', '.join(BUNDLED_TABLES)}."
            ) from error
    reader = csv.reader(text.splitlines())
    (_, header), *rows = [(reader.line_num, row) for row in reader if row] or [(1, [])]
    if len(header) < 2 or not rows:
        raise ProblemError(
            f"The table {source!r} needs a header, at least two columns separated by commas, and at "
            "least one row below it."
        )
    if all(_is_number(name) for name in header):
        raise ProblemError(f"The table {source!r} begins with numbers; put a line with the columns' names above them.")
    for number, row in rows:
        if len(row) != len(header):
            raise ProblemError(
                f"The table {source!r} has {len(row)} values in row {number}, not {len(header)}; mend it."
            )
        for name, value in zip(header, row, strict=True):
            if not _is_number(value):
                raise ProblemError(
                    f"The table {source!r} has {value!r} in row {number}, column {name!r}, which is no number; mend it."
                )
            if not math.isfinite(float(value)):
                raise ProblemError(
                    f"The table {source!r} has {value!r} in row {number}, column {name!r}, which is not finite; "
                    "repair or drop that row."
                )
    table = np.array([row for _, row in rows], dtype=np.float64)
    table.setflags(write=False)  # shared by everyone who asks for this table
    return table
