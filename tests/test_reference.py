"""Reference and bound: checked by the closed form, by float32 in any order of summation, and by known errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given

from keras_styles.affine import Rounding
from keras_styles.problems import Float64Array, LinearProblem, TableProblem
from keras_styles.recipes import OPTIMIZERS, SCHEDULES, DType, Recipe
from keras_styles.reference import (
    BIAS,
    KERNEL,
    ComputedIn,
    Reference,
    largest_curvature,
    train_reference,
    why_no_reference,
)
from keras_styles.reference_optimizers import SCHEDULES_WITH_REFERENCE, UPDATES, Optimizer
from keras_styles.strategies import Case, cases, degenerate_problems, linear_problems
from tests.numpy_training import start_for, train

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=40, noise=0.1)


def final_theta(reference: Reference) -> Float64Array:
    weights = reference.snapshots[-1].weights
    theta: Float64Array = np.concatenate([weights[KERNEL].value[:, 0], weights[BIAS].value])
    return theta


def closed_form(
    a: Float64Array, y: Float64Array, theta: Float64Array, rate: float, steps: Sequence[int]
) -> Float64Array:
    """Return full-batch gradient descent's weights after each number of steps without iterating, shape (len(steps), n).

    On a quadratic each eigenvector of the Hessian contracts by itself: theta_t = theta_0 + sum_i s_i(t) q_i q_i^T g_0,
    where s_i(t) = -(1 - (1 - rate lambda_i)^t) / lambda_i (Goh 2017, https://doi.org/10.23915/distill.00006). Where
    lambda_i = 0 the loss is flat, and nothing moves.

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
    travelled = np.where(flat, 0.0, (1 - (1 - rate * curvature) ** t) / np.where(flat, 1.0, curvature))
    result: Float64Array = theta - (travelled * gradient) @ directions.T
    return result


def test_the_closed_form_stays_where_it_is_flat() -> None:
    """Two features that are one: their difference has no gradient, their sum is a parabola."""
    a, y = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([2.0, 2.0])
    found = closed_form(a, y, np.array([5.0, 1.0]), 0.125, [1, 2, 400])
    # The sum begins at 6 and should be 2; a step of 1/8 with the curvature 4 halves the distance.
    np.testing.assert_allclose(found.sum(axis=1), [4.0, 3.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(found[:, 0] - found[:, 1], 4.0, rtol=1e-12)


@given(cases(linear_problems()))
@example((LINE, Recipe(epochs=300, snapshot_every=10, learning_rate=0.3)))
@example((replace(LINE, collinear=True), Recipe(epochs=50, snapshot_every=10, learning_rate=0.1)))
def test_full_batch_training_follows_the_closed_form(case: Case) -> None:
    problem, drawn = case
    recipe = replace(drawn, batch_size=None, dtype="float64")
    recipe = replace(recipe, learning_rate=0.9 / largest_curvature(problem, recipe))
    start = start_for(problem)
    x, y = problem.arrays("float64")
    a = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    theta = np.concatenate([start[KERNEL][:, 0], start[BIAS]]).astype("float64")
    trained = train_reference(problem, recipe, start)
    steps = [snapshot.epoch for snapshot in trained.snapshots]
    expected = closed_form(a, y[:, 0].astype("float64"), theta, recipe.learning_rate, steps)
    # Its eigenvectors are good to eps times the condition of the Hessian's spread, so the comparison is by size.
    size = np.abs(theta).max() + np.abs(expected).max()
    for snapshot, row in zip(trained.snapshots, expected, strict=True):
        ours = np.concatenate([snapshot.weights[KERNEL].value[:, 0], snapshot.weights[BIAS].value])
        np.testing.assert_allclose(ours, row, atol=1e-8 * size)


def test_one_step_by_hand() -> None:
    """X = 1, y = 3 from zero: the gradient of (w + b - 3)^2 is -6 for both, so a rate of 1/4 makes both 1.5."""
    start = {KERNEL: np.zeros((1, 1), "float32"), BIAS: np.zeros(1, "float32")}
    problem = LinearProblem(weights=(0.0,), bias=3.0, samples=1, scale=0.0, offset=1.0)
    snapshot = train_reference(problem, Recipe(epochs=1, learning_rate=0.25), start).snapshots[0]
    assert snapshot.weights[KERNEL].value.item() == 1.5
    assert snapshot.weights[BIAS].value.item() == 1.5
    assert snapshot.logs["loss"].value == 9


def test_a_converged_reference_is_the_least_squares_solution() -> None:
    norris = TableProblem(source="nist_norris", standardized=True)
    recipe = Recipe(epochs=300, learning_rate=0.2, dtype="float64")
    slope, intercept = norris.original_coordinates(*final_theta(train_reference(norris, recipe, start_for(norris))))
    assert slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert intercept == pytest.approx(-0.262323073774029, rel=1e-10)


def margins(problem: LinearProblem, recipe: Recipe, orders: int) -> np.ndarray:
    """Return how much of the bound float32 uses at each look, summing in orders that are drawn anew at every step."""
    start = start_for(problem)
    reference = train_reference(problem, recipe, start)
    found = []
    for order in range(orders):
        record = train(problem, recipe, start, order=order)
        for ours, theirs in zip(record.snapshots, reference.snapshots, strict=True):
            for name, bounded in theirs.weights.items():
                found.append(np.abs(ours.weights[name] - bounded.value) / bounded.bound)
            found.append(
                np.atleast_1d(np.abs(ours.logs["loss"] - theirs.logs["loss"].value) / theirs.logs["loss"].bound)
            )
        for ours_, bounded in (
            (record.predictions, reference.predictions),
            (np.asarray(record.evaluation["loss"]), reference.evaluation),
        ):
            found.append(np.atleast_1d(np.abs(ours_ - bounded.value) / bounded.bound))
    return np.concatenate([np.ravel(each) for each in found])


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_no_order_of_summation_leaves_the_bound(offset: float, batch_size: int | None) -> None:
    problem = replace(LINE, offset=offset, noise=1.0)
    recipe = Recipe(epochs=30, snapshot_every=10, batch_size=batch_size)
    recipe = replace(recipe, learning_rate=1 / largest_curvature(problem, recipe))
    found = margins(problem, recipe, orders=30)
    assert found.max() <= 1
    assert found.max() > 1e-2, "a bound a hundred times too wide would notice little"


RECIPES: dict[str, Recipe] = {
    "momentum": Recipe(options={"momentum": 0.9}, learning_rate=0.05),
    "nesterov": Recipe(options={"momentum": 0.9, "nesterov": True}, learning_rate=0.05),
    "rmsprop": Recipe(optimizer="rmsprop", learning_rate=0.01),
    "rmsprop with momentum": Recipe(optimizer="rmsprop", options={"momentum": 0.5, "rho": 0.8}, learning_rate=0.01),
    "adagrad": Recipe(optimizer="adagrad", learning_rate=0.1),
    "adam": Recipe(optimizer="adam", learning_rate=0.01),
    "adam with other decay": Recipe(optimizer="adam", options={"beta_1": 0.5, "beta_2": 0.9}, learning_rate=0.01),
    "adamw": Recipe(optimizer="adamw", options={"weight_decay": 0.1}, learning_rate=0.01),
    "weight decay": Recipe(options={"weight_decay": 0.1}, learning_rate=0.1),
    "clip by value": Recipe(options={"clipvalue": 0.5}, learning_rate=0.1),
    "clip by norm": Recipe(options={"clipnorm": 0.5}, learning_rate=0.1),
    "clip by global norm": Recipe(options={"global_clipnorm": 0.5}, learning_rate=0.1),
    "clip to nothing": Recipe(options={"clipnorm": 100.0}, learning_rate=0.1),
    "accumulation": Recipe(options={"gradient_accumulation_steps": 3}, learning_rate=0.1),
    "moving average": Recipe(options={"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3}),
    "sample weights": Recipe(weighted=True, learning_rate=0.1),
    **{name: Recipe(schedule=name, learning_rate=0.1) for name in SCHEDULES if name in SCHEDULES_WITH_REFERENCE},
}


@pytest.mark.parametrize("name", RECIPES)
def test_float32_stays_within_the_bound_of_every_recipe_and_uses_some_of_it(name: str) -> None:
    recipe = replace(RECIPES[name], epochs=20, snapshot_every=1, batch_size=16)
    found = margins(LINE, recipe, orders=5)
    assert found.max() <= 1
    assert found.max() > 0.01, "a bound a hundred times too wide would notice little"


@pytest.mark.parametrize("name", RECIPES)
def test_a_learning_rate_off_by_one_in_ten_thousand_leaves_the_bound_of_every_recipe(name: str) -> None:
    recipe = replace(RECIPES[name], epochs=20, snapshot_every=1)
    right = train_reference(LINE, recipe, start_for(LINE))
    wrong = train(LINE, replace(recipe, learning_rate=recipe.learning_rate * 1.0001), start_for(LINE))
    assert any(
        np.any(np.abs(ours.weights[name] - bounded.value) > bounded.bound)
        for ours, theirs in zip(wrong.snapshots, right.snapshots, strict=True)
        for name, bounded in theirs.weights.items()
    )


@pytest.mark.parametrize("name", ["adam", "momentum", "rmsprop", "adagrad"])
def test_the_reference_itself_is_the_training_of_the_papers(name: str) -> None:
    """In float64 both come to the same numbers; the bound has no say here."""
    recipe = replace(RECIPES[name], epochs=20, snapshot_every=1, batch_size=16, dtype="float64")
    reference = train_reference(LINE, recipe, start_for(LINE))
    record = train(LINE, recipe)
    for ours, theirs in zip(record.snapshots, reference.snapshots, strict=True):
        for variable, bounded in theirs.weights.items():
            np.testing.assert_allclose(ours.weights[variable], bounded.value, rtol=1e-12, atol=1e-14)
            assert bounded.bound.max() < 1e-9


def test_a_look_after_every_step_ends_where_the_epochs_do() -> None:
    recipe = Recipe(optimizer="adam", epochs=3, snapshot_every=1, batch_size=16, learning_rate=0.1)
    epochs = train_reference(LINE, recipe, start_for(LINE))
    steps = train_reference(LINE, recipe, start_for(LINE), every_step=True)
    assert [(s.epoch, s.batch) for s in steps.snapshots] == [(e, b) for e in (1, 2, 3) for b in (0, 1, 2)]
    assert steps.predictions.value.tobytes() == epochs.predictions.value.tobytes()
    for epoch, last in zip(epochs.snapshots, steps.snapshots[2::3], strict=True):
        assert epoch.weights[KERNEL].bound.tobytes() == last.weights[KERNEL].bound.tobytes()


def test_the_average_of_the_weights_is_what_fit_leaves() -> None:
    recipe = Recipe(epochs=3, options={"use_ema": True, "ema_momentum": 0.5}, learning_rate=0.1)
    plain = replace(recipe, options={})
    start = start_for(LINE)
    steps = [train_reference(LINE, plain, start, every_step=True).snapshots[i].weights for i in range(3)]
    average = {
        name: (steps[0][name].value * 0.5 + steps[1][name].value * 0.5) * 0.5 + steps[2][name].value * 0.5
        for name in steps[0]
    }
    x, _ = LINE.arrays()
    expected = x.astype("float64") @ average[KERNEL] + average[BIAS]
    np.testing.assert_allclose(train_reference(LINE, recipe, start).predictions.value, expected, rtol=1e-12)
    resumed = train_reference(LINE, replace(recipe, loop="save_and_resume"), start)
    np.testing.assert_allclose(resumed.predictions.value, expected, rtol=1e-12)
    custom = replace(recipe, loop="custom_loop")  # where nobody ends the training but the loop
    np.testing.assert_allclose(
        train_reference(LINE, custom, start).predictions.value,
        train_reference(LINE, plain, start).predictions.value,
        rtol=1e-12,
    )


def test_validation_is_the_loss_where_it_looks() -> None:
    start = start_for(LINE)
    x, y = (values.astype("float64") for values in LINE.arrays())
    for validation, rows, trained in (("data", slice(0, 10), slice(0, 40)), ("split", slice(30, 40), slice(0, 30))):
        recipe = Recipe(epochs=2, learning_rate=0.1, validation=validation)  # type: ignore[arg-type]
        first = train_reference(LINE, recipe, start).snapshots[0]
        z = x[rows] @ first.weights[KERNEL].value + first.weights[BIAS].value
        np.testing.assert_allclose(first.logs["val_loss"].value, np.square(z - y[rows]).mean(), rtol=1e-12)
        before = x[trained] @ start[KERNEL] + start[BIAS]
        np.testing.assert_allclose(first.logs["loss"].value, np.square(before - y[trained]).mean(), rtol=1e-12)


def test_gradients_are_those_of_the_first_batch() -> None:
    start = start_for(LINE)
    recipe = Recipe(epochs=1, batch_size=16)
    x, y = (values[:16].astype("float64") for values in LINE.arrays())
    slope = 2 / 16 * (x @ start[KERNEL] + start[BIAS] - y)
    gradients = train_reference(LINE, recipe, start).gradients
    np.testing.assert_allclose(gradients[KERNEL].value, x.T @ slope, rtol=1e-12)
    np.testing.assert_allclose(gradients[BIAS].value, slope.sum(axis=0), rtol=1e-12)
    assert (gradients[KERNEL].bound > 0).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"optimizer": "lion"}, "no update is written for lion"),
        ({"optimizer": "adam", "options": {"amsgrad": True}}, "no update heeds amsgrad"),
        ({"loss": "mae"}, "no bound is derived for the loss mae"),
        ({"dtype": "mixed_float16"}, "no bound is derived for mixed_float16"),
        ({"schedule": "cosine_restarts"}, "no formula is written for the schedule cosine_restarts"),
        ({"shuffle": True, "batch_size": 8}, "only the engine knows in which order"),
        ({"steps_per_epoch": 2}, "an epoch need not begin with the first batch"),
        *(
            ({"callbacks": (name,)}, "a callback may stop the training")
            for name in ("lambda", "early_stopping", "reduce_learning_rate")
        ),
        ({"shuffle": True, "batch_size": 20}, "only the engine knows in which order"),
        ({"options": {"loss_scale_factor": 2.0, "amsgrad": True}}, "no update heeds amsgrad, loss_scale_factor"),
    ],
)
def test_what_has_no_reference_says_why(changed: dict[str, Any], words: str) -> None:
    reason = why_no_reference("linear_regression", LINE, replace(Recipe(), **changed))
    assert reason is not None
    assert reason.startswith(words)


def test_what_changes_no_number_has_a_reference() -> None:
    assert why_no_reference("linear_regression", LINE, Recipe()) is None
    assert why_no_reference("linear_regression", LINE, Recipe(optimizer="adam", options={"amsgrad": False})) is None
    assert why_no_reference("linear_regression", LINE, Recipe(shuffle=True)) is None, "one batch has no order"
    assert why_no_reference("linear_regression", LINE, Recipe(dtype="float64", callbacks=("checkpoint",))) is None
    reason = why_no_reference("multilayer_network", LINE, Recipe())
    assert reason == "the reference is a linear regression, not multilayer_network"
    assert set(UPDATES) <= set(OPTIMIZERS)
    assert set(SCHEDULES) - {"cosine_restarts"} == SCHEDULES_WITH_REFERENCE


def test_the_bound_does_not_grow_with_the_number_of_steps() -> None:
    """The update contracts past errors, so rounding does not pile up."""
    bounds = [
        train_reference(LINE, Recipe(epochs=epochs, learning_rate=0.3), start_for(LINE))
        .snapshots[-1]
        .weights[KERNEL]
        .bound.max()
        for epochs in (200, 2000)
    ]
    assert bounds[1] == pytest.approx(bounds[0], rel=0.05)


def test_a_learning_rate_off_by_one_in_ten_thousand_leaves_the_bound() -> None:
    """Not vacuous: on well-posed problems the fault shows at some epoch at least 99 times in a hundred."""
    caught = 0
    for seed in range(200):
        problem = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=32, noise=0.1, data_seed=seed)
        recipe = Recipe(epochs=10, snapshot_every=1)
        recipe = replace(recipe, learning_rate=0.5 / largest_curvature(problem, recipe))
        start = start_for(problem, seed)
        right = train_reference(problem, recipe, start)
        wrong = train_reference(problem, replace(recipe, learning_rate=recipe.learning_rate * 1.0001), start)
        caught += any(
            np.any(np.abs(ours.weights[name].value - theirs.weights[name].value) > ours.weights[name].bound)
            for ours, theirs in zip(right.snapshots, wrong.snapshots, strict=True)
            for name in (KERNEL, BIAS)
        )
    assert caught >= 198


