"""The site: all pages from the records, as files that any static host serves and a browser opens without one."""

import gc
import gzip
import hashlib
import json
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import jinja2
import numpy as np
import vl_convert
from markupsafe import Markup

from keras_styles import __version__
from keras_styles.calibration import RatesRecord, power_text
from keras_styles.costs import Conclusion, Cost
from keras_styles.costs_text import FIT_PARTS, NO_VALUE, time_text, verdict_sentence
from keras_styles.dashboard import PAGES, today
from keras_styles.dashboard.charts import COLOURS, costs_chart, margins_chart
from keras_styles.dashboard.matrix import Row, changes, in_order, matrix, newest_probings
from keras_styles.dashboard.specs import (
    distribution_spec,
    margins_spec,
    run_commit,
    scaling_spec,
    timeline_data,
    workload_label,
)
from keras_styles.dashboard.summary import Place, Section, Summary, recent_and_old, short_commit, summarize
from keras_styles.differences import ledger
from keras_styles.engines import ENGINES
from keras_styles.environment import RETIRED, where
from keras_styles.history import MIN_POINTS, History, Step, Timeline, read_history
from keras_styles.ledger_text import SYMBOLS, address, script
from keras_styles.records import ResultsError, load, slug, visible
from keras_styles.saved_gates import MEANINGS, SIGNS
from keras_styles.saved_runs import Identity, Run, read_saved_runs
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import BATCH_SIZE, TWIN, WIDTH, Counters

# Scripts and data come from the site alone, and nothing written into a page is ever run. Vega sets styles by attribute.
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:"
# What was not run a year ago explains nothing today.
MOST_GAPS: Final = 30
MOST_STEPS: Final = 5
# Of what a newer one has replaced; CI makes one with each pull request.
MOST_OLDER: Final = 30
GENERATOR: Final = "keras-styles"
# By which a folder is known for a site that may be replaced.
MARK: Final = f'<meta name="generator" content="{GENERATOR}">'


class CostMatrix(NamedTuple):
    """The costs of one architecture at the usual size: for each phase, one for each style but the baseline."""

    architecture: str
    styles: list[str]
    rows: dict[str, list[Cost | None]]


class Twins(NamedTuple):
    """How far from 1 the ratios of the functional style's twin came out; None if it was not timed.

    Attributes:
        doubts: sentences without a full stop on why the run proves nothing.
    """

    where: str
    cells: int
    median: float | None
    largest: float | None
    doubts: list[str]


class Gap(NamedTuple):
    """Cells without a number, for one reason, in the newest run that has it and perhaps in others before."""

    where: str
    newest: Run
    runs: int
    cells: int
    why: str


@dataclass(frozen=True)
class Content:
    """All that the pages are made of."""

    summary: Summary
    history: History
    rates: dict[Path, RatesRecord] = field(default_factory=dict)  # in the order of time

    @property
    def raw(self) -> list[Path]:
        """The files that can be downloaded: what the pages show but for the history, which is all that there is."""
        return [*self.summary.shown, *self.newest_rates]

    @property
    def newest_rates(self) -> list[Path]:
        """The files of the newest rates of each machine, engine and device."""
        by_place: dict[tuple[str, str, str], Path] = {}
        for path, record in self.rates.items():
            here = record.environment
            by_place[here.machine, here.engine, here.device] = path
        return list(by_place.values())

    @property
    def set_aside(self) -> list[str]:
        """A sentence for each file that could not be read, each once."""
        return list(dict.fromkeys([*self.summary.set_aside, *self.history.set_aside]))


def read_content(results: Path) -> Content:
    """Read all records under `results`; what cannot be read costs a sentence, not the site."""
    runs = read_saved_runs(results)
    summary, found = summarize(results, runs), []
    for path in sorted((results / "calibration").glob("rates-*.json")):
        try:
            found.append((path, load(path, RatesRecord)))
        except ResultsError as error:
            summary.set_aside.append(str(error))
    rates = dict(sorted(found, key=lambda each: each[1].created))
    return Content(summary, read_history(results, runs), rates)


