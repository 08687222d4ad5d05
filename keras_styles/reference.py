"""Reference: the same recipe trained in float64 NumPy, and beside it a bound on what rounding may do to float32.

The derivation, with its sources, is in `reference_bound.md` next to this file; names and equation numbers are its.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_styles.affine import Affine, Rounding, exactly, settled
from keras_styles.problems import Array, Float64Array, Problem
from keras_styles.recipes import DType, Recipe
from keras_styles.reference_optimizers import OPTIONS, SCHEDULES_WITH_REFERENCE, UPDATES, Optimizer

ARCHITECTURE = "linear_regression"
KERNEL, BIAS = "linear_layer/kernel", "linear_layer/bias"

# Roundings on the way from a prediction to its loss gradient 2 w (z - y) / m: the difference, 1 / m, the weight, and a
# product with each of the three; doubling is exact. No engine's graph of Keras' mean squared error has more.
LOSS_GRADIENT_ROUNDINGS = 5
# Roundings between the squared differences of a batch and its reported loss besides the sum: the difference, its
# square, its weight and division by m; then times m and divided by the samples seen, in Keras' running mean.
LOSS_ROUNDINGS = 6


class ComputedIn(NamedTuple):
    """The dtypes in which an engine really computes what should be in the recipe's dtype; see `runtime.computed_in`."""

    product: DType
    mean: DType
    cast: DType


@dataclass(frozen=True)
class Bounded:
    """Reference values and, elementwise, the largest difference that rounding explains; infinite past overflow."""

    value: Float64Array
    bound: Float64Array


@dataclass(frozen=True)
class ReferenceSnapshot:
    """What a `Snapshot` of a style is compared with."""

    epoch: int
    batch: int | None
    weights: dict[str, Bounded]
    logs: dict[str, Bounded]


@dataclass(frozen=True)
class Reference:
    """What a style's record is compared with: shapes as in `Record`, values in float64.

    `gradients` are those of the first batch at the initial weights.
    """

    gradients: dict[str, Bounded]
    snapshots: tuple[ReferenceSnapshot, ...]
    predictions: Bounded
    evaluation: Bounded


