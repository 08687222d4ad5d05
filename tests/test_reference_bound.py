"""The bound's formulas, written out a second time from `reference_bound.md`, and compared number by number.

That the formulas bound what they should is shown in `test_reference.py`. Most terms are small beside others, so there
a wrong sign or a lost term would go unseen; here each problem makes another term the largest.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from keras_styles.affine import Affine, Rounding, exactly
from keras_styles.problems import Array, LinearProblem
from keras_styles.recipes import DType, Recipe
from keras_styles.reference import (
    BIAS,
    KERNEL,
    Bounded,
    ComputedIn,
    _Arithmetic,
    _limited,
    _mean_loss,
    _Rows,
    largest_curvature,
    train_reference,
)
from keras_styles.reference_optimizers import UPDATES, Optimizer, Rate, _bias_corrected, _unseen
from tests.numpy_training import start_for

# What leaves the range is meant to, and says so.
pytestmark = pytest.mark.filterwarnings("error")
UNITS = {"float32": 2.0**-24 + 2.0**-53, "float64": 2.0**-52}
SINGLE = ComputedIn("float32", "float32", "float32")
TINY = {"float32": 2.0**-126, "float64": 2.0**-1022}


def gamma(roundings: float, dtype: str) -> float:
    return roundings * UNITS[dtype] / (1 - roundings * UNITS[dtype])


def numbers(value: Sequence[float] | Array, radius: Array | float = 0.0) -> Affine:
    """Return numbers whose errors are half shared and half their own."""
    array = np.array(value, dtype=np.float64)
    half = np.broadcast_to(np.asarray(radius, dtype=np.float64), array.shape) / 2
    return Affine(array, np.diag(half), half.copy())


def optimizer_of(**fields: Any) -> Optimizer:
    return Optimizer(Recipe(**fields), Rounding("float32"), "float32", (slice(0, 2), slice(2, 3)))


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-36, 1e-150])
@pytest.mark.parametrize("share", [0.0, 1e-8, 0.3], ids=["exact", "little_error", "much_error"])
@pytest.mark.parametrize(
    ("dtype", "product", "mean"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float32", "float32"),
        ("float64", "float64", "float32"),
        ("float64", "float64", "float64"),
    ],
)
def test_one_batch(dtype: DType, product: DType, mean: DType, share: float, size: float) -> None:
    """Equations (1), (2), (3) and (6)."""
    random = np.random.default_rng(3)
    a = np.concatenate([size * random.normal(size=(5, 2)), np.ones((5, 1))], axis=1)
    values, y, weights = size * random.normal(size=3), size * random.normal(size=5), random.uniform(0.5, 2, 5)
    theta = numbers(values, share * np.abs(values))
    m, n = a.shape
    product_casts, loss_casts = (0 if product == dtype else 2), (0 if mean == dtype else 1)

    rows = _Rows(a, y, weights, _Arithmetic(dtype, ComputedIn(product, mean, dtype)))
    forward = rows.forward(theta)
    error = share * np.abs(values)
    largest = np.abs(values) + error
    z = [sum(a[i, j] * values[j] for j in range(n)) for i in range(m)]
    local, total = [], []
    for i in range(m):
        flushing = TINY[product] * (2 * n + sum(abs(a[i, j]) + largest[j] for j in range(n)))
        local.append(gamma(n + product_casts, product) * sum(abs(a[i, j]) * largest[j] for j in range(n)) + flushing)
        total.append(sum(abs(a[i, j]) * error[j] for j in range(n)) + local[i])
    np.testing.assert_allclose(forward.z, z, rtol=1e-12, atol=1e-15 * size)
    np.testing.assert_allclose(forward.local, local, rtol=1e-12)
    np.testing.assert_allclose(forward.error, total, rtol=1e-12)

    gradient = rows.gradient(theta, forward)
    g = gamma(5 + loss_casts, mean)
    residual = [abs(z[i] - y[i]) for i in range(m)]
    slope, slope_local = [], []
    for i in range(m):
        largest_residual = residual[i] + total[i]
        slope.append(2 / m * weights[i] * largest_residual * (1 + g))
        slope_local.append(2 / m * weights[i] * (local[i] * (1 + g) + g * largest_residual) + 15 * TINY[mean])
    for j in range(n):
        flushing = TINY[product] * (2 * m + sum(abs(a[i, j]) + slope[i] for i in range(m)))
        hessian_error = sum(
            gamma(m + 4, "float64") * 2 / m * abs(a[i, j]) * weights[i] * abs(a[i, k]) * error[k]
            for i in range(m)
            for k in range(n)
        )
        expected = (
            sum(abs(a[i, j]) * slope_local[i] for i in range(m))
            + gamma(m + product_casts, product) * sum(abs(a[i, j]) * slope[i] for i in range(m))
            + flushing
            + hessian_error
        )
        np.testing.assert_allclose(gradient.local[j], expected, rtol=1e-12)
        value = 2 / m * sum(a[i, j] * weights[i] * (z[i] - y[i]) for i in range(m))
        np.testing.assert_allclose(gradient.value[j], value, rtol=1e-9, atol=1e-14 * size)
        for k in range(n):
            moved = 2 / m * sum(a[i, j] * weights[i] * a[i, k] for i in range(m)) * theta.directions[k, k]
            np.testing.assert_allclose(gradient.directions[j, k], moved, rtol=1e-9, atol=1e-300)

    loss = rows.loss(forward)
    value = sum(weights[i] * residual[i] ** 2 for i in range(m)) / m
    inexact = sum(weights[i] * (2 * residual[i] * total[i] + total[i] ** 2) for i in range(m)) / m
    relative = gamma(m, product) + gamma(6 + loss_casts, mean)
    expected = inexact + relative * (value + inexact) * (1 + relative) + (m + 6) * TINY[mean]
    np.testing.assert_allclose(loss.value, value, rtol=1e-12)
    np.testing.assert_allclose(loss.bound, expected, rtol=1e-12)


def test_a_gradient_past_the_range_of_a_product_is_not_known() -> None:
    rows = _Rows(np.array([[1e30]]), np.zeros(1), np.ones(1), _Arithmetic("float32", SINGLE))
    theta = numbers([1.0])
    assert np.isinf(rows.gradient(theta, rows.forward(theta)).local).all()


def test_a_history_is_the_mean_over_samples() -> None:
    """Equation (7): two epochs of batches of three and one."""
    losses = [Bounded(np.asarray(value), np.asarray(value / 8)) for value in (1.0, 2.0, 4.0, 8.0)]
    found = _mean_loss(losses, [3, 1], _Arithmetic("float32", SINGLE))
    value = (3 * 1 + 2 + 3 * 4 + 8) / 8
    assert found.value == value
    np.testing.assert_allclose(found.bound, value / 8 + gamma(8, "float32") * (value + value / 8), rtol=1e-14)


@pytest.mark.parametrize(
    ("value", "bound", "headroom", "known"),
    [
        (1.0, 1.0, 1.0, True),
        (np.finfo("float32").max, 0.0, 1.0, False),
        (0.6, 0.5, np.finfo("float32").max, False),
        (-0.6, 0.3, np.finfo("float32").max, True),
        (np.nan, 1.0, 1.0, False),
    ],
)
def test_a_bound_ends_with_the_range(value: float, bound: float, headroom: float, known: bool) -> None:
    limited = _limited(np.asarray(value), np.asarray(bound), Rounding("float32"), headroom)
    assert limited.bound == (bound if known else np.inf)
    assert _limited(np.asarray(1.0), np.asarray(0.0), Rounding("float32")).bound == 0


def test_a_mean_has_to_stay_in_range_before_it_is_divided() -> None:
    """Keras multiplies by the samples first: ten times a loss that is a third of the largest number is too much."""
    third = float(np.finfo("float32").max) / 3
    arithmetic = _Arithmetic("float32", SINGLE)
    assert np.isinf(_mean_loss([Bounded(np.asarray(third), np.asarray(0.0))], [10], arithmetic).bound)
    assert np.isfinite(_mean_loss([Bounded(np.asarray(third), np.asarray(0.0))], [2], arithmetic).bound)
    y = np.full(10, math.sqrt(third))
    rows = _Rows(np.zeros((10, 1)), y, np.ones(10), arithmetic)
    assert np.isinf(rows.loss(rows.forward(numbers([0.0]))).bound)


def test_the_steepest_curvature_is_that_of_the_weighted_hessian() -> None:
    problem = LinearProblem(weights=(3.0, -1.0), samples=9, offset=2.0)
    recipe = Recipe(batch_size=5, weighted=True)
    x, _ = problem.arrays()
    a = np.concatenate([x.astype(np.float64), np.ones((9, 1))], axis=1)
    weights = np.resize([0.5, 1.0, 2.0], 9)
    steepest = max(
        np.linalg.eigvalsh(2 / len(a[rows]) * a[rows].T @ np.diag(weights[rows]) @ a[rows])[-1]
        for rows in (slice(0, 5), slice(5, 9))
    )
    assert largest_curvature(problem, recipe) == pytest.approx(steepest, rel=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_training_that_runs_out_of_range_warns_nobody(optimizer: str) -> None:
    problem = LinearProblem(weights=(1e200,), samples=4)
    recipe = Recipe(optimizer=optimizer, epochs=300, learning_rate=1e10, dtype="float64", snapshot_every=10)
    with np.errstate(all="raise", under="ignore"):
        reference = train_reference(problem, recipe, start_for(problem))
    assert np.isinf(reference.snapshots[-1].logs["loss"].bound)


# Optimizers, from numbers that are exact: what is left is the rounding of each operation.


@pytest.mark.parametrize("error", [0.0, 0.5])
def test_a_mixture(error: float) -> None:
    """Equation (9): four roundings, of numbers up to |a| + b (|a| + |c|)."""
    found = optimizer_of().mixed(numbers([2.0], error), numbers([-3.0], error), 0.25)
    largest = 2 + error + 0.25 * (2 + error + 3 + error)
    assert found.value.item() == 0.75 * 2 - 0.25 * 3
    np.testing.assert_allclose(found.radius, error + gamma(4, "float32") * largest + 4 * TINY["float32"], rtol=1e-14)


def test_quotients_and_roots_may_be_approximations() -> None:
    optimizer = optimizer_of()
    for found, value in (
        (optimizer.quotient(numbers([6.0]), numbers([4.0])), 1.5),
        (optimizer.root(numbers([2.25])), 1.5),
    ):
        assert found.value.item() == value
        np.testing.assert_allclose(found.radius, gamma(4, "float32") * value + 4 * TINY["float32"], rtol=1e-14)


def test_a_norm_below_above_and_about_its_limit() -> None:
    """Equation (10): one group of norm 5, one of norm 2."""
    gradient = numbers([3.0, 4.0, 2.0])
    below = optimizer_of(options={"clipnorm": 10.0})._clipped(gradient)
    np.testing.assert_allclose(below.value, [3, 4, 2], rtol=1e-15)
    np.testing.assert_allclose(below.radius, gamma(10, "float32") * below.value + 10 * TINY["float32"], rtol=1e-9)
    above = optimizer_of(options={"clipnorm": 1.0})._clipped(gradient)
    np.testing.assert_allclose(above.value, [0.6, 0.8, 1.0], rtol=1e-15)
    together = optimizer_of(options={"global_clipnorm": 1.0})._clipped(gradient)
    np.testing.assert_allclose(together.value, np.array([3, 4, 2]) / math.sqrt(29), rtol=1e-15)
    for found in (above, together):
        assert (found.radius < 20 * UNITS["float32"] * np.abs(found.value)).all()
    # The root of a sum of three squares: so much error, and the limit within it on either side.
    norm_error = (
        optimizer_of()
        .root(
            (numbers([9.0]).rounded(Rounding("float32")) + numbers([16.0]).rounded(Rounding("float32"))).rounded(
                Rounding("float32"), 3
            )
        )
        .radius.item()
    )
    for share in (-2, -0.5, 0.5, 2):
        limit = float(np.float32(5 + share * norm_error))
        found = optimizer_of(options={"clipnorm": limit})._clipped(numbers([3.0, 4.0, 0.0]))
        np.testing.assert_allclose(found.value[:2], np.array([3, 4]) * min(limit / 5, 1), rtol=1e-15)
        # Each number moves as the norm does, by norm_error / 5 of itself, if the norm decides or may decide.
        moves = 0.0 if share == 2 else norm_error / 5 * found.value[:2]
        own = gamma(10, "float32") * found.value[:2] + 10 * TINY["float32"]
        np.testing.assert_allclose(found.radius[:2], moves + own, rtol=1e-5)


def test_steps_with_a_velocity() -> None:
    """Equations (11) and (12), from numbers without error."""
    rounding = Rounding("float32")
    one = {name: exactly(np.array([value])) for name, value in (("theta", 2.0), ("m", -1.0), ("v", 4.0))}
    gradient, rate = exactly(np.array([8.0])), Rate(0.125)

    def take(**fields: Any) -> dict[str, Affine]:
        recipe = Recipe(**fields)
        optimizer = Optimizer(recipe, rounding, "float32", (slice(0, 1),))
        return UPDATES[recipe.optimizer](optimizer, one, gradient, rate, 1)

    u, tiny = gamma(1, "float32"), TINY["float32"]
    two = gamma(2, "float32")
    after = take(options={"momentum": 0.5})
    descent = u * 1 + tiny
    carried = two * 0.5 + 2 * tiny
    velocity = carried + descent + u * (1.5 + carried + descent) + tiny
    assert (after["m"].value.item(), after["theta"].value.item()) == (-1.5, 0.5)
    np.testing.assert_allclose(after["m"].radius, velocity, rtol=1e-14)
    np.testing.assert_allclose(after["theta"].radius, velocity + u * (0.5 + velocity) + tiny, rtol=1e-14)

    after = take(options={"momentum": 0.5, "nesterov": True})
    ahead = 0.5 * velocity + two * (0.75 + 0.5 * velocity) + 2 * tiny
    largest = 2 + (0.75 + ahead) + (1 + descent)
    assert after["theta"].value.item() == 2 - 0.75 - 1
    np.testing.assert_allclose(after["theta"].radius, ahead + descent + two * largest + 2 * tiny, rtol=1e-12)

    plain = take(optimizer="rmsprop", options={"epsilon": 0.0})
    after = take(optimizer="rmsprop", options={"momentum": 0.5, "epsilon": 0.0})
    step = plain["theta"].value.item() - 2
    taken = (
        optimizer_of()
        .quotient(
            optimizer_of().taken_at(rate, gradient),
            optimizer_of().root((plain["v"] + exactly(np.zeros(1))).rounded(rounding)),
        )
        .radius.item()
    )
    carried = two * 0.5 + 2 * tiny
    total = carried + taken + u * (abs(-0.5 - step) + carried + taken) + tiny
    np.testing.assert_allclose(after["m"].value, -0.5 - step, rtol=1e-14)
    np.testing.assert_allclose(after["m"].radius, total, rtol=1e-12)


@pytest.mark.parametrize("update", [1, 3, 1000])
@pytest.mark.parametrize("rate", [Rate(0.01), Rate(0.01, 1e-5), Rate(0.0)])
def test_the_correction_of_a_bias(rate: Rate, update: int) -> None:
    """Equation (14)."""
    optimizer = optimizer_of(optimizer="adam")
    seen = {}
    for beta in (0.9, 0.999):
        power = float(np.float32(beta)) ** update
        seen[beta] = 1 - power, gamma(4, "float32") * power / (1 - power) + UNITS["float32"]
        np.testing.assert_allclose(_unseen(optimizer, beta, update), seen[beta], rtol=1e-12)
    (one, error_1), (two, error_2) = seen[0.9], seen[0.999]
    found = _bias_corrected(optimizer, rate, 0.9, 0.999, update)
    np.testing.assert_allclose(found.value, rate.value * math.sqrt(two) / one, rtol=1e-14)
    largest = (rate.value + rate.error) * math.sqrt(two * (1 + error_2)) / (one * (1 - error_1))
    approximations = (rate.value + rate.error) * math.sqrt(two) / one * gamma(9, "float32")
    np.testing.assert_allclose(found.error, largest + approximations - found.value, rtol=1e-7, atol=1e-18)


@pytest.mark.parametrize(
    ("optimizer", "step"),
    [("rmsprop", 6 / math.sqrt(3.6 + 5)), ("adam", 6 * math.sqrt(0.001) / (math.sqrt(0.036) + 5))],
)
def test_epsilon_is_added_inside_the_root_or_after_it(optimizer: str, step: float) -> None:
    """X = 1, y = 3 from zero: the gradient is -6, and Keras' Adam corrects the bias of the whole quotient."""
    start = {KERNEL: np.zeros((1, 1), "float32"), BIAS: np.zeros(1, "float32")}
    problem = LinearProblem(weights=(0.0,), bias=3.0, samples=1, scale=0.0, offset=1.0)
    recipe = Recipe(optimizer=optimizer, options={"epsilon": 5.0}, epochs=1, learning_rate=0.5, dtype="float64")
    weights: dict[str, Bounded] = train_reference(problem, recipe, start).snapshots[0].weights
    assert weights[KERNEL].value.item() == pytest.approx(0.5 * step, rel=1e-9)


