"""Explanation: the text of a failure: who, where, how far, where it began, and how to see it again."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_styles.comparison import REFERENCE, Comparison, Verdict, describe, failures
from keras_styles.engines import DEVICE_VARIABLE, ENGINE_VARIABLE
from keras_styles.training_record import Record


def explain(
    comparisons: Sequence[Comparison],
    records: Mapping[str, Record],
    first: Comparison | None = None,
    kept: str = "",
    remarks: Sequence[str] = (),
) -> str:
    """Return the text of a failure.

    Args:
        comparisons: all of the case, of which at least one failed.
        records: that took part, by name.
        first: where the same pair parts with a look after every step, if it does.
        kept: where the case is kept, for `keras-styles replay`.
        remarks: what else there is to say of how the case was looked at again or kept, a sentence each.
    """
    failed = failures(list(comparisons))
    return "\n".join(_lines(failed, len(comparisons), records, first, kept, remarks))


def _lines(
    failed: list[Comparison],
    compared: int,
    records: Mapping[str, Record],
    first: Comparison | None,
    kept: str,
    remarks: Sequence[str],
) -> Iterator[str]:
    worst = failed[0]
    record = records[worst.left]
    other = records.get(worst.right, record)
    if worst.verdict is Verdict.DIVERGED:
        yield f"{worst.left} against {worst.right}: diverged, so nothing can be said about agreement."
    else:
        yield f"{worst.left} and {worst.right} do not agree."
    yield f"  architecture  {worst.architecture}"
    yield from describe(worst)
    if first not in (None, worst):  # where it begins with what it was found by, that is said above
        yield f"  it begins at  {first.stage}: {first.where}{_numbers(first)}"
    if len(failed) > 1 and worst.verdict is Verdict.DIFFER:
        yield f"  besides       {len(failed) - 1} more of {compared} comparisons fail; this is the earliest"
        if outside := sorted({c.left for c in failed if c.right == REFERENCE}):
            inside = sorted(records.keys() - set(outside))
            together = ", so they may be wrong together" if len(outside) > 1 else ""
            others = f"; {', '.join(inside)} stayed within" if inside else together
            yield f"  reference     {', '.join(outside)} left the bound of the float64 training{others}"
    if any(record.diverged for record in records.values()):
        yield "  what to do    lower the learning rate, or rescale the data (for a table: standardized=True)"
    for remark in remarks:
        yield f"  note          {remark}"
    yield from _both("problem", worst, record.problem, other.problem)
    yield from _both("recipe", worst, record.recipe, other.recipe)
    here = record.environment
    yield (
        f"  environment   keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, "
        f"python {here.python}, {here.device}, {here.mode}"
    )
    if kept:
        yield f"  kept in       {kept}"
    yield f"  repeat it     {f'keras-styles replay {shlex.quote(kept)}' if kept else repeat_command(record)}"


def _both(word: str, found: Comparison, left: Any, right: Any) -> Iterator[str]:
    """Yield what both sides were given, or who was given what."""
    yield f"  {word:<12}  {left!r}" + ("" if left == right else f" for {found.left}")
    if left != right:
        yield f"  {word:<12}  {right!r} for {found.right}"


def _numbers(comparison: Comparison) -> str:
    if (worst := comparison.worst) is None:
        return f" ({comparison.reason})"
    return (
        f" {list(worst.index)} ({comparison.left} {worst.left!r}, {comparison.right} {worst.right!r}, "
        f"{worst.ulps} ULPs)"
    )


def repeat_command(record: Record) -> str:
    """Return one shell command that trains the case again and shows the verdict."""
    here = record.environment
    words = ["keras-styles", "check", repr(record.problem), repr(record.recipe)]
    if record.architecture != "linear_regression":
        words += ["--architecture", record.architecture]
    if record.weights_were_given:
        start = {name: value.tolist() for name, value in record.initial_weights.items()}
        words += ["--start", json.dumps(start)]
    variables = f"{ENGINE_VARIABLE}={here.engine} {DEVICE_VARIABLE}={here.device}"
    return " ".join([variables, *map(_quoted, words)])


def _quoted(word: str) -> str:
    """Quote a word for the shell; double quotes where they are safe, since a repr is full of single ones."""
    plain = "'" in word and not any(character in word for character in '"$`\\!')
    return f'"{word}"' if plain else shlex.quote(word)
