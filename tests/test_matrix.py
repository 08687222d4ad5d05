"""The matrix of differences on the page: what was seen, what changed, and which engine was skipped."""

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from keras_styles.dashboard.matrix import Change, Row, changes, matrix
from keras_styles.dashboard.summary import Summary, summarize
from keras_styles.differences import Outcome, find, ledger
from keras_styles.records import DifferencesRecord, ProbedDifference, ProbedEngine, save_differences
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import pages_of, render

HOSTILE = "<script>alert(1)</script>"


def probed(identifier: str, subclassing: Outcome, **changes: object) -> ProbedDifference:
    outcomes = {"functional": Outcome(value="trained"), "subclassing": subclassing}
    return ProbedDifference(**{"id": identifier, "verdict": "holds", "outcomes": outcomes, "seconds": 0.1, **changes})  # type: ignore[arg-type]


def record(*differences: ProbedDifference, day: int = 1) -> DifferencesRecord:
    return DifferencesRecord(
        created=datetime(2026, 1, day, tzinfo=UTC),
        engines=[
            ProbedEngine(engine="torch", environment=ENVIRONMENT, skipped=None, differences=list(differences)),
            ProbedEngine(engine="jax", environment=None, skipped=f"no jax {HOSTILE}", differences=[]),
        ],
    )


def test_a_row_holds_what_each_style_was_seen_to_do() -> None:
    rows = matrix(ledger(), [record(probed("T-01", Outcome(value="not trained")), probed("T-00", Outcome(value=1)))])
    assert [each.difference for each in rows] == list(ledger()), "one for each entry, whatever was probed"
    (row,) = [each for each in rows if each.sightings]
    assert row.difference == find("T-01")
    unequal = row.places([ENVIRONMENT.keras])
    assert [place for place in unequal if place[1] == "torch"] == [("subclassing", "torch", ENVIRONMENT.keras)]
    assert row.keras_versions == [ENVIRONMENT.keras]
    assert row.seen == {("functional", "torch"): "equal", ("subclassing", "torch"): "silent difference"}
    assert not row.trouble


def test_what_changed_is_said_and_is_no_markup() -> None:
    changed = probed("T-01", Outcome(error="TypeError"), verdict="changed", reason=f"Keras changed: {HOSTILE}")
    page = render(Summary([], [record(changed)]))
    assert "✗ Keras changed: &lt;script&gt;" in page
    assert "jax was skipped: no jax &lt;script&gt;" in page
    assert HOSTILE not in page
    assert 'title="subclassing on torch: error"' in page
    assert 'title="subclassing on jax: not seen"' in page


def test_a_run_of_one_entry_hides_no_other(tmp_path: Path) -> None:
    """As after `keras-styles differences T-01 --run`; files are read in the order of their time, not of their names."""
    save_differences(record(probed("T-02", Outcome(value="x")), day=1), tmp_path)
    save_differences(record(probed("T-01", Outcome(error="TypeError"), verdict="changed"), day=3), tmp_path)
    save_differences(record(probed("T-01", Outcome(value="not trained")), day=2), tmp_path)
    summary = summarize(tmp_path)
    assert [each.created.day for each in summary.probings] == [1, 2, 3]
    rows = {row.difference.id: row for row in matrix(ledger(), summary.probings)}
    assert [each.created.day for each in rows["T-01"].sightings] == [3], "of one version the newest"
    assert [each.created.day for each in rows["T-02"].sightings] == [1]
    assert [each.probed.verdict for each in rows["T-01"].trouble] == ["changed"]
    assert not rows["T-02"].trouble


def test_each_version_has_its_verdict_and_the_newest_counts() -> None:
    older = record(probed("T-01", Outcome(error="TypeError"), verdict="changed", reason="It was."), day=1)
    newer = ENVIRONMENT.model_copy(update={"keras": "3.99.0"})
    now = record(probed("T-01", Outcome(value="not trained")), day=2)
    now = now.model_copy(update={"engines": [now.engines[0].model_copy(update={"environment": newer})]})
    (row,) = [row for row in matrix(ledger(), [older, now]) if row.sightings]
    assert [each.probed.verdict for each in row.sightings] == ["holds", "changed"]
    assert row.keras_versions == sorted([ENVIRONMENT.keras, "3.99.0"])
    assert not row.trouble
    page = pages_of(Summary([], [older, now]))["differences"]
    assert f"torch {ENVIRONMENT.engine_version} with Keras 3.99.0, 2026-01-02: ✓ holds" in page
    assert f"with Keras {ENVIRONMENT.keras}, 2026-01-01: ✗ changed (It was.)" in page


