"""Hooks of the equivalence suite: the engine's choice, determinism, the count of comparisons, and the record."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import settings

from keras_styles.errors import KerasStylesError
from keras_styles.records import (
    Environment,
    EquivalenceRecord,
    Failure,
    require_writable,
    results_folder,
    save_equivalence,
)

if TYPE_CHECKING:
    from keras_styles.training import Trainer

HERE = Path(__file__).parent
STARTED = time.monotonic()


class Run:
    """What happened to the tests of this suite, gathered for its record."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.skips: list[str] = []
        self.failures: list[Failure] = []
        self.saved = ""
        self.complete = False
        self.environment: Environment | None = None


RUN = Run()


def pytest_configure() -> None:
    """Import the engine now, so that a wrong choice is one sentence instead of a traceback from every file."""
    try:
        from keras_styles import runtime

        runtime.chosen_device()
        require_writable(results_folder())
    except KerasStylesError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> str:
    """Show versions, engine, device, mode and profile."""
    from keras_styles import runtime

    here = runtime.environment(device=runtime.chosen_device())
    return (
        f"keras-styles: keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, {here.device}, "
        f"mode {here.mode}, {here.threads} threads, profile {settings.get_current_profile_name()}"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a generated test without an explicit example: what once failed, or nearly did, is tried every time."""
    asked_for = [Path(argument).resolve() for argument in config.args]
    selected = config.getoption("keyword") or config.getoption("markexpr") or config.getoption("lf", False)
    RUN.complete = not selected and any(folder == HERE or folder in HERE.parents for folder in asked_for)
    for item in items:
        function = getattr(item, "function", None)
        if HERE in item.path.parents and getattr(function, "is_hypothesis_test", False):
            assert function is not None
            if not getattr(function, "hypothesis_explicit_examples", ()):
                raise pytest.UsageError(f"{item.nodeid} is a @given without an @example; add one that matters.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that passed although it compared nothing, or only models that no training had moved."""
    from equivalence.agreement import TALLY

    compared, moved = TALLY.comparisons, TALLY.trainings_that_moved
    yield
    if HERE in item.path.parents:
        if TALLY.comparisons == compared:
            pytest.fail("This test made no comparison, so it could not have failed.", pytrace=False)
        if TALLY.trainings_that_moved == moved:
            pytest.fail("No training of this test moved a weight, so it compared only builds.", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Gather outcomes, reasons of skips and texts of failures of this suite's tests."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # what a wrapper is sent has no precise type
    if HERE in item.path.parents and (report.when == "call" or report.outcome != "passed"):
        RUN.outcomes[report.outcome] += 1
        if report.skipped and call.excinfo is not None:
            RUN.skips.append(f"{item.name}: {call.excinfo.value}")
        if report.failed and call.excinfo is not None:
            RUN.failures.append(Failure(test=item.nodeid, message=str(call.excinfo.value).strip()))
    return report  # type: ignore[return-value]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Save the record, also of a run that was interrupted."""
    if not RUN.outcomes or RUN.environment is None:
        return
    from equivalence.agreement import TALLY

    outcome: Literal["passed", "failed", "interrupted"] = "failed"
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        outcome = "interrupted"
    elif exitstatus == pytest.ExitCode.OK:
        outcome = "passed"
    record = EquivalenceRecord(
        created=datetime.now(UTC),
        environment=RUN.environment,
        profile=settings.get_current_profile_name(),
        complete=RUN.complete,
        outcome=outcome,
        tests=dict(RUN.outcomes),
        skips=RUN.skips,
        comparisons=TALLY.comparisons,
        stages=TALLY.summaries(),
        failures=RUN.failures,
        seconds=round(time.monotonic() - STARTED, 1),
    )
    try:
        path, trouble = save_equivalence(record, results_folder())
        RUN.saved = trouble or f"saved as {path}"
    except KerasStylesError as error:
        RUN.saved = str(error)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Print the count of comparisons, the worst margin and where the record went."""
    if not RUN.outcomes:
        return
    from equivalence.agreement import TALLY, worst_margin

    terminalreporter.section("equivalence")
    tiers: Counter[int] = Counter()
    for stage in TALLY.summaries():
        tiers[stage.tier] += stage.comparisons
    margin = worst_margin(stage.worst_margin for stage in TALLY.summaries())
    terminalreporter.line(
        f"{TALLY.comparisons} comparisons: {tiers[0]} to the bit between styles, {tiers[1]} with the reference"
        + ("" if margin is None else f", worst margin {margin:.3g} of the bound")
    )
    terminalreporter.line(RUN.saved)
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        terminalreporter.line("Interrupted: what was compared until then is kept; run it again for the rest.")


@pytest.fixture(scope="session", autouse=True)
def _deterministic() -> Iterator[None]:
    """Make the engine deterministic for this suite and no longer."""
    from keras_styles import runtime

    runtime.make_deterministic(True)
    RUN.environment = runtime.environment(device=runtime.chosen_device())  # as it is while the tests run
    yield
    runtime.make_deterministic(False)


@pytest.fixture(scope="session")
def trainer_of() -> "Callable[[str], Trainer]":
    """One trainer for each architecture by name for the whole suite: what it has compiled serves every test."""
    from keras_styles import architectures, runtime
    from keras_styles.training import Trainer

    return cache(lambda name: Trainer(architectures.load(name), runtime.chosen_device()))


@pytest.fixture(scope="session")
def trainer(trainer_of: "Callable[[str], Trainer]") -> "Trainer":
    """The trainer of linear regression."""
    return trainer_of("linear_regression")
