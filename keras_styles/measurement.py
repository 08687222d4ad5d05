"""Measurement: what is timed in each phase, and rounds of the styles that interleave in rotating order."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keras_styles import runtime
from keras_styles.architectures import Architecture
from keras_styles.comparison import compare_all, failures
from keras_styles.explanation import explain
from keras_styles.problems import LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer, compile_model

# A change of what is timed makes old and new numbers incomparable, so it changes this number too.
WORKLOAD_VERSION: Final = 1

# Thirty-two steps an epoch, and features enough that a step is not empty.
PROBLEM: Final = LinearProblem(weights=(1.0,) * 8, bias=1.0, samples=1024, noise=0.1)
RECIPE: Final = Recipe(epochs=3, batch_size=32, learning_rate=0.01)

PHASES: Final = ("build", "fit", "predict")


class NotEqualError(Exception):
    """The styles do not compute the same here, so their times must not be compared; the text says where."""


@dataclass(frozen=True)
class Action:
    """Something to time: `prepare` runs untimed before each round, and what it returns goes to `run`."""

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None


def interleave(
    actions: Mapping[str, Action], *, min_rounds: int, max_seconds: float, warm_up: bool = True
) -> dict[str, list[float]]:
    """Time the actions in turns and return the seconds of each round, by action.

    Every round runs each action once, each round begins one action further: what drifts meets all of them alike.
    The devices are synchronized on both sides of every timed region.

    Args:
        actions: what to time, by name.
        min_rounds: rounds to run, whatever they take.
        max_seconds: begin no further round once the timed regions have taken that long for each action.
        warm_up: run each action once before, untimed; False if that was done already.
    """
    names = list(actions)
    samples: dict[str, list[float]] = {name: [] for name in names}
    if warm_up:
        for action in actions.values():
            _timed(action)
    rounds = 0
    while rounds < min_rounds or sum(map(sum, samples.values())) < max_seconds * len(names):
        first = rounds % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(_timed(actions[name]))
        rounds += 1
    return samples


def _timed(action: Action) -> float:
    prepared = action.prepare()
    runtime.synchronize()
    start = time.perf_counter()
    result = action.run(prepared)
    runtime.synchronize()
    seconds = time.perf_counter() - start
    del result  # kept until here, so that freeing it is not timed
    return seconds


def require_equal(architecture: Architecture, device: str) -> None:
    """Train every style on the benchmark's problem; return if they are three classes that leave the same bits.

    Raises:
        NotEqualError: if not, with the explanation of the earliest difference.
    """
    records = Trainer(architecture, device).train_styles(PROBLEM, RECIPE)
    classes = sorted({record.model_class for record in records.values()})
    if len(classes) < len(records):
        raise NotEqualError(
            f"{len(records)} styles are {len(classes)} classes, {', '.join(classes)}: one was built twice."
        )
    comparisons = compare_all(records)
    if failures(comparisons):
        raise NotEqualError(explain(comparisons, records))


def phase_actions(architecture: Architecture, phase: str) -> dict[str, Action]:
    """Return what to time in `phase`, by style; call it, and what it returns, on the device to be measured."""
    return {style: _PHASE_ACTIONS[phase](architecture, style) for style in STYLES}


def _build(architecture: Architecture, style: str) -> Action:
    """From nothing to a model whose variables all exist, the one moment that is the same in every style."""
    return Action(run=lambda _: architecture.build(style, PROBLEM.features, RECIPE.seed))


def _fit(architecture: Architecture, style: str) -> Action:
    """Three epochs of `fit` on arrays, on a model that was compiled and traced before."""
    model = _compiled(architecture, style)
    x, y = PROBLEM.arrays()

    def fit(_: None) -> None:
        model.fit(x, y, batch_size=RECIPE.batch_size, epochs=RECIPE.epochs, shuffle=False, verbose=0)

    return Action(run=fit)


def _predict(architecture: Architecture, style: str) -> Action:
    """One `predict` of all samples, on a model that was traced before."""
    model = _compiled(architecture, style)
    x, _ = PROBLEM.arrays()
    return Action(run=lambda _: model.predict(x, batch_size=RECIPE.batch_size, verbose=0))


_PHASE_ACTIONS: Final = {"build": _build, "fit": _fit, "predict": _predict}


def _compiled(architecture: Architecture, style: str) -> Any:
    model = architecture.build(style, PROBLEM.features, RECIPE.seed)
    compile_model(model, RECIPE, runtime.resolve_mode(RECIPE.mode))
    return model
