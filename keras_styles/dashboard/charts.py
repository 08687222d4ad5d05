"""Charts: drawn by Vega-Lite when the site is built, and embedded as SVG, so that a page shows them without scripts."""

import json
import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from keras_styles.costs import Cost
from keras_styles.margins import INFINITE, ZERO, bin_edge
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import BATCH_SIZE, WIDTH

# Shape and position tell the styles apart as well as the colours, which are Okabe and Ito's for all kinds of vision
# (https://jfly.uni-koeln.de/color/).
COLOURS = {"sequential": "#0072b2", "functional": "#8a8a8a", "subclassing": "#d55e00"}
SHAPES = {"sequential": "circle", "functional": "diamond", "subclassing": "square"}

# The same family; what differs has its number besides.
AGREE = "#0072b2"
DIFFER = "#d55e00"

RAISED = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)  # to exponents

INK = "currentColor"  # of the page's text, so that one picture serves light and dark


# The axis shows each ratio with at least this factor of room; the interval of two processes can reach to infinity, and
# would press all marks into one.
ROOM = 2.0
EDGE = 1.02
# In the order in which they get a label as long as there is room: powers of ten, halves and doubles, fine steps.
DECADES = (1, 10, 0.1, 100, 0.01, 1000, 0.001)
TICKS = (*DECADES, 2, 0.5, 5, 0.2, 20, 0.05, 50, 0.02, 1.5, 0.7, 1.2, 0.8, 1.1, 0.9, 1.05, 0.95)
# Labels closer than this part of the axis would touch.
LABEL_ROOM = 0.07


def costs_chart(costs: Sequence[Cost]) -> Markup | None:
    """Draw the ratios of one architecture to the functional style: one row for each phase, a mark for each style.

    A mark is a ratio and the line through it its interval. The light band around 1 is what counts as no difference.

    Args:
        costs: of one architecture; only what was measured at the usual size is drawn.

    Returns:
        The picture as SVG, or None if there is no ratio to show.
    """
    usual = [c for c in costs if (c.workload.batch_size, c.workload.width) == (BATCH_SIZE, WIDTH)]
    judged = [(c, c.judgement) for c in usual if c.judgement and c.contender in STYLES]
    if not judged:
        return None
    phases = list(dict.fromkeys(c.workload.phase for c, _ in judged))
    # A little further than what it shows, so that only a line that goes on reaches the edge.
    low = min(1 / (1 + NO_DIFFERENCE), *(max(j.low, j.ratio / ROOM) for _, j in judged)) / EDGE
    high = max(1 + NO_DIFFERENCE, *(min(j.high, j.ratio * ROOM) for _, j in judged)) * EDGE
    rows = [
        {
            "phase": c.workload.phase,
            "style": c.contender,
            "ratio": round(j.ratio, 4),
            # A line to zero or infinity has no place on a logarithmic axis; this one ends where the axis does.
            "low": round(max(j.low, low), 4),
            "high": round(min(j.high, high), 4),
            "words": f"{c.workload.phase} {c.contender}: {j.ratio:.3f} times, {j.low:.3f} to {j.high:.3f}",
        }
        for c, j in judged
    ] + [
        {"phase": phase, "style": BASELINE_STYLE, "ratio": 1, "low": 1, "high": 1, "words": f"{phase} {BASELINE_STYLE}"}
        for phase in phases
    ]
    styles = list(STYLES)
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x_axis = alt.Axis(values=_ticks(low, high), format="~g", labelOverlap=False, grid=False)
    colour = alt.Color("style:N", scale=alt.Scale(domain=styles, range=[COLOURS[s] for s in styles]))
    shape = alt.Shape("style:N", scale=alt.Scale(domain=styles, range=[SHAPES[s] for s in styles]))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("phase:N", sort=phases, title=None, axis=alt.Axis(grid=True, tickBand="extent", ticks=False)),
        yOffset=alt.YOffset("style:N", scale=alt.Scale(domain=styles)),
    )
    band = alt.Chart(alt.InlineData(values=[{}])).mark_rect(color=INK, opacity=0.1, aria=False)
    band = band.encode(x=alt.datum(1 / (1 + NO_DIFFERENCE), scale=x_scale), x2=alt.datum(1 + NO_DIFFERENCE))
    same = alt.Chart(alt.InlineData(values=[{}])).mark_rule(strokeDash=[4, 3], opacity=0.6, color=INK, aria=False)
    interval = base.mark_rule(strokeWidth=2, aria=False).encode(x="low:Q", x2="high:Q", color=colour)
    mark = base.mark_point(size=50, filled=True, opacity=1).encode(
        x=alt.X("ratio:Q", scale=x_scale, axis=x_axis, title=None), color=colour, shape=shape, description="words:N"
    )
    chart = alt.layer(band, same.encode(x=alt.datum(1)), interval, mark).properties(
        width=520,
        height=alt.Step(9),
        title=f"time, as a ratio to {BASELINE_STYLE} (1 = the same, lower is faster), with {CONFIDENCE:.0%} intervals",
    )
    return _drawn(chart)


