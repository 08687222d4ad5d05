"""What each style does with memory: its peak, and what every further model leaves behind; a run of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from keras_styles import runtime
from keras_styles.memory import MemoryRecord, MemoryUse, in_fresh_process, save_memory
from keras_styles.records import results_folder
from keras_styles.styles import STYLES
from keras_styles.workloads import ARCHITECTURES

# An allocator grows by whole pages and arenas: over fewer models a step of it looks like a slope.
BUILDS = 20
# What larger ones need is their variables; what they leave behind is what small ones do, only later.
MEASURED = ARCHITECTURES[:2]


@pytest.fixture(scope="module")
def uses(announce: Callable[[str], None]) -> Iterator[list[MemoryUse]]:
    """The list of what was measured; in the end it is saved."""
    measured: list[MemoryUse] = []
    yield measured
    if measured:
        here = runtime.environment(device=runtime.chosen_device())
        record = MemoryRecord(created=datetime.now(UTC), environment=here, uses=measured)
        path, trouble = save_memory(record, results_folder())
        announce(trouble or f"Saved memory record in: {path}")


@pytest.mark.parametrize("architecture", MEASURED)
@pytest.mark.parametrize("style", STYLES)
def test_memory(
    style: str, architecture: str, uses: list[MemoryUse], announce: Callable[[str], None], pytestconfig: pytest.Config
) -> None:
    if not pytestconfig.getoption("bench_memory", False):
        pytest.skip("memory is measured with --bench-memory, and not beside what is timed")
    announce(f"measuring the memory of {architecture} as {style}, {BUILDS} models twice")
    use = in_fresh_process(architecture, style, BUILDS)
    uses.append(use)
    slope = use.bytes_per_build
    announce(f"{style}: {slope.slope / 1024:.0f} KiB a model, from {slope.low / 1024:.0f} to {slope.high / 1024:.0f}")
