"""The suite's assertions, and the tally that shows that it asserted something."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from hypothesis import target
from hypothesis.control import currently_in_test_context

from keras_styles.comparison import Comparison, Verdict, compare_all, failures
from keras_styles.explanation import explain
from keras_styles.problems import Problem
from keras_styles.recipes import Recipe
from keras_styles.records import StageSummary
from keras_styles.training import Trainer
from keras_styles.training_record import Record


class Tally:
    """Counts of all comparisons of this process, and of the trainings that moved the weights they compared."""

    def __init__(self) -> None:
        self.comparisons = 0
        self.trainings_that_moved = 0
        self._stages: dict[tuple[str, int, str], StageSummary] = {}

    def add(self, comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> None:
        """Count comparisons, and those of the records they are about that moved."""
        self.comparisons += len(comparisons)
        self.trainings_that_moved += sum(record.moved for record in records.values())
        for c in comparisons:
            key = c.architecture, c.tier, c.stage
            before = self._stages.get(key) or StageSummary(
                architecture=c.architecture,
                tier=c.tier,
                stage=c.stage,
                comparisons=0,
                differing=0,
                diverged=0,
                worst_margin=None,
            )
            self._stages[key] = before.model_copy(
                update={
                    "comparisons": before.comparisons + 1,
                    "differing": before.differing + (c.verdict is Verdict.DIFFER),
                    "diverged": before.diverged + (c.verdict is Verdict.DIVERGED),
                    "worst_margin": worst_margin([before.worst_margin, c.margin]),
                }
            )

    def summaries(self) -> list[StageSummary]:
        """Return one summary for each architecture, tier and stage, in order of first appearance."""
        return list(self._stages.values())


TALLY = Tally()


def worst_margin(margins: Iterable[float | None]) -> float | None:
    """Return the largest finite margin, None if there is none."""
    return max((margin for margin in margins if margin is not None and np.isfinite(margin)), default=None)


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
    if failures(comparisons):
        raise AssertionError("\n" + explain(comparisons, records))


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
