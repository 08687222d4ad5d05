"""The command line: `keras-styles report` builds the page, `keras-styles check` repeats one case."""

import ast
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from keras_styles.errors import KerasStylesError
from keras_styles.problems import LinearProblem, Problem, TableProblem
from keras_styles.recipes import Recipe
from keras_styles.records import results_folder

if TYPE_CHECKING:
    from keras_styles.training_record import Weights

EXAMPLE = "TableProblem(source='mine.csv', standardized=True) and Recipe(learning_rate=0.1)"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True, highlight=False)


class CaseError(KerasStylesError):
    """A problem or recipe on the command line that cannot be read."""


@app.callback()
def _keras_styles() -> None:
    """Show that Keras' three model styles compute the same, and what each costs."""


@app.command()
def report(
    results: Annotated[Path | None, typer.Option(help="Folder of the records; results/ if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the page; dashboard/ in the results.")] = None,
) -> None:
    """Build the page from the records and print its path."""
    from keras_styles.dashboard.page import write_page

    folder = results or results_folder()
    page, summary = write_page(folder, out or folder / "dashboard")
    for sentence in summary.set_aside:
        console.print(f"Set aside: {sentence}", markup=False)
    console.print(str(page.resolve()), markup=False)


@app.command()
def check(
    problem: Annotated[str, typer.Argument(help="For example \"TableProblem(source='mine.csv', standardized=True)\".")],
    recipe: Annotated[str, typer.Argument(help='For example "Recipe(learning_rate=0.1)".')] = "Recipe()",
    architecture: Annotated[str, typer.Option(help="Name of the architecture.")] = "linear_regression",
    start: Annotated[str | None, typer.Option(help="Weights to start at, JSON by variable name.")] = None,
) -> None:
    """Train one problem in all three styles; the exit code is 0 if they agree, 1 if they differ or diverge."""
    from keras_styles import architectures, runtime
    from keras_styles.comparison import compare_all, failures
    from keras_styles.explanation import explain
    from keras_styles.training import Trainer

    case = read_problem(problem), read_recipe(recipe), read_start(start)
    device = runtime.chosen_device()
    model = architectures.load(architecture)
    runtime.make_deterministic(True)  # as the suite does whose failures are repeated here
    with console.status("training the three styles"):
        records = Trainer(model, device).train_styles(*case)
        comparisons = compare_all(records)
    table = Table("style", "against", "compared", "agree", "worst margin of the bound")
    for left, right in dict.fromkeys((c.left, c.right) for c in comparisons):
        pair = [c for c in comparisons if (c.left, c.right) == (left, right)]
        margins = [c.margin for c in pair if c.margin is not None]
        failed = failures(pair)
        verdict = failed[0].verdict.value if failed else "equal bits"
        agree = str(len(pair) - len(failed))
        table.add_row(left, right, str(len(pair)), agree, f"{max(margins):.3g}" if margins else verdict)
    console.print(table)
    if failures(comparisons):
        console.print(explain(comparisons, records), markup=False)
        raise typer.Exit(1)
    console.print("The three styles agree.")


def read_problem(text: str) -> Problem:
    """Return the problem that `text` is the repr of.

    Raises:
        CaseError: if it is none.
    """
    read = _read_call(text, (LinearProblem, TableProblem))
    assert isinstance(read, LinearProblem | TableProblem)
    return read


def read_recipe(text: str) -> Recipe:
    """Return the recipe that `text` is the repr of.

    Raises:
        CaseError: if it is none.
    """
    read = _read_call(text, (Recipe,))
    assert isinstance(read, Recipe)
    return read


def read_start(text: str | None) -> "Weights | None":
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
        values = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        return names[call.func.id](**values)
    except (SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, KerasStylesError):
            raise
        raise CaseError(f"{text!r} cannot be read as {expected} ({error}); write for example {EXAMPLE}.") from error


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2."""
    try:
        app()
    except KerasStylesError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"keras-styles: {error}", markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
