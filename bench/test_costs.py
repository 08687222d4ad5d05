"""What each phase costs in each style, on each device: fresh processes measure, the tests here hand over numbers."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench.cells import PROCESSES, Cell, leave_unmeasured
from keras_styles import runtime
from keras_styles.architectures import load
from keras_styles.engines import DEVICES
from keras_styles.measurement import seconds
from keras_styles.phases import RECIPE, contenders_of
from keras_styles.processes import MeasuringError, measure_processes
from keras_styles.workloads import EPOCHS, PROFILES, STEPS, WORKLOAD_VERSION, ProcessRecord, Workload


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each cell of the profile's plan."""
    plan = PROFILES[metafunc.config.getoption("bench_profile")].plan()
    cells = [
        pytest.param(device, workload, contender, id="-".join(str(workload).split()) + f"-{contender}-{device}")
        for device in DEVICES
        for workload in plan
        for contender in contenders_of(load(workload.architecture), workload.phase)
    ]
    metafunc.parametrize(("device", "workload", "contender"), cells)


@cache
def measured(
    plan: tuple[Workload, ...], processes: int, device: str, folder: Path, announce: Callable[[str], None]
) -> list[ProcessRecord]:
    """Measure a plan on a device, in fresh processes, and keep it for the saved file."""
    announce(f"measuring {len(plan)} workloads on the {device} in {processes} processes, one after the other")
    try:
        records = measure_processes(plan, processes, device=device, folder=folder, show=announce)
    except MeasuringError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    PROCESSES[device] = records
    return records


def selected(session: pytest.Session, device: str) -> tuple[Workload, ...]:
    """Return the workloads that are to run on a device, which `-k` may have made fewer."""
    cells = [item.callspec.params for item in session.items if isinstance(item, pytest.Function) and is_cost(item)]
    workloads = [cell["workload"] for cell in cells if cell["device"] == device]
    return tuple(dict.fromkeys(each for each in workloads if isinstance(each, Workload)))


def is_cost(item: pytest.Function) -> bool:
    return item.originalname == test_cost.__name__


def test_cost(
    device: str,
    workload: Workload,
    contender: str,
    request: pytest.FixtureRequest,
    unfinished: Callable[[str], Path],
    announce: Callable[[str], None],
) -> None:
    mode = runtime.resolve_mode(None)
    cell = {
        "kind": "cost",
        **workload.model_dump(),
        "style": contender,
        "engine": runtime.ENGINE,
        "device": device,
        "mode": mode,
        "jit_compile": runtime.compile_arguments(mode)["jit_compile"],
        "workload_version": WORKLOAD_VERSION,
        "steps": STEPS,
        "epochs": EPOCHS,
        "recipe": repr(RECIPE),
    }
    if device not in runtime.available_devices():
        reason = f"{runtime.ENGINE} sees no {device.upper()} on this machine"
        leave_unmeasured(request, outcome="skipped", reason=reason, extra_info=cell)
        pytest.skip(reason)
    processes = (
        request.config.getoption("bench_processes") or PROFILES[request.config.getoption("bench_profile")].processes
    )
    records = measured(selected(request.session, device), processes, device, unfinished(device), announce)
    of_this = [each for record in records for each in record.measured if each.workload == workload]
    medians = [float(np.median(seconds(rounds))) for each in of_this if (rounds := each.nanoseconds.get(contender))]
    # Equal in most processes is not equal, and a number would say it was.
    unequal = next((each.why_not for each in of_this if each.is_unequal), None)
    if unequal or not medians:
        reason = unequal or next((each.why_not for each in of_this if each.why_not), "no process came to it")
        leave_unmeasured(request, outcome="failed", reason=reason, extra_info=cell)
        pytest.fail(reason, pytrace=False)
    Cell(f"{workload} {device}", medians, cell | {"equal": True}).report(request)