@dataclass(frozen=True)
class TableRow:
    """A problem of one sample with one feature."""

    x: float
    y: float
    features: int = 1

    def arrays(self, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
        """Return x and y, each of shape (1, 1)."""
        return np.array([[self.x]], dtype), np.array([[self.y]], dtype)


def one_row(seed: int, dtype: str) -> tuple[TableRow, dict[str, np.ndarray]]:
    """Return a row of data and weights with random mantissas, and a residual that cancels most of the prediction."""
    random = np.random.default_rng(seed)
    x, weight, bias = random.uniform(1, 2, 3).astype(dtype)
    y = np.asarray(x * weight + bias + random.uniform(-1e-3, 1e-3), dtype=dtype)
    start = {KERNEL: np.array([[weight]], dtype), BIAS: np.array([bias], dtype)}
    return TableRow(x=float(x), y=float(y)), start


@pytest.mark.parametrize(("dtype", "product_dtype"), [("float32", "float32"), ("float64", "float32")])
def test_a_single_row_stays_within_the_bound_and_uses_a_good_part_of_it(dtype: DType, product_dtype: DType) -> None:
    """With one sample and one step nothing averages out: the bound is nearly reached, and must not be passed."""
    recipe = Recipe(epochs=1, learning_rate=0.3, dtype=dtype)
    narrow, wide = np.dtype(product_dtype).type, np.dtype(dtype).type
    rate = wide(recipe.learning_rate)
    margins = []
    for seed in range(3000):
        row, start = one_row(seed, dtype)
        x, y = (values.item() for values in row.arrays(dtype))
        weight, bias = start[KERNEL].item(), start[BIAS].item()
        z = wide(narrow(x) * narrow(weight)) + wide(bias)
        slope = wide(narrow(wide(2) * (z - wide(y))))
        gradients = wide(narrow(x) * narrow(slope)), slope
        after = wide(weight) - rate * gradients[0], wide(bias) - rate * gradients[1]
        reference = (
            train_reference(row, recipe, start, ComputedIn(product_dtype, product_dtype, dtype)).snapshots[0].weights
        )
        margins += [
            abs(float(value) - reference[name].value.item()) / reference[name].bound.item()
            for name, value in zip((KERNEL, BIAS), after, strict=True)
        ]
    assert max(margins) <= 1
    assert max(margins) > 0.2, "a bound this wide counts roundings that nobody makes"


def test_the_bound_is_finite_for_ordinary_problems_and_infinite_past_the_range() -> None:
    ordinary = train_reference(LINE, Recipe(epochs=20, learning_rate=0.3), start_for(LINE))
    assert np.isfinite(ordinary.predictions.bound).all()
    assert np.isfinite(ordinary.snapshots[-1].logs["loss"].bound)
    huge = LinearProblem(weights=(1e30,))
    past = train_reference(huge, Recipe(epochs=1), start_for(huge))
    assert np.isinf(past.snapshots[0].logs["loss"].bound), "its square leaves float32"
    assert np.isfinite(past.snapshots[0].weights[KERNEL].bound).all(), "it does not"
    steep = LinearProblem(weights=(1.0,), scale=1e30)
    assert np.isinf(train_reference(steep, Recipe(epochs=1), start_for(steep)).snapshots[0].weights[KERNEL].bound).all()


@given(cases(degenerate_problems()))
@example((LinearProblem(weights=(1e30,)), Recipe(epochs=1)))
def test_a_finite_bound_promises_a_number_within_range(case: Case) -> None:
    problem, recipe = case
    reference = train_reference(problem, recipe, start_for(problem))
    for snapshot in reference.snapshots:
        for bounded in (*snapshot.weights.values(), *snapshot.logs.values()):
            assert not np.isnan(bounded.bound).any()
            safe = np.isfinite(bounded.bound)
            assert (np.abs(bounded.value[safe]) < np.finfo("float32").max).all()


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("exponential", {0: 1.0, 2: 2**-0.5, 4: 0.5, 8: 0.25}),
        ("inverse_time", {0: 1.0, 4: 1 / 1.5, 8: 0.5}),
        ("polynomial", {0: 1.0, 4: 0.34375, 8: 0.125, 12: 0.125}),
        ("cosine", {0: 1.0, 4: 0.5625, 8: 0.125, 12: 0.125}),
        ("piecewise", {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.125}),
    ],
)
def test_schedules_by_hand(schedule: Any, rates: dict[int, float]) -> None:
    optimizer = Optimizer(Recipe(schedule=schedule, learning_rate=0.5), Rounding("float32"), "float32", ())
    for step, rate in rates.items():
        found = optimizer.rate(step)
        assert found.value == pytest.approx(0.5 * rate, rel=1e-12), step
        assert found.error == pytest.approx(12 * 2.0**-24 * 0.5, rel=1e-5)
    constant = Optimizer(Recipe(learning_rate=0.1), Rounding("float32"), "float32", ()).rate(5)
    assert (constant.value, constant.error) == (float(np.float32(0.1)), 0.0)


