"""The site: all pages from the records, as files that any static host serves and a browser opens without one."""

import gzip
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
import numpy as np
import vl_convert

from keras_styles import __version__
from keras_styles.calibration import RatesRecord, power_text
from keras_styles.costs import Conclusion, Cost
from keras_styles.costs_text import time_text, verdict_sentence
from keras_styles.dashboard.charts import COLOURS, costs_chart, margins_chart
from keras_styles.dashboard.matrix import matrix
from keras_styles.dashboard.specs import distribution_spec, margins_spec, scaling_spec, timeline_data
from keras_styles.dashboard.summary import Summary, summarize
from keras_styles.differences import LOST_OR_CHANGED, ledger
from keras_styles.history import MIN_POINTS, History, Step, read_history
from keras_styles.ledger_text import SYMBOLS, script
from keras_styles.records import ResultsError, load, slug
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE, Verdict
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import BATCH_SIZE, TWIN, WIDTH, Counters

PAGES: Final[Mapping[str, str]] = {
    "index": "Today",
    "equivalence": "Equivalence",
    "differences": "Differences",
    "costs": "Costs",
    "history": "History",
    "trust": "Trust",
}
# Scripts and data come from the site alone, and nothing written into a page is ever run. Vega sets styles by attribute.
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:"
VERDICT_SYMBOLS: Final[Mapping[Verdict, str]] = {"faster": "▼", "slower": "▲", "no difference": "=", "undecided": "?"}
# Of the newest gaps only: what was not run a year ago explains nothing today.
MOST_GAPS: Final = 30


class CostMatrix(NamedTuple):
    """The costs of one architecture at the usual size: for each phase, one for each style but the baseline."""

    architecture: str
    styles: list[str]
    rows: dict[str, list[Cost | None]]


class Twins(NamedTuple):
    """How far from 1 the ratios of the functional style's twin came out."""

    engine: str
    device: str
    cells: int
    median: float
    largest: float
    flagged: str


class Gap(NamedTuple):
    """Cells without a number in one run, for one reason."""

    engine: str
    device: str
    run: str
    cells: int
    why: str


@dataclass(frozen=True)
class Content:
    """All that the pages are made of."""

    summary: Summary
    history: History
    rates: list[RatesRecord]

    @property
    def set_aside(self) -> list[str]:
        """A sentence for each file that could not be read, each once."""
        return list(dict.fromkeys([*self.summary.set_aside, *self.history.set_aside]))


def read_content(results: Path) -> Content:
    """Read all records under `results`; what cannot be read costs a sentence, not the site."""
    summary, rates = summarize(results), []
    for path in sorted((results / "calibration").glob("rates-*.json")):
        try:
            rates.append(load(path, RatesRecord))
        except ResultsError as error:
            summary.set_aside.append(str(error))
    return Content(summary, read_history(results), rates)


