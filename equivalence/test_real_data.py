"""Real data: the tutorial's hours and scores under the seed's recipe, and NIST's Norris against certified values."""

from dataclasses import replace

import numpy as np
import pytest

from equivalence.agreement import assert_styles_agree
from keras_styles import runtime
from keras_styles.problems import Array, Float64Array, TableProblem
from keras_styles.recipes import DType, Recipe
from keras_styles.reference import BIAS, KERNEL, largest_curvature, train_reference
from keras_styles.styles import STYLES
from keras_styles.training import Trainer
from keras_styles.training_record import Record

STUDY_HOURS = TableProblem(source="study_hours")
NORRIS = TableProblem(source="nist_norris")
STANDARDIZED_NORRIS = TableProblem(source="nist_norris", standardized=True)

# Certified by NIST's Statistical Reference Datasets: https://www.itl.nist.gov/div898/strd/lls/data/Norris.shtml
CERTIFIED_SLOPE = 1.00211681802045
CERTIFIED_INTERCEPT = -0.262323073774029

# In standardized coordinates the Hessian is 2 I, so each epoch leaves |1 - 2 lr| = 0.6 of the error.
TO_CONVERGENCE = Recipe(epochs=300, snapshot_every=30, learning_rate=0.2)


def final_weights(record: Record) -> tuple[float, float]:
    final = record.snapshots[-1].weights
    return final[KERNEL].item(), final[BIAS].item()


@pytest.mark.parametrize("snapshot_every", [None, 30])
def test_hours_and_scores_under_the_recipe_of_the_seed(
    trainer: Trainer, contract_seed: int, snapshot_every: int | None
) -> None:
    """SGD 0.01, mse, 300 epochs; the least-squares line through the tutorial's points is 10.65 x + 0.97."""
    records = assert_styles_agree(trainer, STUDY_HOURS, Recipe(snapshot_every=snapshot_every, seed=contract_seed))
    weight, bias = final_weights(records["functional"])
    assert weight == pytest.approx(10.65, abs=0.1)
    assert bias == pytest.approx(0.97, abs=0.6)  # 300 epochs have not quite brought it there


def test_norris_in_its_own_units(trainer: Trainer, contract_seed: int) -> None:
    recipe = Recipe(epochs=60, snapshot_every=10, seed=contract_seed)
    rate = 1 / largest_curvature(NORRIS, recipe)
    assert_styles_agree(trainer, NORRIS, replace(recipe, learning_rate=rate))


@pytest.mark.skipif(
    runtime.computed_in("float64").product != "float64",
    reason="Keras multiplies float64 matrices in float32 on this engine, which leaves no ninth digit to reach",
)
def test_norris_in_float64_reaches_nine_certified_digits(trainer: Trainer, contract_seed: int) -> None:
    recipe = replace(TO_CONVERGENCE, dtype="float64", seed=contract_seed)
    records = assert_styles_agree(trainer, STANDARDIZED_NORRIS, recipe)
    for style in STYLES:
        slope, intercept = STANDARDIZED_NORRIS.original_coordinates(*final_weights(records[style]))
        assert slope == pytest.approx(CERTIFIED_SLOPE, rel=5e-10), style
        assert intercept == pytest.approx(CERTIFIED_INTERCEPT, rel=5e-10), style


# Where products are float64, the digits that NIST prints and the map back are coarser than the bound.
@pytest.mark.parametrize("dtype", [d for d in ("float32", "float64") if runtime.computed_in(d).product == "float32"])
def test_norris_is_within_the_bound_of_the_certified_values(trainer: Trainer, contract_seed: int, dtype: DType) -> None:
    """What may lie between a style and NIST: the rounding of the training, derived, and that of the data, derived."""
    recipe = replace(TO_CONVERGENCE, dtype=dtype, seed=contract_seed)
    records = assert_styles_agree(trainer, STANDARDIZED_NORRIS, recipe)
    start = records["functional"].initial_weights
    computed_in = runtime.computed_in(dtype)
    final = train_reference(STANDARDIZED_NORRIS, recipe, start, computed_in).snapshots[-1].weights
    of_data = bound_of_rounding_the_data(*STANDARDIZED_NORRIS.arrays("float64"), dtype)
    weight_bound = final[KERNEL].bound.item() + of_data[0]
    bias_bound = final[BIAS].bound.item() + of_data[1]
    # The map back is affine, so a difference maps to the difference of two mapped points.
    zero = STANDARDIZED_NORRIS.original_coordinates(0.0, 0.0)
    far_weight = STANDARDIZED_NORRIS.original_coordinates(weight_bound, 0.0)
    far_bias = STANDARDIZED_NORRIS.original_coordinates(0.0, bias_bound)
    slope_bound = far_weight[0] - zero[0]
    intercept_bound = abs(far_weight[1] - zero[1]) + (far_bias[1] - zero[1])
    for style in STYLES:
        slope, intercept = STANDARDIZED_NORRIS.original_coordinates(*final_weights(records[style]))
        assert abs(slope - CERTIFIED_SLOPE) <= slope_bound, style
        assert abs(intercept - CERTIFIED_INTERCEPT) <= intercept_bound, style
    assert slope_bound < 1e-4, "a bound this loose would accept a wrong slope"


def bound_of_rounding_the_data(x: Array, y: Array, dtype: DType) -> Float64Array:
    """Bound what rounding x and y to `dtype` does to the least-squares solution, shape (2,).

    First-order componentwise perturbation (Higham 2002, section 20.1): u (|A^+| (|y| + |dA| |theta|) +
    |(A^T A)^-1| |dA|^T |r|), where the column of ones carries no error; doubled for the terms of higher order.
    """
    a = np.concatenate([x, np.ones_like(x)], axis=1)
    rounded = np.concatenate([np.abs(x), np.zeros_like(x)], axis=1)
    inverse = np.linalg.inv(a.T @ a)
    pseudo_inverse = inverse @ a.T
    theta = pseudo_inverse @ y
    residual = np.abs(y - a @ theta)
    first_order = np.abs(pseudo_inverse) @ (np.abs(y) + rounded @ np.abs(theta)) + np.abs(inverse) @ (
        rounded.T @ residual
    )
    bound: Float64Array = 2 * float(np.finfo(dtype).eps) / 2 * first_order[:, 0]
    return bound
