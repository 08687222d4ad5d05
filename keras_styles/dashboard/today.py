"""Today: the three answers of the first page, each in a line, and what its cards say in a sentence."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, get_args

from keras_styles.costs_text import NO_VALUE
from keras_styles.dashboard.matrix import Row, in_order
from keras_styles.dashboard.summary import Section
from keras_styles.environment import RETIRED
from keras_styles.margins import margin_quantiles
from keras_styles.saved_gates import MEANINGS, SIGNS, Gate
from keras_styles.statistics import Verdict
from keras_styles.styles import BASELINE_STYLE, STYLES

# An infinite margin: a difference where none is allowed.
INFINITY = "\N{INFINITY}"
SYMBOLS: dict[Verdict, str] = {"faster": "▼", "slower": "▲", "no difference": "=", "undecided": "?"}


class Answer(NamedTuple):
    """What all places come to, in a line that begins with a sign."""

    kind: str  # good, bad, warn or neutral
    words: str


def agreement(sections: Sequence[Section]) -> Answer | None:
    """Return whether the styles agree in all places where they were compared; None if they were in none."""
    runs = [section.equivalence for section in sections if section.equivalence]
    if not runs:
        return None
    agree = sum(run.agree for run in runs)
    doubtful = sum(run.proves_nothing is not None for run in runs)
    differ = len(runs) - agree - doubtful
    where = "the one place that was tried" if len(runs) == 1 else f"all {len(runs)} places"
    if agree == len(runs):
        return Answer("good", f"✓ They agree in {where}.")
    parts = [f"✗ They differ, or a test failed, in {_part(differ, len(runs))}"] if differ else []
    nothing = "nothing" if differ else "Nothing"
    parts += [f"⚠ {nothing} is proved in {_part(doubtful, len(runs))}"] if doubtful else []
    parts += [f"they agree in {agree}"] if agree else []
    return Answer("bad" if differ else "warn", "; ".join(parts) + ".")


def ledger_state(rows: Sequence[Row]) -> Answer | None:
    """Return whether the entries of the ledger are still what they were; None if none was probed."""
    probed = [row for row in rows if row.sightings]
    if not probed:
        return None
    total, holding = len(probed), sum(row.holds for row in probed)
    trouble, unclaimed = sum(bool(row.trouble) for row in probed), [each for row in probed for each in row.unclaimed]
    parts = [f"✗ {_part(trouble, total)} that were probed changed, or the probe was lost"] if trouble else []
    if unclaimed:
        versions = " and ".join(in_order(each.versions[2] for each in unclaimed))
        count = sum(bool(row.unclaimed) for row in probed)
        parts.append(f"⚠ of {_part(count, total)} the ledger does not say what they are with Keras {versions}")
    if parts:
        return Answer("bad" if trouble else "warn", "; ".join([*parts, f"{holding} hold"]) + ".")
    if holding == total:
        return Answer("good", f"✓ All {total} that were probed hold.")
    # An engine of which an entry never said anything, as on a machine that has one engine only.
    others = "the ledger says nothing of the others on the engines that were probed"
    sign, kind = ("✓", "good") if holding else ("⚠", "warn")
    return Answer(kind, f"{sign} {_part(holding, total)} that were probed hold; {others}.")


def costs(sections: Sequence[Section]) -> Answer | None:
    """Return how often a style is slower or faster than the baseline in all places; None if nothing was measured."""
    conclusions = [conclusion for section in sections for conclusion in section.conclusions.values()]
    believed = [conclusion for conclusion in conclusions if not conclusion.proves_nothing]
    judged = [c.judgement for each in believed for c in each.costs if c.judgement and c.contender in STYLES]
    runs = len(conclusions) + sum(not section.conclusions for section in sections)
    if not runs:
        return None
    counted = Counter(judgement.verdict for judgement in judged)
    parts = [f"{SYMBOLS[verdict]} {counted[verdict]} {verdict}" for verdict in get_args(Verdict) if counted[verdict]]
    words = [f"Compared with {BASELINE_STYLE}, {len(judged)} cells: {', '.join(parts)}."] if judged else []
    if doubtful := len(conclusions) - len(believed):
        words.append(f"⚠ {_part(doubtful, runs)} runs prove nothing." if runs > 1 else "⚠ The run proves nothing.")
    if without := runs - len(conclusions):
        words.append(f"⚠ {_part(without, runs)} runs have no number." if runs > 1 else "⚠ The run has no number.")
    return Answer("neutral" if judged else "warn", " ".join(words or ["⚠ No style was compared."]))


def gates(newest: Sequence[Gate]) -> Answer | None:
    """Return whether head was worse than base wherever the gate was run lately; None if it was not run.

    Args:
        newest: the newest gate of each place, the newest first.
    """
    recent = [gate for gate in newest if newest[0].created - gate.created <= RETIRED]
    if not recent:
        return None
    counted = Counter(gate.exit_code for gate in recent)
    said = {code: f"{SIGNS[code]} {MEANINGS[code]} in {_part(counted[code], len(recent))}" for code in counted}
    parts = [said[code] for code in (1, 2, 0) if code in said]
    kind = "bad" if counted[1] else "warn" if counted[2] else "good"
    return Answer(kind, f"The newest gate of each place: {'; '.join(parts)}.")


def _part(count: int, total: int) -> str:
    return f"{count} of {total}"


def margin_text(margin: float | None) -> str:
    """Return a margin as it stands in a table."""
    if margin is None:
        return NO_VALUE
    return f"{margin:.2f}" if math.isfinite(margin) else INFINITY


def margins_sentence(section: Section) -> str | None:
    """Return the median and the worst margin of a run; None if nothing that it compared had a bound."""
    worst, margins = section.worst, section.margins
    if worst is None:
        return None
    words = "Margins: "
    if margins:
        (median,) = margin_quantiles(margins, [0.5])
        words += f"half are at most {median:.3g} of the bound, "
    largest = f"{worst:.3g}" if math.isfinite(worst) else INFINITY
    return f"{words}the worst is {largest}{', past the bound ✗' if worst > 1 else ''}."


def passed_over_sentence(section: Section) -> str | None:
    """Return which newer runs of the suite are not shown, since the whole of it outranks a part; None if none are."""
    count, failed = len(section.passed_over), sum(run.outcome == "failed" for run in section.passed_over)
    if not count:
        return None
    failures = f"; ✗ {failed} of them failed" if failed else ""
    return f"Newer runs that were interrupted, or of a part of the suite: {count}{failures}."


def smaller_sentence(section: Section) -> str | None:
    """Return how many newer runs of the benchmark are not shown, since a larger one outranks them; None if none are."""
    if not section.smaller:
        return None
    return f"Newer runs that asked for less, or for older workloads: {len(section.smaller)}."