def test_validation_is_weighted_where_it_is_split_off() -> None:
    problem = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=40, noise=0.1)
    x, y = (values.astype("float64") for values in problem.arrays())
    weights: Array = np.resize([0.5, 1.0, 2.0], 40)
    for validation, rows, weighs in (("data", slice(0, 10), np.ones(10)), ("split", slice(30, 40), weights[30:])):
        recipe = Recipe(epochs=1, learning_rate=0.1, validation=validation, weighted=True)  # type: ignore[arg-type]
        first = train_reference(problem, recipe, start_for(problem)).snapshots[0]
        z = x[rows] @ first.weights[KERNEL].value + first.weights[BIAS].value
        expected = (weighs * np.square(z - y[rows])[:, 0]).mean()
        np.testing.assert_allclose(first.logs["val_loss"].value, expected, rtol=1e-12)


def test_a_momentum_passes_through_the_dtype_that_numbers_are_cast_to() -> None:
    problem = LinearProblem(weights=(3.0,), samples=8)
    rough, exact = (
        train_reference(
            problem,
            Recipe(options={"momentum": momentum}, epochs=3, dtype="float64"),
            start_for(problem),
            computed_in,
        )
        for momentum, computed_in in (
            (0.9, ComputedIn("float64", "float64", "float32")),
            (float(np.float32(0.9)), ComputedIn("float64", "float64", "float64")),
        )
    )
    assert rough.predictions.value.tobytes() == exact.predictions.value.tobytes()


