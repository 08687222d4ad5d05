"""Problems: the repr rebuilds the arrays, the ingredients mean what they say, and bad data end in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given

from keras_styles.cases import read_problem
from keras_styles.errors import KerasStylesError
from keras_styles.problems import (
    Array,
    ExpressionProblem,
    Float64Array,
    LinearProblem,
    ProblemError,
    TableProblem,
    checked_arrays,
)
from keras_styles.strategies import degenerate_problems, linear_problems

EXPECTED_X_BITS = [[1073406148, 1047632963], [1072175203, 3195448501], [1073805308, 1065771905]]
EXPECTED_Y_BITS = [[1088701594], [1086727362], [1086207057]]


@given(linear_problems() | degenerate_problems())
@example(LinearProblem(weights=(1e30, -1e-30), scale=1e-30, condition=1000.0))
def test_repr_is_python_that_rebuilds_the_same_arrays(problem: LinearProblem) -> None:
    rebuilt = eval(repr(problem), {"LinearProblem": LinearProblem})
    assert rebuilt == problem
    for ours, theirs in zip(problem.arrays(), rebuilt.arrays(), strict=True):
        assert ours.tobytes() == theirs.tobytes()
        assert ours.dtype == np.float32
    x, y = problem.arrays()
    assert x.shape == (problem.samples, problem.features)
    assert y.shape == (problem.samples, 1)


def test_a_generated_problem_keeps_its_bits_across_machines_and_versions() -> None:
    """Records name a problem by its repr, so what it rebuilds may never change."""
    x, y = LinearProblem(weights=(3.0, -1.0), bias=1.0, samples=3, noise=0.5, offset=2.0, condition=10.0).arrays()
    assert x.view(np.uint32).tolist() == EXPECTED_X_BITS
    assert y.view(np.uint32).tolist() == EXPECTED_Y_BITS


def test_noise_free_data_lie_on_the_line() -> None:
    x, y = LinearProblem(weights=(3.0, -2.0), bias=0.5, samples=50, offset=7.0).arrays()
    np.testing.assert_allclose(y[:, 0], 3 * x[:, 0] - 2 * x[:, 1] + 0.5, rtol=1e-5, atol=1e-5)


def test_ingredients_do_what_they_say() -> None:
    def singular_values(**ingredients: float) -> Float64Array:
        x, _ = LinearProblem(weights=(1.0,) * 4, samples=4000, **ingredients).arrays("float64")  # type: ignore[arg-type]
        values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
        scaled: Float64Array = values / np.sqrt(len(x))
        return scaled

    plain, spread = singular_values(), singular_values(condition=1000.0)
    assert plain == pytest.approx(1, abs=0.1)
    assert spread == pytest.approx([1, 0.1, 0.01, 0.001], rel=0.1)
    assert singular_values(scale=50.0) == pytest.approx(50 * plain)
    assert singular_values(collinear=True)[1:] == pytest.approx(0, abs=1e-12)
    assert singular_values(scale=0.0, offset=3.0) == pytest.approx(0, abs=1e-12)


def test_standardized_table_maps_back_to_its_own_units() -> None:
    table, standardized = (TableProblem(source="nist_norris", standardized=flag) for flag in (False, True))
    x, y = standardized.arrays("float64")
    assert [x.mean(), y.mean()] == pytest.approx([0, 0], abs=1e-12)
    assert [x.std(), y.std()] == pytest.approx([1, 1])
    slope, intercept = standardized.original_coordinates(0.5, 0.25)
    raw_x, raw_y = table.arrays("float64")
    predicted = (0.5 * x + 0.25) * raw_y.std() + raw_y.mean()
    np.testing.assert_allclose(slope * raw_x + intercept, predicted)


BAD_INGREDIENTS = [
    ({"weights": ()}, "at least one weight"),
    ({"weights": (float("nan"),)}, "finite weights"),
    ({"weights": (1.0,), "samples": 0}, "at least one sample"),
    ({"weights": [1.0]}, "in a tuple"),
    ({"weights": (1.0,), "samples": 2.5}, "a whole number"),
    ({"weights": (1.0,), "data_seed": -1}, "data_seed from 0 to 4294967295"),
    ({"weights": (1.0,), "noise": float("inf")}, "finite noise"),
    ({"weights": (1.0,), "condition": 0.5}, "condition >= 1"),
]


@pytest.mark.parametrize(("ingredients", "words"), BAD_INGREDIENTS)
def test_bad_ingredients_are_refused(ingredients: dict[str, float], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        LinearProblem(**ingredients)  # type: ignore[arg-type]


def test_data_past_the_range_of_the_dtype_are_refused() -> None:
    with pytest.raises(ProblemError, match=r"x\[0, 0\] is -?inf in float32, the first of 32"):
        LinearProblem(weights=(1.0,), scale=1e300).arrays()


BAD_ARRAYS = [
    (np.ones((3, 1)), np.ones((2, 1)), "x has 3 samples but y has 2; drop or add rows"),
    (np.ones((0, 1)), np.ones((0, 1)), "nothing to train on; add data"),
    (np.ones(3), np.ones((3, 1)), r"reshape them to \(samples, features\) and \(samples, 1\)"),
    (np.ones((3, 1)), np.ones(3), r"reshape them to \(samples, features\) and \(samples, 1\)"),
    (np.array([[1.0], [np.nan]]), np.ones((2, 1)), r"x\[1, 0\] is nan in float64, the first of 1 values"),
    (np.ones((2, 1)), np.array([[np.inf], [np.inf]]), r"y\[0, 0\] is inf in float64, the first of 2 values"),
]


@pytest.mark.parametrize(("x", "y", "words"), BAD_ARRAYS)
def test_bad_arrays_end_in_one_sentence(x: np.ndarray, y: np.ndarray, words: str) -> None:
    with pytest.raises(ProblemError, match=words) as error:
        checked_arrays(x, y, where="my data")
    assert str(error.value).startswith("my data: ")
    assert isinstance(error.value, KerasStylesError)


BAD_TABLES = [
    ("", "needs a header"),
    ("x,y\n", "least one row below it"),
    ("x\n1\n", "at least two columns"),
    ("x;y\n1;2\n", "separated by commas"),
    ("1,2\n3,4\n", "begins with numbers; put a line with the columns' names above them"),
    ("x,y\n1,2\n3\n", "has 1 values in row 3, not 2"),
    ("x,y\n1,two\n", "'two' in row 2, column 'y', which is no number"),
    ("x,y\n\n1,nan\n", "'nan' in row 3, column 'y', which is not finite"),
]


@pytest.mark.parametrize(("text", "words"), BAD_TABLES)
def test_bad_tables_end_in_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProblemError, match=words):
        TableProblem(source=str(path), standardized=True).arrays()


def test_a_table_as_spreadsheets_write_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b'\xef\xbb\xbf"x","y"\r\n"1","2"\r\n\r\n3,4\r\n')
    x, y = TableProblem(source=str(path)).arrays()
    assert (x.tolist(), y.tolist()) == ([[1.0], [3.0]], [[2.0], [4.0]])


def test_missing_and_constant_tables_end_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="give the path of a CSV file, or one of nist_norris, study_hours"):
        TableProblem(source="no_such_table").arrays()
    path = tmp_path / "constant.csv"
    path.write_text("x,y\n1,2\n1,3\n", encoding="utf-8")
    with pytest.raises(ProblemError, match="constant column"):
        TableProblem(source=str(path), standardized=True).arrays()


def test_expressions_come_to_what_their_trees_say() -> None:
    """Worked out once more from what the columns say, and exactly: all numbers are sums of powers of two."""
    x, y = ExpressionProblem(samples=60, operations=4, data_seed=3).arrays("float64")
    forest = x.reshape(60, -1, 4)

    def value(nodes: Array, place: int) -> float:
        kind, left, right, number = nodes[place]
        if not kind:
            return float(number)
        a, b = value(nodes, int(left)), value(nodes, int(right))
        return {1: a + b, 2: a - b, 3: a * b}[int(kind)]

    assert [value(nodes, -1) for nodes in forest] == y[:, 0].tolist()
    assert {int((nodes[:, 0] > 0).sum()) for nodes in forest} == {0, 1, 2, 3, 4}
    assert set(forest[..., 0].ravel()) == {0, 1, 2, 3}


def test_an_expression_problem_prints_as_python_and_refuses_what_it_cannot_be() -> None:
    problem = ExpressionProblem(samples=3, operations=2, data_seed=7)
    assert read_problem(repr(problem)) == problem
    assert problem.arrays()[0].shape == (3, problem.features)
    with pytest.raises(ProblemError, match="ExpressionProblem needs operations from 1 to 100, a whole number, not "):
        ExpressionProblem(operations=0)