def test_what_was_not_probed_is_what_the_ledger_says() -> None:
    """T-01 is claimed for every engine, with any Keras 3.15: torch was seen to do otherwise, the others were not."""
    entry = find("T-01")
    claimed = {("subclassing", engine, "") for engine in ("tensorflow", "jax", "torch")}
    assert {*Row(entry, []).places([])} == claimed
    (row,) = [row for row in matrix(ledger(), [record(probed("T-01", Outcome(value="trained")))]) if row.sightings]
    assert {*row.places(["3.15.1", "4.0.0"])} == {("subclassing", engine, "3.15.1") for engine in ("tensorflow", "jax")}


def test_a_version_is_one_with_which_it_was_seen_to_differ() -> None:
    older = record(probed("T-01", Outcome(value="not trained")), day=1)
    newer = ENVIRONMENT.model_copy(update={"keras": "3.99.0"})
    now = record(probed("T-01", Outcome(value="trained"), verdict="changed"), day=2)
    now = now.model_copy(update={"engines": [now.engines[0].model_copy(update={"environment": newer})]})
    page = pages_of(Summary([], [older, now]))["differences"]
    (places,) = re.findall(r'data-places="([^"]*)" data-always><td><a href="#T-01">', page)
    on_torch = [place for place in json.loads(html.unescape(places)) if place[1] == "torch"]
    assert on_torch == [["subclassing", "torch", ENVIRONMENT.keras]]


def test_an_entry_leads_to_its_threads() -> None:
    entry = find("T-01")
    page = pages_of(Summary([]))["differences"].split('<details id="T-01">')[1].split("</details>")[0]
    assert entry.references
    for reference in entry.references:
        repository, number = reference.split("#")
        address = f"https://github.com/{repository}/issues/{number}"
        assert f'<a href="{address}" rel="noreferrer">{reference}</a>' in page


def test_changes_are_those_since_the_run_before_on_that_machine() -> None:
    holds = probed("T-01", Outcome(value="not trained"))
    changed = probed("T-01", Outcome(error="TypeError"), verdict="changed")
    assert changes([]) is None
    assert changes([record(holds)]) is None
    assert changes([record(probed("T-02", Outcome(value="x"))), record(holds)]) is None, "another entry"
    assert changes([record(holds), record(holds)]) == []
    assert changes([record(holds), record(probed("T-02", Outcome(value="x"))), record(changed)]) == [
        Change("T-01", "torch", "holds", "changed")
    ]
    # Somebody looks at one entry again after a full run: what that run saw has changed all the same.
    others = [probed(identifier, Outcome(value="x")) for identifier in ("T-02", "T-03")]
    full = [record(holds, *others), record(changed, *others)]
    seen = [Change("T-01", "torch", "holds", "changed")]
    assert changes(full) == changes([*full, record(changed)]) == changes([*full, record(others[0])]) == seen
    assert changes([*full, record(holds)]) == []
    # One engine after another, each in a file of its own.
    on_jax = record(holds).model_copy(
        update={"engines": [record(holds).engines[0].model_copy(update={"engine": "jax"})]}
    )
    assert changes([*full, on_jax]) == seen
    elsewhere = record(changed)
    there = ENVIRONMENT.model_copy(update={"machine": "another"})
    elsewhere = elsewhere.model_copy(
        update={"engines": [elsewhere.engines[0].model_copy(update={"environment": there})]}
    )
    assert changes([record(holds), elsewhere]) is None


def test_today_shows_what_is_broken_and_what_changed() -> None:
    holds = record(probed("T-01", Outcome(value="not trained")))
    broken = record(probed("T-01", Outcome(error="TypeError"), verdict="changed", reason="Keras changed."), day=2)
    for before in (holds, broken):  # what was broken in both runs is broken
        today = pages_of(Summary([], [before, broken]))["index"]
        assert '✗ <a href="differences.html#T-01">T-01</a> changed on torch:</span> Keras changed.' in today
    assert "on torch: holds, now changed" in pages_of(Summary([], [holds, broken]))["index"]
    mended = pages_of(Summary([], [broken, holds]))["index"]
    assert "✗" not in mended
    assert "on torch: changed, now holds" in mended
    assert "The newest full run saw what was seen before it." in pages_of(Summary([], [holds, holds]))["index"]
    first = pages_of(Summary([], [holds]))["index"]
    assert "There is no run before that of 2026-01-01" in first
    assert "✓ None of the 1 that were probed changed." in first
    assert f"torch {ENVIRONMENT.engine_version} with Keras {ENVIRONMENT.keras}: 1 probed, 2026-01-01 00:00 UTC" in first
    assert "✗ 1 of 1 that were probed changed" in pages_of(Summary([], [broken]))["index"]
