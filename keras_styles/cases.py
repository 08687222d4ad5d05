"""Cases: problems, recipes and weights read from the text that they print as, without executing any of it."""

import ast
import json
from typing import Any

import numpy as np

from keras_styles.errors import KerasStylesError
from keras_styles.problems import ExpressionProblem, LinearProblem, Problem, TableProblem
from keras_styles.recipes import Recipe
from keras_styles.training_record import Weights

EXAMPLE = "TableProblem(source='mine.csv', standardized=True) and Recipe(learning_rate=0.1)"


class CaseError(KerasStylesError):
    """A problem or recipe that cannot be read."""


def read_problem(text: str) -> Problem:
    """Return the problem that `text` is the repr of.

    Raises:
        CaseError: if it is none.
    """
    read = _read_call(text, (LinearProblem, TableProblem, ExpressionProblem))
    assert isinstance(read, ExpressionProblem | LinearProblem | TableProblem)
    return read


def read_recipe(text: str) -> Recipe:
    """Return the recipe that `text` is the repr of.

    Raises:
        CaseError: if it is none.
    """
    read = _read_call(text, (Recipe,))
    assert isinstance(read, Recipe)
    return read


def read_start(text: str | None) -> Weights | None:
    """Return the weights that a JSON object of nested lists holds by name, None for None.

    Raises:
        CaseError: if it is no such object.
    """
    if text is None:
        return None
    try:
        return {name: np.array(values, dtype="float64") for name, values in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise CaseError(
            f"--start {text!r} is no JSON object with arrays of numbers by name ({error}); copy it from the failure."
        ) from error


def _read_call(text: str, classes: tuple[type[Any], ...]) -> Any:
    """Build an instance from its repr without executing it: only literals are accepted as arguments."""
    names = {cls.__name__: cls for cls in classes}
    expected = " or ".join(f"{name}(...)" for name in names)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names):
            raise CaseError(f"{text!r} is not of the form {expected}; write for example {EXAMPLE}.")
        if call.args or any(keyword.arg is None for keyword in call.keywords):
            raise CaseError(f"{text!r} has arguments without a name; write name=value for each.")
        values = {str(keyword.arg): _literal(keyword) for keyword in call.keywords}
        return names[call.func.id](**values)
    except (SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, KerasStylesError):
            raise
        raise CaseError(f"{text!r} cannot be read as {expected} ({error}); write for example {EXAMPLE}.") from error


def _literal(keyword: ast.keyword) -> Any:
    try:
        return ast.literal_eval(keyword.value)
    except ValueError as error:
        value = ast.unparse(keyword.value)
        raise ValueError(f"{keyword.arg}={value} is no number, text in quotes, tuple or dictionary of such") from error
