"""Comparison: records, or a record and the reference, in; for every stage a verdict with its numbers out.

Tier 0 is agreement between styles, to the bit; tier 1 is agreement of a style with the reference, within the bound;
tier 2 is agreement between modes, within what both may be from the reference. Agreement is never inferred from numbers
that are not numbers: whatever is not finite makes the verdict `diverged`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from keras_styles.problems import Float64Array, Problem
from keras_styles.recipes import Recipe
from keras_styles.reference import (
    BIAS,
    KERNEL,
    Bounded,
    ComputedIn,
    Reference,
    train_reference,
    why_no_reference,
)
from keras_styles.training_record import Logs, Record, Weights

REFERENCE = "reference"

# In the order in which a training comes to them.
STAGES = (
    "execution",
    "variables",
    "training",
    "initial weights",
    "gradients",
    "weights",
    "history",
    "callbacks",
    "optimizer state",
    "predictions",
    "evaluation",
)

# Where in a training something lies: epoch, then batch; what is compared when it is over comes last.
Moment = tuple[float, float]
BEFORE: Moment = (0, 0)
AFTER: Moment = (np.inf, np.inf)


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
    dtype: str


@dataclass(frozen=True)
class Comparison:
    """One pair of arrays and its verdict.

    Attributes:
        stage: one of `STAGES`.
        where: the variable or quantity within the stage, and its epoch if it has one.
        left: a style, or whatever else the record is called.
        right: another one in tiers 0 and 2, `REFERENCE` in tier 1.
        moment: when in the training this is.
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
    moment: Moment = AFTER
    reason: str = ""
    worst: Worst | None = None

    @property
    def margin(self) -> float | None:
        """Observed difference / bound, the fraction of its allowance that was used; None in tier 0."""
        if self.tier == 0 or self.worst is None or self.verdict is Verdict.DIVERGED:
            return None
        if self.worst.difference == 0:
            return 0.0
        return self.worst.difference / self.worst.allowed if self.worst.allowed else float("inf")


def compare_styles(records: Mapping[str, Record]) -> list[Comparison]:
    """Compare each record with the next, to the bit, at every stage.

    Equality is transitive, so neighbours are enough to show that all agree.

    Args:
        records: by the name that each goes by in the comparison: a style, or what else sets them apart.
    """
    return [
        comparison
        for (left, ours), (right, theirs) in pairwise(records.items())
        for comparison in _compare_pair(_Pair(ours.architecture, 0, left, right), ours, theirs)
    ]


def compare_with_reference(
    record: Record, name: str | None = None, reference: Reference | None = None
) -> list[Comparison]:
    """Compare a record with the float64 reference that starts at its own initial weights, within the bound.

    Args:
        record: one that `why_no_reference` has nothing against.
        name: what the record goes by; its style if not given.
        reference: None trains it here.
    """
    pair = _Pair(record.architecture, 1, name or record.style, REFERENCE)
    if unusable := _unusable(pair, {pair.left: record}):
        return unusable
    if different := pair.different_names("variables", "names", record.initial_weights, dict.fromkeys((KERNEL, BIAS))):
        return [different]
    if unfit := _unfit(pair, record):
        return unfit
    return _compare_with_bounds(pair, record, reference or _reference(record))


def compare_modes(records: Mapping[str, Record]) -> list[Comparison]:
    """Compare each record with the next within what both may be from the reference: the sum of their bounds.

    Args:
        records: of one problem and recipe but for the mode, by the name that each goes by.
    """
    found = []
    for (left, ours), (right, theirs) in pairwise(records.items()):
        pair = _Pair(ours.architecture, 2, left, right)
        if unusable := _unusable(pair, {left: ours, right: theirs}):
            return unusable
        if unfit := _unfit(pair, theirs):
            return unfit
        found += _same(pair, "initial weights", BEFORE, ours.initial_weights, theirs.initial_weights, ours.dtype.name)
        found += _compare_with_bounds(pair, ours, _around(theirs, _reference(theirs)))
    return found


def compare_all(records: Mapping[str, Record]) -> list[Comparison]:
    """Compare the records with each other and, where the recipe has a reference, each of them with it."""
    return compare_styles(records) + [
        comparison
        for name, record in records.items()
        if why_no_reference(record.architecture, record.problem, record.recipe) is None
        for comparison in compare_with_reference(record, name)
    ]


def compare_tier(tier: int, records: Mapping[str, Record]) -> list[Comparison]:
    """Compare records as the comparisons of a tier do."""
    return compare_modes(records) if tier == 2 else compare_all(records)


