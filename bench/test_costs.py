"""What building, fitting and predicting costs in each style, on each device, after the styles were shown equal."""

from collections.abc import Callable
from functools import cache

import pytest

from bench.cells import Cell, leave_unmeasured
from keras_styles import runtime
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.engines import DEVICES
from keras_styles.measurement import (
    PHASES,
    PROBLEM,
    RECIPE,
    WORKLOAD_VERSION,
    NotEqualError,
    interleave,
    phase_actions,
    require_equal,
)
from keras_styles.styles import STYLES


@cache
def why_not_equal(device: str) -> str | None:
    """Return the explanation of the first difference between the styles on `device`, None if they are equal."""
    try:
        require_equal(ARCHITECTURE, device)
    except NotEqualError as error:
        return str(error)
    return None


@cache
def measured(
    phase: str, device: str, min_rounds: int, max_seconds: float, announce: Callable[[str], None]
) -> dict[str, list[float]] | str:
    """Measure all styles of a phase together and return the samples of each, or why there are none.

    Whatever goes wrong, out of memory on a GPU for instance, concerns this phase alone: the others are measured, and
    this one leaves its reason.
    """
    announce(f"measuring {phase} on the {device}, the styles in turns")
    try:
        with runtime.on_device(device):
            return interleave(phase_actions(ARCHITECTURE, phase), min_rounds=min_rounds, max_seconds=max_seconds)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("device", DEVICES)
def test_cost(
    style: str, phase: str, device: str, request: pytest.FixtureRequest, announce: Callable[[str], None]
) -> None:
    mode = runtime.resolve_mode(RECIPE.mode)
    cell = {
        "kind": "cost",
        "architecture": ARCHITECTURE.name,
        "phase": phase,
        "style": style,
        "engine": runtime.ENGINE,
        "device": device,
        "mode": mode,
        "jit_compile": runtime.compile_arguments(mode)["jit_compile"],
        "workload_version": WORKLOAD_VERSION,
        "problem": repr(PROBLEM),
        "recipe": repr(RECIPE),
    }
    if device not in runtime.available_devices():
        reason = f"{runtime.ENGINE} sees no {device.upper()} on this machine"
        leave_unmeasured(request, outcome="skipped", reason=reason, extra_info=cell)
        pytest.skip(reason)
    if reason_not_to := why_not_equal(device):
        leave_unmeasured(request, outcome="failed", reason=reason_not_to, extra_info=cell)
        pytest.fail(f"The styles are not equal, so their times must not be compared.\n{reason_not_to}", pytrace=False)
    options = request.config.option
    limits = options.benchmark_min_rounds, float(options.benchmark_max_time)
    samples = measured(phase, device, *limits, announce)
    if isinstance(samples, str):
        leave_unmeasured(request, outcome="failed", reason=samples, extra_info=cell)
        pytest.fail(samples, pytrace=False)
    Cell(f"{ARCHITECTURE.name} {phase} {device}", samples[style], cell | {"equal": True}).report(request)