def why_no_reference(architecture: str, problem: Problem, recipe: Recipe) -> str | None:
    """Say why nothing here can follow a recipe, or None if it can be followed with a bound."""
    options = dict(recipe.options)
    unknown = sorted(name for name in options if name not in OPTIONS and options[name] not in (None, False))
    reasons = {
        f"the reference is a linear regression, not {architecture}": architecture != ARCHITECTURE,
        f"no update is written for {recipe.optimizer}": recipe.optimizer not in UPDATES,
        f"no update heeds {', '.join(unknown)}": bool(unknown),
        f"no bound is derived for the loss {recipe.loss}": recipe.loss != "mse",
        f"no bound is derived for {recipe.dtype}": recipe.dtype not in ("float32", "float64"),
        f"no formula is written for the schedule {recipe.schedule}": recipe.schedule is not None
        and recipe.schedule not in SCHEDULES_WITH_REFERENCE,
        "only the engine knows in which order it shuffles into batches": recipe.shuffle
        and len(recipe.batches(len(problem.arrays()[0]))) > 1,
        "an epoch need not begin with the first batch": recipe.steps_per_epoch is not None,
        "a callback may stop the training or change its learning rate": bool(
            {"early_stopping", "reduce_learning_rate", "lambda"} & set(recipe.callbacks)
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def train_reference(
    problem: Problem,
    recipe: Recipe,
    initial_weights: Mapping[str, Array],
    computed_in: ComputedIn | None = None,
    *,
    every_step: bool = False,
) -> Reference:
    """Train in float64 from the weights a style started at, and bound the rounding of training in the recipe's dtype.

    Args:
        problem: its arrays in the recipe's dtype are taken as exact.
        recipe: one that `why_no_reference` has nothing against. Its learning rate is rounded to the recipe's dtype
            first, as Keras stores it.
        initial_weights: kernel of shape (features, 1) and bias of shape (1,), taken as exact.
        computed_in: what is computed in a narrower dtype than the recipe's; None if nothing is.
        every_step: whether there is a snapshot after each batch, without losses, instead of one where the recipe looks.

    Returns:
        Values and bounds at every snapshot. A bound is infinite from the first number on that may leave the range of
        the dtype: there the reference promises nothing.
    """
    dtype = recipe.variable_dtype
    computed_in = computed_in or ComputedIn(dtype, dtype, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return _Training(problem, recipe, initial_weights, computed_in).run(every_step=every_step)


def largest_curvature(problem: Problem, recipe: Recipe) -> float:
    """Return the largest eigenvalue of any batch's Hessian, 2/m A^T W A; descent is stable below 2 divided by it."""
    x, _ = problem.arrays(recipe.variable_dtype)
    roots = np.sqrt(recipe.sample_weights(len(x)).astype(np.float64))[:, None]
    a = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1) * roots
    return max(
        2 / len(a[rows]) * float(np.linalg.norm(a[rows], 2)) ** 2 for rows in recipe.batches(len(a)) if len(a[rows])
    )


class _Arithmetic:
    """In what weights and predictions are computed, and in what losses are, and the roundings of getting there."""

    def __init__(self, dtype: DType, computed_in: ComputedIn) -> None:
        self.update = Rounding(dtype)
        self.product = Rounding(computed_in.product)
        self.loss = Rounding(computed_in.mean)
        # One for each operand of a product that is computed in a narrower dtype.
        self.product_casts = 0 if computed_in.product == dtype else 2
        self.loss_casts = 0 if computed_in.mean == dtype else 1


@dataclass(frozen=True)
class _Forward:
    """Predictions for one batch, each array of shape (m,)."""

    z: Float64Array
    error: Float64Array  # bound on all error, that carried in by the weights included
    local: Float64Array  # bound on the error of this evaluation alone


class _Rows:
    """Rows of data with a column of ones for the bias: predictions, loss and gradient there, each with its bound."""

    def __init__(self, a: Float64Array, y: Float64Array, weights: Float64Array, arithmetic: _Arithmetic) -> None:
        self.a, self.y = a, y
        self._weights = weights
        self._arithmetic = arithmetic
        self._absolute = np.abs(a)
        self._sums = self._absolute.sum(axis=1), self._absolute.sum(axis=0)
        m = len(a)
        weighted = a * weights[:, None]
        self._gram = 2 / m * weighted.T @ a
        # What rounding in float64 may have done to it, elementwise.
        self._gram_error = Rounding("float64").gamma(m + 4) * 2 / m * np.abs(weighted).T @ self._absolute

    def forward(self, theta: Affine) -> _Forward:
        """Evaluate the model and the bound (1)."""
        rounding, casts = self._arithmetic.product, self._arithmetic.product_casts
        error = theta.radius
        largest = np.abs(theta.value) + error
        n = len(largest)
        flushed = rounding.tiny * (2 * n + self._sums[0] + float(largest.sum()))
        local = rounding.gamma(n + casts) * (self._absolute @ largest) + flushed
        return _Forward(self.a @ theta.value, self._absolute @ error + local, local)

    def gradient(self, theta: Affine, forward: _Forward) -> Affine:
        """Return the gradient of the loss: the exact map of the errors of `theta`, and what is new (2), (3)."""
        arithmetic = self._arithmetic
        m = len(self.y)
        residual = forward.z - self.y
        largest_residual = np.abs(residual) + forward.error
        gamma = arithmetic.loss.gamma(LOSS_GRADIENT_ROUNDINGS + arithmetic.loss_casts)
        slope = 2 / m * self._weights * largest_residual * (1 + gamma)
        slope_local = 2 / m * self._weights * (forward.local * (1 + gamma) + gamma * largest_residual)
        slope_local += 3 * LOSS_GRADIENT_ROUNDINGS * arithmetic.loss.tiny  # either operand or the result may be flushed
        sums = self._absolute.T @ slope
        rounding = arithmetic.product
        flushed = rounding.tiny * (2 * m + self._sums[1] + float(slope.sum()))
        gamma = rounding.gamma(m + arithmetic.product_casts)
        local = self._absolute.T @ slope_local + gamma * sums + flushed + self._gram_error @ theta.radius
        in_range = float(sums.max()) < rounding.largest  # false for NaN too
        return Affine(
            2 / m * self.a.T @ (self._weights * residual),
            self._gram @ theta.directions,
            local if in_range else np.full_like(local, np.inf),
        )

    def loss(self, forward: _Forward) -> Bounded:
        """Return the mean squared error and its bound (6), scalars."""
        m = len(self.y)
        arithmetic = self._arithmetic
        residual = np.abs(forward.z - self.y)
        value = (self._weights * np.square(residual)).mean()
        inexact = (self._weights * (2 * residual * forward.error + np.square(forward.error))).mean()
        relative = arithmetic.product.gamma(m) + arithmetic.loss.gamma(LOSS_ROUNDINGS + arithmetic.loss_casts)
        bound = inexact + relative * (value + inexact) * (1 + relative) + (m + LOSS_ROUNDINGS) * arithmetic.loss.tiny
        # Keras' running mean multiplies by m before it divides, so that much has to stay in range.
        return _limited(value, bound, arithmetic.loss, headroom=m)


class _Training:
    """One training of the reference."""

    def __init__(
        self, problem: Problem, recipe: Recipe, initial_weights: Mapping[str, Array], computed_in: ComputedIn
    ) -> None:
        self._recipe = recipe
        self._arithmetic = _Arithmetic(recipe.variable_dtype, computed_in)
        x, y = problem.arrays(recipe.variable_dtype)
        self._a = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1)
        self._y = y[:, 0].astype(np.float64)
        self._weights = recipe.sample_weights(len(x)).astype(np.float64)
        self._batches = [self._rows(rows, weighted=True) for rows in recipe.batches(len(x))]
        held_out = recipe.validation_rows(len(x))
        # Keras weighs what it splits off like the rest, and what it is given separately not at all.
        self._validation = self._rows(held_out, weighted=recipe.validation == "split") if recipe.validation else None
        start = [np.ravel(initial_weights[KERNEL]), np.ravel(initial_weights[BIAS])]
        theta = exactly(np.concatenate(start).astype(np.float64))
        variables = slice(len(start[0])), slice(len(start[0]), None)
        self._optimizer = Optimizer(recipe, self._arithmetic.update, computed_in.cast, variables)
        self._quantities = self._optimizer.begin(theta)

    def run(self, *, every_step: bool) -> Reference:
        """Train from beginning to end."""
        first, theta = self._batches[0], self._quantities["theta"]
        gradients = self._named(first.gradient(theta, first.forward(theta)))
        looks = self._steps() if every_step else self._epochs()
        snapshots = tuple(looks)
        final = self._quantities["theta"]
        if self._recipe.option("use_ema") and self._recipe.loop in ("fit", "save_and_resume"):
            final = self._quantities["average"]  # which `fit` leaves in the weights when it ends
        everything = self._rows(slice(None), weighted=False)
        forward = everything.forward(final)
        return Reference(
            gradients=gradients,
            snapshots=snapshots,
            predictions=_limited(forward.z[:, None], forward.error[:, None], self._arithmetic.product),
            evaluation=everything.loss(forward),
        )

    def _rows(self, rows: slice, *, weighted: bool) -> _Rows:
        y = self._y[rows]
        return _Rows(self._a[rows], y, self._weights[rows] if weighted else np.ones_like(y), self._arithmetic)

    def _epochs(self) -> Iterator[ReferenceSnapshot]:
        recipe = self._recipe
        taken = 0
        for start in range(recipe.initial_epoch, recipe.epochs, recipe.epochs_per_snapshot):
            losses: list[Bounded] = []
            for batch in self._batches * recipe.epochs_per_snapshot:
                losses.append(self._step(batch, taken))
                taken += 1
            logs = {"loss": _mean_loss(losses, [len(batch.y) for batch in self._batches], self._arithmetic)}
            if self._validation:
                logs["val_loss"] = self._validation.loss(self._validation.forward(self._quantities["theta"]))
            weights = self._named(self._quantities["theta"])
            yield ReferenceSnapshot(start + recipe.epochs_per_snapshot, None, weights, logs)

    def _steps(self) -> Iterator[ReferenceSnapshot]:
        recipe = self._recipe
        taken = 0
        for epoch in range(recipe.initial_epoch, recipe.epochs):
            for number, batch in enumerate(self._batches):
                self._step(batch, taken)
                taken += 1
                yield ReferenceSnapshot(epoch + 1, number, self._named(self._quantities["theta"]), {})

    def _step(self, batch: _Rows, taken: int) -> Bounded:
        """Take one step; return the loss before it."""
        theta = self._quantities["theta"]
        forward = batch.forward(theta)
        after = self._optimizer.step(self._quantities, batch.gradient(theta, forward), taken)
        self._quantities = settled(after)
        return batch.loss(forward)

    def _named(self, theta: Affine) -> dict[str, Bounded]:
        both = _limited(theta.value, theta.radius, self._arithmetic.update)
        return {
            KERNEL: Bounded(both.value[:-1, None], both.bound[:-1, None]),
            BIAS: Bounded(both.value[-1:], both.bound[-1:]),
        }


def _mean_loss(losses: list[Bounded], sizes: list[int], arithmetic: _Arithmetic) -> Bounded:
    """Return the mean over the steps between two snapshots, weighted by batch size as Keras' running mean is (7)."""
    weights = np.resize(sizes, len(losses))
    seen = weights.sum()
    value = weights @ [float(loss.value) for loss in losses] / seen
    bound = weights @ [float(loss.bound) for loss in losses] / seen
    bound += arithmetic.product.gamma(2 * len(losses)) * (value + bound)
    return _limited(value, bound, arithmetic.loss, headroom=float(seen))


def _limited(value: Float64Array, bound: Float64Array, rounding: Rounding, headroom: float = 1.0) -> Bounded:
    """Return value and bound, the bound infinite wherever `headroom` times the value may leave the dtype's range."""
    in_range = headroom * (np.abs(value) + bound) < rounding.largest  # false for NaN too
    return Bounded(np.asarray(value), np.where(in_range, bound, np.inf))
