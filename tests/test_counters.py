"""Counters: known numbers are counted, a change is seen, and every process counts the same."""

import json
from typing import Any

import pytest

from keras_styles import runtime
from keras_styles.architectures import Architecture, linear_regression
from keras_styles.counters import STEPS, calls_of, count
from keras_styles.workloads import Counters
from tests.conftest import Run

keras = runtime.keras
TRACED = runtime.ENGINE != "torch"
# The model's own `call` and all layers', two for each `call`: once in a trace, or in every step; and on jax and torch
# once more, before the first step, to see what is not built yet. In a step jax calls the model's `call` directly.
CALLS = {"tensorflow": (1, 2), "jax": (1 + 1, 2 + 1), "torch": (1 + STEPS, 2 + 2 * STEPS)}
ASK = (
    "from keras_styles.architectures import load; from keras_styles.counters import count;"
    "print(count(load('linear_regression'), 'subclassing', None).model_dump_json())"
)


def of(style: str) -> Counters:
    return count(linear_regression.ARCHITECTURE, style, None)


class TwoCalls(keras.Model):  # type: ignore[misc,name-defined]  # Keras has no type information
    """A model that calls its layer twice, which no variable shows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        """Return the sum of two equal terms."""
        return self.layer(x) + self.layer(x)


def two_calls(features: int) -> Any:
    model = TwoCalls()
    model(keras.ops.zeros((1, features)))
    return model


def changed(builder: Any) -> Counters:
    builders = {**linear_regression.ARCHITECTURE.builders, "subclassing": builder}
    return count(Architecture(name="changed", builders=builders), "subclassing", None)


@pytest.mark.parametrize("style", linear_regression.ARCHITECTURE.styles)
def test_the_numbers_of_linear_regression_are_known(style: str) -> None:
    counted = of(style)
    assert counted.variables == 2, "kernel and bias; what optimizer and metrics keep is not the model's"
    assert counted.traces == (1 if TRACED else STEPS)
    assert counted.retraces == (1 if TRACED else STEPS)
    assert (counted.python_calls, counted.layer_calls) == CALLS[runtime.ENGINE]
    assert (counted.dataset_iterators is None) == (runtime.ENGINE == "jax")
    assert counted.forward_ops is not None
    assert counted.step_ops is not None
    assert 0 < counted.forward_ops < counted.step_ops


def test_what_was_counted_before_changes_nothing() -> None:
    first = of("subclassing")
    changed(two_calls)
    assert of("subclassing") == first


def test_another_process_counts_the_same(run: Run) -> None:
    done = run("timeit", "-n1", "-r1", "-s", ASK, "pass", KERAS_BACKEND=runtime.ENGINE)
    assert Counters(**json.loads(done.stdout.splitlines()[0])) == of("subclassing"), done.stderr


def test_a_second_call_of_a_layer_is_counted() -> None:
    before, after = of("subclassing"), changed(two_calls)
    assert after.variables == before.variables
    assert after.layer_calls == before.layer_calls + before.python_calls
    assert (after.forward_ops or 0) > (before.forward_ops or 0)
    assert (after.step_ops or 0) > (before.step_ops or 0)


@pytest.mark.skipif("eager" not in runtime.modes(), reason=f"{runtime.ENGINE} has no eager mode")
def test_eager_steps_are_run_by_python_every_time() -> None:
    counted = count(linear_regression.ARCHITECTURE, "functional", "eager")
    assert (counted.traces, counted.retraces) == (STEPS, STEPS)
    assert (counted.step_ops is None) == (runtime.ENGINE != "torch")


@pytest.mark.skipif(runtime.ENGINE != "tensorflow", reason="tf.function is traced again for a Python value")
def test_a_new_python_value_is_a_new_trace() -> None:
    tensorflow: Any = runtime.engine_module()

    def step(x: Any, factor: int) -> Any:
        return x * factor

    compiled = tensorflow.function(step, autograph=False)
    with calls_of({"step": step}) as counted:
        for factor in (1, 1, 2):
            compiled(tensorflow.ones(1), factor)
    assert counted["step"] == 2
