"""Hooks of the equivalence suite: the engine's choice, determinism, the seed, the workers, and the record."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import settings

from equivalence import workers
from equivalence.gathering import Account, Gathered, summary
from keras_styles import engines
from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.records import require_writable, results_folder, save_equivalence

if TYPE_CHECKING:
    from keras_styles.training import Trainer

HERE = Path(__file__).parent
STARTED = time.monotonic()

SEED_VARIABLE = "KERAS_STYLES_SEED"
SEEDS = range(100)  # the contract: every test passes with each of them


class Run:
    """What this process knows of its run."""

    def __init__(self) -> None:
        self.root = HERE.parent  # what the reports' paths are relative to
        self.seed = 0
        self.gathered = Gathered()
        self.environment: dict[str, Any] | None = None
        self.under_way = ""  # the test
        self.interrupted = False
        self.nodes: list[Any] = []  # the controller's view of its workers, those that crashed included
        self.workers = 1
        self.closing: list[str] = []  # what the terminal shows at the end


RUN = Run()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Choose the workers before pytest-xdist reads its options."""
    workers.choose(config)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Refuse a wrong choice in one sentence, instead of a traceback from every file or worker.

    It comes last since Hypothesis has loaded its profile by then.
    """
    RUN.root = config.rootpath
    here_is_tested = config.getoption("dist", "no") == "no"
    try:
        engines.chosen_engine()
        if here_is_tested or engines.named_device() != "cpu":
            # The controller of workers is spared the seconds that this import takes; the CPU is always there.
            from keras_styles import runtime

            runtime.chosen_device()
        require_writable(results_folder())
    except KerasStylesError as error:
        raise pytest.UsageError(str(error)) from error
    handed = getattr(config, "workerinput", None)
    RUN.seed = handed["contract_seed"] if handed else chosen_seed()


def chosen_seed() -> int:
    """Return the seed that KERAS_STYLES_SEED asks for; 0 for the profile that never varies, otherwise any."""
    asked = os.environ.get(SEED_VARIABLE)
    if not asked:
        return 0 if settings.get_current_profile_name() == "pr" else random.choice(SEEDS)
    if not (asked.isascii() and asked.isdecimal() and int(asked) in SEEDS):
        raise pytest.UsageError(
            f"{SEED_VARIABLE}={asked} is no seed of the contract; set it to a whole number from {SEEDS[0]} to "
            f"{SEEDS[-1]}, or unset it."
        )
    return int(asked)


def pytest_report_header() -> str:
    """Show versions, engine, device, mode, profile and seed."""
    engine = engines.chosen_engine()
    return (
        f"keras-styles: keras {engines.installed_version('keras')}, {engine} {engines.installed_version(engine)}, "
        f"numpy {engines.installed_version('numpy')}, {engines.named_device()}, mode {engines.MODES[engine][0]}, "
        f"{engines.usable_cores()} threads, profile {settings.get_current_profile_name()}, seed {RUN.seed}"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a generated test without an explicit example: what once failed, or nearly did, is tried every time."""
    for item in items:
        function = getattr(item, "function", None)
        if HERE in item.path.parents and getattr(function, "is_hypothesis_test", False):
            assert function is not None
            if not getattr(function, "hypothesis_explicit_examples", ()):
                refusal = f"{item.nodeid} is a @given without an @example; add one that matters."
                if not hasattr(config, "workerinput"):
                    raise pytest.UsageError(refusal)
                # The controller raises it, once; an exception here would reach it as a worker that crashed.
                config.workeroutput["refusal"] = refusal  # type: ignore[attr-defined]  # added by pytest-xdist
                items.clear()
                return


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that passed although it compared nothing, or only models that no training had moved."""
    from equivalence.agreement import SEEDED, TALLY

    yield
    if HERE in item.path.parents and not item.get_closest_marker("compares_no_trainings"):
        if not TALLY.comparisons + SEEDED.comparisons:
            pytest.fail("This test made no comparison, so it could not have failed.", pytrace=False)
        if not TALLY.trainings_that_moved + SEEDED.trainings_that_moved:
            pytest.fail("No training of this test moved a weight, so it compared only builds.", pytrace=False)


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember whose comparisons are being counted."""
    RUN.under_way = nodeid


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Send along with each report what only this process knows; pytest-xdist carries it to the controller.

    With the reports, not at the end: a worker that crashes has no end. Failing cases are kept here, not where they
    fail: a generated test fails many times until its example is small, and only the last one reaches its report.
    """
    from equivalence.agreement import SEEDED, TALLY, StylesDisagree

    SEEDED.take()
    if call.excinfo is not None:
        for disagreement in StylesDisagree.within(call.excinfo.value):
            disagreement.keep(results_folder())
    report: pytest.TestReport = yield  # type: ignore[assignment]  # what a wrapper is sent has no precise type
    report.account = Account(  # type: ignore[attr-defined]  # a report may have any attributes beside its own
        said=str(call.excinfo.value).strip() if call.excinfo else "",
        stages=[stage.model_dump() for stage in TALLY.take()],
        environment=RUN.environment if report.when == "setup" else None,
    )
    return report  # type: ignore[return-value]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather the reports of this suite's tests, those of workers too."""
    if in_suite(report.nodeid):
        RUN.gathered.add_report(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Gather what could not be collected; pytest-xdist tells its controller what a worker could not."""
    if report.failed and in_suite(report.nodeid):
        RUN.gathered.add_uncollected(report)


def in_suite(test: str) -> bool:
    """Say whether a test's id belongs to this suite."""
    return HERE in (RUN.root / test.split("::")[0]).resolve().parents


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Count the workers."""
    RUN.workers = len(specs)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand a new worker what all have to share."""
    node.workerinput["contract_seed"] = RUN.seed
    RUN.nodes.append(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Raise what a worker refused."""
    if refusal := getattr(node, "workeroutput", {}).get("refusal"):
        raise pytest.UsageError(refusal)


def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Tell Ctrl-C from exceptions of the same family: pytest-xdist obeys -x by one, and pytest ends a collection."""
    by_pytest = RUN.gathered.uncollected and isinstance(excinfo.value, pytest.Session.Interrupted)
    RUN.interrupted = not by_pytest and not type(excinfo.value).__module__.startswith("xdist.")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Save the record, also of a run that was interrupted; it comes last since all workers have ended by then."""
    config = session.config
    unfinished: list[dict[str, Any]] = []
    if config.getoption("dist", "no") == "no":
        # Where no test could be collected, nobody has imported it, and perhaps nobody can.
        if agreement := sys.modules.get("equivalence.agreement"):
            stages = [stage.model_dump() for stage in agreement.TALLY.take()]
            unfinished.append({"test": RUN.under_way, "stages": stages})
        if hasattr(config, "workerinput"):
            config.workeroutput["unfinished"] = unfinished  # type: ignore[attr-defined]  # added by pytest-xdist
            return
    for node in RUN.nodes:
        unfinished += getattr(node, "workeroutput", {}).get("unfinished", [])
    for rest in unfinished:
        if in_suite(rest["test"]):
            RUN.gathered.add_comparisons(rest["test"], rest["stages"])
    was_to_run = exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED)
    if was_to_run and not config.getoption("collectonly") and RUN.gathered.uncollected and not RUN.gathered.environment:
        RUN.gathered.environment = environment_without_tests()
    if not RUN.gathered or RUN.gathered.environment is None:
        return
    if exitstatus == pytest.ExitCode.INTERRUPTED and not RUN.interrupted and not RUN.gathered.uncollected:
        session.exitstatus = exitstatus = pytest.ExitCode.TESTS_FAILED  # as without workers
    outcome: Literal["passed", "failed", "interrupted"] = "failed"
    if RUN.interrupted:
        outcome = "interrupted"
    elif exitstatus == pytest.ExitCode.OK:
        outcome = "passed"
    record = RUN.gathered.record(
        profile=settings.get_current_profile_name(),
        seed=RUN.seed,
        workers=RUN.workers,
        complete=whole_suite(config),
        outcome=outcome,
        seconds=time.monotonic() - STARTED,
    )
    RUN.closing = summary(record)
    try:
        path, trouble = save_equivalence(record, results_folder())
        RUN.closing.append(trouble or f"saved as {path}")
    except KerasStylesError as error:
        RUN.closing.append(str(error))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def environment_without_tests() -> Environment | None:
    """Return the environment where not even one test began; None where the engine itself cannot be imported."""
    try:
        from keras_styles import runtime

        runtime.make_deterministic(True)
        return runtime.environment(device=runtime.chosen_device())
    except Exception:  # whatever an engine raises at its import; the file that could not be collected has told it
        return None


def whole_suite(config: pytest.Config) -> bool:
    """Say whether no test of the suite was left out."""
    selections = ("keyword", "markexpr", "lf", "stepwise", "deselect", "ignore", "ignore_glob")
    selected = any(config.getoption(name, None) for name in selections) or any("::" in word for word in config.args)
    return not selected and any(path in (HERE, *HERE.parents) for path in workers.paths_asked_for(config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the record says, and where it went."""
    if RUN.closing:
        terminalreporter.section("equivalence")
        for line in RUN.closing:
            terminalreporter.line(line)
        if RUN.interrupted:
            terminalreporter.line("Interrupted: what was compared until then is kept; run it again for the rest.")


@pytest.fixture(scope="session", autouse=True)
def _deterministic() -> Iterator[None]:
    """Make the engine deterministic for this suite and no longer."""
    from keras_styles import runtime

    runtime.make_deterministic(True)
    RUN.environment = runtime.environment(device=runtime.chosen_device()).model_dump()  # as it is while the tests run
    yield
    runtime.make_deterministic(False)


@pytest.fixture(scope="session")
def contract_seed() -> int:
    """The seed of whatever needs a fixed one: any of `SEEDS` must do."""
    return RUN.seed


@pytest.fixture(scope="session")
def trainer_of() -> "Callable[[str], Trainer]":
    """One trainer for each architecture by name for a whole process: what it has compiled serves every test."""
    from keras_styles import architectures, runtime
    from keras_styles.training import Trainer

    return cache(lambda name: Trainer(architectures.load(name), runtime.chosen_device()))


@pytest.fixture(scope="session")
def trainer(trainer_of: "Callable[[str], Trainer]") -> "Trainer":
    """The trainer of linear regression."""
    return trainer_of("linear_regression")
