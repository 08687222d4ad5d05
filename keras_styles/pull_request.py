"""Pull request: the newest records as Markdown for reviewers: the verdict, and what is worst."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from keras_styles.costs import Conclusion
from keras_styles.costs_text import NO_VALUE
from keras_styles.dashboard.matrix import matrix
from keras_styles.dashboard.summary import Section, Summary, summarize
from keras_styles.differences import ledger
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.gate import CellDecision, GateRecord, counter_faults, regressions, workload_faults
from keras_styles.records import ResultsError, load
from keras_styles.styles import BASELINE_STYLE

# Whoever reviews reads a screen; the page has the rest.
MOST_LINES: Final = 10
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
class _Gate:
    """The newest gate of a machine, engine and device, taken apart."""

    record: GateRecord
    exact: list[str]  # sentences on counters and on styles that are no more equal
    slower: list[CellDecision]
    doubts: list[str]

    @classmethod
    def of(cls, record: GateRecord) -> "_Gate":
        """Take a record apart; its sentences are what is exact, then doubts, then what is slower."""
        if record.exit_code == 0:
            return cls(record, [], [], [])
        exact: list[str] = []
        if record.exit_code == 1:  # where it is 2, base and head may be of different machines, and nothing counts
            exact = (
                counter_faults(record.base, record.head).failures + workload_faults(record.base, record.head).failures
            )
        # Doubts take away what the confirmations found, so what counts is what the record says in words.
        slower = [
            decision
            for decision in regressions(record.confirmations)
            if any(sentence.startswith(f"{decision.key} takes ") for sentence in record.sentences)
        ]
        return cls(record, exact, slower, record.sentences[len(exact) : len(record.sentences) - len(slower)])

    @property
    def sides(self) -> tuple[Environment, Environment]:
        """The environments of base and head."""
        return self.record.base[0].environment, self.record.head[0].environment


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
    gates, unreadable = _newest_gates(results)
    set_aside = [*summary.set_aside, *unreadable]
    if summary.sections or summary.probings or gates:
        paragraphs = _paragraphs(summary, gates, address)
    else:
        paragraphs = [
            "**keras-styles:** ⚠ there are no records, so nothing is known. Run `pytest equivalence/`, "
            "`pytest bench/ --benchmark-save` or `keras-styles gate` first."
        ]
    if set_aside:
        paragraphs.append(f"⚠ Files that could not be read: {len(set_aside)}; {_code(set_aside[0])}")
    if address:
        paragraphs.append(f"[All results](<{address}>)")
    return "\n\n".join(paragraphs)


def _paragraphs(summary: Summary, gates: Sequence[_Gate], address: str | None) -> list[str]:
    """Return the verdict, the table with what it leaves out, and where all this was measured."""
    differences = list(_changed_differences(summary))
    slower = _slower_costs(summary)
    verdicts = [*_agreement(summary), *_gate_verdicts(gates)]
    if differences:
        verdicts.append(f"✗ Known differences that changed, or whose probe was lost: {len(differences)}.")
    verdicts += _cost_verdicts(summary, len(slower))
    paragraphs = [f"**keras-styles:** {' '.join(verdicts)}"]
    rows = [*_failed_tests(summary), *_gate_rows(gates), *differences, *slower]
    if rows:
        head = ["| | what | how much | where |", "|---|---|---|---|"]
        paragraphs.append("\n".join([*head, *map(str, rows[:MOST_LINES])]))
    if len(rows) > MOST_LINES:
        more = f"{len(rows) - MOST_LINES} more"
        paragraphs.append(f"[{more}](<{address}>)" if address else more)
    if environments := _environments(summary, gates):
        paragraphs.append("\n".join(environments))
    return paragraphs


def _newest_gates(results: Path) -> tuple[list[_Gate], list[str]]:
    """Return the newest gate of each machine, engine and device, and a sentence for each file set aside."""
    newest: dict[tuple[str, str, str], GateRecord] = {}
    set_aside = []
    for path in sorted(results.glob("*/gate-*.json")):
        try:
            record = load(path, GateRecord)
        except ResultsError as error:
            set_aside.append(str(error))
            continue
        if not (record.base and record.head):
            set_aside.append(f"The record {path} holds no processes of base or of head; delete it.")
            continue
        here = record.base[0].environment
        key = here.machine, here.engine, here.device
        newest[key] = max(record, newest.get(key, record), key=lambda gate: gate.created)
    return [_Gate.of(record) for record in newest.values()], set_aside


def _agreement(summary: Summary) -> Iterator[str]:
    """Say whether the styles agree: first where they do not, then where nothing was proved, then where they do."""
    runs = [section.equivalence for section in summary.with_equivalence if section.equivalence]
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
    if not runs:
        yield "⚠ The equivalence suite was not run."


def _gate_verdicts(gates: Sequence[_Gate]) -> Iterator[str]:
    """Say whether head is worse than base; nothing if no gate was run."""
    worse = [gate for gate in gates if gate.record.exit_code == 1]
    if worse:
        where = _engines(gate.sides[0] for gate in worse)
        exact, slower = sum(len(gate.exact) for gate in worse), sum(len(gate.slower) for gate in worse)
        yield (
            f"✗ Head is worse than base on {where}: slower cells: {slower}, changed counters and lost equalities: "
            f"{exact}."
        )
    for gate in gates:
        if gate.doubts:
            yield _proves_nothing("The times of base and head", gate.sides[0], gate.doubts)
    if good := [gate for gate in gates if gate.record.exit_code == 0]:
        cells = sum(len(gate.record.decisions) for gate in good)
        where = _engines(gate.sides[0] for gate in good)
        yield f"✓ None of {cells} cells is slower on head than on base, on {where}."


def _cost_verdicts(summary: Summary, slower: int) -> Iterator[str]:
    """Say which runs of the benchmark prove nothing, and how many costs of the others are slower."""
    concluded = [pair for section in summary.with_costs for pair in _conclusions(section)]
    for environment, conclusion in concluded:
        if conclusion.proves_nothing:
            yield _proves_nothing("The costs", environment, conclusion.proves_nothing)
    if not all(conclusion.proves_nothing for _, conclusion in concluded):
        yield f"Costs that are slower than those of {BASELINE_STYLE}: {slower}."


def _conclusions(section: Section) -> list[tuple[Environment, Conclusion]]:
    """Return what was concluded from the benchmark, with where: the section's own environment names one device only."""
    return [
        (section.environment.model_copy(update={"device": device}), conclusion)
        for device, conclusion in section.conclusions.items()
    ]