def build_site(results: Path, out: Path) -> tuple[Path, Content]:
    """Build the site from the records under `results` into the folder `out`, whole or not at all.

    Returns:
        The path of the first page, and what the pages show.

    Raises:
        ResultsError: if it cannot be written.
    """
    content = read_content(results)
    if out.is_dir() and any(out.iterdir()) and not (out / "static" / "site.js").exists():
        raise ResultsError(f"{out} holds other files than a site of keras-styles; give another --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as draft:
            _write(content, results, Path(draft))
            Path(draft).chmod(0o755)  # a web server is another user
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(draft, out)
    except OSError as error:
        raise ResultsError(
            f"The site {out} cannot be written ({error.strerror or error}); make room, or give another --out."
        ) from error
    return out / "index.html", content


def _write(content: Content, results: Path, out: Path) -> None:
    data, raw = out / "data", out / "raw"
    static = resources.files("keras_styles.dashboard").joinpath("static")
    for folder in (data, raw, out / "static"):
        folder.mkdir()
    for name in ("site.css", "site.js"):
        (out / "static" / name).write_bytes(static.joinpath(name).read_bytes())
    # It defines window.vegaEmbed, and names of its own that must not meet those of other scripts.
    (out / "static" / "vega.js").write_text(f"(() => {{\n{vl_convert.javascript_bundle()}\n}})();\n", encoding="utf-8")
    sizes = {}
    for path in content.summary.shown:
        packed = gzip.compress(path.read_bytes(), mtime=0)
        (raw / f"{path.name}.gz").write_bytes(packed)
        sizes[f"{path.name}.gz"] = len(packed) // 1024 + 1
    pages, scripts = render(content, sizes)
    for name, text in pages.items():
        (out / f"{name}.html").write_text(text, encoding="utf-8")
    for name, value in scripts.items():
        (data / f"{name}.js").write_text(
            f"kerasStyles.receive({json.dumps(name)}, {json.dumps(value, separators=(',', ':'))});\n", encoding="utf-8"
        )


def render(content: Content, raw: Mapping[str, int] | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the pages by name, and what their interactive charts load; all text from records is escaped.

    Args:
        content: what the pages show.
        raw: KiB of each file that can be downloaded.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.PackageLoader("keras_styles.dashboard"),
    )
    environment.filters["slug"] = slug
    summary, history = content.summary, content.history
    scripts: dict[str, Any] = {}

    def script_of(value: Any) -> str:
        name = f"d{len(scripts)}"
        scripts[name] = value
        return name

    charts = {
        section.anchor: script_of(spec)
        for section in summary.sections
        if (spec := margins_spec(summary.equivalence_runs.get(section.identity, [])))
    }
    pictures, scalings, distributions = {}, {}, {}
    for section in summary.sections:
        for device, conclusion in section.conclusions.items():
            for architecture, workloads in conclusion.by_architecture.items():
                costs = [cost for there in workloads.values() for cost in there]
                key = section.anchor, device, architecture
                pictures[key] = costs_chart(costs)
                if spec := scaling_spec(costs):
                    scalings[key] = script_of(spec)
                if spec := distribution_spec(section.processes[device], architecture):
                    distributions[key] = script_of(spec)
    # What no run has timed, such as a GPU that is not there, is told with the gaps.
    with_times = [
        timeline for timeline in history.timelines if any(p.seconds for s in timeline.series for p in s.points)
    ]
    timelines = {script_of(timeline_data(each, history.annotations)): each for each in with_times}
    rows = matrix(ledger(), summary.differences) if summary.differences else []
    conclusions = [conclusion for section in summary.sections for conclusion in section.conclusions.values()]
    known = {
        "pages": PAGES,
        "policy": POLICY,
        "version": __version__,
        "newest": summary.newest,
        "summary": summary,
        "history": history,
        "set_aside": content.set_aside,
        "styles": STYLES,
        "baseline": BASELINE_STYLE,
        "colours": COLOURS,
        "confidence": CONFIDENCE,
        "no_difference": NO_DIFFERENCE,
        "counted": list(Counters.model_fields),
        "time_text": time_text,
        "power_text": power_text,
        "verdict_sentence": verdict_sentence,
        "cost_matrix": cost_matrix,
        "symbols_of_verdicts": VERDICT_SYMBOLS,
        "has_costs": any(cost_matrix(conclusion) for conclusion in conclusions),
        "step_sentence": step_sentence,
        "rows": rows,
        "severities": Counter(row.difference.severity for row in rows),
        "keras_versions": sorted({version for row in rows for version in row.versions}),
        "changed_differences": changed_differences(summary),
        "symbols": SYMBOLS,
        "lost_or_changed": LOST_OR_CHANGED,
        "probe_source": script,
        "margins": {s.anchor: margins_chart(s.margins) if s.margins else None for s in summary.sections},
        "charts": charts,
        "pictures": pictures,
        "scalings": scalings,
        "distributions": distributions,
        "timelines": timelines,
        "number_of_runs": sum(len(timeline.runs) for timeline in history.timelines),
        "gaps": list(gaps(history))[:MOST_GAPS],
        "min_points": MIN_POINTS,
        "batch_size": BATCH_SIZE,
        "twins": [_twins(conclusion) for conclusion in conclusions],
        "rates": content.rates,
        "raw": raw or {},
    }
    pages = {name: environment.get_template(f"{name}.html.j2").render(page=name, **known) for name in PAGES}
    return pages, scripts


def cost_matrix(conclusion: Conclusion) -> CostMatrix | None:
    """Return the costs of the first architecture of which a ratio is known, at the usual size."""
    for architecture, workloads in conclusion.by_architecture.items():
        usual = {w: costs for w, costs in workloads.items() if (w.batch_size, w.width) == (BATCH_SIZE, WIDTH)}
        compared = [style for style in STYLES if style != BASELINE_STYLE]
        rows: dict[str, list[Cost | None]] = {
            workload.phase: [next((cost for cost in costs if cost.contender == style), None) for style in compared]
            for workload, costs in usual.items()
        }
        if any(cost and cost.judgement for costs in rows.values() for cost in costs):
            return CostMatrix(architecture, compared, rows)
    return None


def changed_differences(summary: Summary) -> list[tuple[str, str]]:
    """Return the id and a sentence for each entry of the ledger whose verdict is another than in the run before."""
    if summary.differences is None or summary.previous_differences is None:
        return []
    before, now = (
        {(run.engine, probed.id): probed.verdict for run in record.engines for probed in run.differences}
        for record in (summary.previous_differences, summary.differences)
    )
    return [
        (identifier, f"is {verdict} on {engine}, and was {before.get((engine, identifier), 'not probed')}.")
        for (engine, identifier), verdict in now.items()
        if before.get((engine, identifier)) != verdict
    ]


def step_sentence(step: Step) -> str:
    """Return what got slower, by how much and between which runs."""
    cell, what = step.cell, "time" if step.quantity == "seconds" else f"ratio to {BASELINE_STYLE}"
    changes = ", ".join(f"{one.what} {one.before} to {one.after}" for one in step.changes) or "the commit only"
    return (
        f"{cell.phase} of {cell.style} {cell.architecture} (batch {cell.batch_size}, width {cell.width}, "
        f"{step.identity.engine}): {what} {step.factor:.2f} times since {step.first_after.id} ({changes})."
    )


def gaps(history: History) -> Iterator[Gap]:
    """Give what has no number in each run, and why, the newest run first."""
    for timeline in history.timelines:
        for place in reversed(range(len(timeline.runs))):
            reasons = Counter(why for series in timeline.series if (why := series.points[place].why_not) is not None)
            for why, cells in reasons.items():
                yield Gap(timeline.identity.engine, timeline.identity.device, timeline.runs[place].id, cells, why)


def _twins(conclusion: Conclusion) -> Twins:
    """Return how the twin of one conclusion came out."""
    judged: Sequence[Cost] = [cost for cost in conclusion.costs if cost.contender == TWIN and cost.judgement]
    distances = [abs(cost.judgement.ratio - 1) for cost in judged if cost.judgement] or [0.0]
    flagged = [str(c.workload) for c in judged if c.judgement and c.judgement.verdict in ("faster", "slower")]
    return Twins(
        engine=conclusion.engine,
        device=conclusion.device,
        cells=len(judged),
        median=float(np.median(distances)),
        largest=max(distances),
        flagged=", ".join(flagged),
    )
