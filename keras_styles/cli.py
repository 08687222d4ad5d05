"""The command line: the site, one case and a failed one again, the ledger and its probes, costs and their gate."""

import contextlib
import os
import shutil
import sys
import traceback
import webbrowser
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from keras_styles.cases import read_problem, read_recipe, read_start
from keras_styles.differences import Difference
from keras_styles.engines import ENGINE_VARIABLE, ENGINES
from keras_styles.errors import KerasStylesError
from keras_styles.records import (
    ResultsError,
    newest_differences,
    require_writable,
    results_folder,
    save_differences,
)
from keras_styles.reproduction import CaseFolderError, arrays_of, read
from keras_styles.styles import STYLES

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
# Columns that a table of numbers may take.
WIDEST = 1_000
# What a table of costs takes with its intervals drawn.
NARROWEST = 140
# Of a bug of ours: 1 would say that styles differ or that something is slower, 2 that somebody asked in a wrong way.
EXIT_BUG: Final = 3
EXIT_INTERRUPTED: Final = 130  # as shells have it: 128 and the number of the signal

console = Console(soft_wrap=True, highlight=False)


@app.callback()
def _keras_styles() -> None:
    """Show that Keras' three model styles compute the same, and what each costs."""


@app.command()
def dashboard(
    results: Annotated[Path | None, typer.Option(help="Folder of the records; results/ if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the site; dashboard/ in the results.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Build the site from the records and print the path of its first page."""
    from keras_styles.dashboard.site import build_site

    folder = _records(results)
    with console.status("building the site"):
        page, content = build_site(folder, out or folder / "dashboard")
    for sentence in content.set_aside:
        console.print(f"Set aside: {sentence}", markup=False)
    console.print(str(page.resolve()), markup=False)
    # Not typer's `launch`, which says nothing where it can open nothing.
    if open_it and not webbrowser.open(page.resolve().as_uri()):
        console.print("No browser could be started; open that page in one.")


@app.command()
def check(
    problem: Annotated[str, typer.Argument(help="For example \"TableProblem(source='mine.csv', standardized=True)\".")],
    recipe: Annotated[str, typer.Argument(help='For example "Recipe(learning_rate=0.1)".')] = "Recipe()",
    architecture: Annotated[str, typer.Option(help="Name of the architecture.")] = "linear_regression",
    start: Annotated[str | None, typer.Option(help="Weights to start at, JSON by variable name.")] = None,
) -> None:
    """Train one problem in all three styles; the exit code is 0 if they agree, 1 if not or if nothing moved."""
    from keras_styles import architectures, runtime
    from keras_styles.comparison import compare_all, failures
    from keras_styles.reproduction import Failure, explain_and_keep
    from keras_styles.training import Trainer

    case = read_problem(problem), read_recipe(recipe), read_start(start)
    device = runtime.chosen_device()
    model = architectures.load(architecture)
    if len(model.styles) < 2:
        raise architectures.ArchitectureError(
            f"Only {model.styles[0]} can express {architecture}, so there is nothing to compare; choose another one."
        )
    runtime.make_deterministic(True)  # as the suite does whose failures are repeated here
    with console.status(f"training {', '.join(model.styles)}"):
        trainer = Trainer(model, device)
        records = trainer.train_styles(*case)
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
        with console.status("training it again, with a look after every step"):
            text = explain_and_keep(Failure.by(trainer, comparisons, records), results_folder())
        console.print(text, markup=False)
        raise typer.Exit(1)
    if not any(record.moved for record in records.values()):
        console.print("No training moved a weight, so that they agree proves nothing; raise the learning rate.")
        raise typer.Exit(1)
    console.print("The three styles agree." if len(records) == len(STYLES) else f"{' and '.join(records)} agree.")


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="A failing case, as a failure names it after `kept in`.")],
) -> None:
    """Train a kept case again and show where it parts; the exit code is 1 if it still fails, 0 if it does not."""
    kept = read(folder)
    if (chosen := os.environ.get(ENGINE_VARIABLE)) and chosen != kept.engine:
        raise CaseFolderError(
            f"The case was found with {kept.engine}, but {ENGINE_VARIABLE}={chosen} is set; set "
            f"{ENGINE_VARIABLE}={kept.engine} or nothing at all."
        )
    os.environ[ENGINE_VARIABLE] = kept.engine
    # Not before: it imports the engine that was just chosen.
    from keras_styles.replay import train_case
    from keras_styles.trajectories import step_table, trajectories_of, write_picture

    console.print(kept.message, markup=False)
    with console.status("training it again"):
        now = train_case(kept)
    for sentence in now.changed:
        console.print(f"Other than then: {sentence}.", markup=False)
    if now.steps is None:
        console.print(f"It does not fail any more: {kept.case.left} and {kept.case.right} agree.", markup=False)
    else:
        first = now.steps.first or now.steps.found
        console.print(f"It still fails; it begins at {first.stage}: {first.where}.", markup=False)
    shown = trajectories_of(kept.case, arrays_of(now.steps) if now.steps else kept.arrays)
    pair = f"{kept.case.left} and {kept.case.right}"
    title = f"{pair}, trained again" if now.steps else f"{pair}, as they were kept; they agree by now"
    table = step_table(kept.case, shown, title)
    if table is None:
        console.print("The weights do not part at any step.")
    else:  # whole numbers however narrow the terminal: half of one shows nothing
        Console(width=WIDEST, highlight=False).print(table)
    console.print(str(write_picture(folder, kept.case, shown, title)), markup=False)
    if now.steps:
        raise typer.Exit(1)


