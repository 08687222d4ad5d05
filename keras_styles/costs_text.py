"""Costs as text for the terminal: a table for each architecture, and a sentence on the whole run."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from rich.table import Table
from rich.text import Text

from keras_styles.costs import Conclusion, Cost
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE, Judgement, Verdict
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import Workload

# Characters of a drawn interval: as many as leave a table with all columns within 160.
CHARACTERS: Final = 24

# Where a number would stand if there were one.
NO_VALUE: Final = "–"  # noqa: RUF001 -- a hyphen looks like a minus

# What the parts of `fit` are called.
FIT_PARTS: Final[Mapping[str, str]] = {
    "step": "a step",
    "epoch": "an epoch beside its steps",
    "call": "a call beside its epochs",
}

# They help the eye only: the verdict is written out.
_COLORS: Mapping[Verdict, str] = {"faster": "green", "slower": "red", "no difference": "", "undecided": "yellow"}
_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "\N{MICRO SIGN}s"))


@dataclass(frozen=True)
class Axis:
    """From where to where ratios are drawn, on a logarithmic scale."""

    low: float
    high: float

    @classmethod
    def around(cls, ratios: Sequence[float]) -> "Axis":
        """Return the axis that holds all ratios and 1.

        It goes on by half its length at both ends, for intervals. A longer one is cut off: the single interval of a
        noisy cell would squeeze all others into one character.
        """
        low, high = min([1.0, *ratios]), max([1.0, *ratios])
        # At least as far as the margin around 1, or differences that nobody cares about would fill the axis.
        more = max(math.sqrt(high / low), 1 + NO_DIFFERENCE)
        return cls(low / more, high * more)

    def position(self, ratio: float) -> int:
        """Return the character in which a ratio lies; the first or last one if it is off the axis."""
        inside = min(max(ratio, self.low), self.high)
        return round(math.log(inside / self.low) / math.log(self.high / self.low) * (CHARACTERS - 1))

    def draw(self, judgement: Judgement) -> str:
        """Return a ratio between the ends of its interval, and where 1 is."""
        first, last = self.position(judgement.low), self.position(judgement.high)
        line = [" "] * CHARACTERS
        line[first : last + 1] = "─" * (last + 1 - first)
        one = self.position(1)
        line[one] = "┼" if first <= one <= last else "┊"
        line[first] = "←" if judgement.low < self.low else "├"
        line[last] = "→" if judgement.high > self.high else "┤"
        line[self.position(judgement.ratio)] = "●"
        return "".join(line)

    def __str__(self) -> str:
        return f"{self.low:<{CHARACTERS // 2}.2f}{self.high:>{CHARACTERS // 2}.2f}"


def costs_tables(conclusion: Conclusion) -> list[Table]:
    """Return a table for each architecture of which something was timed."""
    tables = []
    for architecture, by_workload in conclusion.by_architecture.items():
        costs = [cost for there in by_workload.values() for cost in there if cost.contender in STYLES and cost.seconds]
        if costs:
            tables.append(_table(architecture, costs, has_verdicts=not conclusion.proves_nothing))
    return tables


def fits_table(conclusion: Conclusion) -> Table | None:
    """Return where the time of `fit` goes, or None if that was not measured."""
    if not conclusion.fits:
        return None
    table = Table(title="where the time of fit goes", caption="medians over processes, by differences")
    table.add_column("architecture")
    table.add_column("style")
    for name in FIT_PARTS.values():
        table.add_column(name, justify="right", no_wrap=True)
    for parts in conclusion.fits:
        table.add_row(parts.architecture, parts.style, *(time_text(getattr(parts, name)) for name in FIT_PARTS))
    return table


def verdict_sentence(conclusion: Conclusion) -> str:
    """Return why the run proves nothing, or else how often each verdict was reached."""
    where = f"{conclusion.engine} on {conclusion.device}, {_processes(conclusion.processes)}"
    if conclusion.proves_nothing:
        return f"This run ({where}) proves nothing: {'; '.join(conclusion.proves_nothing)}."
    costs = [cost for cost in conclusion.costs if cost.contender in STYLES]
    counted = Counter(cost.judgement.verdict for cost in costs if cost.judgement)
    parts = [f"{counted[verdict]} {verdict}" for verdict in get_args(Verdict) if counted[verdict]]
    if not_timed := sum(cost.seconds is None for cost in costs):
        parts.append(f"{not_timed} not timed")
    return f"Compared with {BASELINE_STYLE} ({where}): {', '.join(parts) or 'nothing'}."


def _table(architecture: str, costs: Sequence[Cost], *, has_verdicts: bool) -> Table:
    axis = Axis.around([cost.judgement.ratio for cost in costs if cost.judgement])
    keys = [_key(cost.workload) for cost in costs]
    shown = [name for name in keys[0] if name == "phase" or len({key[name] for key in keys}) > 1]
    table = Table(
        title=architecture, caption=f"ratio to {BASELINE_STYLE}; ┊ or ┼ is 1; an interval goes on beyond ← and →"
    )
    for name in (*shown, "style"):
        table.add_column(name, justify="right" if name in ("batch", "width") else "left", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column(str(axis), width=CHARACTERS, no_wrap=True)
    table.add_column(f"{CONFIDENCE:.0%} interval", no_wrap=True)
    if has_verdicts:
        table.add_column("verdict")
    table.add_column("to floor", justify="right", no_wrap=True)
    for cost, key in zip(costs, keys, strict=True):
        table.add_row(
            *(key[name] for name in shown),
            cost.contender,
            NO_VALUE if cost.seconds is None else time_text(cost.seconds),
            *_compared(cost, axis)[: None if has_verdicts else -1],
            NO_VALUE if cost.times_floor is None else _three_digits(cost.times_floor),
        )
    return table


def _key(workload: Workload) -> dict[str, str]:
    return {"phase": workload.phase, "batch": str(workload.batch_size), "width": str(workload.width)}


def _compared(cost: Cost, axis: Axis) -> tuple[str, str, str, Text]:
    """Return ratio, drawing, interval and verdict."""
    judgement = cost.judgement
    if judgement is None:
        return "1" if cost.contender == BASELINE_STYLE else NO_VALUE, "", "", Text("")
    # One process says nothing about the spread, so it has no interval.
    interval = f"{judgement.low:.3f} to {judgement.high:.3f}" if math.isfinite(judgement.high) else "unknown"
    more = f", about {_processes(judgement.more_processes)} more" if judgement.more_processes else ""
    verdict = Text(judgement.verdict + more, style=_COLORS[judgement.verdict])
    return f"{judgement.ratio:.3f}", axis.draw(judgement), interval, verdict


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def time_text(seconds: float) -> str:
    """Return a time in the largest unit of which it is one at least, once it is rounded; a negative one as about 0."""
    if seconds <= 0:
        return f"about 0 {_UNITS[-1][1]}"
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 0.9995 * size), _UNITS[-1])
    return f"{_three_digits(seconds / size)} {unit}"


def _three_digits(value: float) -> str:
    return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")
