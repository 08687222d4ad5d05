"""Reference: the same recipe trained in float64 NumPy, and beside it a bound on what rounding may do to float32.

The derivation, with its sources, is in `reference_bound.md` next to this file; names and equation numbers are its.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_styles.architectures import Weights
from keras_styles.problems import Float64Array, Problem
from keras_styles.recipes import DType, Recipe

KERNEL, BIAS = "linear_layer/kernel", "linear_layer/bias"

# Roundings on the way from a prediction to its loss gradient 2 (z - y) / m: the difference, 1 / m, and a product with
# each of the two; doubling is exact. No engine's graph of Keras' mean squared error has more.
LOSS_GRADIENT_ROUNDINGS = 4
# Roundings between the squared differences of a batch and its reported loss besides the sum: the difference, its
# square, and division by m; then times m and divided by the samples seen, in Keras' running mean.
LOSS_ROUNDINGS = 5
# Directions of past error that the bound keeps apart; more is slower, fewer folds more into a box. At 24 for each
# variable the box of 100 steps of a slow contraction is 2 to 12 % wider than the worst (tests/test_reference.py).
DIRECTIONS_PER_VARIABLE = 24


@dataclass(frozen=True)
class Bounded:
    """Reference values and, elementwise, the largest difference that rounding explains; infinite past overflow."""

    value: Float64Array
    bound: Float64Array


@dataclass(frozen=True)
class ReferenceSnapshot:
    """What a `Snapshot` of a style is compared with."""

    epoch: int
    weights: dict[str, Bounded]
    loss: Bounded


@dataclass(frozen=True)
class Reference:
    """What a style's record is compared with: shapes as in `Record`, values in float64."""

    snapshots: tuple[ReferenceSnapshot, ...]
    predictions: Bounded
    evaluation: Bounded


class Rounding:
    """The arithmetic whose error is bounded: its unit roundoff, its smallest normal number and its range.

    Both trainings round, the style's and the reference's, and the local errors are linear in the unit roundoff; so
    the two are added. TensorFlow flushes subnormal numbers to zero, hence `tiny` is the smallest normal number.
    """

    def __init__(self, dtype: str) -> None:
        info = np.finfo(dtype)
        self.unit = float(info.eps) / 2 + 2.0**-53
        self.tiny = float(info.smallest_normal)
        self.largest = float(info.max)

    def gamma(self, roundings: int) -> float:
        """Return n u / (1 - n u), the relative error of n roundings (Higham 2002, lemma 3.1); infinite from n u = 1."""
        error = roundings * self.unit
        return error / (1 - error) if error < 1 else np.inf


class ErrorSet:
    """All errors that the weights may carry: a zonotope, carried along by the exact linear map of each step.

    Carrying directions instead of magnitudes is what keeps the bound from growing with the number of steps: the
    update contracts errors, but the absolute values of its matrix in general do not.
    """

    def __init__(self, variables: int) -> None:
        self._generators: Float64Array = np.zeros((variables, 0))
        self._most = DIRECTIONS_PER_VARIABLE * variables

    @property
    def box(self) -> Float64Array:
        """Largest error of each variable, shape (variables,)."""
        largest: Float64Array = np.abs(self._generators).sum(axis=1)
        return largest

    def step(self, transition: Float64Array, local: Float64Array) -> None:
        """Map all errors by `transition` and add up to `local` in each variable."""
        self._generators = np.concatenate([transition @ self._generators, np.diag(local)], axis=1)
        if self._generators.shape[1] > 2 * self._most:
            self._fold()

    def _fold(self) -> None:
        """Replace the generators closest to an axis by the box around them (Girard 2005)."""
        magnitudes = np.abs(self._generators)
        order = np.argsort(magnitudes.sum(axis=0) - magnitudes.max(axis=0))
        folded, kept = order[: -self._most], order[-self._most :]
        box = np.diag(magnitudes[:, folded].sum(axis=1))
        self._generators = np.concatenate([self._generators[:, kept], box], axis=1)


@dataclass(frozen=True)
class _Batch:
    """One step's data with a column of ones for the bias, and what depends on nothing else."""

    a: Float64Array  # shape (m, variables)
    y: Float64Array  # shape (m,)
    transition: Float64Array  # I - lr (2/m) A^T A, shape (variables, variables)
    transition_error: Float64Array  # what rounding in float64 may have done to it, elementwise


@dataclass(frozen=True)
class _Arithmetic:
    """In what weights and predictions are computed, and in what losses are, and the roundings of getting there."""

    main: Rounding
    loss: Rounding
    product_casts: int = 0  # one for each operand of a product that is computed in a narrower dtype
    loss_casts: int = 0


