"""Reference and bound: checked by the closed form, by float32 in any order of summation, and by known errors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given

from keras_styles.problems import Float64Array, LinearProblem, TableProblem
from keras_styles.recipes import Recipe
from keras_styles.reference import (
    BIAS,
    KERNEL,
    ErrorSet,
    Reference,
    Rounding,
    closed_form,
    largest_curvature,
    train_reference,
)
from keras_styles.strategies import Case, cases, degenerate_problems, linear_problems

LINE = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=40, noise=0.1)


def start_for(problem: LinearProblem | TableProblem, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {KERNEL: random.normal(size=(problem.features, 1)).astype("float32"), BIAS: np.zeros(1, "float32")}


def final_theta(reference: Reference) -> Float64Array:
    weights = reference.snapshots[-1].weights
    theta: Float64Array = np.concatenate([weights[KERNEL].value[:, 0], weights[BIAS].value])
    return theta


@given(cases(linear_problems()))
@example((LINE, Recipe(epochs=300, snapshot_every=10, learning_rate=0.3)))
@example((replace(LINE, collinear=True), Recipe(epochs=50, snapshot_every=10, learning_rate=0.1)))
def test_full_batch_training_follows_the_closed_form(case: Case) -> None:
    problem, drawn = case
    recipe = replace(drawn, batch_size=None, dtype="float64")
    recipe = replace(recipe, learning_rate=0.9 / largest_curvature(problem, recipe))
    start = start_for(problem)  # type: ignore[arg-type]
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
    assert snapshot.loss.value == 9


def test_a_converged_reference_is_the_least_squares_solution() -> None:
    norris = TableProblem(source="nist_norris", standardized=True)
    recipe = Recipe(epochs=300, learning_rate=0.2, dtype="float64")
    slope, intercept = norris.original_coordinates(*final_theta(train_reference(norris, recipe, start_for(norris))))
    assert slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert intercept == pytest.approx(-0.262323073774029, rel=1e-10)


def float32_training(problem: LinearProblem, recipe: Recipe, seed: int) -> Float64Array:
    """Train in float32, summing in an order that is drawn anew at every step; return the weights."""
    random = np.random.default_rng(seed)
    x, y = problem.arrays()
    a = np.concatenate([x, np.ones((len(x), 1), "float32")], axis=1)
    start = start_for(problem)
    theta = np.concatenate([start[KERNEL][:, 0], start[BIAS]])
    rate = np.float32(recipe.learning_rate)
    for _ in range(recipe.epochs):
        for rows in recipe.batches(len(a)):
            batch, target = a[rows], y[rows, 0]
            z = _sum((batch * theta).T, random)
            slope = (z - target) * np.float32(2) / np.float32(len(batch))
            theta = theta - rate * _sum(batch * slope[:, None], random)
    assert theta.dtype == np.float32
    result: Float64Array = theta.astype("float64")
    return result


def _sum(terms: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add rows one after the other in a random order, rounding to float32 each time."""
    total = np.zeros(terms.shape[1], "float32")
    for i in random.permutation(len(terms)):
        total = total + terms[i]
    return total


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_no_order_of_summation_leaves_the_bound(offset: float, batch_size: int | None) -> None:
    problem = replace(LINE, offset=offset, noise=1.0)
    recipe = Recipe(epochs=30, batch_size=batch_size)
    recipe = replace(recipe, learning_rate=1 / largest_curvature(problem, recipe))
    weights = train_reference(problem, recipe, start_for(problem)).snapshots[-1].weights
    value = np.concatenate([weights[KERNEL].value[:, 0], weights[BIAS].value])
    bound = np.concatenate([weights[KERNEL].bound[:, 0], weights[BIAS].bound])
    margins = [np.abs(float32_training(problem, recipe, seed) - value) / bound for seed in range(30)]
    assert np.max(margins) <= 1
    assert np.max(margins) > 1e-3, "a bound a thousand times too wide would notice nothing"


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


def test_the_error_set_contains_every_error_it_was_told_of_also_after_folding() -> None:
    random = np.random.default_rng(0)
    errors = ErrorSet(3)
    actual = np.zeros((500, 3))
    for _ in range(100):
        transition = np.eye(3) - 0.1 * (lambda m: m @ m.T)(random.normal(size=(3, 3)))
        local = random.uniform(0, 1, 3)
        actual = actual @ transition.T + random.choice([-1, 1], (500, 3)) * local
        errors.step(transition, local)
        assert (np.abs(actual) <= errors.box * (1 + 1e-12)).all()


@given(cases(degenerate_problems()))
@example((LinearProblem(weights=(1e30,)), Recipe(epochs=1)))
def test_the_bound_is_infinite_where_float32_may_overflow_and_finite_elsewhere(case: Case) -> None:
    problem, recipe = case
    reference = train_reference(problem, recipe, start_for(problem))  # type: ignore[arg-type]
    largest = np.finfo("float32").max
    for snapshot in reference.snapshots:
        for bounded in (*snapshot.weights.values(), snapshot.loss):
            safe = np.isfinite(bounded.bound)
            assert (np.abs(bounded.value[safe]) < largest).all()
            assert not np.isnan(bounded.bound).any()


def test_the_unit_of_rounding_is_that_of_both_trainings() -> None:
    assert Rounding("float32").unit == 2.0**-24 + 2.0**-53
    assert Rounding("float64").unit == 2.0**-52
    assert Rounding("float32").gamma(10) == pytest.approx(10 * 2.0**-24, rel=1e-5)
