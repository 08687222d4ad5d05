"""Hooks of the benchmark: the engine's choice, where and how runs are saved, and what travels with the numbers."""

import argparse
import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_benchmark.session
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import load_storage, safe_dumps

from bench.cells import PROCESSES, UNMEASURED
from keras_styles.errors import KerasStylesError
from keras_styles.records import BenchmarkExtras, require_writable, results_folder, save
from keras_styles.workloads import PROFILES

DEFAULT_STORAGE = "file://./.benchmarks"
# Holds a sign once the run was interrupted.
INTERRUPTED: list[bool] = []


class ResultsStorage(FileStorage):  # type: ignore[misc]  # pytest-benchmark has no type information
    """pytest-benchmark's files in the folder of this machine: written whole, never over another, rescued if need be."""

    @property
    def location(self) -> str:
        """Where the files are; unlike the original it need not lie below the current folder."""
        return str(self.path)

    @property
    def _next_num(self) -> str:
        """The number after the largest in this machine's folder; the original looks into the last folder only."""
        numbers = [int(file.name[:4]) for file in self.query("[0-9][0-9][0-9][0-9]_*")]
        return f"{max(numbers, default=0) + 1:04}"

    def save(self, output_json: dict[str, Any], save_as: str) -> None:
        """Write one run, under a number that no other has here and a name that no other has anywhere.

        The number is for `pytest-benchmark compare`; two folders of one machine that are merged have the same ones.

        Nothing of one that was interrupted: its processes are kept to go on with, and a part would pass for the whole.
        """
        if INTERRUPTED:
            return
        text = safe_dumps(output_json, ensure_ascii=True, indent=1) + "\n"
        folder = Path(self.path) / self.default_machine_id
        try:
            with self._number(folder) as number:
                path, trouble = save(folder, f"{number:04}_{save_as}-{uuid.uuid4().hex[:8]}.json", text)
        except KerasStylesError as error:
            raise pytest.UsageError(str(error)) from error
        self.logger.info(trouble or f"Saved benchmark data in: {path}")
        forget_unfinished()  # what it held is in the saved file now

    @contextlib.contextmanager
    def _number(self, folder: Path) -> Iterator[int]:
        """Give the next number, which no other process gets before a file has it."""
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        for number in count(int(self._next_num)):
            reservation = folder / f".{number:04}.reserved"
            try:
                reservation.open("x").close()
            except FileExistsError:
                continue
            except OSError:  # nobody can write there, which `save` knows what to do about
                yield number
                return
            try:
                if not any(folder.glob(f"{number:04}_*")):  # by one that looked at the same time, and was faster
                    yield number
                    return
            finally:
                reservation.unlink()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what the benchmark can be asked for beside pytest-benchmark's own options."""
    group = parser.getgroup("keras-styles", "what each style costs")
    group.addoption(
        "--bench-profile",
        choices=list(PROFILES),
        default="default",
        help="how much to measure: two architectures in 3 processes, or everything in 12",
    )
    group.addoption("--bench-processes", type=_positive, metavar="K", help="measure in K fresh processes")
    group.addoption("--bench-resume", action="store_true", help="go on with the run that was interrupted")
    group.addoption("--bench-memory", action="store_true", help="measure memory, too, in processes of its own")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; give 1 or more.")
    return int(text)


def unfinished_folder(device: str) -> Path:
    """Return where the processes of a run are kept until the run is saved."""
    from keras_styles import runtime

    machine = runtime.environment(device=device).machine
    return results_folder() / machine / "unfinished" / f"{runtime.ENGINE}-{device}"


