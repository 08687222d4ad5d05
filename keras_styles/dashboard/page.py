"""The first page: do the styles agree, where do they differ, what does each cost; one file without scripts."""

from importlib import resources
from pathlib import Path

import jinja2

from keras_styles import __version__
from keras_styles.costs_text import time_text, verdict_sentence
from keras_styles.dashboard.charts import COLOURS, costs_chart, margins_chart
from keras_styles.dashboard.matrix import matrix
from keras_styles.dashboard.summary import Summary, summarize
from keras_styles.differences import ledger
from keras_styles.ledger_text import SYMBOLS
from keras_styles.records import ResultsError
from keras_styles.statistics import CONFIDENCE, NO_DIFFERENCE
from keras_styles.styles import BASELINE_STYLE, STYLES
from keras_styles.workloads import Counters

PAGE_NAME = "index.html"


def write_page(results: Path, out: Path) -> tuple[Path, Summary]:
    """Build the page from the records under `results` into the folder `out`.

    Returns:
        The page's path, and what it shows.

    Raises:
        ResultsError: if there is no record to show, or the page cannot be written.
    """
    summary = summarize(results)
    if not summary.sections and summary.differences is None:
        aside = f" {len(summary.set_aside)} files there could not be read." if summary.set_aside else ""
        raise ResultsError(
            f"There is no record under {results}; run pytest equivalence/ and pytest bench/ --benchmark-save first."
            + aside
        )
    page = out / PAGE_NAME
    text = render(summary)
    try:
        out.mkdir(parents=True, exist_ok=True)
        draft = page.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(page)
    except OSError as error:
        raise ResultsError(
            f"The page {page} cannot be written ({error.strerror or error}); make room, or give another --out."
        ) from error
    return page, summary


def render(summary: Summary) -> str:
    """Return the page's HTML; all text from records is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(
        resources.files("keras_styles.dashboard").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    charts = [
        {
            device: {
                architecture: costs_chart([cost for costs in workloads.values() for cost in costs])
                for architecture, workloads in conclusion.by_architecture.items()
            }
            for device, conclusion in section.conclusions.items()
        }
        for section in summary.sections
    ]
    return template.render(
        summary=summary,
        margins=[margins_chart(section.margins) if section.margins else None for section in summary.sections],
        charts=charts,
        styles=STYLES,
        baseline=BASELINE_STYLE,
        colours=COLOURS,
        confidence=CONFIDENCE,
        no_difference=NO_DIFFERENCE,
        counted=list(Counters.model_fields),
        time_text=time_text,
        verdict_sentence=verdict_sentence,
        rows=matrix(ledger(), summary.differences) if summary.differences else [],
        symbols=SYMBOLS,
        version=__version__,
    )
