"""Reference and bound: checked by the closed form, by float32 in any order of summation, and by known errors."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given

from keras_styles.problems import Float64Array, LinearProblem, TableProblem
from keras_styles.recipes import DType, Recipe
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


def test_the_error_set_contains_every_error_it_was_told_of_and_not_much_more() -> None:
    """The worst errors conspire: each has the sign that pushes one variable furthest at the end."""
    random = np.random.default_rng(0)
    symmetric = random.normal(size=(3, 3))
    contraction = np.eye(3) - 0.1 * symmetric @ symmetric.T
    locals_ = random.uniform(0, 1, (100, 3))
    errors = ErrorSet(3)
    for local in locals_:
        errors.step(contraction, local)
    powers = [np.linalg.matrix_power(contraction, 99 - step) for step in range(100)]
    for variable in range(3):
        worst = np.zeros(3)
        for power, local in zip(powers, locals_, strict=True):
            worst += power @ (np.sign(power[variable]) * local)
        assert worst[variable] <= errors.box[variable] * (1 + 1e-12)
        assert worst[variable] >= errors.box[variable] * 0.85, "folding has widened the box by more than it may"


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
        reference = train_reference(row, recipe, start, (product_dtype, product_dtype)).snapshots[0].weights
        margins += [
            abs(float(value) - reference[name].value.item()) / reference[name].bound.item()
            for name, value in zip((KERNEL, BIAS), after, strict=True)
        ]
    assert max(margins) <= 1
    assert max(margins) > 0.2, "a bound this wide counts roundings that nobody makes"


def test_the_bound_is_finite_for_ordinary_problems_and_infinite_past_the_range() -> None:
    ordinary = train_reference(LINE, Recipe(epochs=20, learning_rate=0.3), start_for(LINE))
    assert np.isfinite(ordinary.predictions.bound).all()
    assert np.isfinite(ordinary.snapshots[-1].loss.bound)
    huge = LinearProblem(weights=(1e30,))
    past = train_reference(huge, Recipe(epochs=1), start_for(huge))
    assert np.isinf(past.snapshots[0].loss.bound), "its square leaves float32"
    assert np.isfinite(past.snapshots[0].weights[KERNEL].bound).all(), "it does not"
    steep = LinearProblem(weights=(1.0,), scale=1e30)
    assert np.isinf(train_reference(steep, Recipe(epochs=1), start_for(steep)).snapshots[0].weights[KERNEL].bound).all()


@given(cases(degenerate_problems()))
@example((LinearProblem(weights=(1e30,)), Recipe(epochs=1)))
def test_a_finite_bound_promises_a_number_within_range(case: Case) -> None:
    problem, recipe = case
    reference = train_reference(problem, recipe, start_for(problem))  # type: ignore[arg-type]
    for snapshot in reference.snapshots:
        for bounded in (*snapshot.weights.values(), snapshot.loss):
            assert not np.isnan(bounded.bound).any()
            safe = np.isfinite(bounded.bound)
            assert (np.abs(bounded.value[safe]) < np.finfo("float32").max).all()


def test_the_unit_of_rounding_is_that_of_both_trainings() -> None:
    assert Rounding("float32").unit == 2.0**-24 + 2.0**-53
    assert Rounding("float64").unit == 2.0**-52
    assert Rounding("float32").gamma(10) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    assert Rounding("float32").gamma(2**24) == np.inf