def forget_unfinished() -> None:
    """Remove what was kept of this run's processes; --benchmark-autosave may have saved and removed it already."""
    for folder in map(unfinished_folder, PROCESSES):
        if folder.exists():
            shutil.rmtree(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check what was asked for before anything is measured, and see to it that everything measured is kept."""
    if config.getoption("dist", "no") != "no":  # pytest-benchmark would run every cell and measure none
        raise pytest.UsageError("Workers would disturb each other's times; run pytest bench/ without -n.")
    try:
        from keras_styles import runtime

        device = runtime.chosen_device()
        machine = runtime.environment(device=device).machine
        require_writable(results_folder() / machine)
        folders = map(unfinished_folder, runtime.available_devices())
        begun = [folder for folder in folders if any(folder.glob("process-*"))]
    except KerasStylesError as error:
        raise pytest.UsageError(str(error)) from error
    if begun and not config.getoption("bench_resume") and not config.option.collectonly:
        raise pytest.UsageError(
            f"An interrupted run lies in {begun[0]}; go on with it by --bench-resume, or delete that folder."
        )
    config.option.benchmark_save_data = True  # without the samples a saved run can never be judged anew

    def results_storage(storage: str, **kwargs: Any) -> Any:
        if storage != DEFAULT_STORAGE:
            return load_storage(storage, **kwargs)
        return ResultsStorage(results_folder(), kwargs["logger"], default_machine_id=machine)

    # The plugin makes its storage in its own pytest_configure, which runs last, and has no hook for another folder
    # name: its own knows the system and Python, not the processor and the GPU.
    pytest_benchmark.session.load_storage = results_storage


def pytest_report_header() -> str:
    """Show versions, engine, devices and mode."""
    from keras_styles import runtime

    here = runtime.environment(device=runtime.chosen_device())
    return (
        f"keras-styles: keras {here.keras}, {here.engine} {here.engine_version}, numpy {here.numpy}, "
        f"devices {', '.join(runtime.available_devices())}, mode {here.mode}, {here.threads} threads"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add the environment record; the host's name identifies a person's machine and explains no number, so it goes."""
    from keras_styles import runtime

    here = runtime.environment(device=runtime.chosen_device())
    machine_info["node"] = here.machine
    machine_info["keras_styles"] = here.model_dump()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Add the cells that have no number; pytest-benchmark leaves them out of its list."""
    processes = [process for of_device in PROCESSES.values() for process in of_device]
    output_json["keras_styles"] = BenchmarkExtras(unmeasured=UNMEASURED, processes=processes).model_dump(mode="json")


def pytest_keyboard_interrupt() -> None:
    """Note it before pytest-benchmark saves, which it does ahead of every other hook at the end of a session."""
    INTERRUPTED.append(True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Forget what was measured to be looked at only; of a run that was gone on with, nobody knows whether it was."""
    looked_at = not session.config.getoption("benchmark_save") and not session.config.getoption("bench_resume")
    if exitstatus != pytest.ExitCode.INTERRUPTED and looked_at:
        forget_unfinished()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Say where to look, and what was kept when the run was interrupted."""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        terminalreporter.line(
            "Interrupted: what the processes measured until then is kept; go on by adding --bench-resume."
        )
    elif kept := [str(folder) for folder in map(unfinished_folder, PROCESSES) if folder.exists()]:
        terminalreporter.line(
            f"Nothing was saved, and what the processes measured is kept in {', '.join(kept)}: save it by "
            "--bench-resume --benchmark-save, or delete it."
        )
    elif PROCESSES:
        terminalreporter.line("keras-styles costs says what follows from saved runs; keras-styles dashboard draws it.")


@pytest.fixture(scope="session", autouse=True)
def _not_deterministic() -> None:
    """Refuse to time the slower deterministic operations that the equivalence suite switches on."""
    from keras_styles import runtime

    if runtime.ENGINE != "jax" and runtime.is_deterministic():
        pytest.exit("Deterministic operations are on; run pytest bench/ in a process of its own.", returncode=2)


@pytest.fixture(scope="session")
def unfinished() -> Callable[[str], Path]:
    """Where the processes of a run are kept until it is saved, by device."""
    return unfinished_folder


@pytest.fixture(scope="session")
def announce(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A function that says at once what is being measured: some of it takes a minute."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(text)

    return say