def test_an_epsilon_does_not_pass_through_the_dtype_that_numbers_are_cast_to() -> None:
    """Adam's first step from zero against -6, in which 0.1 as float32 would be another number."""
    start = {KERNEL: np.zeros((1, 1), "float64"), BIAS: np.zeros(1, "float64")}
    problem = LinearProblem(weights=(0.0,), bias=3.0, samples=1, scale=0.0, offset=1.0)
    options = {"epsilon": 0.1, "beta_1": 0.5, "beta_2": 0.75}  # the other two are exact in either
    recipe = Recipe(optimizer="adam", options=options, epochs=1, learning_rate=0.5, dtype="float64")
    after = train_reference(problem, recipe, start, ComputedIn("float64", "float64", "float32")).snapshots[0].weights
    assert after[KERNEL].value.item() == pytest.approx(0.5 * 6 * math.sqrt(0.25) / (math.sqrt(9) + 0.1), rel=1e-12)


def test_a_decay_shrinks_the_weights() -> None:
    """AdamW by its own default, SGD only when asked; the rate's error counts, and two roundings of the share."""
    theta, rate = numbers([2.0]), Rate(0.5, 0.125)
    decay = float(np.float32(0.004))
    for fields, share in (({"optimizer": "adamw"}, decay), ({"options": {"weight_decay": 0.25}}, 0.25)):
        found = optimizer_of(**fields)._decayed(theta, rate)
        value = 2 * (1 - share * 0.5)
        error = 2 * (share * 0.125 + gamma(2, "float32") * share * 0.5)
        np.testing.assert_allclose(found.value, value, rtol=1e-15)
        np.testing.assert_allclose(found.radius, error + gamma(1, "float32") * (value + error), rtol=1e-9)
    assert optimizer_of()._decayed(theta, rate) is theta


