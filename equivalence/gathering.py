"""Gathering: what the tests' reports tell, whichever process they ran in, added up to one record and its summary."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import pytest

from keras_styles.environment import Environment
from keras_styles.margins import margin_quantiles, merge_margins, worst_margin, worst_of_all
from keras_styles.records import (
    ComparedTest,
    EquivalenceRecord,
    Failure,
    SeededFaults,
    Sensitivity,
    StageSummary,
    merge_stages,
)
from keras_styles.reproduction import kept_script

# What tests say by `record_property` of a seeded fault or a harmless change, with its name.
SEEDED_PROPERTIES = ("seeded fault", "caught", "harmless change", "not flagged", "blind spot")


class Account(TypedDict):
    """What travels with the report of a test's phase, in types that any process can send to another."""

    said: str  # the text of the exception, if there was one
    stages: list[dict[str, Any]]  # of `StageSummary`
    environment: dict[str, Any] | None  # of `Environment`, as it is while the tests run


class Gathered:
    """What happened to the tests of this suite."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.skips: list[str] = []
        self.failures: list[Failure] = []
        self.uncollected = False  # whether a file could not even be imported
        self.environment: Environment | None = None
        self._stages: dict[str, list[StageSummary]] = {}
        self._sensitivity: Sensitivity | None = None
        self._seeded: dict[str, set[str]] = defaultdict(set)

    def __bool__(self) -> bool:
        """Whether there is anything to put on record."""
        return bool(self.outcomes or self._stages)

    def add_report(self, report: pytest.TestReport) -> None:
        """Add one phase of a test; what a worker died of is reported without an account."""
        account: Account | None = getattr(report, "account", None)
        said = account["said"] if account else str(report.longrepr)
        if account:
            self.add_comparisons(report.nodeid, account["stages"])
            if account["environment"] and self.environment is None:
                self.environment = Environment.model_validate(account["environment"])
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "sensitivity":
                    self._add_sensitivity(Sensitivity.model_validate(value))
                elif name in SEEDED_PROPERTIES:
                    self._seeded[name].add(str(value))
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
            if report.skipped:
                self.skips.append(f"{report.nodeid.rpartition('::')[2]}: {said}")
            if report.failed:
                self.failures.append(Failure(test=report.nodeid, message=said, script=kept_script(said)))

    def add_uncollected(self, report: pytest.CollectReport) -> None:
        """Add a file whose tests could not be collected; every worker tells of it, and not always in the same words."""
        self.uncollected = True
        if any(failure.test == report.nodeid for failure in self.failures):
            return
        lines = str(report.longrepr).splitlines()
        # Of a traceback pytest marks the lines that tell of the exception.
        said = " ".join(" ".join(line[1:].split()) for line in lines if line.startswith("E ")) or lines[-1]
        self.outcomes["failed"] += 1
        self.failures.append(
            Failure(test=report.nodeid, message=f"None of its tests was run, since they could not be collected: {said}")
        )

    def add_comparisons(self, test: str, stages: Iterable[dict[str, Any]]) -> None:
        """Add what a test compared."""
        if new := [StageSummary.model_validate(stage) for stage in stages]:
            self._stages[test] = merge_stages([*self._stages.get(test, []), *new])

    def _add_sensitivity(self, new: Sensitivity) -> None:
        before = self._sensitivity or Sensitivity(caught=0, tried=0)
        self._sensitivity = Sensitivity(caught=before.caught + new.caught, tried=before.tried + new.tried)

    def _seeded_faults(self) -> SeededFaults | None:
        faults, caught, harmless, not_flagged, blind_spots = (self._seeded[name] for name in SEEDED_PROPERTIES)
        if not faults | harmless | blind_spots:
            return None
        return SeededFaults(
            caught=len(caught),
            missed=sorted(faults - caught),
            not_flagged=len(not_flagged),
            flagged=sorted(harmless - not_flagged),
            blind_spots=sorted(blind_spots),
        )

    def record(
        self,
        *,
        profile: str,
        seed: int,
        workers: int,
        complete: bool,
        outcome: Literal["passed", "failed", "interrupted"],
        seconds: float,
    ) -> EquivalenceRecord:
        """Return the record, in an order that does not depend on which test ended first."""
        assert self.environment is not None
        per_test = {
            test: ComparedTest(
                comparisons=sum(stage.comparisons for stage in stages),
                worst_margin=worst_margin(stage.worst_margin for stage in stages),
            )
            for test, stages in sorted(self._stages.items())
        }
        comparisons = sum(test.comparisons for test in per_test.values())
        return EquivalenceRecord(
            created=datetime.now(UTC),
            environment=self.environment,
            profile=profile,
            seed=seed,
            workers=workers,
            complete=complete,
            outcome=outcome,
            tests=dict(sorted(self.outcomes.items())),
            skips=sorted(self.skips),
            comparisons=comparisons,
            stages=merge_stages(stage for test in per_test for stage in self._stages[test]),
            per_test=per_test,
            failures=sorted(self.failures, key=lambda failure: failure.test),
            seconds=round(seconds, 1),
            comparisons_per_second=round(comparisons / seconds, 1),
            sensitivity=self._sensitivity,
            seeded_faults=self._seeded_faults(),
        )


def summary(record: EquivalenceRecord) -> list[str]:
    """Return what a record says, in a line each."""
    tiers: Counter[int] = Counter()
    for stage in record.stages:
        tiers[stage.tier] += stage.comparisons
    differing = sum(stage.differing for stage in record.stages)
    diverged = sum(stage.diverged for stage in record.stages)
    lines = [
        f"{record.comparisons} comparisons: {tiers[0]} to the bit between styles, {tiers[1]} with the reference, "
        f"{tiers[2]} between modes",
        f"{differing + diverged} did not agree: {differing} differ, {diverged} are of diverged trainings",
    ]
    margins = merge_margins(stage.margins for stage in record.stages)
    worst = worst_of_all(worst_margin(stage.worst_margin for stage in record.stages), margins)
    if margins and worst is not None:
        (median,) = margin_quantiles(margins, [0.5])
        lines.append(f"margins: half are at most {median:.3g} of the bound, the worst is {worst:.3g}")
    if (noticed := record.sensitivity) is not None:
        lines.append(f"a learning rate off by 1e-4 was noticed on {noticed.caught} of {noticed.tried} problems")
    if (seeded := record.seeded_faults) is not None:
        lines.append(str(seeded))
    processes = "one process" if record.workers == 1 else f"{record.workers} processes"
    return [*lines, f"{record.comparisons_per_second} comparisons per second, in {processes}"]
