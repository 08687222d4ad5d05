"""Trajectories: how far the weights of two trainings are apart after each step, as a table and as a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from rich.markup import escape
from rich.table import Column, Table

from keras_styles.comparison import furthest_apart
from keras_styles.reproduction import CaseFolderError, KeptCase

PICTURE = "trajectories.svg"

# Okabe and Ito's colours for all kinds of vision (https://jfly.uni-koeln.de/color/); dashes tell them apart as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES = ([1, 0], [8, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 4])
# More lines or points than this only cover each other.
MOST_VARIABLES = len(COLOURS)
MOST_STEPS = 1_500

# How many steps of a table lie on each side of the first divergence.
STEPS_AROUND = 2


@dataclass(frozen=True)
class Trajectories:
    """The weights of both sides at the start and after every step that both took.

    Attributes:
        moments: epoch from 1 and batch from 0; (0, 0) is the start.
        left: by variable, shape (moments, *shape).
        right: likewise.
        allowed: how far apart they may be, likewise; variables that have no bound are not there.
    """

    moments: list[tuple[int, int]]
    left: dict[str, np.ndarray[Any, Any]]
    right: dict[str, np.ndarray[Any, Any]]
    allowed: dict[str, np.ndarray[Any, Any]]

    @property
    def parted(self) -> tuple[int, str] | None:
        """The first step, by its place, at which a variable is further apart than allowed, and that variable."""
        found = []
        for order, name in enumerate(self.left):
            apart = self._excess(name).reshape(len(self.moments), -1).any(axis=1)
            if apart.any():
                found.append((int(apart.argmax()), order, name))
        return (min(found)[0], min(found)[2]) if found else None

    def _excess(self, name: str) -> Any:
        difference = self.difference(name)
        # What is not a number is apart from everything.
        return ~(difference <= self.allowed.get(name, np.zeros_like(difference)))

    def difference(self, name: str) -> Any:
        """Return how far apart a variable is after each step, elementwise."""
        with np.errstate(invalid="ignore"):
            return np.abs(self.left[name].astype(np.float64) - self.right[name].astype(np.float64))


def trajectories_of(case: KeptCase, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Trajectories:
    """Return the trajectories that arrays hold, of a folder or of a new training, as far as both sides have them."""
    sides = []
    for name in (case.left, case.right):
        prefix = f"weights/{name}/"
        sides.append({key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)})
    left, right = sides
    both = [name for name in left if name in right and left[name].shape[1:] == right[name].shape[1:]]
    steps = [arrays[f"steps/{name}"] for name in (case.left, case.right) if f"steps/{name}" in arrays]
    count = min([len(each) for each in steps])
    while count and any(tuple(each[count - 1]) != tuple(steps[0][count - 1]) for each in steps):
        count -= 1
    begin = [{n: _initial(arrays, side, case.left, n) for n in both} for side in (case.left, case.right)]
    bounds = {name: arrays[f"bound/{name}"][:count] for name in both if f"bound/{name}" in arrays}
    return Trajectories(
        moments=[(0, 0), *((int(epoch), int(batch)) for epoch, batch in steps[0][:count])],
        left={name: np.concatenate([begin[0][name][None], left[name][:count]]) for name in both},
        right={name: np.concatenate([begin[1][name][None], right[name][:count]]) for name in both},
        allowed={name: np.concatenate([np.zeros_like(bound[:1]), bound]) for name, bound in bounds.items()},
    )


def _initial(arrays: Mapping[str, np.ndarray[Any, Any]], side: str, left: str, variable: str) -> Any:
    """Return where a side begins; the reference begins where the left side does."""
    return arrays.get(f"initial weights/{side}/{variable}", arrays[f"initial weights/{left}/{variable}"])


def step_table(case: KeptCase, found: Trajectories, title: str) -> Table | None:
    """Return the steps around the first divergence; None if the weights do not part."""
    if found.parted is None:
        return None
    step, first = found.parted
    heads = ("epoch", "batch", "variable", escape(case.left), escape(case.right), "difference", "allowed")
    table = Table(*(Column(head, no_wrap=True) for head in heads), title=escape(title))
    others = [name for name in found.left if name != first][: MOST_VARIABLES - 1]
    # The same element of a variable in all rows: the one that is furthest apart at the step in question.
    index = {}
    for name in (first, *others):
        difference = np.nan_to_num(found.difference(name)[step], nan=np.inf)
        allowed = found.allowed[name][step] if name in found.allowed else np.zeros_like(difference)
        index[name] = furthest_apart(difference, allowed)
    for row in range(max(0, step - STEPS_AROUND), min(len(found.moments), step + STEPS_AROUND + 1)):
        epoch, batch = found.moments[row]
        for name, where in index.items():
            place = row, *where
            bound = f"{found.allowed[name][place]:.3g}" if name in found.allowed else "none"
            table.add_row(
                str(epoch) if epoch else "start",
                str(batch) if epoch else "",
                escape(f"{name} {list(where)}"),
                repr(float(found.left[name][place])),
                repr(float(found.right[name][place])),
                f"{found.difference(name)[place]:.3g}",
                bound,
                style="bold" if row == step and name == first else None,
            )
        table.add_section()
    return table


def write_picture(folder: Path, case: KeptCase, found: Trajectories, title: str) -> Path:
    """Draw the trajectories into a folder and return the picture's path.

    Raises:
        CaseFolderError: if it cannot be written.
    """
    path = folder / PICTURE
    try:
        path.write_text(draw(case, found, title), encoding="utf-8")
    except OSError as error:
        raise CaseFolderError(
            f"The picture {path} cannot be written ({error.strerror or error}); make room or change its permissions."
        ) from error
    return path


def draw(case: KeptCase, found: Trajectories, title: str) -> str:
    """Draw how far apart the two sides are after each step, as SVG for a light page."""
    first = found.parted[1] if found.parted else None
    names = sorted(found.left, key=lambda name: name != first)[:MOST_VARIABLES]
    taken = sorted({round(place) for place in np.linspace(0, len(found.moments) - 1, MOST_STEPS)})
    rows, bounds = [], []
    largest = {name: found.difference(name).reshape(len(found.moments), -1).max(axis=1) for name in names}
    shown = np.concatenate([[np.nan], *largest.values()])
    positive = shown[(shown > 0) & np.isfinite(shown)]
    # A logarithm has no place for zero: equal bits lie on a line of their own below everything else.
    floor = 10.0 ** np.floor(np.log10(positive.min()) - 1) if positive.size else 1e-12
    for name in names:
        allowed = found.allowed.get(name)
        for step in taken:
            value = largest[name][step]
            if np.isfinite(value):
                rows.append({"step": step, "variable": name, "apart": max(float(value), floor)})
            if allowed is not None and np.isfinite(allowed[step]).all():
                bounds.append({"step": step, "variable": name, "apart": max(float(allowed[step].max()), floor)})
    subtitle = f"{case.architecture}; {len(names)} of {len(found.left)} variables; " + (
        "pale: the difference that rounding explains" if bounds else "no difference is allowed"
    )
    return _svg(_chart(case, found, rows, bounds, names, floor), title, subtitle)


def _chart(
    case: KeptCase,
    found: Trajectories,
    rows: list[dict[str, Any]],
    bounds: list[dict[str, Any]],
    names: list[str],
    floor: float,
) -> Any:
    colour = alt.Color("variable:N", scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])), title=None)
    dash = alt.StrokeDash("variable:N", scale=alt.Scale(domain=names, range=list(DASHES[: len(names)])), title=None)
    scale = alt.Scale(type="log", domainMin=floor)
    # No title of an axis holds a name: Vega puts those into expressions, where a backslash is none of its own.
    apart = "largest difference between the two"
    x = alt.X("step:Q", title="steps taken", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("apart:Q", scale=scale, title=apart, axis=alt.Axis(format=".0e"))
    few = len(found.moments) <= 60
    lines = alt.Chart(alt.InlineData(values=rows)).mark_line(
        strokeWidth=2, point=alt.OverlayMarkDef(size=36) if few else False
    )
    layers = [lines.encode(x=x, y=y, color=colour, strokeDash=dash)]
    if bounds:
        allowed = alt.Chart(alt.InlineData(values=bounds)).mark_line(strokeWidth=1.5, opacity=0.45)
        layers.append(allowed.encode(x="step:Q", y="apart:Q", color=colour))
    base = alt.Chart(alt.InlineData(values=[{"apart": floor, "text": "equal bits"}]))
    layers.append(base.mark_rule(color="#8a8a8a", strokeDash=[2, 3]).encode(y="apart:Q"))
    layers.append(
        base.mark_text(align="right", baseline="bottom", dy=-4, color="#57606a").encode(
            x=alt.value("width"), y="apart:Q", text="text:N"
        )
    )
    if found.parted:
        step = found.parted[0]
        epoch, batch = found.moments[step]
        where = f"parts at epoch {epoch}, batch {batch}" if epoch else "parts at the start"
        rule = alt.Chart(alt.InlineData(values=[{"step": step, "text": where}]))
        left_half = step < len(found.moments) / 2
        layers.append(rule.mark_rule(color="#1b1f24", strokeWidth=1.5).encode(x="step:Q"))
        layers.append(
            rule.mark_text(
                align="left" if left_half else "right", baseline="bottom", dx=4 if left_half else -4, color="#1b1f24"
            ).encode(x="step:Q", y=alt.value(-4), text="text:N")
        )
    return alt.layer(*layers).properties(width=720, height=320)


def _svg(chart: Any, title: str, subtitle: str) -> str:
    ink = "#1b1f24"
    themed = chart.properties(title=alt.TitleParams(title, subtitle=subtitle), padding=16).configure(
        background="#ffffff",
        font="system-ui, sans-serif",
        title=alt.TitleConfig(color=ink, anchor="start", fontSize=14, subtitleColor="#57606a", offset=24),
        axis=alt.AxisConfig(
            labelColor=ink, titleColor=ink, gridOpacity=0.4, labelFontSize=12, titleFontWeight="normal"
        ),
        legend=alt.LegendConfig(
            labelColor=ink, orient="bottom", labelLimit=0, symbolType="stroke", symbolSize=600, symbolOpacity=1
        ),
        view=alt.ViewConfig(stroke="transparent"),
    )
    text: str = vl_convert.vegalite_to_svg(themed.to_dict())
    return text