def expected(found: Comparison, records: Mapping[str, Record]) -> Reference | None:
    """Return the values that a comparison's left side should have, and the bound around them.

    Args:
        found: the comparison.
        records: its sides by name; the left one has the variables that the reference knows.

    Returns:
        In tier 1 the reference; in tier 2 the right side's own values with the bound between two modes; None in tier
        0, where no bound is.
    """
    if found.tier == 0:
        return None
    reference = _reference(records[found.left])
    return reference if found.tier == 1 else _around(records[found.right], reference)


def _reference(record: Record) -> Reference:
    start = tuple((name, value.shape, value.tobytes()) for name, value in record.initial_weights.items())
    every_step = any(snapshot.batch is not None for snapshot in record.snapshots)
    return _train_reference(record.problem, record.recipe, start, record.dtype.name, record.computed_in, every_step)


@lru_cache(maxsize=4)  # the styles start at the same bits, so one reference serves all of them
def _train_reference(
    problem: Problem,
    recipe: Recipe,
    start: tuple[tuple[str, tuple[int, ...], bytes], ...],
    dtype: str,
    computed_in: ComputedIn,
    every_step: bool,
) -> Reference:
    weights = {name: np.frombuffer(data, dtype=dtype).reshape(shape) for name, shape, data in start}
    return train_reference(problem, recipe, weights, computed_in, every_step=every_step)


def _around(record: Record, reference: Reference) -> Reference:
    """Return a record's own values with twice the reference's bounds: how far another record may be from it."""

    def around(value: Any, bounded: Bounded) -> Bounded:
        return Bounded(np.asarray(value, dtype=np.float64), 2 * bounded.bound)

    def all_around(found: Mapping[str, Any], bounds: Mapping[str, Bounded]) -> dict[str, Bounded]:
        return {name: around(found[name], bounded) for name, bounded in bounds.items() if name in found}

    return Reference(
        gradients=all_around(record.gradients, reference.gradients),
        snapshots=tuple(
            type(theirs)(
                ours.epoch,
                ours.batch,
                all_around(ours.weights, theirs.weights),
                all_around(ours.logs, theirs.logs),
            )
            for ours, theirs in zip(record.snapshots, reference.snapshots, strict=True)
        ),
        predictions=around(record.predictions, reference.predictions),
        evaluation=around(record.evaluation["loss"], reference.evaluation),
    )


def _compare_with_bounds(pair: "_Pair", record: Record, reference: Reference) -> list[Comparison]:
    dtype = record.dtype.name
    taken = [(snapshot.epoch, snapshot.batch) for snapshot in record.snapshots]
    if taken != [(snapshot.epoch, snapshot.batch) for snapshot in reference.snapshots]:
        return [pair.differ("history", "epochs", f"{pair.left} has other snapshots than the recipe asks for")]
    found = [
        pair.compare("gradients", name, value, reference.gradients[name], dtype, BEFORE)
        for name, value in record.gradients.items()
    ]
    for snapshot, expected in zip(record.snapshots, reference.snapshots, strict=True):
        moment = _moment(snapshot.epoch, snapshot.batch)
        found += [
            pair.compare("weights", f"{name} after {snapshot.when}", snapshot.weights[name], bounded, dtype, moment)
            for name, bounded in expected.weights.items()
        ]
        found += [
            pair.compare("history", f"{name} at epoch {snapshot.epoch}", snapshot.logs[name], bounded, dtype, moment)
            for name, bounded in expected.logs.items()
        ]
    found.append(pair.compare("predictions", "y", record.predictions, reference.predictions, dtype))
    found.append(pair.compare("evaluation", "loss", record.evaluation["loss"], reference.evaluation, dtype))
    return found


def _compare_pair(pair: "_Pair", left: Record, right: Record) -> list[Comparison]:
    if unusable := _unusable(pair, {pair.left: left, pair.right: right}):
        return unusable
    found = [pair.same_execution(left, right)]
    dtype = left.dtype.name
    names = [
        pair.different_names("variables", "names", left.initial_weights, right.initial_weights),
        pair.different_names("variables", "trainable", dict.fromkeys(left.trainable), dict.fromkeys(right.trainable)),
    ]
    if different := [comparison for comparison in names if comparison]:
        return found + different
    found += _same(pair, "initial weights", BEFORE, left.initial_weights, right.initial_weights, dtype)
    found += _same(pair, "gradients", BEFORE, left.gradients, right.gradients, dtype)
    if [(s.epoch, s.batch) for s in left.snapshots] != [(s.epoch, s.batch) for s in right.snapshots]:
        counts = f"{pair.left} has {len(left.snapshots)} snapshots, {pair.right} {len(right.snapshots)}"
        return [*found, pair.differ("history", "epochs", counts)]
    for ours, theirs in zip(left.snapshots, right.snapshots, strict=True):
        moment = _moment(ours.epoch, ours.batch)
        found += _same(pair, "weights", moment, ours.weights, theirs.weights, dtype, f"after {ours.when}")
        found += _same(pair, "history", moment, ours.logs, theirs.logs, dtype, f"at epoch {ours.epoch}")
    found += _same_events(pair, left, right)
    found += _same(pair, "optimizer state", AFTER, left.optimizer_state, right.optimizer_state, dtype)
    found.append(pair.compare("predictions", "y", left.predictions, right.predictions, left.recipe.compute_dtype))
    found += _same(pair, "evaluation", AFTER, left.evaluation, right.evaluation, dtype)
    return found