@app.command()
def differences(
    identifier: Annotated[str | None, typer.Argument(metavar="[ID]", help="An entry, as in T-01; all if none.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run the probes on every engine, and save what they saw.")] = False,
    page: Annotated[Path | None, typer.Option(help="Write the whole ledger as Markdown into this file.")] = None,
) -> None:
    """List where the styles are known to differ, or explain one entry; with --run, see whether each still holds."""
    from keras_styles import ledger_text
    from keras_styles.differences import find, ledger

    chosen = ledger() if identifier is None else (find(identifier),)
    if run:
        _run_probes(chosen)
    elif page is not None:
        page.write_text(ledger_text.page(ledger(), newest_differences(results_folder())), encoding="utf-8")
        console.print(str(page.resolve()), markup=False)
    elif identifier is None:
        console.print(ledger_text.table(chosen))
    else:
        console.print(ledger_text.explanation(chosen[0]))


@app.command()
def costs(
    results: Annotated[Path | None, typer.Option(help="Folder of the records; results/ if not given.")] = None,
) -> None:
    """Print what each style costs, by the largest saved run of each machine, engine and device; of these the newest."""
    from keras_styles.costs_text import costs_tables, fits_table, verdict_sentence
    from keras_styles.dashboard.summary import summarize

    folder = _records(results)
    summary = summarize(folder)
    for sentence in summary.set_aside:
        console.print(f"Set aside: {sentence}", markup=False)
    if not summary.with_costs:
        raise ResultsError(
            f"There is no run of the benchmark under {folder}; run pytest bench/ --benchmark-save first."
        )
    wide = Console(width=max(console.width, NARROWEST), highlight=False)
    for section in summary.with_costs:
        file, made = section.files["benchmark"], section.made["benchmark"]
        newer = f"; {len(section.smaller)} newer ones measured less" if section.smaller else ""
        console.print(f"{file}, of {made.moment:%Y-%m-%d %H:%M}{newer}", markup=False)
        for conclusion in section.conclusions.values():
            console.print(verdict_sentence(conclusion), markup=False)
            for table in costs_tables(conclusion):
                wide.print(table)
            if fits := fits_table(conclusion):
                wide.print(fits)


@app.command()
def summary(
    results: Annotated[Path | None, typer.Option(help="Folder of the records; results/ if not given.")] = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Address of the page that shows all of them.")] = None,
) -> None:
    """Print what the newest records come to, as Markdown for a pull request; it decides nothing, so it exits with 0."""
    from keras_styles.pull_request import pull_request_text

    typer.echo(pull_request_text(_records(results), link))


@app.command()
def calibrate(
    pairs: Annotated[
        int, typer.Option(min=30, help="Of processes; six times those of a gate tell how often it is right.")
    ] = 42,
    architecture: Annotated[
        list[str] | None, typer.Option(help="What to measure, as in gate; can be repeated.")
    ] = None,
) -> None:
    """Measure how much times differ on this machine when nothing changed, which the gate has to know."""
    from keras_styles import runtime
    from keras_styles.architectures import load
    from keras_styles.calibration import calibration_table, rates_of, spreads_text
    from keras_styles.gate_run import UNCHANGED, measure_unchanged, request_digest, save_calibration, save_rates
    from keras_styles.workloads import plan_of

    results, device = results_folder(), runtime.chosen_device()
    require_writable(results / "calibration")
    for name in architecture or []:
        load(name)
    machine, plan = runtime.environment(device=device).machine, plan_of(architecture)
    kept = results / machine / "unfinished" / f"calibration-{request_digest(*UNCHANGED, plan, pairs, device)}"
    with _resumable():
        record = measure_unchanged(plan, pairs, device=device, folder=kept, show=console.print)
    path, trouble = save_calibration(record, results)
    shutil.rmtree(kept)
    console.print(trouble or f"saved as {path}", markup=False)
    with console.status("replaying it, to see how often the gate would be wrong"):
        rates = rates_of(record)
    console.print(calibration_table([*rates.rates, *rates.frontier]), markup=False)
    console.print(spreads_text(record), markup=False)
    path, trouble = save_rates(rates, path)
    console.print(trouble or f"saved as {path}", markup=False)