def train_reference(
    problem: Problem, recipe: Recipe, initial_weights: Weights, computed_in: tuple[DType, DType] | None = None
) -> Reference:
    """Train in float64 from the weights a style started at, and bound the rounding of training in the recipe's dtype.

    Args:
        problem: its arrays in the recipe's dtype are taken as exact.
        recipe: the learning rate is rounded to the recipe's dtype first, as Keras stores it.
        initial_weights: kernel of shape (features, 1) and bias of shape (1,), taken as exact.
        computed_in: dtypes in which products and losses are computed, if narrower than the recipe's dtype; see
            `runtime.computed_in`.

    Returns:
        Values and bounds at every snapshot. A bound is infinite from the first number on that may leave the range of
        the dtype: there the reference promises nothing.
    """
    x, y = problem.arrays(recipe.dtype)
    product_dtype, loss_dtype = computed_in or (recipe.dtype, recipe.dtype)
    arithmetic = _Arithmetic(
        Rounding(product_dtype),
        Rounding(loss_dtype),
        product_casts=0 if product_dtype == recipe.dtype else 2,
        loss_casts=0 if loss_dtype == recipe.dtype else 1,
    )
    rate = float(np.asarray(recipe.learning_rate, dtype=recipe.dtype))
    a = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1)
    target = y[:, 0].astype(np.float64)
    batches = [_batch(a[rows], target[rows], rate) for rows in recipe.batches(len(a))]
    theta = np.concatenate([initial_weights[KERNEL][:, 0], initial_weights[BIAS]]).astype(np.float64)
    errors = ErrorSet(len(theta))
    snapshots: list[ReferenceSnapshot] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, recipe.epochs, recipe.epochs_per_snapshot):
            losses: list[Bounded] = []
            for batch in batches * recipe.epochs_per_snapshot:
                theta, loss = _step(theta, errors, batch, rate, arithmetic)
                losses.append(loss)
            epoch = start + recipe.epochs_per_snapshot
            mean = _mean_loss(losses, [len(batch.y) for batch in batches], arithmetic)
            snapshots.append(ReferenceSnapshot(epoch, _by_name(theta, errors.box, arithmetic.main), mean))
        final = _forward(theta, errors.box, a, arithmetic)
        return Reference(
            snapshots=tuple(snapshots),
            predictions=_limited(final.z[:, None], final.error[:, None], arithmetic.main),
            evaluation=_loss(final, target, arithmetic),
        )


def largest_curvature(problem: Problem, recipe: Recipe) -> float:
    """Return the largest eigenvalue of the Hessian 2/m A^T A of any batch; training is stable below 2 divided by it."""
    x, _ = problem.arrays(recipe.dtype)
    a = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1)
    return max(2 / len(a[rows]) * float(np.linalg.norm(a[rows], 2)) ** 2 for rows in recipe.batches(len(a)))


def closed_form(
    a: Float64Array, y: Float64Array, theta: Float64Array, rate: float, steps: Sequence[int]
) -> Float64Array:
    """Return full-batch gradient descent's weights after each number of steps without iterating, shape (len(steps), n).

    On a quadratic each eigenvector of the Hessian contracts by itself: theta_t = theta_0 + sum_i s_i(t) q_i q_i^T g_0,
    where s_i(t) = -(1 - (1 - rate lambda_i)^t) / lambda_i, and -rate t where lambda_i = 0 (Goh 2017,
    https://doi.org/10.23915/distill.00006).

    Args:
        a: shape (m, n), the column of ones included.
        y: shape (m,).
        theta: where to start, shape (n,).
        rate: the learning rate.
        steps: numbers of steps.
    """
    curvature, directions = np.linalg.eigh(2 / len(a) * a.T @ a)
    gradient = directions.T @ (2 / len(a) * a.T @ (a @ theta - y))
    flat = curvature < len(a) * np.finfo(np.float64).eps * curvature[-1]
    t = np.asarray(steps)[:, None]
    travelled = np.where(flat, rate * t, (1 - (1 - rate * curvature) ** t) / np.where(flat, 1.0, curvature))
    result: Float64Array = theta - (travelled * gradient) @ directions.T
    return result


def _batch(a: Float64Array, y: Float64Array, rate: float) -> _Batch:
    m, n = a.shape
    gram = 2 / m * a.T @ a
    error = Rounding("float64").gamma(m + 4) * (np.eye(n) + rate * 2 / m * np.abs(a).T @ np.abs(a))
    return _Batch(a, y, np.eye(n) - rate * gram, error)


@dataclass(frozen=True)
class _Forward:
    """Predictions for one batch, each array of shape (m,)."""

    z: Float64Array
    error: Float64Array  # bound on all error, that carried in by the weights included
    local: Float64Array  # bound on the error of this evaluation alone