def _moment(epoch: int, batch: int | None) -> Moment:
    return (epoch, np.inf if batch is None else batch)


def _unusable(pair: "_Pair", records: Mapping[str, Record]) -> list[Comparison]:
    """Return the verdict that there is nothing to compare, if a training came apart or left nothing behind."""
    if nothing := [name for name, record in records.items() if not record.snapshots]:
        return [pair.differ("training", "", f"{nothing[0]} has no snapshot of its training", BEFORE)]
    came_apart = [f"{name} diverged: {record.diverged}" for name, record in records.items() if record.diverged]
    return [pair.diverged("training", "", reason) for reason in came_apart[:1]]


def _unfit(pair: "_Pair", record: Record) -> list[Comparison]:
    """Return what of a record's start no reference can start at: another shape, or another dtype than the recipe's."""
    shapes = {KERNEL: (record.problem.features, 1), BIAS: (1,)}
    return [
        pair.differ(
            "initial weights",
            name,
            f"{pair.left} has shape {value.shape} and dtype {value.dtype}, "
            f"the reference has shape {shapes[name]} and dtype {record.dtype}",
            BEFORE,
        )
        for name, value in record.initial_weights.items()
        if (value.shape, value.dtype) != (shapes[name], record.dtype)
    ]


def _same(
    pair: "_Pair", stage: str, moment: Moment, left: Weights | Logs, right: Weights | Logs, dtype: str, when: str = ""
) -> list[Comparison]:
    """Compare what has names, to the bit."""
    if different := pair.different_names(stage, f"names {when}".strip(), left, right, moment):
        return [different]
    return [
        pair.compare(stage, f"{name} {when}".strip(), value, right[name], dtype, moment) for name, value in left.items()
    ]


def _same_events(pair: "_Pair", left: Record, right: Record) -> list[Comparison]:
    """Compare when callbacks were called, and what they were told."""
    dtype = left.dtype.name
    for number, (ours, theirs) in enumerate(zip(left.events, right.events, strict=False)):
        if ours.moment != theirs.moment:
            reason = f"call {number} of {pair.left} is {ours.moment!r}, of {pair.right} {theirs.moment!r}"
            return [pair.differ("callbacks", "moments", reason)]
    if len(left.events) != len(right.events):
        counts = f"{pair.left} made {len(left.events)} calls, {pair.right} {len(right.events)}"
        return [pair.differ("callbacks", "moments", counts)]
    return [
        comparison
        for ours, theirs in zip(left.events, right.events, strict=True)
        for comparison in _same(pair, "callbacks", AFTER, ours.logs, theirs.logs, dtype, f"when {ours.moment}")
    ]


