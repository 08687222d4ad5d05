"""Pull request: the newest records as Markdown for reviewers: the verdict, and what is worst."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from keras_styles.costs import Conclusion
from keras_styles.costs_text import NO_VALUE
from keras_styles.dashboard.matrix import Row, Sighting, matrix
from keras_styles.dashboard.summary import Section, Summary, summarize
from keras_styles.differences import ledger
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.records import EquivalenceRecord, ResultsError, load, visible
from keras_styles.reproduction import CASE, FAILURES, KeptCase
from keras_styles.saved_gates import SIGNS, Gate, newest_gates
from keras_styles.styles import BASELINE_STYLE

# Whoever reviews reads a screen; the page has the rest.
MOST_LINES: Final = 10
# Kept cases that get a row: those of one fault are alike, and must not push out what else is wrong.
MOST_CASES: Final = 3
# Characters of one text from a record, which may hold a whole traceback.
LONGEST: Final = 160

# What would end a code span, and what would end a cell of a table. Neither is escaped, because Markdown's readers
# differ there: cmark takes no fence longer than 80 backticks, and not all agree on a backslash before an escaped pipe.
_REPLACED: Final = str.maketrans({"`": "'", "|": "¦"})


class LinkError(KerasStylesError, ValueError):
    """A link that leads nowhere in a browser."""


@dataclass(frozen=True)
class _Row:
    """One thing that is wrong, or slower; all but `trouble` may come from a record."""

    trouble: str
    what: str
    size: str
    where: str

    def __str__(self) -> str:
        return f"| {self.trouble} | {_code(self.what)} | {_code(self.size)} | {_code(self.where)} |"


@dataclass(frozen=True)
class _Case:
    """A failing case that was kept: all that a failed `keras-styles check` leaves behind."""

    kept: KeptCase
    folder: str
    moment: datetime

    @property
    def environment(self) -> Environment:
        """Where it failed."""
        return self.kept.sides[self.kept.left].environment


@dataclass(frozen=True)
class _Shown:
    """What the text speaks of.

    Attributes:
        runs: of the equivalence suite.
        costs: sections in which costs were measured.
        rows: of the matrix of differences.
        gates: the newest of each key.
        cases: failing cases that are newer than any record, the newest first.
        older_cases: when the others were kept, the newest first.
    """

    runs: list[EquivalenceRecord]
    costs: list[Section]
    rows: list[Row]
    gates: list[Gate]
    cases: list[_Case]
    older_cases: list[datetime]


def pull_request_text(results: Path, link: str | None) -> str:
    """Return what the newest records come to, as Markdown for a pull request.

    Text from records stands in code spans only, where neither Markdown nor HTML, mentions or references count.

    Args:
        results: the folder of the records.
        link: address of the page that shows everything; None if there is none.

    Raises:
        LinkError: if `link` is no address of the web.
    """
    address = None if link is None else _address(link)
    summary = summarize(results)
    shown, unreadable_cases = _shown(results, summary)
    set_aside = [*summary.set_aside, *unreadable_cases]
    if summary.sections or summary.probings or summary.gates or shown.cases:
        paragraphs = _paragraphs(shown, address)
    else:
        paragraphs = [
            "**keras-styles:** ⚠ there are no records, so nothing is known. Run `keras-styles gate`, or in a checkout "
            "of keras-styles `pytest equivalence/` or `pytest bench/ --benchmark-save`, first."
        ]
    if set_aside:
        paragraphs.append(f"⚠ Files that could not be read: {len(set_aside)}; {_code(set_aside[0])}")
    if address:
        paragraphs.append(f"[All results](<{address}>)")
    return "\n\n".join(paragraphs)


def _paragraphs(shown: _Shown, address: str | None) -> list[str]:
    """Return the verdict, the table with what it leaves out, and the records that all this is from."""
    changed, slower = list(_changed_differences(shown.rows)), _slower_costs(shown.costs)
    verdicts = [*_agreement(shown.runs), *_case_verdicts(shown), *_gate_verdicts(shown.gates)]
    if changed:
        verdicts.append(f"✗ Known differences that changed, or whose probe was lost: {len(changed)}.")
    verdicts += [*_unclaimed_differences(shown.rows), *_holding_differences(shown.rows)]
    verdicts += _cost_verdicts(shown.costs, len(slower))
    said = " ".join(verdicts) or "⚠ The equivalence suite was not run."
    paragraphs = [f"**keras-styles:** {said}"]
    rows = [*_failed_tests(shown.runs), *_case_rows(shown.cases), *_gate_rows(shown.gates), *changed, *slower]
    if rows:
        head = ["| | what | how much | where |", "|---|---|---|---|"]
        paragraphs.append("\n".join([*head, *map(str, rows[:MOST_LINES])]))
    if len(rows) > MOST_LINES:
        more = f"{len(rows) - MOST_LINES} more"
        paragraphs.append(f"[{more}](<{address}>)" if address else more)
    if sources := list(_sources(shown)):
        more_of_them = [f"- {len(sources) - MOST_LINES} more"] if len(sources) > MOST_LINES else []
        paragraphs.append("\n".join(sources[:MOST_LINES] + more_of_them))
    return paragraphs


def _shown(results: Path, summary: Summary) -> tuple[_Shown, list[str]]:
    """Return what the text speaks of, and a sentence for each kept case that cannot be read.

    A case that is older than some record may be mended since, which nothing shows but a person; it is only counted. One
    that a failed test of a run names is told with that test.
    """
    runs = [section.equivalence for section in summary.with_equivalence if section.equivalence]
    told = [failure.message for run in runs for failure in run.failures]
    kept = {
        path: datetime.fromtimestamp(path.stat().st_mtime, UTC)
        for path in results.glob(f"{FAILURES}/*/{CASE}")
        if not any(path.parent.name in text for text in told)
    }
    cases, older, set_aside = [], [], []
    for path, moment in sorted(kept.items(), key=lambda found: found[1], reverse=True):
        if summary.newest and moment < summary.newest:
            older.append(moment)
            continue
        try:
            cases.append(_Case(load(path, KeptCase), f"{FAILURES}/{path.parent.name}", moment))
        except ResultsError as error:
            set_aside.append(str(error))
    gates, rows = newest_gates(summary.gates), matrix(ledger(), summary.probings)
    return _Shown(runs, summary.with_costs, rows, gates, cases, older), set_aside


def _agreement(runs: Sequence[EquivalenceRecord]) -> Iterator[str]:
    """Say whether the styles agree: first where they do not, then where nothing was proved, then where they do."""
    failed = [run for run in runs if not run.agree and not run.proves_nothing]
    good = [run for run in runs if run.agree]
    doubts = dict.fromkeys(run.proves_nothing for run in runs if run.proves_nothing)
    if failed:
        tests = sum(run.tests.get("failed", 0) for run in failed)
        yield (
            "✗ The styles do not agree, or a test could not show that they do: failed tests on "
            f"{_engines(run.environment for run in failed)}: {tests}."
        )
    for doubt in doubts:
        yield f"⚠ {_engines(run.environment for run in runs if run.proves_nothing == doubt)}: {doubt}"
    if good:
        compared = sum(run.comparisons for run in good)
        yield f"✓ The styles agree on {_engines(run.environment for run in good)} in {compared:,} comparisons."


def _case_verdicts(shown: _Shown) -> Iterator[str]:
    """Say in which kept cases the styles do not agree."""
    if shown.cases:
        where = _engines(case.environment for case in shown.cases)
        yield f"✗ The styles do not agree on {where}: failing cases that were kept: {len(shown.cases)}."
    if shown.older_cases:
        yield (
            f"⚠ Older failing cases: {len(shown.older_cases)}, the newest of {_when(shown.older_cases[0])}; once they "
            f"are mended, delete `{FAILURES}/` among the records."
        )


def _gate_verdicts(gates: Sequence[Gate]) -> Iterator[str]:
    """Say whether head is worse than base; nothing if no gate was run."""
    worse = [gate for gate in gates if gate.exit_code == 1]
    if worse:
        counts = {
            "slower cells": sum(len(gate.slower) for gate in worse),
            "changed counters and lost equalities": sum(len(gate.exact) for gate in worse),
            "sentences of an older record": sum(len(gate.unsorted) for gate in worse),
        }
        numbers = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
        yield f"✗ Head is worse than base on {_compared(worse)}: {numbers}."
    for gate in gates:
        if gate.doubts:
            yield _proves_nothing("The times of base and head", _compared([gate]), gate.doubts)
    if good := [gate for gate in gates if gate.exit_code == 0]:
        cells = sum(gate.cells for gate in good)
        yield f"✓ None of {cells} cells was shown to be slower on head than on base, on {_compared(good)}."
    if notes := [note for gate in gates for note in gate.notes]:
        more = f", and {len(notes) - 1} more" if len(notes) > 1 else ""
        yield f"⚠ Left out of the comparison: {_code(notes[0])}{more}."


def _unclaimed_differences(rows: Iterable[Row]) -> Iterator[str]:
    """Say of how many entries nothing is claimed with a version of Keras, as after an upgrade."""
    unclaimed: dict[str, set[str]] = {}
    for row in rows:
        for sighting in row.unclaimed:
            unclaimed.setdefault(f"{sighting.engine} with Keras {sighting.versions[2]}", set()).add(sighting.probed.id)
    for where, found in unclaimed.items():
        yield f"⚠ Differences of which the ledger does not say what they are on {_code(where)}: {len(found)}."


def _holding_differences(rows: Iterable[Row]) -> Iterator[str]:
    """Say how many entries of the ledger hold on each engine, wherever it was probed, and when that was seen."""
    holding: dict[str, list[Sighting]] = {}
    for row in rows:
        for engine, sighting in row.newest.items():
            if all(each.probed.verdict == "holds" for each in row.current if each.engine == engine):
                holding.setdefault(engine, []).append(sighting)
    for engine, found in holding.items():
        days = sorted({f"{sighting.created:%Y-%m-%d}" for sighting in found})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        yield f"✓ Differences that hold on {_code(engine)}: {len(found)} ({when})."


def _cost_verdicts(sections: Iterable[Section], slower: int) -> Iterator[str]:
    """Say which runs of the benchmark prove nothing, and how many costs of the others are slower."""
    concluded = [pair for section in sections for pair in _conclusions(section)]
    for environment, conclusion in concluded:
        if conclusion.proves_nothing:
            yield _proves_nothing("The costs", _engines([environment]), conclusion.proves_nothing)
    if not all(conclusion.proves_nothing for _, conclusion in concluded):
        yield f"Costs that are slower than those of {BASELINE_STYLE}: {slower}."


def _conclusions(section: Section) -> list[tuple[Environment, Conclusion]]:
    """Return what was concluded from the benchmark, with where: its own environment names one device only."""
    return [
        (section.benchmark.machine_info.keras_styles.model_copy(update={"device": device}), conclusion)
        for device, conclusion in section.conclusions.items()
        if section.benchmark
    ]


def _proves_nothing(what: str, where: str, reasons: Sequence[str]) -> str:
    more = f", and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    return f"⚠ {what} on {where} prove nothing: {_code(reasons[0])}{more}."


def _failed_tests(runs: Iterable[EquivalenceRecord]) -> Iterator[_Row]:
    for run in runs:
        for failure in run.failures:
            yield _Row("✗ equivalence", failure.test, failure.message, run.environment.where)


def _case_rows(cases: Sequence[_Case]) -> Iterator[_Row]:
    for case in cases[:MOST_CASES]:
        kept, found = case.kept, case.kept.found
        size = found.reason or found.symptom
        if found.difference is not None and found.allowed is not None:
            size = f"{found.symptom}: {found.difference:.3g}, allowed {found.allowed:.3g}"
        what = f"{kept.architecture}: {kept.left} and {kept.right}, {found.stage}: {found.where}"
        yield _Row("✗ kept case", what, size, case.environment.where)


def _gate_rows(gates: Sequence[Gate]) -> Iterator[_Row]:
    """Return what is exact or of an older record, then what is slower, the slowest first."""
    for gate in gates:
        for sentence in gate.exact:
            yield _Row("✗ head against base", sentence, "exact", gate.head.where)
        for sentence in gate.unsorted:
            yield _Row("✗ head against base", sentence, NO_VALUE, gate.head.where)
    slower = [(decision, gate) for gate in gates for decision in gate.slower]
    for decision, gate in sorted(slower, key=lambda found: -found[0].ratio):
        size = f"{decision.ratio - 1:+.1%} ({decision.low - 1:+.1%} to {decision.high - 1:+.1%})"
        yield _Row("✗ slower than base", str(decision.key), size, gate.head.where)


def _changed_differences(rows: Iterable[Row]) -> Iterator[_Row]:
    for row in rows:
        for sighting in row.trouble:
            probed = sighting.probed
            where = sighting.environment.where if sighting.environment else sighting.engine
            yield _Row(f"✗ difference {probed.verdict}", probed.id, probed.reason, where)


def _slower_costs(sections: Iterable[Section]) -> list[_Row]:
    """Return what is slower than the functional style in runs that can be believed, the slowest first."""
    slower = [
        (cost.judgement, f"{cost.workload} {cost.contender}", environment.where)
        for section in sections
        for environment, conclusion in _conclusions(section)
        if not conclusion.proves_nothing
        for cost in conclusion.costs
        if cost.judgement and cost.judgement.verdict == "slower"
    ]
    rows = []
    for judged, what, where in sorted(slower, key=lambda found: -found[0].ratio):
        size = f"{judged.ratio:.2f} times ({judged.low:.2f} to {judged.high:.2f})"
        rows.append(_Row(f"slower than {BASELINE_STYLE}", what, size, where))
    return rows


def _sources(shown: _Shown) -> Iterator[str]:
    """Give a line for each record that the text speaks of: what it is, when and where it was made, and with what."""
    for case in shown.cases[:MOST_CASES]:
        yield f"{_source('kept case', case.moment, case.environment)}: {_code(case.folder)}"
    for gate in shown.gates:
        yield (
            f"- {SIGNS[gate.exit_code]} gate, {_when(gate.created)}, {_code(gate.base.machine)}: "
            f"base {_versions(gate.base)}, head {_versions(gate.head)}"
        )
    for run in shown.runs:
        yield _source("equivalence", run.created, run.environment)
    sightings = (sighting for row in shown.rows for sighting in row.current)
    for created, environment in dict.fromkeys((each.created, each.environment) for each in sightings):
        if environment:
            yield _source("differences", created, environment)
    for section in shown.costs:
        for environment, _ in _conclusions(section):
            if section.benchmark:
                yield _source("costs", section.benchmark.datetime, environment)


def _source(what: str, moment: datetime, environment: Environment) -> str:
    return f"- {what}, {_when(moment)}, {_code(environment.machine)}: {_versions(environment)}"


def _when(moment: datetime) -> str:
    """Show a time as its record has it; another time zone's may be out of the calendar."""
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname()}"