def _ticks(low: float, high: float) -> list[float]:
    """Return what is labelled on a logarithmic axis, 1 first, so that no label touches another."""
    kept: list[float] = []
    room = LABEL_ROOM * math.log(high / low)
    for tick in TICKS:
        if low <= tick <= high and all(abs(math.log(tick / other)) >= room for other in kept):
            kept.append(tick)
    return kept


# Margins below it say no more than that there is room, and a long run has some of 2^-140: the bars would be hairlines.
SMALLEST = -24


def margins_chart(margins: dict[str, int]) -> Markup:
    """Draw how many comparisons used which fraction of their bound, in bins of powers of two, with a rule at all of it.

    Args:
        margins: at least one.
    """
    margins, folded = _fold(margins)
    exponents = {name: int(name.removeprefix("2^")) for name in margins if name not in (ZERO, INFINITE)}
    low = min([0, *exponents.values()]) - 1  # lower edge of the leftmost bin
    high = max([0, *exponents.values()])
    # Zero and infinity have no place on such an axis; they stand a bin's width away from its ends.
    right = {**exponents, ZERO: low - 1, INFINITE: high + 2}
    rows = [
        {
            "left": right[name] - 1,
            "right": right[name],
            "comparisons": count,
            "agree": bin_edge(name) <= 1,
            "words": f"margin up to {name}: {count} comparisons",  # for those who hear the page
        }
        for name, count in margins.items()
    ]
    # Every fourth power of two, counted from 1, leaves the labels room.
    labels: dict[float, str] = {
        edge: "2" + str(edge).translate(RAISED) for edge in range(low, high + 1) if edge % 4 == 0
    }
    labels[0] = "1"
    if folded:
        labels[SMALLEST] = f"\N{LESS-THAN OR EQUAL TO} {labels[SMALLEST]}"
    if ZERO in margins:
        labels[low - 1.5] = "0"
    if INFINITE in margins:
        labels[high + 1.5] = "\N{INFINITY}"
    base = alt.Chart(alt.InlineData(values=rows))
    x = alt.X(
        "left:Q",
        title="margin: observed difference / bound (1 = all that is allowed)",
        scale=alt.Scale(
            domain=[low - 2 if ZERO in margins else low, high + (2 if INFINITE in margins else 0.5)], nice=False
        ),
        axis=alt.Axis(
            values=list(labels),
            labelExpr=f"({json.dumps({str(place): text for place, text in labels.items()})})[datum.value]",
            titleFontWeight="normal",
            grid=False,
        ),
    )
    y = alt.Y("comparisons:Q", title=None)
    colour = alt.condition("datum.agree", alt.value(AGREE), alt.value(DIFFER))
    bars = base.mark_bar(binSpacing=1).encode(
        x=x, x2="right:Q", y=y, y2=alt.datum(0), color=colour, description="words:N"
    )
    # One comparison among thousands makes no bar that could be seen.
    counts = (
        base.transform_filter("!datum.agree")
        .transform_calculate(middle="(datum.left + datum.right) / 2")
        .mark_text(dy=-7, color=DIFFER, fontWeight="bold")
        .encode(x="middle:Q", y=y, text="comparisons:Q")
    )
    rule = base.mark_rule(strokeDash=[4, 3], color=INK).encode(x=alt.datum(0))
    return _drawn(alt.layer(bars, rule, counts).properties(width=420, height=140, title="number of comparisons"))


def _fold(margins: dict[str, int]) -> tuple[dict[str, int], bool]:
    """Return a histogram whose smallest bins are one, and whether there were any to put together."""
    folded: dict[str, int] = {}
    for name, count in margins.items():
        small = name not in (ZERO, INFINITE) and int(name.removeprefix("2^")) <= SMALLEST
        kept = f"2^{SMALLEST}" if small else name
        folded[kept] = folded.get(kept, 0) + count
    return folded, folded.keys() != margins.keys()


def _drawn(chart: Any) -> Markup:
    """Return a chart as SVG, in the colours of the page's text."""
    themed = chart.configure(
        # Labels are measured with another font than the reader's, which may be wider.
        padding={"left": 16, "top": 5, "right": 5, "bottom": 5},
        background="transparent",
        font="system-ui, sans-serif",
        title=alt.TitleConfig(color=INK, anchor="start", fontSize=13, fontWeight="normal"),
        axis=alt.AxisConfig(
            labelColor=INK, titleColor=INK, tickColor=INK, domainColor=INK, gridOpacity=0.15, labelFontSize=12
        ),
        header=alt.HeaderConfig(labelColor=INK, titleColor=INK, labelFontSize=13),
        legend=alt.LegendConfig(disable=True),
        view=alt.ViewConfig(stroke="transparent"),
    )
    # What makes a mark is checked when it is made; to check the whole chart as well takes longer than to draw it.
    return Markup(vl_convert.vegalite_to_svg(themed.to_dict(validate=False)))
