"""The suite's assertions, and the tally of a test's comparisons that shows that it asserted something."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import settings, target
from hypothesis.control import currently_in_test_context

from keras_styles.comparison import (
    Comparison,
    Verdict,
    compare_all,
    compare_modes,
    compare_styles,
    compare_with_reference,
    failures,
)
from keras_styles.explanation import explain
from keras_styles.margins import margin_bin, worst_margin
from keras_styles.problems import Problem
from keras_styles.recipes import Recipe
from keras_styles.records import StageSummary, merge_stages
from keras_styles.reproduction import Failure, explain_and_keep
from keras_styles.training import Trainer
from keras_styles.training_record import Record


def examples(in_pull_requests: int, share_of_others: float = 1.0) -> settings:
    """Settings of a test whose examples are dear: so many in the profile `pr`, a share of what the others ask for."""
    if settings.get_current_profile_name() == "pr":
        return settings(max_examples=in_pull_requests)
    return settings(max_examples=int(settings().max_examples * share_of_others))


class Tally:
    """Counts of the comparisons since the last `take`, and of the trainings that moved the weights they compared."""

    def __init__(self) -> None:
        self.comparisons = 0
        self.trainings_that_moved = 0
        self._stages: list[StageSummary] = []

    def add(self, comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> None:
        """Count comparisons, and those of the records they are about that moved."""
        self.comparisons += len(comparisons)
        self.trainings_that_moved += sum(record.moved for record in records.values())
        self._stages = merge_stages([*self._stages, *(_summary(comparison, records) for comparison in comparisons)])

    def take(self) -> list[StageSummary]:
        """Return what was counted, a summary for each architecture, mode, tier and stage, and begin anew."""
        taken = self._stages
        self.comparisons, self.trainings_that_moved, self._stages = 0, 0, []
        return taken


TALLY = Tally()
# Of what is done wrong on purpose: it shows that a test compared something, and stays out of the record.
SEEDED = Tally()


def _summary(comparison: Comparison, records: Mapping[str, Record]) -> StageSummary:
    margin = comparison.margin
    sides = [records[name] for name in (comparison.left, comparison.right) if name in records]  # but for the reference
    return StageSummary(
        architecture=comparison.architecture,
        mode=" and ".join(sorted({record.mode for record in sides})),
        tier=comparison.tier,
        stage=comparison.stage,
        comparisons=1,
        differing=int(comparison.verdict is Verdict.DIFFER),
        diverged=int(comparison.verdict is Verdict.DIVERGED),
        worst_margin=worst_margin([margin]),
        margins={} if margin is None else {margin_bin(margin): 1},
    )


class StylesDisagree(AssertionError):  # noqa: N818  # what failed, not what is in error
    """The text of a failure, and the failure itself for as long as it can still be trained again and kept."""

    def __init__(self, text: str, failure: Failure | None) -> None:
        super().__init__(text)
        self.failure = failure

    def keep(self, results: Path) -> None:
        """Keep the case as a folder, and say in the text where it begins and how to see it again."""
        if self.failure is not None:
            self.args = ("\n" + explain_and_keep(self.failure, results),)
            self.failure = None

    @classmethod
    def within(cls, error: BaseException) -> "Iterator[StylesDisagree]":
        """Yield those in an error; Hypothesis groups what does not fail the same way twice."""
        if isinstance(error, cls):
            yield error
        elif isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from cls.within(each)


def assert_records_agree(records: Mapping[str, Record], trainer: Trainer | None = None, tally: Tally = TALLY) -> None:
    """Assert that three styles are three classes, tier 0 among their records and tier 1 for each.

    Args:
        records: by style.
        trainer: that made the records; with it, a failing case is kept when its test is over.
        tally: what counts the comparisons.
    """
    __tracebackhide__ = True
    assert len(records) > 1, f"agreement takes at least two records, and there {_are(len(records))}"
    classes = {record.model_class for record in records.values()}
    assert len(classes) == len(records), f"the styles should be {len(records)} classes, but they are {classes}"
    comparisons = compare_all(records)
    tally.add(comparisons, records)
    margin = worst_margin(comparison.margin for comparison in comparisons)
    if margin is not None and currently_in_test_context():
        target(margin, label="margin: observed difference / bound")
    _raise_if_any_failed(comparisons, records, trainer)


def assert_runs_agree(runs: Mapping[str, Record], trainer: Trainer | None = None) -> None:
    """Assert tier 0 among trainings of one style that should come to the same, by what each is called."""
    __tracebackhide__ = True
    comparisons = compare_styles(runs)
    TALLY.add(comparisons, runs)
    _raise_if_any_failed(comparisons, runs, trainer)


def assert_modes_agree(records: Mapping[str, Record], trainer: Trainer | None = None) -> None:
    """Assert tier 2 among trainings of one style in several modes, by what each is called."""
    __tracebackhide__ = True
    comparisons = compare_modes(records)
    TALLY.add(comparisons, records)
    _raise_if_any_failed(comparisons, records, trainer)


def _raise_if_any_failed(comparisons: list[Comparison], records: Mapping[str, Record], trainer: Trainer | None) -> None:
    __tracebackhide__ = True
    if failures(comparisons):
        failure = Failure.by(trainer, comparisons, records) if trainer is not None else None
        raise StylesDisagree("\n" + explain(comparisons, records), failure)


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count}"


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
    assert_records_agree(records, trainer)
    return records


class Sensitivity:
    """How often the bound notices a learning rate that is off by one in ten thousand."""

    def __init__(self) -> None:
        self.caught = 0
        self.tried = 0

    def try_wrong_learning_rate(self, record: Record) -> None:
        """Claim that a training had another learning rate, and see whether the reference says no."""
        claimed = replace(record.recipe, learning_rate=record.recipe.learning_rate * 1.0001)
        self.tried += 1
        self.caught += bool(failures(compare_with_reference(replace(record, recipe=claimed))))

    @property
    def is_enough(self) -> bool:
        """Whether it did so 99 times in a hundred; of fewer than a hundred, one may pass."""
        return self.tried - self.caught <= max(1, self.tried // 100)

    def report(self, record_property: Callable[[str, object], None]) -> None:
        """Hand the counts to the run's record."""
        record_property("sensitivity", {"caught": self.caught, "tried": self.tried})

    def __repr__(self) -> str:
        return f"a learning rate off by 1e-4 was noticed on {self.caught} of {self.tried} problems"
