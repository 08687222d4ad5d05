"""The command line: `keras-styles report` builds the page, `keras-styles check` repeats one case."""

import ast
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from keras_styles.errors import KerasStylesError
from keras_styles.problems import LinearProblem, Problem, TableProblem
from keras_styles.recipes import Recipe
from keras_styles.records import results_folder

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
    console.print(str(page), markup=False)


@app.command()
def check(
    problem: Annotated[str, typer.Argument(help="For example \"TableProblem(source='mine.csv')\".")],
    recipe: Annotated[str, typer.Argument(help='For example "Recipe(learning_rate=0.02)".')] = "Recipe()",
) -> None:
    """Train one problem in all three styles and show whether they agree; the exit code is 1 if they do not."""
    from keras_styles import runtime
    from keras_styles.architectures.linear_regression import ARCHITECTURE
    from keras_styles.comparison import compare_styles, compare_with_reference, explain, failures
    from keras_styles.training import Trainer

    case = read_problem(problem), read_recipe(recipe)
    device = runtime.chosen_device()
    with console.status("training the three styles"):
        records = Trainer(ARCHITECTURE, device).train_styles(*case)
        comparisons = compare_styles(records) + [c for r in records.values() for c in compare_with_reference(r)]
    table = Table("style", "against", "compared", "agree", "worst margin of the bound")
    for left, right in dict.fromkeys((c.left, c.right) for c in comparisons):
        pair = [c for c in comparisons if (c.left, c.right) == (left, right)]
        margins = [c.margin for c in pair if c.margin is not None]
        agree = len(pair) - len(failures(pair))
        to_the_bit = "to the bit" if pair[0].tier == 0 else ""
        table.add_row(left, right, str(len(pair)), str(agree), f"{max(margins):.3g}" if margins else to_the_bit)
    console.print(table)
    failed = failures(comparisons)
    if failed:
        console.print(explain(failed[0], records[failed[0].left], others=len(failed) - 1), markup=False)
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


def _read_call(text: str, classes: tuple[type[Any], ...]) -> Any:
    """Build an instance from its repr without executing it: only literals are accepted as arguments."""
    names = {cls.__name__: cls for cls in classes}
    expected = " or ".join(f"{name}(...)" for name in names)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names):
            raise CaseError(f"{text!r} is not of the form {expected}; copy it from the failure's text.")
        if call.args or any(keyword.arg is None for keyword in call.keywords):
            raise CaseError(f"{text!r} has arguments without a name; write name=value for each.")
        values = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        return names[call.func.id](**values)
    except (SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, KerasStylesError):
            raise
        raise CaseError(f"{text!r} cannot be read as {expected} ({error}); copy it from the failure's text.") from error


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2."""
    try:
        app()
    except KerasStylesError as error:
        console.file = sys.stderr
        console.print(f"keras-styles: {error}", markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
