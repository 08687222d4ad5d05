"""The suite's assertions, and the tally of a test's comparisons that shows that it asserted something."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import target
from hypothesis.control import currently_in_test_context

from keras_styles.comparison import Comparison, Verdict, compare_all, explain, failures
from keras_styles.margins import margin_bin, worst_margin
from keras_styles.problems import Problem
from keras_styles.recipes import Recipe
from keras_styles.records import StageSummary, merge_stages
from keras_styles.training import Record, Trainer


class Tally:
    """Counts of the comparisons since the last `take`, and of the trainings that moved the weights they compared."""

    def __init__(self) -> None:
        self.comparisons = 0
        self.trainings_that_moved = 0
        self._stages: list[StageSummary] = []

    def add(self, comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> None:
        """Count comparisons, and those of the records they are about that moved."""
        self.comparisons += len(comparisons)
        self.trainings_that_moved += sum(moved(record) for record in records.values())
        self._stages = merge_stages([*self._stages, *map(_summary, comparisons)])

    def take(self) -> list[StageSummary]:
        """Return what was counted, one summary for each architecture, tier and stage, and begin again at nothing."""
        taken = self._stages
        self.comparisons, self.trainings_that_moved, self._stages = 0, 0, []
        return taken


TALLY = Tally()


def _summary(comparison: Comparison) -> StageSummary:
    margin = comparison.margin
    return StageSummary(
        architecture=comparison.architecture,
        tier=comparison.tier,
        stage=comparison.stage,
        comparisons=1,
        differing=int(comparison.verdict is Verdict.DIFFER),
        diverged=int(comparison.verdict is Verdict.DIVERGED),
        worst_margin=worst_margin([margin]),
        margins={} if margin is None else {margin_bin(margin): 1},
    )


def moved(record: Record) -> bool:
    """Say whether any weight is another at the end than at the start."""
    final = record.snapshots[-1].weights
    return any(not np.array_equal(value, final[name]) for name, value in record.initial_weights.items())


def assert_records_agree(records: Mapping[str, Record]) -> None:
    """Assert that three styles are three classes, tier 0 among their records and tier 1 for each."""
    __tracebackhide__ = True
    classes = {record.model_class for record in records.values()}
    assert len(classes) == len(records), f"the styles should be {len(records)} classes, but they are {classes}"
    comparisons = compare_all(records)
    TALLY.add(comparisons, records)
    margin = worst_margin(comparison.margin for comparison in comparisons)
    if margin is not None and currently_in_test_context():
        target(margin, label="margin: observed difference / bound")
    if failed := failures(comparisons):
        raise AssertionError("\n" + explain(failed[0], records[failed[0].left], others=len(failed) - 1))


def assert_records_diverged(records: Mapping[str, Record]) -> None:
    """Assert that every comparison of these records says `diverged`, and none that they agree or differ."""
    __tracebackhide__ = True
    comparisons = compare_all(records)
    TALLY.add(comparisons, records)
    verdicts = {comparison.verdict for comparison in comparisons}
    assert verdicts == {Verdict.DIVERGED}, f"a diverged training came to the verdicts {sorted(verdicts)}"


def assert_styles_agree(trainer: Trainer, problem: Problem, recipe: Recipe) -> dict[str, Record]:
    """Train every style alike, assert that their records agree, and return them."""
    __tracebackhide__ = True
    records = trainer.train_styles(problem, recipe)
    assert_records_agree(records)
    return records
