"""The matrix of differences on the page: what was seen, what changed, and which engine was skipped."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keras_styles.costs_text import NO_VALUE
from keras_styles.dashboard.matrix import Change, Row, changes, in_order, matrix
from keras_styles.dashboard.summary import Summary, summarize
from keras_styles.dashboard.today import ledger_state
from keras_styles.differences import Outcome, find, ledger
from keras_styles.environment import RETIRED
from keras_styles.records import DifferencesRecord, ProbedDifference, ProbedEngine, save_differences
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import pages_of, render

HOSTILE = "<script>alert(1)</script>"
HERE = {"machine": ENVIRONMENT.machine, "device": ENVIRONMENT.device}


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
    assert "✓ All 1 that were probed hold." in first
    assert f"torch {ENVIRONMENT.engine_version} with Keras {ENVIRONMENT.keras}: 1 probed, 2026-01-01 00:00 UTC" in first
    lost = "✗ 1 of 1 that were probed changed, or the probe was lost; 0 hold."
    assert lost in pages_of(Summary([], [broken]))["index"]


def with_environment(probing: DifferencesRecord, **changed: str) -> DifferencesRecord:
    """Return a run of the probes as it would have been elsewhere; `changed` are fields of its environment."""
    there = ENVIRONMENT.model_copy(update=changed)
    return probing.model_copy(update={"engines": [probing.engines[0].model_copy(update={"environment": there})]})


def state_of(*records: DifferencesRecord) -> tuple[str, str]:
    """Return what the first page says of the ledger, and how."""
    answer = ledger_state(matrix(ledger(), records))
    assert answer is not None
    return answer


def test_what_the_ledger_does_not_claim_is_not_said_to_hold() -> None:
    """After an upgrade of Keras nothing is claimed, so nothing is verified."""
    holds = record(probed("T-01", Outcome(value="not trained")), probed("T-02", Outcome(value="x")))
    assert state_of(holds) == ("good", "✓ All 2 that were probed hold.")
    new = {"verdict": "not claimed", "reason": "The ledger does not say."}
    one = record(probed("T-01", Outcome(value="not trained")), probed("T-02", Outcome(value="x"), **new), day=2)
    unclaimed = "⚠ of {} the ledger does not say what they are with Keras {}; {} hold."
    assert state_of(holds, with_environment(one, keras="3.16.0")) == ("warn", unclaimed.format("1 of 2", "3.16.0", 1))
    both = record(probed("T-01", Outcome(value="x"), **new), probed("T-02", Outcome(value="x"), **new), day=2)
    upgraded = with_environment(both, keras="3.16.0")
    assert state_of(holds, upgraded) == ("warn", unclaimed.format("2 of 2", "3.16.0", 0))
    page = pages_of(Summary([], [holds, upgraded]))["index"]
    assert unclaimed.format("2 of 2", "3.16.0", 0) in page
    changed = record(probed("T-01", Outcome(value="x"), verdict="changed"), probed("T-02", Outcome(value="x"), **new))
    kind, words = state_of(changed)
    assert kind == "bad"
    assert words.startswith("✗ 1 of 2 that were probed changed, or the probe was lost; ⚠ of 1 of 2 the ledger does not")


def test_an_engine_of_which_an_entry_says_nothing_is_no_reason_for_a_warning() -> None:
    """Some entries are about TensorFlow alone, with whatever version, and the probes are run on all engines."""
    about = {each.id: {engine for seen in each.seen for engine in seen.engines} for each in ledger()}
    of_tensorflow = next(name for name, engines in about.items() if engines == {"tensorflow"})
    other = probed(of_tensorflow, Outcome(value="x"), verdict="not claimed")
    assert state_of(record(other))[0] == "warn", "nothing is seen to hold"
    beside = record(probed("T-01", Outcome(value="not trained")), other)
    kind, words = state_of(beside)
    assert (kind, words.split(";")[0]) == ("good", "✓ 1 of 2 that were probed hold")


def test_what_changed_on_one_device_or_machine_is_not_hidden_by_another() -> None:
    changed = record(probed("T-01", Outcome(error="TypeError"), verdict="changed", reason="Keras changed."), day=1)
    holds = record(probed("T-01", Outcome(value="not trained")), day=2)
    for place in ({"device": "gpu"}, {"machine": "another"}):
        there = with_environment(changed, **place)
        (row,) = [row for row in matrix(ledger(), [there, holds]) if row.sightings]
        assert [each.probed.verdict for each in row.sightings] == ["holds", "changed"]
        assert [each.place for each in row.trouble] == [("torch", *{**HERE, **place}.values())]
        pages = pages_of(Summary([], [there, holds]))
        where = f'<span class="soft">({place.get("device", "cpu")}, {place.get("machine", ENVIRONMENT.machine)})</span>'
        assert f"changed on torch:</span> Keras changed. {where}" in pages["index"]
        assert f"✗ changed (Keras changed.) {where}" in pages["differences"]
        later = holds.model_copy(update={"created": changed.created + RETIRED + timedelta(days=1)})
        assert state_of(there, later) == ("good", "✓ All 1 that were probed hold."), "a machine that may be gone"
    again = with_environment(holds, device="gpu")
    assert state_of(with_environment(changed, device="gpu"), holds, again)[0] == "good", "mended there"


def test_versions_are_in_their_order_and_not_in_that_of_their_letters() -> None:
    assert in_order(["3.16.0", "odd", "3.9.0", "3.16.0", "3.16.0rc1"]) == ["odd", "3.9.0", "3.16.0rc1", "3.16.0"]
    runs = [
        with_environment(record(probed("T-01", Outcome(value="x"))), keras=keras)
        for keras in ("3.16.0", "3.9.0", "<script>")
    ]
    page = pages_of(Summary([], runs))["differences"]
    options = re.findall(r"<option>([^<]*)</option>", page.split("data-shows>")[1].split("</select>")[0])
    assert options == ["&lt;script&gt;", "3.9.0", "3.16.0"]


def test_a_row_has_what_was_seen_with_each_version() -> None:
    older = record(probed("T-01", Outcome(error="TypeError")), day=1)
    now = with_environment(record(probed("T-01", Outcome(value="not trained")), day=2), keras="3.99.0")
    page = pages_of(Summary([], [older, now]))["differences"]
    (found,) = re.findall(r'data-seen="([^"]*)" data-places="[^"]*"><td><a href="#T-01">', page)
    # Sequential, Functional and Subclassing, each on torch and on jax.
    signs = {ENVIRONMENT.keras: "  ✓ ✗ ", "3.99.0": "  ✓ ≠ "}
    assert json.loads(html.unescape(found)) == {keras: s.replace(" ", NO_VALUE) for keras, s in signs.items()}