def test_an_average_begins_with_the_first_weights_and_follows_slowly() -> None:
    optimizer = optimizer_of(options={"use_ema": True})
    now = {"theta": numbers([2.0]), "average": numbers([1.0])}
    assert optimizer._averaged(now, 0)["average"].value.item() == 2.0
    np.testing.assert_allclose(optimizer._averaged(now, 1)["average"].value, 1.01, rtol=1e-12)
    replaced = optimizer_of(options={"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3})
    assert [replaced._averaged(now, updates)["theta"].value.item() for updates in (1, 2, 3, 5)] == [2, 1.5, 2, 1.5]


def test_two_halves_of_a_step_make_a_step() -> None:
    """Accumulated over two passes through the same batch; Adam counts updates, not batches."""
    problem = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=10)
    plain = Recipe(optimizer="adam", epochs=3, snapshot_every=1, learning_rate=0.1, dtype="float64")
    halves = Recipe(
        optimizer="adam",
        options={"gradient_accumulation_steps": 2},
        epochs=6,
        snapshot_every=1,
        learning_rate=0.1,
        dtype="float64",
    )
    whole = train_reference(problem, plain, start_for(problem)).snapshots
    found = train_reference(problem, halves, start_for(problem)).snapshots
    for one, two in zip(whole, found[1::2], strict=True):
        np.testing.assert_allclose(one.weights[KERNEL].value, two.weights[KERNEL].value, rtol=1e-12)


def test_an_average_is_taken_after_every_batch_of_an_accumulation() -> None:
    problem = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=10)
    start = start_for(problem)
    options = {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5}
    found = train_reference(problem, Recipe(options=options, epochs=5, learning_rate=0.1, dtype="float64"), start)
    plain = Recipe(epochs=2, snapshot_every=1, learning_rate=0.1, dtype="float64")
    first, second = (snapshot.weights for snapshot in train_reference(problem, plain, start).snapshots)
    x, _ = problem.arrays("float64")
    # After its batches: theta_0, theta_1, half of theta_1 twice, half of theta_2, and half of theta_2 once more.
    average = {name: 0.25 * first[name].value + 0.75 * second[name].value for name in first}
    np.testing.assert_allclose(found.predictions.value, x @ average[KERNEL] + average[BIAS], rtol=1e-12)


