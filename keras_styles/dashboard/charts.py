"""Charts: drawn by Vega-Lite when the page is built, and embedded as SVG, so that the page needs no script."""

import json
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from keras_styles.dashboard.summary import Cost
from keras_styles.margins import INFINITE, ZERO, bin_edge
from keras_styles.styles import BASELINE_STYLE, STYLES

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


def costs_chart(costs: list[Cost]) -> Markup:
    """Draw each phase's ratio to the functional style: the median, and the quartiles of the rounds around it.

    Args:
        costs: the cells of one device, at least one.
    """
    rows = [
        {"phase": c.phase, "style": c.style, "median": c.ratio.median, "low": c.ratio.low, "high": c.ratio.high}
        for c in costs
    ]
    styles = list(STYLES)
    colour = alt.Color("style:N", scale=alt.Scale(domain=styles, range=[COLOURS[s] for s in styles]))
    shape = alt.Shape("style:N", scale=alt.Scale(domain=styles, range=[SHAPES[s] for s in styles]))
    # The layers have no data of their own: only then does each facet show its own phase.
    layer = alt.Chart().encode(y=alt.Y("style:N", sort=styles, title=None))
    same = alt.Chart().mark_rule(strokeDash=[4, 3], opacity=0.6, color=INK).encode(x=alt.datum(1))
    spread = layer.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=alt.Scale(zero=False), title=None), x2="high:Q", color=colour
    )
    middle = layer.mark_point(size=110, filled=True, opacity=1).encode(x="median:Q", color=colour, shape=shape)
    chart = (
        alt.layer(same, spread, middle)
        .properties(width=560, height=72)
        .facet(
            row=alt.Row(
                "phase:N",
                sort=list(dict.fromkeys(cost.phase for cost in costs)),
                header=alt.Header(labelAngle=0, labelAlign="left", title=None),
            ),
            data=alt.InlineData(values=rows),
        )
        .properties(title=f"time, as a ratio to {BASELINE_STYLE} (1 = the same, lower is faster)")
    )
    return _svg(chart)


# Margins below it say no more than that there is room, and a long run has some of 2^-140: the bars would be hairlines.
SMALLEST = -24


def margins_chart(margins: dict[str, int]) -> Markup:
    """Draw how many comparisons used which fraction of their bound, in bins of powers of two, and a rule at all of it.

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
    return _svg(alt.layer(bars, rule, counts).properties(width=420, height=140, title="number of comparisons"))


def _fold(margins: dict[str, int]) -> tuple[dict[str, int], bool]:
    """Return a histogram whose smallest bins are one, and whether there were any to put together."""
    folded: dict[str, int] = {}
    for name, count in margins.items():
        small = name not in (ZERO, INFINITE) and int(name.removeprefix("2^")) <= SMALLEST
        kept = f"2^{SMALLEST}" if small else name
        folded[kept] = folded.get(kept, 0) + count
    return folded, folded.keys() != margins.keys()


def _svg(chart: Any) -> Markup:
    themed = chart.configure(
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
    return Markup(vl_convert.vegalite_to_svg(themed.to_dict()))