@dataclass(frozen=True)
class _Pair:
    """Who is compared; makes the comparisons of one pair."""

    architecture: str
    tier: int
    left: str
    right: str

    def differ(self, stage: str, where: str, reason: str, moment: Moment = AFTER) -> Comparison:
        return self._comparison(stage, where, Verdict.DIFFER, moment, reason, None)

    def diverged(self, stage: str, where: str, reason: str, moment: Moment = BEFORE) -> Comparison:
        return self._comparison(stage, where, Verdict.DIVERGED, moment, reason, None)

    def same_execution(self, left: Record, right: Record) -> Comparison:
        """Compare how Keras ran the two: equal bits are promised for nothing else."""
        ours, theirs = ({**r.ran_as, "device": r.environment.device, "mode": r.mode} for r in (left, right))
        apart = [
            f"{self.left} ran with {name}={value}, {self.right} with {name}={theirs[name]}"
            for name, value in ours.items()
            if theirs[name] != value
        ]
        verdict = Verdict.DIFFER if apart else Verdict.AGREE
        return self._comparison("execution", "mode and device", verdict, BEFORE, "; ".join(apart), None)

    def different_names(
        self, stage: str, where: str, left: Mapping[str, Any], right: Mapping[str, Any], moment: Moment = BEFORE
    ) -> Comparison | None:
        """Return a comparison that differs if the names are not the same ones, None if they are."""
        lacks = [
            f"{who} has no {'trainable ' * (where == 'trainable')}{', '.join(sorted(missing))}, which {other} has"
            for who, missing, other in (
                (self.left, right.keys() - left.keys(), self.right),
                (self.right, left.keys() - right.keys(), self.left),
            )
            if missing
        ]
        return self.differ(stage, where, "; ".join(lacks), moment) if lacks else None

    def compare(self, stage: str, where: str, left: Any, right: Any, dtype: str, moment: Moment = AFTER) -> Comparison:
        """Compare what one side left behind with what the other did, or with a reference value and its bound.

        Args:
            stage: one of `STAGES`.
            where: what is compared.
            left: an array, or a Python number, which has no dtype of its own.
            right: likewise, or a reference's.
            dtype: what every array of floating-point numbers should have.
            moment: when in the training this is.
        """
        allowed = right.bound if isinstance(right, Bounded) else np.zeros(np.shape(right))
        theirs = right.value if isinstance(right, Bounded) else np.asarray(right)
        ours = np.asarray(left)
        if ours.shape != theirs.shape:
            return self.differ(
                stage, where, f"{self.left} has shape {ours.shape}, {self.right} has shape {theirs.shape}", moment
            )
        for who, values in ((self.left, left), (self.right, right)):
            # Counters and the states of random generators are whole numbers.
            if isinstance(values, np.ndarray) and values.dtype.kind not in "iu" and values.dtype.name != dtype:
                reason = f"{who} has dtype {values.dtype}, the recipe asks for {dtype}"
                return self.differ(stage, where, reason, moment)
        wide = ours.astype(np.float64), theirs.astype(np.float64)
        if not all(np.isfinite(values).all() for values in wide):
            reason = "a value is infinite or not a number, which equals nothing"
            return self.diverged(stage, where, reason, moment)
        if not np.isfinite(allowed).all():
            reason = f"the reference promises nothing here: it may leave the range of {dtype}, or rounding decides"
            return self.diverged(stage, where, reason, moment)
        worst = _worst(ours, *wide, allowed, dtype)
        to_the_bit = not isinstance(right, Bounded)  # where -0.0 is not 0.0 either
        same = np.array_equal(_bits(ours), _bits(theirs)) if to_the_bit else worst.difference <= worst.allowed
        return self._comparison(stage, where, Verdict.AGREE if same else Verdict.DIFFER, moment, "", worst)

    def _comparison(
        self, stage: str, where: str, verdict: Verdict, moment: Moment, reason: str, worst: Worst | None
    ) -> Comparison:
        return Comparison(
            self.architecture, self.tier, stage, where, self.left, self.right, verdict, moment, reason, worst
        )


def _bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def furthest_apart(difference: Float64Array, allowed: Float64Array) -> tuple[int, ...]:
    """Return the index of the element whose difference is the largest for what is allowed there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(difference == 0, 0.0, difference / allowed)
    # Where nothing is allowed every difference is infinitely too large; the largest of them is shown.
    flat = int(np.lexsort((difference.ravel(), excess.ravel()))[-1])
    return tuple(int(i) for i in np.unravel_index(flat, difference.shape))


def _worst(values: Any, left: Float64Array, right: Float64Array, allowed: Float64Array, dtype: str) -> Worst:
    """Return the element that is furthest apart; any element if all are equal."""
    difference = np.abs(left - right)
    index = furthest_apart(difference, allowed)
    return Worst(
        index=index,
        left=float(left[index]),
        right=float(right[index]),
        difference=float(difference[index]),
        allowed=float(np.broadcast_to(allowed, left.shape)[index]),
        ulps=ulps_apart(float(left[index]), float(right[index]), values.dtype if values.dtype.kind == "V" else dtype),
        dtype=dtype,
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
    """Return the comparisons that do not agree, the earliest moment of training first, and there the earliest stage."""
    failed = [comparison for comparison in comparisons if comparison.verdict is not Verdict.AGREE]
    return sorted(failed, key=lambda comparison: (comparison.moment, STAGES.index(comparison.stage)))


def describe(comparison: Comparison) -> Iterator[str]:
    """Yield what one comparison found: where, observed beside allowed, and how far apart."""
    yield f"  stage         {comparison.stage}{': ' if comparison.where else ''}{comparison.where}"
    if comparison.reason:
        yield f"  observed      {comparison.reason}"
    if worst := comparison.worst:
        yield f"  at index      {list(worst.index)}"
        yield f"  observed      {comparison.left} {worst.left!r}, {comparison.right} {worst.right!r}"
        yield f"  difference    {worst.difference:.6g}, which is {worst.ulps} ULPs of {worst.dtype}"
    if comparison.verdict is Verdict.DIFFER and worst and worst.allowed:
        yield f"  allowed       {worst.allowed:.6g}, the rounding error derived for this problem and recipe"
    elif comparison.verdict is Verdict.DIFFER and comparison.tier == 0:
        yield "  allowed       no difference: the same engine, device and mode must give the same bits"