def test_an_accumulated_gradient_has_been_rounded() -> None:
    rounding = Rounding("float32")
    optimizer = Optimizer(
        Recipe(options={"gradient_accumulation_steps": 2}, learning_rate=0.125), rounding, "float32", (slice(0, 1),)
    )
    now = {"theta": exactly(np.array([2.0])), "accumulated": exactly(np.array([4.0]))}
    after = optimizer.step(now, exactly(np.array([8.0])), 1)
    u, tiny = gamma(1, "float32"), TINY["float32"]
    total = u * 12 + tiny
    mean = 0.5 * total + gamma(2, "float32") * (6 + 0.5 * total) + 2 * tiny
    descent = 0.125 * mean + u * (0.75 + 0.125 * mean) + tiny
    assert after["theta"].value.item() == 1.25
    np.testing.assert_allclose(after["theta"].radius, descent + u * (1.25 + descent) + tiny, rtol=1e-13)


def test_what_nobody_computes_otherwise_is_computed_in_the_dtype_of_the_recipe() -> None:
    problem = LinearProblem(weights=(3.0,), samples=8)
    recipe = Recipe(options={"momentum": 0.9}, epochs=3)
    silent, told = (train_reference(problem, recipe, start_for(problem), where) for where in (None, SINGLE))
    assert silent.predictions.value.tobytes() == told.predictions.value.tobytes()


def test_the_error_of_a_rate_is_multiplied_too() -> None:
    found = optimizer_of().taken_at(Rate(0.5, 0.125), numbers([4.0]))
    assert found.value.item() == 2.0
    np.testing.assert_allclose(found.radius, 0.5 + gamma(1, "float32") * 2.5 + TINY["float32"], rtol=1e-12)
