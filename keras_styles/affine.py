"""Affine arithmetic: float64 values, each with a zonotope of the errors that a narrower training may have there.

An error is a sum of directions, whose coefficients lie in [-1, 1] and are shared by every quantity of a step, and of
a local part of its own. Shared directions are what lets errors cancel, and be forgotten, where a training contracts
them; magnitudes alone could only grow (de Figueiredo and Stolfi 2004). The derivation is in `reference_bound.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_styles.problems import Float64Array

# Directions of past error that are kept apart for each variable; more is slower, fewer folds more into a box. At 24 the
# box of 100 steps of a slow contraction is 2 to 12 % wider than the worst (tests/test_affine.py).
DIRECTIONS_PER_VARIABLE = 24


class Rounding:
    """The arithmetic whose error is bounded: its unit roundoff, its smallest normal number and its range.

    Both trainings round, the style's and the reference's, and the local errors are linear in the unit roundoff; so
    the two are added. TensorFlow flushes subnormal numbers to zero, hence `tiny` is the smallest normal number.
    """

    def __init__(self, dtype: str) -> None:
        info = np.finfo(dtype)
        self.unit = float(info.eps) / 2 + 2.0**-53
        self.tiny = float(info.smallest_normal)
        self.largest = float(info.max)

    def gamma(self, roundings: int) -> float:
        """Return n u / (1 - n u), the relative error of n roundings (Higham 2002, lemma 3.1); infinite from n u = 1."""
        error = roundings * self.unit
        return error / (1 - error) if error < 1 else np.inf


@dataclass(frozen=True)
class Affine:
    """Numbers and what errors they may carry.

    Attributes:
        value: what the reference computed, shape (n,).
        directions: shape (n, k); column j is how far the j-th shared coefficient moves each number.
        local: shape (n,), at least 0: error that no other number shares.
    """

    value: Float64Array
    directions: Float64Array
    local: Float64Array

    @property
    def radius(self) -> Float64Array:
        """Largest error of each number, shape (n,)."""
        radius: Float64Array = np.abs(self.directions).sum(axis=1) + self.local
        return radius

    @property
    def magnitude(self) -> Float64Array:
        """Largest absolute value that the erroneous number can take, shape (n,)."""
        return np.abs(self.value) + self.radius

    def __add__(self, other: "Affine") -> "Affine":
        """Add; what both share is added with its sign."""
        return Affine(self.value + other.value, self.directions + other.directions, self.local + other.local)

    def __sub__(self, other: "Affine") -> "Affine":
        """Subtract; what both share cancels as far as it can."""
        return Affine(self.value - other.value, self.directions - other.directions, self.local + other.local)

    def scaled(self, factor: "Float64Array | float") -> "Affine":
        """Multiply by exact numbers, shape () or (n,)."""
        column = factor[:, None] if isinstance(factor, np.ndarray) else factor
        return Affine(self.value * factor, self.directions * column, self.local * np.abs(factor))

    def times(self, other: "Affine") -> "Affine":
        """Multiply elementwise; the product of two errors has no direction and is bounded by its size."""
        directions = self.directions * other.value[:, None] + other.directions * self.value[:, None]
        local = self.local * np.abs(other.value) + other.local * np.abs(self.value) + self.radius * other.radius
        return Affine(self.value * other.value, directions, local)

    def square(self) -> "Affine":
        """Multiply each number by itself."""
        return self.times(self)

    def square_root(self) -> "Affine":
        """Take square roots of numbers that are never negative, whatever their error.

        Linearized at the value: the remainder is at most radius^2 / 8 / lowest^(3/2), by the second derivative. Where
        the error reaches towards zero that is useless, and the distance to the furthest root takes its place.
        """
        value, radius = self.value, self.radius
        lowest = np.maximum(value - radius, 0)
        root = np.sqrt(value)
        furthest = np.maximum(np.sqrt(value + radius) - root, root - np.sqrt(lowest))
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = 0.5 / root
            remainder = np.square(radius) / 8 * lowest**-1.5
            linear = remainder < furthest / 2  # a root bends, so the tangent is never the narrower, only the better
        slope = np.where(linear, slope, 0.0)
        local = np.where(linear, slope * self.local + remainder, furthest)
        return Affine(root, self.directions * slope[:, None], local)

    def reciprocal(self) -> "Affine":
        """Divide one by numbers that are positive; where their error reaches zero, anything may come of it.

        Linearized at the value v: 1/(v + e) is 1/v - e/v^2 + e^2 / (v^2 (v + e)).
        """
        radius = self.radius
        lowest = self.value - radius
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / self.value
            slope = np.square(inverse)
            local = np.where(lowest > 0, slope * (self.local + np.square(radius) / np.maximum(lowest, 0)), np.inf)
        safe = lowest > 0
        slope = np.where(safe, slope, 0.0)
        return Affine(np.where(safe, inverse, 0.0), -self.directions * slope[:, None], local)

    def clipped(self, limit: float) -> "Affine":
        """Limit to [-limit, limit]; what may lie on either side of the limit keeps only its size."""
        value = np.clip(self.value, -limit, limit)
        radius = self.radius
        inside = np.abs(self.value) + radius <= limit
        outside = np.abs(self.value) - radius >= limit
        local = np.where(inside, self.local, np.where(outside, 0.0, radius))
        return Affine(value, self.directions * inside[:, None], local)

    def widened(self, error: "Float64Array | float") -> "Affine":
        """Allow so much more error in each number, of its own."""
        return Affine(self.value, self.directions, self.local + error)

    def rounded(self, rounding: Rounding, roundings: int = 1, largest: Float64Array | None = None) -> "Affine":
        """Allow for so many roundings of intermediates no larger than `largest`; the number itself if not given.

        Where one of them may leave the dtype's range, nothing is known any more.
        """
        size = self.magnitude if largest is None else np.maximum(largest, self.magnitude)
        error = rounding.gamma(roundings) * size + roundings * rounding.tiny
        return self.widened(np.where(size < rounding.largest, error, np.inf))


def exactly(value: Float64Array, directions: int = 0) -> Affine:
    """Return numbers without error, beside others with so many directions."""
    return Affine(value, np.zeros((len(value), directions)), np.zeros(len(value)))


def settled(quantities: Mapping[str, Affine]) -> dict[str, Affine]:
    """Return quantities that go into the next step: every local error has become a direction that all may share.

    When there are more than twice `DIRECTIONS_PER_VARIABLE` for each number, those that are nearest to an axis are
    folded into the box around them (Girard 2005), which only widens the set.
    """
    directions = np.concatenate([quantity.directions for quantity in quantities.values()])
    local = np.concatenate([quantity.local for quantity in quantities.values()])
    directions = np.concatenate([directions, np.diag(local)[:, local > 0]], axis=1)
    most = DIRECTIONS_PER_VARIABLE * len(local)
    if directions.shape[1] > 2 * most:
        magnitudes = np.abs(directions)
        order = np.argsort(magnitudes.sum(axis=0) - magnitudes.max(axis=0))
        folded, kept = order[:-most], order[-most:]
        box = np.diag(magnitudes[:, folded].sum(axis=1))
        directions = np.concatenate([directions[:, kept], box], axis=1)
    ends = np.cumsum([len(quantity.value) for quantity in quantities.values()])[:-1]
    return {
        name: Affine(quantity.value, rows, np.zeros(len(quantity.value)))
        for (name, quantity), rows in zip(quantities.items(), np.split(directions, ends), strict=True)
    }
