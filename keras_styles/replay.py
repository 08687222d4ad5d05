"""Replay: a kept case trained again with what is installed here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from keras_styles import architectures, runtime
from keras_styles.architectures import Architecture
from keras_styles.cases import read_problem, read_recipe
from keras_styles.comparison import compare_tier, failures
from keras_styles.errors import KerasStylesError
from keras_styles.problems import ProblemError
from keras_styles.reproduction import SCRIPT, Failure, Kept, KeptCase, Steps, data_digest, retrace
from keras_styles.training import Trainer
from keras_styles.training_record import Record, Weights


class ReplayError(KerasStylesError):
    """A kept case that cannot be trained here."""


@dataclass(frozen=True)
class Replay:
    """A kept case, trained again.

    Attributes:
        steps: the failure as it is now, with a look after every step; None if the pair agrees.
        changed: what is other data or another version here, a sentence each.
    """

    steps: Steps | None
    changed: list[str]


def train_case(kept: Kept) -> Replay:
    """Train a kept case again.

    Raises:
        ReplayError: if the architecture or the data are not there.
        RuntimeChoiceError: if the device is not there.
    """
    case = kept.case
    here = case.sides[case.left].environment
    trainer = Trainer(_architecture(kept), runtime.require_device(here.device))
    runtime.make_deterministic(here.deterministic)

    def train(name: str, *, every_step: bool) -> Record:
        side = case.sides[name]
        start: Weights | None = None
        if side.weights_were_given:
            prefix = f"initial weights/{name}/"
            start = {key.removeprefix(prefix): value for key, value in kept.arrays.items() if key.startswith(prefix)}
        problem, recipe = read_problem(side.problem), read_recipe(side.trained_with)
        return trainer.train(side.style, problem, recipe, start, every_step=every_step)

    try:
        records = {name: _held_to(train(name, every_step=False), side.recipe) for name, side in case.sides.items()}
    except ProblemError as error:
        raise ReplayError(_without_data(kept, error)) from error
    pair = case.tier, case.left, case.right
    comparisons = [c for c in compare_tier(case.tier, records) if (c.tier, c.left, c.right) == pair]
    failed = failures(comparisons)
    steps = None
    if failed:
        steps = retrace(Failure(comparisons, records, trainer.architecture, lambda name: train(name, every_step=True)))
    return Replay(steps, list(_changed(case, records)))


def _architecture(kept: Kept) -> Architecture:
    if kept.case.architecture not in architectures.NAMES:
        raise ReplayError(
            f"There is no architecture {kept.case.architecture!r} here to train the case of {kept.folder} with; run "
            f"python {kept.folder / SCRIPT}, which carries its own."
        )
    return architectures.load(kept.case.architecture)


def _without_data(kept: Kept, error: ProblemError) -> str:
    """Say what to do where the data of a case, which lie in a file of their own, are not what they were."""
    script = kept.folder / SCRIPT
    or_run = f", or run python {script}, which carries the data and runs without it" if script.exists() else ""
    return (
        f"The table of the case of {kept.folder} cannot be read ({error.__cause__ or error}); replay it where the "
        f"table is{or_run}."
    )


def _held_to(record: Record, recipe: str) -> Record:
    return replace(record, recipe=read_recipe(recipe))


def _changed(case: KeptCase, records: Mapping[str, Record]) -> Iterator[str]:
    """Say what is other data or another version now, in one sentence each."""
    yield from dict.fromkeys(  # both sides have the same problem, nearly always
        f"the data of {side.problem} have changed since, and it was trained again on what they are now"
        for name, side in case.sides.items()
        if side.data not in (None, data_digest(records[name].problem, read_recipe(side.trained_with)))
    )
    then, now = case.sides[case.left].environment, records[case.left].environment
    for name, before, here in (
        ("keras", then.keras, now.keras),
        (then.engine, then.engine_version, now.engine_version),
        ("numpy", then.numpy, now.numpy),
        ("python", then.python, now.python),
        ("this project", then.commit, now.commit),
        ("the machine", then.machine, now.machine),
    ):
        if before != here:
            yield f"found with {name} {before}, and trained again with {here}"