def _versions(environment: Environment) -> str:
    here = environment
    return _code(
        f"keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, python {here.python}, "
        f"{here.device}, commit {here.commit or 'unknown'}"
    )


def _engines(environments: Iterable[Environment]) -> str:
    return _code(", ".join(dict.fromkeys(f"{each.engine} {each.device}" for each in environments)))


def _compared(gates: Iterable[Gate]) -> str:
    """Say where gates were run, and of what."""
    named = [f"{gate.base.engine} {gate.base.device} ({', '.join(gate.architectures)})" for gate in gates]
    return _code(", ".join(dict.fromkeys(named)))


def _code(text: str) -> str:
    """Show text from a record as one short code span, whatever is in it; what cannot be seen is left out."""
    words = " ".join(visible(text).translate(_REPLACED).split())
    shown = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return f"`{shown or NO_VALUE}`"


def _address(link: str) -> str:
    """Return an address so that it stays within the angle brackets of a link in Markdown.

    Raises:
        LinkError: if it is no address of the web.
    """
    try:
        parts = urlsplit(link)
    except ValueError:  # such as brackets that do not close
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise LinkError(
            f"{_code(link)} is no address of a page; give one that begins with https:// or http:// after --link."
        )
    return quote(link, safe="%/:?#[]@!$&'*+,;=~").replace("&", "&amp;")
