"""Charts: drawn by Vega-Lite when the page is built, and embedded as SVG, so that the page needs no script."""

from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from keras_styles.dashboard.summary import Cost
from keras_styles.styles import BASELINE_STYLE, STYLES

# Shape and position tell the styles apart as well as the colours, which are Okabe and Ito's for all kinds of vision
# (https://jfly.uni-koeln.de/color/).
COLOURS = {"sequential": "#0072b2", "functional": "#8a8a8a", "subclassing": "#d55e00"}
SHAPES = {"sequential": "circle", "functional": "diamond", "subclassing": "square"}

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
