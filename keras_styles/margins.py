"""Margins: a histogram of observed difference / bound in bins of powers of two, counted, merged and read.

A bin is named by its upper edge, which belongs to it: "2^-3" counts the margins above 2^-4 up to 2^-3. "0" counts those
of exactly zero, and "inf" a difference where none is allowed. A margin of 1 is the last that agrees, so the bins up to
"2^0" hold what agrees and those above it what does not.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

ZERO = "0"
INFINITE = "inf"

Bin = Annotated[str, StringConstraints(pattern=r"^(0|inf|2\^-?[0-9]{1,4})$")]
# As many as fit into 64 bits: of more no fraction could be taken.
Count = Annotated[int, Field(gt=0, lt=2**63)]
Margins = Annotated[
    dict[Bin, Count],
    Field(
        description="how many comparisons had which margin, by the upper edge of their bin: 0, powers of two, inf; "
        "a comparison that diverged or had no numbers to compare has no margin"
    ),
]


def margin_bin(margin: float) -> str:
    """Return the bin of a margin, which is not negative."""
    if margin == 0:
        return ZERO
    fraction, exponent = math.frexp(margin)  # margin = fraction * 2^exponent, and fraction is at least a half
    if margin == math.inf or (exponent == 1024 and fraction > 0.5):  # 2^1024 is no float any more
        return INFINITE
    return f"2^{exponent - 1 if fraction == 0.5 else exponent}"


def bin_edge(name: str) -> float:
    """Return the upper edge of a bin."""
    base, _, exponent = name.partition("^")
    # A file may name any exponent; 1023 is the largest of a float.
    return math.ldexp(1.0, min(int(exponent), 1023)) if exponent else float(base)


def merge_margins(histograms: Iterable[dict[str, int]]) -> dict[str, int]:
    """Return one histogram of all that these counted, the smallest margins first."""
    total: dict[str, int] = {}
    for histogram in histograms:
        for name, count in histogram.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items(), key=lambda item: bin_edge(item[0])))


def margin_quantiles(margins: dict[str, int], fractions: Sequence[float]) -> list[float]:
    """Return for each fraction the upper edge of the bin that holds that quantile.

    The quantile of q is the smallest edge that at least a fraction q of the margins lies at or below.

    Raises:
        ValueError: if no margin was counted.
    """
    total = sum(margins.values())
    if not total:
        raise ValueError("there is no quantile of no margins")
    ordered = merge_margins([margins])
    found = []
    for fraction in fractions:
        below = 0
        for name, count in ordered.items():
            below += count
            if below >= fraction * total:
                found.append(bin_edge(name))
                break
    return found


def worst_margin(margins: Iterable[float | None]) -> float | None:
    """Return the largest finite margin, None if there is none: JSON has no infinity, which a histogram counts."""
    return max((margin for margin in margins if margin is not None and math.isfinite(margin)), default=None)


def worst_of_all(worst: float | None, margins: dict[str, int]) -> float | None:
    """Return the largest margin, the infinite one included.

    Args:
        worst: the largest finite one.
        margins: the histogram, empty if margins were not counted.
    """
    return math.inf if INFINITE in margins else worst
