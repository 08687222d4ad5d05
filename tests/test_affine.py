"""Affine arithmetic: no error that it was told of leaves its set, and the set is not much larger than it must be."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_styles.affine import DIRECTIONS_PER_VARIABLE, Affine, Rounding, exactly, settled
from keras_styles.problems import Float64Array

PRECISE = Rounding("float32")
# Divisions by zero are meant, and say so.
pytestmark = pytest.mark.filterwarnings("error")


def drawn(seed: int, n: int = 4, k: int = 3, size: float = 0.1, lowest: float | None = None) -> Affine:
    """Return numbers with errors up to about `size`; none can come below `lowest`."""
    random = np.random.default_rng(seed)
    value = random.normal(size=n)
    directions, local = size * random.normal(size=(n, k)), size * random.uniform(0, 1, n)
    if lowest is not None:
        value = lowest + np.abs(value) + np.abs(directions).sum(axis=1) + local
    return Affine(value, directions, local)


def sampled(numbers: list[Affine], seed: int) -> list[Float64Array]:
    """Return one outcome of each: shared coefficients for all of them, a coefficient of its own for each local part."""
    random = np.random.default_rng(seed)
    shared = random.choice([-1.0, 1.0], numbers[0].directions.shape[1]) * random.uniform(0.5, 1)
    outcomes = []
    for number in numbers:
        own = random.choice([-1.0, 1.0], len(number.value))
        outcomes.append(number.value + number.directions @ shared + number.local * own)
    return outcomes


OPERATIONS: dict[str, tuple[Callable[..., Affine], Callable[..., Float64Array]]] = {
    "add": (lambda a, b: a + b, lambda a, b: a + b),
    "subtract": (lambda a, b: a - b, lambda a, b: a - b),
    "multiply": (lambda a, b: a.times(b), lambda a, b: a * b),
    "square": (lambda a, b: a.square(), lambda a, b: a * a),
    "scale": (lambda a, b: a.scaled(-2.5), lambda a, b: -2.5 * a),
    "scale each": (lambda a, b: a.scaled(np.array([1.0, -2.0, 0.0, 3.0])), lambda a, b: a * [1.0, -2.0, 0.0, 3.0]),
    "clip": (lambda a, b: a.clipped(0.8), lambda a, b: np.clip(a, -0.8, 0.8)),
    "square root": (lambda a, b: a.square_root(), lambda a, b: np.sqrt(a)),
    "reciprocal": (lambda a, b: a.reciprocal(), lambda a, b: 1 / a),
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1e-6, 0.01, 0.3]))
@example(seed=0, size=0.3)
def test_no_outcome_leaves_the_set(name: str, seed: int, size: float) -> None:
    lowest = 0.01 if name in ("square root", "reciprocal") else None
    a, b = drawn(seed, size=size, lowest=lowest), drawn(seed + 1, size=size)
    ours, theirs = OPERATIONS[name]
    result = ours(a, b)
    np.testing.assert_array_equal(result.value, theirs(a.value, b.value))
    for outcome in range(50):
        difference = np.abs(theirs(*sampled([a, b], outcome)) - result.value)
        assert (difference <= result.radius * (1 + 1e-9)).all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_small_errors_are_bounded_to_first_order(name: str) -> None:
    """With errors of 1e-6 the set is wider than the worst outcome by what is of second order, and no more."""
    lowest = 0.5 if name in ("square root", "reciprocal") else None
    a, b = drawn(3, size=1e-6, lowest=lowest), drawn(4, size=1e-6)
    ours, theirs = OPERATIONS[name]
    result = ours(a, b)
    worst = np.max([np.abs(theirs(*sampled([a, b], i)) - result.value) for i in range(2000)], axis=0)
    assert (worst >= 0.9 * result.radius).all()


def test_what_is_shared_cancels() -> None:
    a = Affine(np.ones(1), np.full((1, 1), 0.1), np.zeros(1))
    assert (a - a).radius == 0
    assert a.times((a + exactly(np.ones(1), 1)).reciprocal()).radius < a.radius / 3


def test_a_root_of_what_may_be_zero_is_bounded_by_its_interval() -> None:
    near = Affine(np.array([1e-6]), np.array([[1e-5]]), np.zeros(1))
    root = near.square_root()
    assert root.radius == pytest.approx(np.sqrt(1.1e-5) - 1e-3)
    assert root.directions == 0


def test_a_quotient_by_what_may_be_zero_promises_nothing() -> None:
    assert np.isinf(Affine(np.ones(1), np.ones((1, 1)), np.zeros(1)).reciprocal().radius)


def test_a_number_that_may_lie_on_either_side_of_a_limit_keeps_its_error() -> None:
    straddling, inside, outside = (Affine(np.array([v]), np.array([[0.1]]), np.array([0.05])) for v in (1.0, 0.5, 1.5))
    assert straddling.clipped(1.0).radius == pytest.approx(0.15)
    assert straddling.clipped(1.0).directions == 0, "past the limit it moves with nothing"
    assert inside.clipped(1.0).directions == 0.1
    assert inside.clipped(1.0).local == 0.05
    assert outside.clipped(1.0).radius == 0


def test_rounding_is_relative_to_the_largest_intermediate() -> None:
    number = Affine(np.array([2.0]), np.array([[0.5]]), np.array([0.5]))
    u, tiny = PRECISE.unit, PRECISE.tiny
    assert number.rounded(PRECISE).local - 0.5 == pytest.approx(3 * u / (1 - u) + tiny, rel=1e-6)
    assert number.rounded(PRECISE, 2).local - 0.5 == pytest.approx(6 * u, rel=1e-6)
    assert number.rounded(PRECISE, 1, np.array([10.0])).local - 0.5 == pytest.approx(10 * u, rel=1e-6)
    assert number.rounded(PRECISE, 1, np.array([1.0])).local - 0.5 == pytest.approx(3 * u, rel=1e-6)
    nothing = exactly(np.zeros(1), 0)
    assert nothing.rounded(PRECISE, 3).local == 3 * tiny


def test_a_number_that_may_leave_the_range_has_no_bound() -> None:
    largest = PRECISE.largest
    assert np.isfinite(exactly(np.array([largest / 2]), 0).rounded(PRECISE).local)
    assert np.isinf(exactly(np.array([largest]), 0).rounded(PRECISE).local)
    assert np.isinf(exactly(np.ones(1), 0).rounded(PRECISE, 1, np.array([largest])).local)


def test_settling_makes_local_errors_shared_and_changes_no_radius() -> None:
    numbers = {"a": drawn(0), "b": drawn(1)}
    after = settled(numbers)
    for name, number in after.items():
        assert (number.local == 0).all()
        np.testing.assert_allclose(number.radius, numbers[name].radius, rtol=1e-12)
        assert number.directions.shape == (4, 3 + 8)
    np.testing.assert_array_equal(after["a"].directions[:, 3:7], np.diag(numbers["a"].local))
    assert (after["a"].directions[:, 7:] == 0).all()


def test_what_is_nearest_to_an_axis_is_folded_first() -> None:
    """However large it is: folding an axis loses nothing (Girard 2005)."""
    most = 2 * DIRECTIONS_PER_VARIABLE
    diagonal = np.linspace(0.1, 0.2, most)
    skewed = np.stack([diagonal, -diagonal])
    axes = np.zeros((2, most + 1))
    axes[0, ::2], axes[1, 1::2] = 5.0, 7.0
    number = Affine(np.zeros(2), np.concatenate([axes, skewed], axis=1), np.zeros(2))
    found = settled({"number": number})["number"]
    assert found.directions.shape == (2, most + 2)
    assert sorted(found.directions[0, :most]) == sorted(diagonal)
    np.testing.assert_allclose(found.radius, number.radius, rtol=1e-14)
    full = Affine(np.zeros(2), np.concatenate([axes[:, :most], skewed], axis=1), np.zeros(2))
    kept = settled({"number": full})["number"].directions
    assert kept.tobytes() == full.directions.tobytes(), "as many as there may be are kept as they are"
    one_own = Affine(np.zeros(2), np.ones((2, 1)), np.array([0.0, 3.0]))
    assert settled({"number": one_own})["number"].directions.tolist() == [[1, 0], [1, 3]]


def test_the_root_of_nothing_is_nothing() -> None:
    found = exactly(np.zeros(1)).square_root()
    assert (found.value.item(), found.radius.item()) == (0.0, 0.0)


def test_a_root_is_linear_while_that_leaves_less_than_half_of_its_interval() -> None:
    """At 1: an error of 0.6 leaves 0.48 of the interval, one of 0.7 would leave 0.82."""
    for radius, linear in ((0.6, True), (0.7, False), (0.95, False)):
        found = Affine(np.ones(1), np.full((1, 1), radius), np.zeros(1)).square_root()
        furthest = 1 - (1 - radius) ** 0.5
        remainder = radius**2 / 8 / (1 - radius) ** 1.5
        assert found.directions.item() == (radius / 2 if linear else 0.0)
        np.testing.assert_allclose(found.local, remainder if linear else furthest, rtol=1e-12)


def test_an_error_that_just_reaches_zero_leaves_nothing_of_a_reciprocal() -> None:
    found = Affine(np.ones(1), np.full((1, 1), 0.75), np.full(1, 0.25)).reciprocal()
    assert (found.value.item(), found.directions.item(), found.local.item()) == (0.0, 0.0, np.inf)
    assert Affine(np.zeros(1), np.zeros((1, 1)), np.zeros(1)).reciprocal().local.item() == np.inf


def test_the_set_contains_every_error_it_was_told_of_and_not_much_more() -> None:
    """The worst errors conspire: each has the sign that pushes one variable furthest at the end."""
    random = np.random.default_rng(0)
    symmetric = random.normal(size=(3, 3))
    contraction = np.eye(3) - 0.1 * symmetric @ symmetric.T
    locals_ = random.uniform(0, 1, (100, 3))
    theta = exactly(np.zeros(3), 0)
    for local in locals_:
        theta = settled({"theta": Affine(np.zeros(3), contraction @ theta.directions, local)})["theta"]
        assert theta.directions.shape[1] <= 2 * DIRECTIONS_PER_VARIABLE * 3
    powers = [np.linalg.matrix_power(contraction, 99 - step) for step in range(100)]
    for variable in range(3):
        worst = np.zeros(3)
        for power, local in zip(powers, locals_, strict=True):
            worst += power @ (np.sign(power[variable]) * local)
        assert worst[variable] <= theta.radius[variable] * (1 + 1e-12)
        assert worst[variable] >= theta.radius[variable] * 0.85, "folding has widened the box by more than it may"


def test_the_unit_of_rounding_is_that_of_both_trainings() -> None:
    assert Rounding("float32").unit == 2.0**-24 + 2.0**-53
    assert Rounding("float64").unit == 2.0**-52
    assert Rounding("float32").gamma(10) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    assert Rounding("float32").gamma(2**24) == np.inf


def test_just_at_a_limit_is_still_on_one_side_of_it() -> None:
    inside = Affine(np.array([0.75]), np.array([[0.25]]), np.zeros(1)).clipped(1.0)
    outside = Affine(np.array([1.25]), np.array([[0.25]]), np.zeros(1)).clipped(1.0)
    assert (inside.directions.item(), inside.local.item()) == (0.25, 0.0)
    assert (outside.directions.item(), outside.local.item()) == (0.0, 0.0)


def test_a_root_and_a_reciprocal_by_hand() -> None:
    number = Affine(np.array([4.0]), np.array([[0.1]]), np.array([0.05]))
    root = number.square_root()
    assert root.value == 2
    assert root.directions.item() == pytest.approx(0.1 / 4)
    assert root.local.item() == pytest.approx(0.05 / 4 + 0.15**2 / 8 * 3.85**-1.5)
    inverse = number.reciprocal()
    assert inverse.value == 0.25
    assert inverse.directions.item() == pytest.approx(-0.1 / 16)
    assert inverse.local.item() == pytest.approx((0.05 + 0.15**2 / 3.85) / 16)
