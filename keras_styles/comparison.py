"""Comparison: two records, or a record and the reference, in; for every stage a verdict with its numbers out.

Tier 0 is agreement between styles, to the bit; tier 1 is agreement of a style with the reference, within the bound.
Agreement is never inferred from numbers that are not numbers: whatever is not finite makes the verdict `diverged`.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from keras_styles import runtime
from keras_styles.problems import Float64Array
from keras_styles.reference import BIAS, KERNEL, Bounded, Reference, train_reference
from keras_styles.training import Record

REFERENCE = "reference"

STAGES = ("variables", "training", "initial weights", "weights", "history", "predictions", "evaluation")


class Verdict(StrEnum):
    """What a comparison came to."""

    AGREE = "agree"
    DIFFER = "differ"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Worst:
    """The element where two arrays are furthest apart for what is allowed there."""

    index: tuple[int, ...]
    left: float
    right: float
    difference: float
    allowed: float
    ulps: int


@dataclass(frozen=True)
class Comparison:
    """One pair of arrays and its verdict.

    Attributes:
        stage: one of `STAGES`.
        where: the variable or quantity within the stage, and its epoch if it has one.
        left: a style.
        right: another style in tier 0, `REFERENCE` in tier 1.
        reason: what is wrong in words where no numbers can be compared; empty otherwise.
        worst: the numbers, where numbers were compared.
    """

    architecture: str
    tier: int
    stage: str
    where: str
    left: str
    right: str
    verdict: Verdict
    reason: str = ""
    worst: Worst | None = None

    @property
    def margin(self) -> float | None:
        """Observed difference / bound, the fraction of its allowance that tier 1 used; None elsewhere."""
        if self.tier == 0 or self.worst is None or self.verdict is Verdict.DIVERGED:
            return None
        if self.worst.difference == 0:
            return 0.0
        return self.worst.difference / self.worst.allowed if self.worst.allowed else float("inf")


def compare_styles(records: Mapping[str, Record]) -> list[Comparison]:
    """Compare each style with the next, to the bit, at every stage.

    Equality is transitive, so neighbours are enough to show that all agree.
    """
    return [comparison for left, right in pairwise(records.values()) for comparison in _compare_pair(left, right)]


def compare_with_reference(record: Record, reference: Reference | None = None) -> list[Comparison]:
    """Compare a record with the float64 reference that starts at its own initial weights, within the bound.

    Args:
        record: of the linear regression architecture.
        reference: None trains it here.
    """
    pair = _Pair(record.architecture, 1, record.style, REFERENCE, record.dtype)
    if record.diverged:
        return [pair.diverged("training", "", f"{record.style} diverged: {record.diverged}")]
    if different := pair.different_names(record.initial_weights, dict.fromkeys((KERNEL, BIAS))):
        return [different]
    reference = reference or train_reference(
        record.problem, record.recipe, record.initial_weights, runtime.computed_in(record.recipe.dtype)
    )
    if [s.epoch for s in record.snapshots] != [s.epoch for s in reference.snapshots]:
        return [pair.differ("history", "epochs", f"{record.style} has other snapshots than the recipe asks for")]
    found = []
    for snapshot, expected in zip(record.snapshots, reference.snapshots, strict=True):
        found += [
            pair.compare("weights", f"{name} after epoch {snapshot.epoch}", snapshot.weights[name], bounded)
            for name, bounded in expected.weights.items()
        ]
        found.append(pair.compare("history", f"loss at epoch {snapshot.epoch}", snapshot.loss, expected.loss))
    found.append(pair.compare("predictions", "y", record.predictions, reference.predictions))
    found.append(pair.compare("evaluation", "loss", record.evaluation, reference.evaluation))
    return found


def compare_all(records: Mapping[str, Record]) -> list[Comparison]:
    """Compare the styles with each other and each of them with the reference."""
    return compare_styles(records) + [c for record in records.values() for c in compare_with_reference(record)]


def _compare_pair(left: Record, right: Record) -> list[Comparison]:
    pair = _Pair(left.architecture, 0, left.style, right.style, left.dtype)
    for record in (left, right):
        if record.diverged:
            return [pair.diverged("training", "", f"{record.style} diverged: {record.diverged}")]
    if different := pair.different_names(left.initial_weights, right.initial_weights):
        return [different]
    if len(left.snapshots) != len(right.snapshots):
        counts = f"{left.style} has {len(left.snapshots)} snapshots, {right.style} {len(right.snapshots)}"
        return [pair.differ("history", "epochs", counts)]
    found = [
        pair.compare("initial weights", name, value, right.initial_weights[name])
        for name, value in left.initial_weights.items()
    ]
    for ours, theirs in zip(left.snapshots, right.snapshots, strict=True):
        found += [
            pair.compare("weights", f"{name} after epoch {ours.epoch}", value, theirs.weights[name])
            for name, value in ours.weights.items()
        ]
        found.append(pair.compare("history", f"loss at epoch {ours.epoch}", ours.loss, theirs.loss))
    found.append(pair.compare("predictions", "y", left.predictions, right.predictions))
    found.append(pair.compare("evaluation", "loss", left.evaluation, right.evaluation))
    return found


@dataclass(frozen=True)
class _Pair:
    """Who is compared; makes the comparisons of one pair."""

    architecture: str
    tier: int
    left: str
    right: str
    dtype: np.dtype[Any]

    def differ(self, stage: str, where: str, reason: str, worst: Worst | None = None) -> Comparison:
        return self._comparison(stage, where, Verdict.DIFFER, reason, worst)

    def diverged(self, stage: str, where: str, reason: str) -> Comparison:
        return self._comparison(stage, where, Verdict.DIVERGED, reason, None)

    def different_names(self, left: Mapping[str, Any], right: Mapping[str, Any]) -> Comparison | None:
        """Return a comparison that differs if the variables are not the same ones, None if they are."""
        lacks = [
            f"{who} has no {', '.join(sorted(missing))}, which {other} has"
            for who, missing, other in (
                (self.left, right.keys() - left.keys(), self.right),
                (self.right, left.keys() - right.keys(), self.left),
            )
            if missing
        ]
        return self.differ("variables", "names", "; ".join(lacks)) if lacks else None

    def compare(self, stage: str, where: str, left: Any, right: Any) -> Comparison:
        """Compare what one side left behind with what the other did, or with a reference value and its bound."""
        allowed = right.bound if isinstance(right, Bounded) else np.zeros(np.shape(right))
        theirs = right.value if isinstance(right, Bounded) else np.asarray(right)
        ours = np.asarray(left)
        if ours.shape != theirs.shape:
            return self.differ(
                stage, where, f"{self.left} has shape {ours.shape}, {self.right} has shape {theirs.shape}"
            )
        # A loss is a Python float and has no dtype of its own; an array shows the dtype it was computed in.
        for who, values in ((self.left, left), (self.right, right)):
            if isinstance(values, np.ndarray) and values.dtype != self.dtype:
                return self.differ(stage, where, f"{who} has dtype {values.dtype}, the recipe asks for {self.dtype}")
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            return self.diverged(stage, where, "a value is infinite or not a number, which equals nothing")
        if not np.isfinite(allowed).all():
            return self.diverged(stage, where, f"the reference leaves the range of {self.dtype} here")
        worst = _worst(ours, theirs, allowed, self.dtype)
        to_the_bit = self.tier == 0  # where -0.0 is not 0.0 either
        same = np.array_equal(_bits(ours), _bits(theirs)) if to_the_bit else worst.difference <= worst.allowed
        return self._comparison(stage, where, Verdict.AGREE if same else Verdict.DIFFER, "", worst)

    def _comparison(self, stage: str, where: str, verdict: Verdict, reason: str, worst: Worst | None) -> Comparison:
        return Comparison(self.architecture, self.tier, stage, where, self.left, self.right, verdict, reason, worst)


def _bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def _worst(left: Any, right: Any, allowed: Float64Array, dtype: np.dtype[Any]) -> Worst:
    """Return the element whose difference is the largest for what is allowed there; any element if all are equal."""
    ours, theirs = left.astype(np.float64), right.astype(np.float64)
    difference = np.abs(ours - theirs)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(difference == 0, -1.0, np.where(allowed > 0, difference / allowed, np.inf))
    # Where nothing is allowed every difference is infinitely too large; the largest of them is shown.
    flat = int(np.lexsort((difference.ravel(), excess.ravel()))[-1])
    index = tuple(int(i) for i in np.unravel_index(flat, ours.shape))
    return Worst(
        index=index,
        left=float(ours[index]),
        right=float(theirs[index]),
        difference=float(difference[index]),
        allowed=float(np.broadcast_to(allowed, ours.shape)[index]),
        ulps=ulps_apart(float(ours[index]), float(theirs[index]), dtype),
    )


def ulps_apart(left: float, right: float, dtype: np.dtype[Any] | str) -> int:
    """Return how many representable steps of `dtype` lie between two finite numbers, each rounded to it first.

    The bits of IEEE 754 numbers, read as integers with the sign taken apart, are in the order of the numbers
    (https://randomascii.wordpress.com/2012/02/25/comparing-floating-point-numbers-2012-edition/).
    """
    kind = np.dtype(dtype)
    integer = np.dtype(f"i{kind.itemsize}")
    with np.errstate(over="ignore"):
        bits = [int(np.asarray(value, dtype=kind).view(integer)) for value in (left, right)]
    least = int(np.iinfo(integer).min)
    ordered = [value if value >= 0 else least - value for value in bits]
    return abs(ordered[0] - ordered[1])


def failures(comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons that do not agree, the earliest stage of training first."""
    failed = [comparison for comparison in comparisons if comparison.verdict is not Verdict.AGREE]
    return sorted(failed, key=lambda comparison: STAGES.index(comparison.stage))


def explain(comparison: Comparison, record: Record, others: int = 0) -> str:
    """Return the text of a failure: who and where, observed beside allowed, the case, and one command to repeat it.

    Args:
        comparison: the failure to explain.
        record: a record that took part in it.
        others: how many more comparisons of the same case failed.
    """
    return "\n".join(_explanation(comparison, record, others))


def _explanation(comparison: Comparison, record: Record, others: int) -> Iterator[str]:
    if comparison.verdict is Verdict.DIVERGED:
        yield f"{comparison.left} against {comparison.right}: diverged, so nothing can be said about agreement."
    else:
        yield f"{comparison.left} and {comparison.right} do not agree."
    yield f"  architecture  {comparison.architecture}"
    yield f"  stage         {comparison.stage}{': ' if comparison.where else ''}{comparison.where}"
    if comparison.reason:
        yield f"  observed      {comparison.reason}"
    if worst := comparison.worst:
        yield f"  at index      {list(worst.index)}"
        yield f"  observed      {comparison.left} {worst.left!r}, {comparison.right} {worst.right!r}"
        yield f"  difference    {worst.difference:.6g}, which is {worst.ulps} ULPs of {record.dtype}"
    if comparison.tier == 0 and comparison.verdict is Verdict.DIFFER:
        yield "  allowed       no difference: the same engine, device and mode must give the same bits"
    elif comparison.tier == 1 and worst:
        yield f"  allowed       {worst.allowed:.6g}, the rounding error derived for this problem and recipe"
    if others and comparison.verdict is Verdict.DIFFER:
        yield f"  besides       {others} more comparisons of this case fail; this is the earliest stage"
    if record.diverged:
        yield "  what to do    lower the learning rate, or rescale the data (for a table: standardized=True)"
    yield f"  problem       {record.problem!r}"
    yield f"  recipe        {record.recipe!r}"
    here = record.environment
    yield (
        f"  environment   keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, "
        f"python {here.python}, {here.device}, {here.mode}"
    )
    yield f"  repeat it     {repeat_command(record)}"


def repeat_command(record: Record) -> str:
    """Return one shell command that trains the case again and shows the verdict."""
    here = record.environment
    words = ["keras-styles", "check", repr(record.problem), repr(record.recipe)]
    if record.weights_were_given:
        start = {name: value.tolist() for name, value in record.initial_weights.items()}
        words += ["--start", json.dumps(start)]
    variables = f"{runtime.ENGINE_VARIABLE}={here.engine} {runtime.DEVICE_VARIABLE}={here.device}"
    return " ".join([variables, *map(_quoted, words)])


def _quoted(word: str) -> str:
    """Quote a word for the shell; double quotes where they are safe, since a repr is full of single ones."""
    plain = "'" in word and not any(character in word for character in '"$`\\!')
    return f'"{word}"' if plain else shlex.quote(word)
