"""The suite's assertions, and the tally that shows that it asserted something."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import target
from hypothesis.control import currently_in_test_context

from keras_styles.comparison import (
    Comparison,
    Verdict,
    compare_styles,
    compare_with_reference,
    explain,
    failures,
)
from keras_styles.problems import Problem
from keras_styles.recipes import Recipe
from keras_styles.records import StageSummary
from keras_styles.training import Record, Trainer


@dataclass
class Tally:
    """All comparisons of this process, and how many trainings moved the weights they compared."""

    comparisons: list[Comparison] = field(default_factory=list)
    trainings_that_moved: int = 0

    def summaries(self) -> list[StageSummary]:
        """Return one summary for each architecture, tier and stage, in order of first appearance."""
        groups: dict[tuple[str, int, str], list[Comparison]] = {}
        for comparison in self.comparisons:
            groups.setdefault((comparison.architecture, comparison.tier, comparison.stage), []).append(comparison)
        return [
            StageSummary(
                architecture=architecture,
                tier=tier,
                stage=stage,
                comparisons=len(group),
                differing=sum(c.verdict is Verdict.DIFFER for c in group),
                diverged=sum(c.verdict is Verdict.DIVERGED for c in group),
                worst_margin=worst_margin(group),
            )
            for (architecture, tier, stage), group in groups.items()
        ]


TALLY = Tally()


def worst_margin(comparisons: Sequence[Comparison]) -> float | None:
    """Return the largest finite margin, None if no comparison has one."""
    margins = [c.margin for c in comparisons if c.margin is not None and np.isfinite(c.margin)]
    return max(margins, default=None)


def moved(record: Record) -> bool:
    """Say whether any weight is another at the end than at the start."""
    final = record.snapshots[-1].weights
    return any(not np.array_equal(value, final[name]) for name, value in record.initial_weights.items())


def _assert_agree(comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> None:
    """Count the comparisons and fail with the explanation of the earliest one that does not agree."""
    __tracebackhide__ = True
    TALLY.comparisons.extend(comparisons)
    if failed := failures(list(comparisons)):
        raise AssertionError("\n" + explain(failed[0], records[failed[0].left], others=len(failed) - 1))


def assert_records_agree(records: Mapping[str, Record]) -> None:
    """Assert that three styles are three classes, tier 0 among their records and tier 1 for each."""
    __tracebackhide__ = True
    classes = {record.model_class for record in records.values()}
    assert len(classes) == len(records), f"the styles should be {len(records)} classes, but they are {classes}"
    TALLY.trainings_that_moved += sum(moved(record) for record in records.values())
    _assert_agree(compare_styles(records), records)
    against_reference = [c for record in records.values() for c in compare_with_reference(record)]
    margin = worst_margin(against_reference)
    if margin is not None and currently_in_test_context():
        target(margin, label="margin: observed difference / bound")
    _assert_agree(against_reference, records)


def assert_records_diverged(records: Mapping[str, Record]) -> None:
    """Assert that every comparison of these records says `diverged`, and none that they agree or differ."""
    __tracebackhide__ = True
    found = compare_styles(records) + [c for record in records.values() for c in compare_with_reference(record)]
    TALLY.comparisons.extend(found)
    TALLY.trainings_that_moved += sum(moved(record) for record in records.values())
    verdicts = {comparison.verdict for comparison in found}
    assert verdicts == {Verdict.DIVERGED}, f"a diverged training came to the verdicts {sorted(verdicts)}"


def assert_styles_agree(trainer: Trainer, problem: Problem, recipe: Recipe) -> dict[str, Record]:
    """Train every style alike, assert that their records agree, and return them."""
    __tracebackhide__ = True
    records = trainer.train_styles(problem, recipe)
    assert_records_agree(records)
    return records
