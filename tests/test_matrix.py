"""The matrix of differences on the page: what was seen, what changed, and which engine was skipped."""

from datetime import UTC, datetime
from pathlib import Path

from keras_styles.dashboard.matrix import matrix
from keras_styles.dashboard.summary import Summary, summarize
from keras_styles.differences import Outcome, find, ledger
from keras_styles.records import DifferencesRecord, ProbedDifference, ProbedEngine, save_differences
from tests.numpy_training import ENVIRONMENT
from tests.test_dashboard import render

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
    (row,) = matrix(ledger(), record(probed("T-01", Outcome(value="not trained")), probed("T-00", Outcome(value=1))))
    assert row.difference == find("T-01")
    assert row.seen == {("functional", "torch"): "equal", ("subclassing", "torch"): "silent difference"}
    assert not row.trouble


def test_what_changed_is_said_and_is_no_markup() -> None:
    changed = probed("T-01", Outcome(error="TypeError"), verdict="changed", reason=f"Keras changed: {HOSTILE}")
    page = render(Summary([], record(changed)))
    assert "✗ Keras changed: &lt;script&gt;" in page
    assert "jax was skipped: no jax &lt;script&gt;" in page
    assert HOSTILE not in page
    assert 'title="subclassing on torch: error"' in page
    assert 'title="subclassing on jax: not seen"' in page


def test_the_newest_run_is_shown(tmp_path: Path) -> None:
    for day in (2, 3, 1):
        save_differences(record(probed("T-01", Outcome(value="not trained")), day=day), tmp_path)
    summary = summarize(tmp_path)
    assert summary.differences is not None
    assert summary.differences.created.day == 3
    assert not summary.set_aside