def _proves_nothing(what: str, environment: Environment, reasons: Sequence[str]) -> str:
    more = f", and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    return f"⚠ {what} on {_engines([environment])} prove nothing: {_code(reasons[0])}{more}."


def _failed_tests(summary: Summary) -> Iterator[_Row]:
    for section in summary.with_equivalence:
        for failure in section.equivalence.failures if section.equivalence else []:
            yield _Row("✗ equivalence", failure.test, failure.message, _where(section.environment))


def _gate_rows(gates: Sequence[_Gate]) -> Iterator[_Row]:
    """Return what is exact, then what is slower, the slowest first."""
    for gate in gates:
        for sentence in gate.exact:
            yield _Row("✗ head against base", sentence, "exact", _where(gate.sides[1]))
    slower = [(decision, gate) for gate in gates for decision in gate.slower]
    for decision, gate in sorted(slower, key=lambda found: -found[0].ratio):
        size = f"{decision.ratio - 1:+.1%} ({decision.low - 1:+.1%} to {decision.high - 1:+.1%})"
        yield _Row("✗ slower than base", str(decision.key), size, _where(gate.sides[1]))


def _changed_differences(summary: Summary) -> Iterator[_Row]:
    for row in matrix(ledger(), summary.probings):
        for sighting in row.trouble:
            probed = sighting.probed
            where = _where(sighting.environment) if sighting.environment else sighting.engine
            yield _Row(f"✗ difference {probed.verdict}", probed.id, probed.reason, where)


def _slower_costs(summary: Summary) -> list[_Row]:
    """Return what is slower than the functional style in runs that can be believed, the slowest first."""
    slower = [
        (cost.judgement, f"{cost.workload} {cost.contender}", _where(environment))
        for section in summary.with_costs
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


def _where(environment: Environment) -> str:
    return f"{environment.engine} {environment.device}, {environment.machine}"


def _environments(summary: Summary, gates: Sequence[_Gate]) -> list[str]:
    """Return a line for each environment, the machine first."""
    shown = [each for each in summary.sections if each in summary.with_equivalence or each in summary.with_costs]
    here = [f"- {_code(env.machine)}: {_versions(env)}" for env in (each.environment for each in shown)]
    compared = [
        f"- {_code(base.machine)}: base {_versions(base)}, head {_versions(head)}"
        for base, head in (gate.sides for gate in gates)
    ]
    lines = here + compared
    if len(lines) > MOST_LINES:
        return [*lines[:MOST_LINES], f"- {len(lines) - MOST_LINES} more"]
    return lines


def _versions(environment: Environment) -> str:
    here = environment
    return _code(
        f"keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, python {here.python}, "
        f"{here.device}, commit {here.commit or 'unknown'}"
    )


def _engines(environments: Iterable[Environment]) -> str:
    return _code(", ".join(dict.fromkeys(f"{each.engine} {each.device}" for each in environments)))


def _code(text: str) -> str:
    """Show text from a record as one short code span, whatever is in it; what cannot be seen is left out."""
    seen = "".join(character for character in text if character.isprintable() or character.isspace())
    words = " ".join(seen.translate(_REPLACED).split())
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
