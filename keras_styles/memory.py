"""Memory: the most that training a style needs, and what each model leaves behind; read in a process of its own."""

import gc
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import psutil
from annotated_types import MinLen
from pydantic import AwareDatetime, Field, PositiveInt

from keras_styles.environment import Environment
from keras_styles.errors import KerasStylesError
from keras_styles.records import save, stamp
from keras_styles.schema import Schema

# An interval around a slope needs at least one point more than the line has parameters.
FEWEST_BUILDS: Final = 3
# The first models pay for what an engine imports and allocates once in a process.
WARM_UP_BUILDS: Final = 3
# A build takes tenths of a second, seconds on jax on a busy machine; an engine is imported within 5 to 10 seconds.
SECONDS_PER_BUILD: Final = 30.0
SECONDS_TO_START: Final = 300.0


class MemoryReadingError(KerasStylesError):
    """Memory that cannot be measured."""


class MemoryReadings(Schema):
    """What one process read of its own memory."""

    host_bytes_before: PositiveInt
    peak_host_bytes: PositiveInt
    peak_device_bytes: int | None
    resident_bytes: Annotated[list[PositiveInt], MinLen(FEWEST_BUILDS)]
    resident_bytes_cleared: Annotated[list[PositiveInt], MinLen(FEWEST_BUILDS)]


class Growth(Schema):
    """How much a process grows with each model that it builds, trains and drops: a slope and its 95 % interval."""

    slope: float
    low: float
    high: float


# More than that no machine can address.
_Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class MemoryUse(Schema):
    """What one style does with memory."""

    architecture: str
    style: str
    builds: PositiveInt = Field(description="models that each slope comes from, after a warm-up")
    host_bytes_before: _Bytes | None = Field(
        default=None, description="of the process with its engine, before the first model; older: not read"
    )
    peak_host_bytes: _Bytes = Field(description="of the process, engine included, once a first model was trained")
    peak_device_bytes: _Bytes | None = Field(description="likewise on the GPU; None without one")
    bytes_per_build: Growth
    bytes_per_build_cleared: Growth = Field(description="with `keras.utils.clear_session` after each model")
    resident_bytes: list[PositiveInt] = Field(description="after each model; what the slope was fitted to")
    resident_bytes_cleared: list[PositiveInt]


class MemoryRecord(Schema):
    """One run of the measurement of memory."""

    kind: Literal["memory"] = "memory"
    schema_version: Literal[1] = 1
    created: AwareDatetime
    environment: Environment
    uses: Annotated[list[MemoryUse], MinLen(1)]


def measure_memory(architecture: str, style: str, builds: int) -> MemoryReadings:
    """Build, compile, train for one step and drop one model after the other; read this process's memory after each.

    To be called in a process that does nothing else: memory that was used before is used again unseen.

    Args:
        architecture: name of the architecture whose model to train.
        style: one of its styles.
        builds: how many readings to take, after a warm-up, without and then with the session cleared.
    """
    # Here, so that a record can be read without an engine.
    from keras_styles import runtime

    device = runtime.chosen_device()
    with runtime.on_device(device):
        before = _resident_bytes()
        _train_once(architecture, style)
        # Now, and not in the end: how many models come after it must not change a model's peak.
        peaks = _peak_host_bytes(), runtime.peak_device_memory() if device == "gpu" else None
        readings: list[list[int]] = []
        for clear in (False, True):
            series = []
            for _ in range(WARM_UP_BUILDS + builds):
                _train_once(architecture, style)
                if clear:
                    runtime.keras.utils.clear_session()
                gc.collect()
                series.append(_resident_bytes())
            readings.append(series[WARM_UP_BUILDS:])
    return MemoryReadings(
        host_bytes_before=before,
        peak_host_bytes=peaks[0],
        peak_device_bytes=peaks[1],
        resident_bytes=readings[0],
        resident_bytes_cleared=readings[1],
    )


def in_fresh_process(architecture: str, style: str, builds: int) -> MemoryUse:
    """Run `measure_memory` in a new process and return what follows from its readings.

    Raises:
        MemoryReadingError: if there are too few builds, or the process ends without an answer.
    """
    if builds < FEWEST_BUILDS:
        raise MemoryReadingError(
            f"A growth with its interval needs at least {FEWEST_BUILDS} builds, not {builds}; ask for more."
        )
    limit = SECONDS_TO_START + SECONDS_PER_BUILD * 2 * (WARM_UP_BUILDS + builds)
    command = [sys.executable, "-m", "keras_styles.memory", architecture, style, str(builds)]
    what = f"The process that measures the memory of {architecture} as {style}"
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise MemoryReadingError(
            f"{what} took longer than {limit:g} s and was stopped; ask for fewer builds."
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].rstrip(".")
        raise MemoryReadingError(f"{what} ended with exit code {done.returncode} ({last}); mend that and run it again.")
    readings = MemoryReadings.model_validate_json(done.stdout)
    return MemoryUse(
        architecture=architecture,
        style=style,
        builds=builds,
        host_bytes_before=readings.host_bytes_before,
        peak_host_bytes=readings.peak_host_bytes,
        peak_device_bytes=readings.peak_device_bytes,
        bytes_per_build=growth(readings.resident_bytes),
        bytes_per_build_cleared=growth(readings.resident_bytes_cleared),
        resident_bytes=readings.resident_bytes,
        resident_bytes_cleared=readings.resident_bytes_cleared,
    )


def growth(resident_bytes: Sequence[float]) -> Growth:
    """Return the least-squares slope of equally spaced readings and its 95 % interval.

    The interval takes the readings' distances from the line for independent.
    """
    # Here, since it takes tens of megabytes that the measuring process should not have.
    from scipy import stats  # type: ignore[import-untyped]

    if len(set(resident_bytes)) == 1:
        return Growth(slope=0, low=0, high=0)  # scipy divides by the deviation of the readings
    fit = stats.linregress(range(len(resident_bytes)), resident_bytes)
    half = float(stats.t.ppf(0.975, len(resident_bytes) - 2) * fit.stderr)
    slope = float(fit.slope)
    return Growth(slope=slope, low=slope - half, high=slope + half)


def save_memory(record: MemoryRecord, results: Path) -> tuple[Path, str | None]:
    """Save one run under a unique name in its machine's folder; see `keras_styles.records.save`."""
    name = f"memory-{stamp(record.created)}-{uuid.uuid4().hex[:8]}.json"
    return save(results / record.environment.machine, name, record.model_dump_json(indent=1) + "\n")


def _train_once(architecture: str, style: str) -> None:
    """Build, compile and fit a model of the usual size for one step."""
    from keras_styles.architectures import load, usual_mode
    from keras_styles.recipes import Recipe
    from keras_styles.training import compile_model
    from keras_styles.workloads import BATCH_SIZE, WIDTH, table_of

    wanted = load(architecture)
    x, y = table_of(architecture, WIDTH, BATCH_SIZE)
    model = wanted.build(style, WIDTH, seed=0)
    compile_model(model, Recipe(epochs=1), usual_mode(wanted), architecture=wanted)
    model.fit(wanted.inputs(x), wanted.targets(y), batch_size=BATCH_SIZE, epochs=1, shuffle=False, verbose=0)


def _resident_bytes() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident


def _peak_host_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Not `ru_maxrss`: on Linux a new process inherits it from the one that started it.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure what the command line names and write the readings to standard output."""
    # What engines print goes to standard error; the answer has the pipe for itself.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    architecture, style, builds = sys.argv[1:]
    with answer:
        answer.write(measure_memory(architecture, style, int(builds)).model_dump_json())


if __name__ == "__main__":
    main()