@contextmanager
def _without_collecting_garbage() -> Iterator[None]:
    """Look for no garbage: to do so again and again among what stays until the end takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _helper() -> Executor:
    """Return a process beside this one, for what would not let go of Python's lock: bundling and drawing."""
    # Ctrl-C reaches both; what it ends is this one.
    ignore = signal.signal, (signal.SIGINT, signal.SIG_IGN)
    return ProcessPoolExecutor(1, get_context("spawn"), *ignore)


def _bundle_vega() -> str:
    # In a function, so that its own names do not meet those of other scripts.
    return f"(() => {{\n{vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')}\n}})();\n"


@_without_collecting_garbage()
def build_site(results: Path, out: Path) -> tuple[Path, Content]:
    """Build the site from the records under `results` into the folder `out`, whole or not at all.

    Returns:
        The path of the first page, and what the pages show.

    Raises:
        ResultsError: if it cannot be written, or `out` holds anything but a site of ours.
    """
    out = out.resolve()
    if out.exists() and not _is_ours(out):
        raise ResultsError(f"{out} holds other files than a site of keras-styles; give another --out.")
    with _helper() as helper:
        vega = helper.submit(_bundle_vega)
        content = read_content(results)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
                draft = Path(folder) / "new"
                _write(content, draft, vega, helper)
                _replace(out, draft, Path(folder) / "old")
        except OSError as error:
            raise ResultsError(
                f"The site {out} cannot be written ({error.strerror or error}); make room, or give another --out."
            ) from error
    return out / "index.html", content


def _replace(out: Path, draft: Path, old: Path) -> None:
    """Put a draft in the place of `out`, which goes to `old`, and comes back if that fails."""
    if out.exists():
        out.rename(old)
    try:
        # A draft has no hidden files; those of others, such as .nojekyll, stay.
        for path in old.glob(".*"):
            path.rename(draft / path.name)
        draft.rename(out)
    except BaseException:
        for path in draft.glob(".*"):
            path.rename(old / path.name)
        if old.exists():
            old.rename(out)
        raise


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder is empty, or holds a site of this project and nothing else, hidden files aside."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    pages = {f"{name}.html" for name in PAGES}
    return not names or (
        names <= pages | {"static", "data", "raw"}
        and "index.html" in names
        and MARK in (folder / "index.html").read_text(encoding="utf-8", errors="replace")
    )


def _write(content: Content, out: Path, vega: "Future[str]", helper: Executor) -> None:
    static = resources.files("keras_styles.dashboard").joinpath("static")
    for folder in (out, out / "static", out / "data", out / "raw"):
        folder.mkdir()
    for name in ("site.css", "site.js"):
        (out / "static" / name).write_bytes(static.joinpath(name).read_bytes())
    sizes = {}
    for path in content.raw:
        name = f"{path.parent.name}/{path.name}.gz"  # files of two machines may have one name
        packed = gzip.compress(path.read_bytes(), mtime=0)
        (out / "raw" / name).parent.mkdir(exist_ok=True)
        (out / "raw" / name).write_bytes(packed)
        sizes[name] = len(packed) // 1024 + 1
    (out / "static" / "vega.js").write_text(vega.result(), encoding="utf-8")
    pages, scripts = render(content, sizes, helper.map)
    for name, text in pages.items():
        (out / f"{name}.html").write_text(text, encoding="utf-8")
    for name, text in scripts.items():
        script = f"kerasStyles.receive({json.dumps(name)}, {text});\n"
        (out / "data" / f"{name}.js").write_text(script, encoding="utf-8")


