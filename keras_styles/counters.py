"""Counters: what a style does in one epoch of training, counted and not timed, so that any change is a change."""

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, Final

from keras_styles import runtime
from keras_styles.architectures import Architecture
from keras_styles.recipes import Mode, Recipe
from keras_styles.training import compile_model
from keras_styles.workloads import BATCH_SIZE, WIDTH, Counters, table_of

# More than one, so that what is done once and what is done in every step come out different.
STEPS: Final = 4

keras = runtime.keras


def count(architecture: Architecture, style: str, mode: Mode | None) -> Counters:
    """Count what a new model of one style does in one epoch, and what a second one of smaller batches adds.

    Args:
        architecture: whose model to train.
        style: one of the architecture's.
        mode: how its steps are executed; None for the engine's usual way.

    Raises:
        RuntimeChoiceError: if the engine has no such mode.
    """
    mode = runtime.resolve_mode(mode)
    recipe = Recipe(epochs=1, batch_size=BATCH_SIZE, shuffle=False, mode=mode)
    columns, targets = table_of(architecture.name, WIDTH, STEPS * BATCH_SIZE)
    x, y = architecture.inputs(columns), architecture.targets(targets)
    with runtime.in_mode(mode):
        model = architecture.build(style, WIDTH, recipe.seed)
        compile_model(model, recipe, mode, architecture=architecture)
        watched = {
            "call": type(model).call,
            "layer": keras.Layer.__call__,
            "step": type(model).train_step,
            "iterator": runtime.data_iterator(),
        }
        with calls_of(watched) as first:
            _fit(model, x, y, BATCH_SIZE)
        with calls_of(watched) as second:
            _fit(model, x, y, BATCH_SIZE // 2)
        forward_ops, step_ops = runtime.operations_in(model, *_first(BATCH_SIZE, x, y))
    return Counters(
        variables=len(model.variables),
        traces=first["step"],
        retraces=second["step"],
        python_calls=first["call"],
        layer_calls=first["layer"],
        forward_ops=forward_ops,
        step_ops=step_ops,
        dataset_iterators=first["iterator"] if watched["iterator"] else None,
    )


@contextmanager
def calls_of(functions: dict[str, Callable[..., Any] | None]) -> Iterator[Counter[str]]:
    """Count how often this thread calls some Python functions inside, by the names that they are given here.

    Nothing is patched, since a wrapper would be one more thing to trace: Python's own hook for profilers sees which
    code begins. What decorators wrap is counted, not the wrapper.
    """
    names: dict[CodeType, str] = {
        inspect.unwrap(function).__code__: name for name, function in functions.items() if function is not None
    }
    counted: Counter[str] = Counter()

    def notice(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and (name := names.get(frame.f_code)):
            counted[name] += 1

    before = sys.getprofile()
    sys.setprofile(notice)
    try:
        yield counted
    finally:
        sys.setprofile(before)


def _fit(model: Any, x: Any, y: Any, batch_size: int) -> None:
    """Train one epoch of STEPS steps."""
    x, y = _first(STEPS * batch_size, x, y)
    model.fit(x, y, batch_size=batch_size, epochs=1, shuffle=False, verbose=0)


def _first(samples: int, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the first samples of inputs and targets."""
    first: tuple[Any, Any] = keras.tree.map_structure(lambda array: array[:samples], (x, y))
    return first