def _forward(theta: Float64Array, error: Float64Array, a: Float64Array, arithmetic: _Arithmetic) -> _Forward:
    """Evaluate the model and the bound (1)."""
    rounding = arithmetic.main
    largest = np.abs(theta) + error
    absolute = np.abs(a)
    flushed = rounding.tiny * (2 * len(theta) + absolute.sum(axis=1) + float(largest.sum()))
    local = rounding.gamma(len(theta) + arithmetic.product_casts) * (absolute @ largest) + flushed
    return _Forward(a @ theta, absolute @ error + local, local)


def _step(
    theta: Float64Array, errors: ErrorSet, batch: _Batch, rate: float, arithmetic: _Arithmetic
) -> tuple[Float64Array, Bounded]:
    """Take one step of gradient descent; return the new weights and the loss before it; advance `errors` (2)-(5)."""
    rounding = arithmetic.main
    m = len(batch.y)
    transposed = np.abs(batch.a).T
    before = errors.box
    forward = _forward(theta, before, batch.a, arithmetic)
    residual = forward.z - batch.y

    largest_residual = np.abs(residual) + forward.error
    gamma = arithmetic.loss.gamma(LOSS_GRADIENT_ROUNDINGS + arithmetic.loss_casts)
    slope = 2 / m * largest_residual * (1 + gamma)
    slope_local = 2 / m * (forward.local * (1 + gamma) + gamma * largest_residual)
    slope_local += 3 * LOSS_GRADIENT_ROUNDINGS * arithmetic.loss.tiny  # either operand or the result may be flushed
    sums = transposed @ slope
    flushed = rounding.tiny * (2 * m + transposed.sum(axis=1) + float(slope.sum()))
    gamma = rounding.gamma(m + arithmetic.product_casts)
    gradient_local = transposed @ slope_local + gamma * sums + flushed

    after = theta - rate * (2 / m * batch.a.T @ residual)
    product_local = rounding.unit * (1 + gamma) * sums
    local = rate * (gradient_local + product_local) + 2 * rounding.tiny + batch.transition_error @ before
    largest = np.abs(after) + np.abs(batch.transition) @ before + local
    local += rounding.unit * largest
    in_range = float(sums.max()) < rounding.largest and float(largest.max()) < rounding.largest  # false for NaN too
    errors.step(batch.transition, local if in_range else np.full_like(local, np.inf))
    return after, _loss(forward, batch.y, arithmetic)


def _loss(forward: _Forward, y: Float64Array, arithmetic: _Arithmetic) -> Bounded:
    """Return the mean squared error and its bound (6), scalars."""
    m = len(y)
    residual = np.abs(forward.z - y)
    value = np.square(residual).mean()
    inexact = (2 * residual * forward.error + np.square(forward.error)).mean()
    relative = arithmetic.main.gamma(m) + arithmetic.loss.gamma(LOSS_ROUNDINGS + arithmetic.loss_casts)
    bound = inexact + relative * (value + inexact) * (1 + relative) + (m + LOSS_ROUNDINGS) * arithmetic.loss.tiny
    # Keras' running mean multiplies by m before it divides, so that much has to stay in range.
    return _limited(value, bound, arithmetic.loss, headroom=m)


def _mean_loss(losses: list[Bounded], sizes: list[int], arithmetic: _Arithmetic) -> Bounded:
    """Return the mean over the steps between two snapshots, weighted by batch size as Keras' running mean is (7)."""
    weights = np.resize(np.asarray(sizes, dtype=np.float64), len(losses))
    seen = weights.sum()
    value = weights @ [float(loss.value) for loss in losses] / seen
    bound = weights @ [float(loss.bound) for loss in losses] / seen
    bound += arithmetic.main.gamma(2 * len(losses)) * (value + bound)
    return _limited(value, bound, arithmetic.loss, headroom=float(seen))


def _limited(value: Float64Array, bound: Float64Array, rounding: Rounding, headroom: float = 1.0) -> Bounded:
    """Return value and bound, the bound infinite wherever `headroom` times the value may leave the dtype's range."""
    in_range = headroom * (np.abs(value) + bound) < rounding.largest  # false for NaN too
    return Bounded(np.asarray(value), np.where(in_range, bound, np.inf))


def _by_name(theta: Float64Array, error: Float64Array, rounding: Rounding) -> dict[str, Bounded]:
    both = _limited(theta, error, rounding)
    return {
        KERNEL: Bounded(both.value[:-1, None], both.bound[:-1, None]),
        BIAS: Bounded(both.value[-1:], both.bound[-1:]),
    }
