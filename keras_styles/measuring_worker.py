"""The process in which workloads are timed: a request on standard input, one line of JSON for each thing it has done.

`keras_styles/processes.py` starts it. Every process is new, since the process is what is sampled. If it takes turns
with another, it says before all that it times how far it is, and waits for a line on standard input.
"""

import gc
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Final

from keras_styles import runtime
from keras_styles.architectures import load, usual_mode
from keras_styles.counters import count
from keras_styles.measurement import pulse
from keras_styles.phases import measure
from keras_styles.processes import Request
from keras_styles.workloads import WORKLOAD_VERSION, MeasuredWorkload, Workload

# Before each workload, so that not a single disturbed one stands for a process that measures only a few.
PULSES: Final = 3
# Modules of this project that decide what lies between two looks at the clock, and what happened before.
MEASURING: Final = (
    "counters",
    "floors",
    "measurement",
    "measuring_worker",
    "numpy_floors",
    "phases",
    "runtime",
    "training",
    "workloads",
)


def groups(workloads: Sequence[Workload]) -> dict[tuple[str, int], list[Workload]]:
    """Return workloads by architecture and width, which is what shares models; in order of first appearance."""
    grouped: dict[tuple[str, int], list[Workload]] = {}
    for workload in workloads:
        grouped.setdefault((workload.architecture, workload.width), []).append(workload)
    return grouped


def measured(
    request: Request,
    workloads: Sequence[Workload],
    before: Callable[[], None] = lambda: None,
    turn: Callable[[], None] = lambda: None,
) -> Iterator[MeasuredWorkload]:
    """Measure workloads of one architecture and width as a request says."""
    return measure(
        load(workloads[0].architecture),
        workloads[0].width,
        workloads,
        min_rounds=request.min_rounds,
        max_seconds=request.max_seconds,
        lives=request.lives,
        controls=request.controls,
        first=request.number,
        before=before,
        turn=turn,
    )


def measuring_code() -> str:
    """Return what names the code that measures here: times that other code took are not comparable to a percent.

    What is measured, the architectures, is not part of it: two versions of them may be what a gate compares.
    """
    sources = (inspect.getsource(import_module(f"keras_styles.{name}")) for name in MEASURING)
    return hashlib.sha256("".join(sources).encode()).hexdigest()[:12]


def main() -> None:
    """Measure what is asked for."""
    # What engines print goes to standard error; the answers have the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(key: str, value: object) -> None:
        answers.write(json.dumps({key: value}) + "\n")
        answers.flush()

    request = Request.model_validate_json(sys.stdin.readline())
    place = [0, 0]  # workloads begun, and turns taken in the last of them

    def turn() -> None:
        if request.takes_turns:
            answer("turn", place)
            sys.stdin.readline()
            place[1] += 1

    def before() -> None:
        place[:] = place[0] + 1, 0
        turn()
        for _ in range(PULSES):
            answer("pulse", pulse())

    answer("workload_version", WORKLOAD_VERSION)
    answer("measuring_code", measuring_code())
    answer("environment", runtime.environment(device=request.device).model_dump(mode="json"))
    with runtime.on_device(request.device):
        # What an engine and Keras import and prepare at their first use belongs to nobody.
        for _ in measured(
            request.model_copy(update={"lives": 1}), [Workload(architecture="linear_regression", phase="first_step")]
        ):
            pass
        for workloads in groups(request.workloads).values():
            for each in measured(request, workloads, before, turn):
                answer("measured", each.model_dump(mode="json"))
            gc.collect()
        for name in request.counted:
            architecture = load(name)
            if runtime.ENGINE not in architecture.untrainable:
                counted = {
                    style: count(architecture, style, usual_mode(architecture)).model_dump(mode="json")
                    for style in architecture.styles
                }
                answer("counters", {name: counted})
    answer("done", True)


if __name__ == "__main__":
    main()
