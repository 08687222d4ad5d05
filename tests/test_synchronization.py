"""Synchronization: what is timed has ended when the clock is read, on every engine and device."""

import importlib.util
import time

import pytest

from keras_styles import runtime
from keras_styles.measurement import Action, interleave
from tests.conftest import Run

# jax is an extra, and the one engine that goes on without waiting on a CPU: elsewhere there is nothing to be seen.
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")

# A product of this size keeps a CPU busy for tenths of a second, so that it cannot be ready when its call returns.
LARGE_PRODUCT = """
import jax, jax.numpy as numbers
from keras_styles import runtime
product = jax.jit(lambda a: a @ a)
ones = numbers.ones((3000, 3000))
product(ones).block_until_ready()
result = product(ones)
before = result.is_ready()
runtime.synchronize()
print("ready", before, result.is_ready())
"""


def test_every_timed_run_lies_between_two_synchronizations(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(runtime, "synchronize", lambda *_: order.append("synchronize"))

    def clock() -> int:
        order.append("clock")
        return len(order)

    monkeypatch.setattr(time, "perf_counter_ns", clock)
    actions = {
        name: Action(run=lambda _, name=name: order.append(name), prepare=lambda: order.append("prepare"))  # type: ignore[misc]
        for name in "ab"
    }
    interleave(actions, min_rounds=2, max_seconds=0)
    rounds = "a b" + " a b" + " b a"  # the first is the warm-up
    each = [["prepare", "synchronize", "clock", name, "synchronize", "clock"] for name in rounds.split()]
    assert order == [step for steps in each for step in steps]


@needs_jax
def test_synchronizing_waits_for_what_was_only_dispatched(run: Run) -> None:
    done = run("timeit", "-n1", "-r1", "-s", LARGE_PRODUCT, "pass", KERAS_BACKEND="jax")
    assert done.stdout.startswith("ready False True"), done.stdout + done.stderr


# Not whether arrays are ready is asked, which depends on how busy the machine is, but whether they are waited for.
EVERY_PHASE = """
from keras_styles import runtime
from keras_styles.architectures import load
from keras_styles.phases import Contenders
from keras_styles.workloads import PHASES, COLD_PHASES
import jax
wait, before, left_out, waited_for, phase = runtime.synchronize, [], set(), [], ["cold"]
def memory(arrays):  # saving makes new arrays of the memory of old ones
    return {array.unsafe_buffer_pointer() for array in arrays if not array.is_deleted()}
def synchronize(pending=None):
    if pending is None:
        before[:] = jax.live_arrays()
    else:
        arrays = [array for array in jax.tree.leaves(pending()) if isinstance(array, jax.Array)]
        if memory(jax.live_arrays()) - memory(before + arrays):
            left_out.add(phase[0])
        if arrays and phase[0] not in waited_for:
            waited_for.append(phase[0])
    wait(pending)
runtime.synchronize = synchronize
contenders = Contenders(load("multilayer_network"), 16)
contenders.cold(COLD_PHASES, 8, first=0)
for phase[0] in PHASES[len(COLD_PHASES):]:
    contenders.warm(phase[0], 8, min_rounds=1, max_seconds=0.0, first=0)
print("left out", *sorted(left_out), "waited for", *waited_for)
"""


@needs_jax
def test_all_arrays_that_a_phase_leaves_alive_are_waited_for(run: Run) -> None:
    """Jax waits only for the arrays that it is told of, so in every phase these have to be all that is new.

    Only of `predict` it is told of none: that returns what was read from the device, and the weights that it leaves are
    handed through unchanged. To wait for these takes up to a seventh as long as a prediction of one sample does.
    """
    done = run("timeit", "-n1", "-r1", "-s", EVERY_PHASE, "pass", KERAS_BACKEND="jax")
    expected = "left out predict predict_call waited for cold fit fit_epochs fit_call call load\n"
    assert done.stdout.startswith(expected), done.stdout + done.stderr


@pytest.mark.skipif("gpu" not in runtime.available_devices(), reason=f"{runtime.ENGINE} sees no GPU on this machine")
def test_without_synchronizing_a_gpu_looks_twice_as_fast() -> None:
    keras = runtime.keras
    with runtime.on_device("gpu"):
        ones = keras.ops.ones((8192, 8192))
        keras.ops.matmul(ones, ones)
        runtime.synchronize()
        start = time.perf_counter_ns()
        result = keras.ops.matmul(ones, ones)
        dispatched = time.perf_counter_ns() - start
        runtime.synchronize()
        finished = time.perf_counter_ns() - start
    assert float(result[0, 0]) == 8192
    assert dispatched < finished / 2
