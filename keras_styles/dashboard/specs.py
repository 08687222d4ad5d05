"""Specs: the charts that a reader can point at, as Vega-Lite with their data; the page draws them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from keras_styles.annotations import Annotation
from keras_styles.costs import Cost
from keras_styles.dashboard.charts import COLOURS, DIFFER, SHAPES
from keras_styles.dashboard.summary import short_commit
from keras_styles.history import Timeline
from keras_styles.records import EquivalenceRecord
from keras_styles.saved_runs import Cell, Run
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import BATCH_PHASES, BATCH_SIZE, TWIN, WIDTH, ProcessRecord

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
# Digits that a picture can show; more would only make the site larger.
DIGITS: Final = 4

# Where the axis of margins ends; 1 is all that is allowed.
PAST_THE_BOUND: Final = 1.2

Spec = dict[str, Any]


def _style(values: Sequence[str] = STYLES) -> dict[str, Spec]:
    """Return colour and shape by style; neither is the only sign."""
    colours = [COLOURS.get(value, "#009e73") for value in values]
    shapes = [SHAPES.get(value, "triangle-up") for value in values]
    return {
        "color": {"field": "style", "type": "nominal", "scale": {"domain": list(values), "range": colours}},
        "shape": {"field": "style", "type": "nominal", "scale": {"domain": list(values), "range": shapes}},
    }


def _tooltip(*fields: str) -> list[Spec]:
    return [{"field": field, "type": "nominal"} for field in fields]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def margins_spec(runs: Sequence[EquivalenceRecord]) -> Spec | None:
    """Return the worst margin of each architecture, tier and mode over time, or None if no run has one.

    Each profile has charts of its own: one that searches longer finds larger margins, and a line through both would
    look like agreement that erodes and heals.

    Args:
        runs: of the whole suite in one place, in the order of time.
    """
    by_profile: dict[str, list[Spec]] = {}
    for run in runs:
        by_profile.setdefault(run.profile, []).extend(_margin_points(run))
    found = {profile: points for profile, points in by_profile.items() if points}
    if not found:
        return None
    # One colour and shape for each of them in all charts.
    series = sorted({point["series"] for points in found.values() for point in points})
    return {
        "$schema": SCHEMA,
        "description": "The worst margin of each architecture, tier and mode over time; 1 is all that is allowed.",
        "vconcat": [_margins_of_profile(profile, points, series) for profile, points in found.items()],
    }


def _margin_points(run: EquivalenceRecord) -> list[Spec]:
    """Return the worst margin of each architecture, tier and mode in a run; a mode may be that of two, compared."""
    worst: dict[tuple[str, int, str], float] = {}
    for stage in run.stages:
        if stage.worst is not None:
            key = stage.architecture, stage.tier, stage.mode or "mode unknown"
            worst[key] = max(stage.worst, worst.get(key, 0.0))
    return [
        {
            "date": run.created.isoformat(),
            "architecture": architecture,
            "series": f"tier {tier}, {mode}",
            # What is past the bound stands at the edge, however far it is.
            "shown": _short(min(margin, PAST_THE_BOUND)),
            "margin": _short(margin) if np.isfinite(margin) else "infinite",
            "sign": "✗" if margin > 1 else "",
            "profile": run.profile,
            "release": f"keras {run.environment.keras}, {run.environment.engine} {run.environment.engine_version}",
            "commit": short_commit(run.environment.commit),
        }
        for (architecture, tier, mode), margin in sorted(worst.items())
    ]


def _margins_of_profile(profile: str, points: list[Spec], series: list[str]) -> Spec:
    days = {"format": "%Y-%m-%d", "tickCount": 3, "labelOverlap": True}
    x = {"field": "date", "type": "temporal", "title": None, "scale": {"type": "utc"}, "axis": days}
    y = {"field": "shown", "type": "quantitative", "title": None, "scale": {"domain": [0, PAST_THE_BOUND]}}
    # Colour, shape and dashes say the same, and have one legend.
    which = {"field": "series", "type": "nominal", "title": "tier and mode", "scale": {"domain": series}}
    tooltip = _tooltip("architecture", "series", "margin", "profile", "date", "release", "commit")
    return {
        "title": {"text": f"profile {profile}", "limit": 400},
        "data": {"values": points},
        "facet": {"field": "architecture", "type": "nominal", "title": None},
        "columns": 3,
        "spec": {
            "width": 190,
            "height": 90,
            "layer": [
                {"mark": "line", "encoding": {"x": x, "y": y, "color": which, "strokeDash": which}},
                {
                    "mark": {"type": "point", "filled": True},
                    "encoding": {"x": x, "y": y, "color": which, "shape": which, "tooltip": tooltip},
                },
                {
                    "mark": {"type": "text", "color": DIFFER, "fontSize": 14},
                    "encoding": {"x": x, "y": y, "text": {"field": "sign"}, "tooltip": tooltip},
                },
                {"mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": {"y": {"datum": 1}}},
            ],
        },
    }


def scaling_spec(costs: Sequence[Cost]) -> Spec | None:
    """Return how the time grows with batch size and width, or None if only one size was measured.

    Args:
        costs: of one architecture.
    """
    panels = []
    for name, of_other in (("batch_size", "width"), ("width", "batch_size")):
        usual = {"width": WIDTH, "batch_size": BATCH_SIZE}[of_other]
        points = [
            {
                "phase": cost.workload.phase,
                "style": cost.contender,
                "size": getattr(cost.workload, name),
                "seconds": _short(cost.seconds),
            }
            for cost in costs
            if cost.contender in STYLES
            and cost.seconds
            and cost.workload.phase in BATCH_PHASES
            and getattr(cost.workload, of_other) == usual
        ]
        if len({point["size"] for point in points}) > 1:
            panels.append(_panel(name.replace("_", " "), points))
    description = "How the time of each style grows with batch size and width, phase by phase."
    return {"$schema": SCHEMA, "description": description, "vconcat": panels} if panels else None


def _panel(title: str, points: list[Spec]) -> Spec:
    x = {"field": "size", "type": "quantitative", "scale": {"type": "log"}, "title": title}
    y = {"field": "seconds", "type": "quantitative", "scale": {"type": "log"}, "title": "seconds"}
    return {
        "data": {"values": points},
        "facet": {"column": {"field": "phase", "type": "nominal", "title": None, "sort": list(BATCH_PHASES)}},
        "spec": {
            "width": 160,
            "height": 160,
            "layer": [
                {"mark": "line", "encoding": {"x": x, "y": y, "color": _style()["color"]}},
                {
                    "mark": {"type": "point", "filled": True, "size": 50},
                    "encoding": {"x": x, "y": y, **_style(), "tooltip": _tooltip("style", "phase", "size", "seconds")},
                },
            ],
        },
        "resolve": {"scale": {"y": "independent"}},
    }


def distribution_spec(processes: Sequence[ProcessRecord], architecture: str) -> Spec | None:
    """Return what each process says about each phase at the usual size, one mark for each; None if there is nothing.

    Args:
        processes: of one engine and device.
        architecture: which of theirs.
    """
    points = [
        {
            "phase": measured.workload.phase,
            "style": style,
            "process": process.number,
            "milliseconds": _short(float(np.median(rounds)) / 1e6),
        }
        for process in processes
        for measured in process.measured
        if measured.workload.architecture == architecture
        and (measured.workload.batch_size, measured.workload.width) == (BATCH_SIZE, WIDTH)
        for style in (*STYLES, TWIN)
        if (rounds := measured.nanoseconds.get(style))
    ]
    if not points:
        return None
    return {
        "$schema": SCHEMA,
        "description": "What each process says about each phase of each style.",
        "data": {"values": points},
        "facet": {"row": {"field": "phase", "type": "nominal", "title": None, "sort": None}},
        "spec": {
            "width": 460,
            "height": {"step": 14},
            "mark": {"type": "point", "filled": True, "opacity": 0.7},
            "encoding": {
                "x": {"field": "milliseconds", "type": "quantitative", "scale": {"zero": False}},
                "y": {"field": "style", "type": "nominal", "title": None, "sort": [*STYLES, TWIN]},
                **_style((*STYLES, TWIN)),
                "tooltip": _tooltip("style", "process", "milliseconds"),
            },
        },
        "resolve": {"scale": {"x": "independent"}},
    }


def run_commit(run: Run) -> str:
    """Return the commit of a run in short, with the sign of a checkout that was modified."""
    return short_commit(run.commit + ("+" if run.dirty else ""))


def workload_label(cell: Cell) -> str:
    """Return what a cell is called where its style and architecture are chosen besides."""
    return f"{cell.phase}, batch {cell.batch_size}, width {cell.width}"


def timeline_data(timeline: Timeline, annotations: Sequence[Annotation]) -> Spec:
    """Return the series of one machine and engine, as the page's script reads them.

    A point is a list of seconds, ratio, both ends of its interval, and why there is no number; what is left out at the
    end is not known.
    """
    identity = timeline.identity
    place = {run.id: number for number, run in enumerate(timeline.runs)}
    return {
        "baseline": BASELINE_STYLE,
        "styles": list(STYLES),
        "colours": [COLOURS[style] for style in STYLES],
        "shapes": [SHAPES[style] for style in STYLES],
        "runs": [
            {
                "id": run.id,
                "moment": run.moment.isoformat(),
                "commit": run_commit(run),
                "branch": run.branch or "unknown",
                "release": f"keras {run.keras}, {identity.engine} {run.engine_version}",
            }
            for run in timeline.runs
        ],
        "series": [
            {
                "architecture": series.cell.architecture,
                "workload": workload_label(series.cell),
                "style": series.cell.style,
                "points": [
                    _trimmed([*(None if v is None else _short(v) for v in point[1:5]), point.why_not])
                    for point in series.points
                ],
                "steps": [[step.quantity, place[step.first_after.id], step.factor] for step in series.steps],
            }
            for series in timeline.series
        ],
        "annotations": [
            {"date": note.date.isoformat(), "words": note.text, "architecture": note.architecture}
            for note in annotations
            if note.concerns(identity.machine, identity.engine)
        ],
    }


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values