@app.command()
def gate(
    base: Annotated[str, typer.Option(help="Python of the old environment.")],
    head: Annotated[str, typer.Option(help="Python of the new environment; may be the same with --path.")],
    path: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="BASE HEAD", help="Folders that come first on the path of each: two checkouts."),
    ] = None,
    architecture: Annotated[
        list[str] | None, typer.Option(help="What to measure: ours, or modules of your own; can be repeated.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=5, help="Of processes; half as many as the calibration has at most.")] = 7,
) -> None:
    """Compare two environments; exit with 0 if nothing is slower, 1 if something is, 2 if the run proves nothing."""
    from keras_styles import runtime
    from keras_styles.architectures import load
    from keras_styles.gate_run import Side, newest_calibration, request_digest, require_code, run_gate, save_gate
    from keras_styles.workloads import plan_of

    for folder in path or ():
        require_code(folder, architecture or [])
    for name in architecture or []:
        if not path:  # those in the folders are not on this process' path
            load(name)
    results, device = results_folder(), runtime.chosen_device()
    machine = runtime.environment(device=device).machine
    require_writable(results / machine)
    paths, plan = path or (None, None), plan_of(architecture)
    calibration = newest_calibration(results, machine, runtime.ENGINE, device, plan)
    sides = Side("base", base, paths[0]), Side("head", head, paths[1])
    kept = results / machine / "unfinished" / f"gate-{request_digest(*sides, plan, pairs, device)}"
    with _resumable():
        record = run_gate(*sides, plan, pairs, calibration, device=device, folder=kept, show=console.print)
    saved, trouble = save_gate(record, results)
    shutil.rmtree(kept)
    for sentence in record.sentences:
        console.print(sentence, markup=False)
    console.print(trouble or f"saved as {saved}", markup=False)
    raise typer.Exit(record.exit_code)


def _records(results: Path | None) -> Path:
    """Return the folder of the records; one that was named has to be there, and hold the folders of machines.

    Raises:
        ResultsError: if it is not, or is the folder of one machine.
    """
    if results is None:
        return results_folder()
    if not results.is_dir():
        raise ResultsError(f"There is no folder {results}; give --results the one that holds the records.")
    if any(results.glob("[0-9][0-9][0-9][0-9]_*.json")) or any(results.glob("equivalence-*.json")):
        raise ResultsError(f"{results} is the folder of one machine; give --results the one above it.")
    return results


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """Say after Ctrl-C what was kept."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Interrupted: the pairs that were whole are kept; the same command goes on after them.")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _run_probes(chosen: Sequence[Difference]) -> None:
    """Run probes on every engine, print what no longer holds, and save a record; exit with 1 if something changed."""
    from keras_styles.differences import LOST_OR_CHANGED
    from keras_styles.probing import probe_engines

    folder = results_folder()
    require_writable(folder)
    with Progress(*Progress.get_default_columns(), console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen) * len(ENGINES))

        def show(engine: str, identifier: str) -> None:
            progress.update(task, advance=1, description=f"{identifier} on {engine}")

        record = probe_engines(chosen, show)
    failed = False
    for engine in record.engines:
        if engine.skipped:
            console.print(f"{engine.engine}: skipped, {engine.skipped}", markup=False)
            continue
        counts = Counter(probed.verdict for probed in engine.differences)
        console.print(f"{engine.engine}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        for probed in engine.differences:
            if probed.verdict in LOST_OR_CHANGED:
                failed = True
                console.print(f"  {probed.reason}", markup=False)
    path, trouble = save_differences(record, folder)
    console.print(trouble or f"saved as {path}", markup=False)
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2, a bug of ours a traceback and 3."""
    try:
        app()
    except KerasStylesError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"keras-styles: {error}", markup=False)
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(EXIT_BUG)


if __name__ == "__main__":
    main()