def render(
    content: Content,
    raw: Mapping[str, int] | None = None,
    apply: Callable[[Callable[[Any], Markup | None], Iterable[Any]], Iterable[Markup | None]] = map,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pages by name, and as JSON what their interactive charts load.

    All text from records is escaped, and what cannot be seen is left out.

    Args:
        content: what the pages show.
        raw: KiB of each file that can be downloaded.
        apply: draws many charts; `map`, or that of another process.
    """
    summary, history = content.summary, content.history
    scripts: dict[str, str] = {}

    def script_of(value: Any) -> str:
        # By its content: a page never draws another chart's data, which a browser may have kept from the build before.
        text = _json(value)
        name = f"d{_digest(text)}"
        scripts[name] = text
        return name

    compared, with_costs, with_benchmark = summary.with_equivalence, summary.with_costs, summary.newest_of("benchmark")
    # By section, device and architecture.
    costs = {
        (section.anchor, device, architecture): [cost for there in workloads.values() for cost in there]
        for section in with_costs
        for device, conclusion in section.conclusions.items()
        for architecture, workloads in conclusion.by_architecture.items()
    }
    processes = {(s.anchor, device): there for s in with_costs for device, there in s.processes.items()}
    margins = {section.anchor: section.margins for section in compared if section.margins}
    # By a helper while all else is put together.
    drawn = apply(margins_chart, margins.values()), apply(costs_chart, costs.values())
    charts = {
        section.anchor: script_of(spec)
        for section in compared
        if (spec := margins_spec(summary.equivalence_runs.get(section.place, [])))
    }
    scalings = {key: script_of(spec) for key, there in costs.items() if (spec := scaling_spec(there))}
    distributions = {
        (anchor, device, architecture): script_of(spec)
        for anchor, device, architecture in costs
        if (spec := distribution_spec(processes[anchor, device], architecture))
    }
    # What no run has timed, such as a GPU that is not there, is told with the gaps.
    with_times = [timeline for timeline in history.timelines if timeline.has_times]
    timelines = {timeline_name(each.identity): each for each in with_times}
    scripts |= {name: _json(timeline_data(each, history.annotations)) for name, each in timelines.items()}
    series = [series for timeline in with_times for series in timeline.series]
    rows = matrix(ledger(), summary.probings)
    keras_versions = in_order(version for row in rows for version in row.keras_versions)
    all_gaps = gaps(history)
    agreeing, agreeing_before = recent_and_old(compared, "equivalence")
    costing, costing_before = recent_and_old(with_benchmark, "benchmark")
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
        "fit_parts": FIT_PARTS,
        "power_text": power_text,
        "verdict_sentence": verdict_sentence,
        "cost_matrix": cost_matrix,
        "symbols_of_verdicts": today.SYMBOLS,
        "margins_sentence": today.margins_sentence,
        "passed_over_sentence": today.passed_over_sentence,
        "smaller_sentence": today.smaller_sentence,
        "agreeing": agreeing,
        "agreeing_before": agreeing_before,
        "costing": costing,
        "costing_before": costing_before,
        "answers": (today.agreement(agreeing), today.ledger_state(rows), today.costs(costing)),
        "gates_answer": today.gates(summary.newest_gates),
        "month": RETIRED.days,
        "compared": compared,
        "with_benchmark": with_benchmark,
        "step_sentence": step_sentence,
        "step_address": step_address,
        "run_commit": run_commit,
        "rows": rows,
        "severities": Counter(row.difference.severity for row in rows),
        "keras_versions": keras_versions,
        "engines": list(dict.fromkeys(run.engine for record in summary.probings for run in record.engines)),
        "all_engines": ENGINES,
        "probings": newest_probings(summary.probings),
        "address": address,
        "changes": changes(summary.probings),
        "symbols": SYMBOLS,
        "seen_by_version": seen_by_version,
        "probe_source": script,
        "charts": charts,
        "pictures": dict(zip([*margins, *costs], chain(*drawn), strict=True)),
        "scalings": scalings,
        "distributions": distributions,
        "timelines": dict(zip(timelines, timeline_labels(with_times), strict=True)),
        "number_of_runs": len({(t.identity.machine, run.id) for t in with_times for run in t.runs}),
        "number_of_series": len(series),
        "long_enough": sum(sum(p.seconds is not None for p in each.points) >= MIN_POINTS for each in series),
        "standing": history.standing,
        "most_steps": MOST_STEPS,
        "gaps": all_gaps[:MOST_GAPS],
        "more_gaps": len(all_gaps[MOST_GAPS:]),
        "min_points": MIN_POINTS,
        "batch_size": BATCH_SIZE,
        "twins": [_twins(s, c) for s in with_costs for c in s.conclusions.values()],
        "rates": [content.rates[path] for path in content.newest_rates],
        "older_rates": [record for path, record in content.rates.items() if path not in content.newest_rates][::-1],
        "most_older": MOST_OLDER,
        "gate_signs": SIGNS,
        "gate_meanings": MEANINGS,
        "generator": GENERATOR,
        "raw": raw or {},
    }
    templates = _templates()
    pages = {name: visible(templates.get_template(f"{name}.html.j2").render(page=name, **known)) for name in PAGES}
    return pages, scripts


def _json(value: Any) -> str:
    # Not as escapes, which would hide from `visible` what cannot be seen.
    return visible(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.PackageLoader("keras_styles.dashboard"),
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # as in `_json`
    environment.filters |= {"slug": slug, "margin": today.margin_text, "short_commit": short_commit}
    return environment


def seen_by_version(row: Row, engines: Sequence[str]) -> dict[str, str]:
    """Return for each version of Keras a sign for each style and engine, in the order of the table's cells."""
    cells = [(style, engine) for style in STYLES for engine in engines]
    return {
        version: "".join(SYMBOLS[seen[cell]] if cell in seen else NO_VALUE for cell in cells)
        for version, seen in ((version, row.seen_with(version)) for version in row.keras_versions)
    }


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


def step_sentence(step: Step) -> str:
    """Return what got slower and still is, by how much and between which runs."""
    cell, what = step.cell, "time" if step.quantity == "seconds" else f"ratio to {BASELINE_STYLE}"
    return (
        f"{cell.phase} of {cell.style} {cell.architecture} (batch {cell.batch_size}, width {cell.width}, "
        f"{step.identity.where}): {what} {step.remaining:.2f} times since {step.first_after.id} of "
        f"{step.first_after.moment:%Y-%m-%d} (with it changed: {step.what_changed})."
    )


def timeline_name(identity: Identity) -> str:
    """Return the name of a timeline's data, the same in every build, so that an address goes on to lead there."""
    return f"t{_digest(repr(identity))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def step_address(step: Step) -> str:
    """Return the address of the chart that shows a step."""
    chosen = {
        "machine": timeline_name(step.identity),
        "architecture": step.cell.architecture,
        "workload": workload_label(step.cell),
        "quantity": step.quantity,
    }
    # As the page's script knows them.
    return f"history.html#{urlencode({name: visible(value) for name, value in chosen.items()}, quote_via=quote)}"


def timeline_labels(timelines: Sequence[Timeline]) -> list[str]:
    """Return a name for each timeline: engine, device and machine, and of all else what tells some of them apart."""
    fields = [name for name in Identity._fields if name not in Place._fields]
    telling = [name for name in fields if len({getattr(each.identity, name) for each in timelines}) > 1]
    return [
        ", ".join(
            [
                each.identity.where,
                *(f"{name.replace('_', ' ')} {getattr(each.identity, name)}" for name in telling),
                f"{len(each.runs)} runs",
            ]
        )
        for each in timelines
    ]


def gaps(history: History) -> list[Gap]:
    """Return what has no number, and why, the newest first; what is so for one reason in several runs once."""
    found: dict[tuple[str, str], Gap] = {}
    for timeline in history.timelines:
        for place, run in reversed(list(enumerate(timeline.runs))):
            points = [series.points[place] for series in timeline.series]
            reasons = Counter(point.why_not for point in points if point.seconds is None and point.why_not)
            for why, cells in reasons.items():
                key = timeline.identity.where, why
                known = found.get(key, Gap(key[0], run, 0, cells, why))
                found[key] = known._replace(runs=known.runs + 1)
    return sorted(found.values(), key=lambda gap: gap.newest.moment, reverse=True)


def _twins(section: Section, conclusion: Conclusion) -> Twins:
    """Return how the twin of one conclusion came out."""
    judged: Sequence[Cost] = [cost for cost in conclusion.costs if cost.contender == TWIN and cost.judgement]
    distances = [abs(cost.judgement.ratio - 1) for cost in judged if cost.judgement]
    return Twins(
        where=where(conclusion.engine, conclusion.device, section.environment.machine),
        cells=len(judged),
        median=float(np.median(distances)) if distances else None,
        largest=max(distances, default=None),
        doubts=conclusion.twin_doubts,
    )