def test_a_number_that_passes_through_float32_is_rounded_there() -> None:
    recipe = Recipe(dtype="float64", learning_rate=0.1, schedule="cosine", options={"momentum": 0.1})
    optimizer = Optimizer(recipe, Rounding("float64"), "float32", ())
    assert optimizer.cast(0.1) == float(np.float32(0.1))
    assert optimizer.constant(0.1) == 0.1
    assert optimizer.rate(0).value == float(np.float32(0.1))


def test_steps_are_counted_from_the_initial_epoch() -> None:
    recipe = Recipe(epochs=4, initial_epoch=2, batch_size=20, learning_rate=0.1, optimizer="adam")
    start = start_for(LINE)
    steps = train_reference(LINE, recipe, start, every_step=True).snapshots
    assert [(s.epoch, s.batch, s.logs) for s in steps] == [(e, b, {}) for e in (3, 4) for b in (0, 1)]
    epochs = train_reference(LINE, recipe, start).snapshots
    assert [s.epoch for s in epochs] == [3, 4]
    fresh = train_reference(LINE, replace(recipe, epochs=2, initial_epoch=0), start).snapshots
    assert epochs[-1].weights[KERNEL].value.tobytes() == fresh[-1].weights[KERNEL].value.tobytes()


def test_one_step_of_each_optimizer_by_hand() -> None:
    """X = 1, y = 3 from zero: the gradient is -6 for kernel and bias."""
    start = {KERNEL: np.zeros((1, 1), "float32"), BIAS: np.zeros(1, "float32")}
    problem = LinearProblem(weights=(0.0,), bias=3.0, samples=1, scale=0.0, offset=1.0)
    moved = {
        ("sgd", ()): 0.25 * 6,
        ("sgd", (("clipvalue", 1.0),)): 0.25 * 1,
        ("sgd", (("clipnorm", 3.0),)): 0.25 * 3,
        ("sgd", (("global_clipnorm", 3.0),)): 0.25 * 3 / 2**0.5,
        ("sgd", (("momentum", 0.5),)): 0.25 * 6,
        ("sgd", (("momentum", 0.5), ("nesterov", True))): 0.25 * 6 * 1.5,
        ("sgd", (("gradient_accumulation_steps", 2),)): 0.0,
        ("rmsprop", ()): 0.25 * 6 / (0.1 * 36 + 1e-7) ** 0.5,
        ("adagrad", ()): 0.25 * 6 / (0.1 + 36 + 1e-7) ** 0.5,
        ("adagrad", (("initial_accumulator_value", 0.0),)): 0.25,
        ("adam", ()): 0.25,
        ("adamw", ()): 0.25,
    }
    for (optimizer, options), distance in moved.items():
        recipe = Recipe(optimizer=optimizer, options=options, epochs=1, learning_rate=0.25, dtype="float64")
        weights = train_reference(problem, recipe, start).snapshots[0].weights
        for name in (KERNEL, BIAS):
            assert weights[name].value.item() == pytest.approx(distance, rel=1e-6), (optimizer, options, name)
