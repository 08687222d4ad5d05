"""How many problems a second the trainer trains in all styles, between the naive way and a loop without Keras."""

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import pytest

from bench.cells import Cell, leaving_unmeasured
from keras_styles import runtime
from keras_styles.architectures import get_weights
from keras_styles.architectures.linear_regression import ARCHITECTURE
from keras_styles.bare_loop import bare_loop
from keras_styles.measurement import Action, interleave, seconds
from keras_styles.problems import Array, LinearProblem
from keras_styles.recipes import Recipe
from keras_styles.styles import STYLES
from keras_styles.training import Trainer, compile_model
from keras_styles.training_record import Weights
from keras_styles.workloads import WORKLOAD_VERSION

CONTENDERS = ("naive", "trainer", "bare_loop")

# The seed's recipe, on a problem of the size that the equivalence suite draws.
RECIPE = Recipe()
DATA_SEEDS = count()

# The naive way takes so long that two rounds have to do; its ratio to the trainer is in the hundreds.
NAIVE_ROUNDS = 2


def new_problem() -> LinearProblem:
    """Return a problem that was never trained before, as the suite does, so that nothing prepared serves twice."""
    return LinearProblem(weights=(3.0,), bias=1.0, noise=0.1, data_seed=next(DATA_SEEDS))


def train_naively(problem: LinearProblem) -> dict[str, Weights]:
    """Train each style as anyone would: a new model, and `fit` on arrays."""
    return {style: fitted(style, problem) for style in STYLES}


def fitted(style: str, problem: LinearProblem) -> Weights:
    x, y = problem.arrays()
    model = ARCHITECTURE.build(style, problem.features, RECIPE.seed)
    compile_model(model, RECIPE, runtime.resolve_mode(RECIPE.mode))
    model.fit(x, y, epochs=RECIPE.epochs, batch_size=len(x), shuffle=False, verbose=0)
    return get_weights(model)


def train_barely(loops: dict[str, Callable[[Weights], dict[str, Array]]], start: Weights) -> list[Weights]:
    """Run the bare loop once for each style."""
    return [loop(start) for loop in loops.values()]


@cache
def samples_by_contender(
    min_rounds: int, max_seconds: float, announce: Callable[[str], None]
) -> dict[str, list[float]]:
    """Measure all contenders; nothing is returned unless all of them trained the same."""
    trained_naively: dict[LinearProblem, dict[str, Weights]] = {}

    def naive(problem: LinearProblem) -> None:
        trained_naively[problem] = train_naively(problem)

    with runtime.on_device(runtime.chosen_device()):
        announce(
            f"measuring the naive way, {NAIVE_ROUNDS} rounds of {len(STYLES)} new models, {RECIPE.epochs} epochs each"
        )
        slow = interleave(
            {"naive": Action(run=naive, prepare=new_problem)},
            min_rounds=NAIVE_ROUNDS,
            max_seconds=0.0,
            warm_up=False,  # every round of it builds and traces anew
        )
        trainer = Trainer(ARCHITECTURE, runtime.chosen_device())
        problem, expected = trained_naively.popitem()
        loops = {
            style: bare_loop(*problem.arrays(), learning_rate=RECIPE.learning_rate, steps=RECIPE.epochs)
            for style in STYLES
        }
        records = trainer.train_styles(problem, RECIPE)
        start = records["functional"].initial_weights
        bare = train_barely(loops, start)[0]
        for style, record in records.items():
            for name, value in record.snapshots[-1].weights.items():
                assert np.array_equal(value, expected[style][name]), f"the naive {style} trained another {name}"
                # Without Keras the operations are others, so the last bits may be too.
                np.testing.assert_allclose(bare[name], value, rtol=1e-4, err_msg=f"the bare loop's {name}")
        announce("measuring the trainer and the bare loop in turns")
        quick = interleave(
            {
                "trainer": Action(run=lambda fresh: trainer.train_styles(fresh, RECIPE), prepare=new_problem),
                "bare_loop": Action(run=lambda _: train_barely(loops, start)),
            },
            min_rounds=min_rounds,
            max_seconds=max_seconds,
        )
    return {contender: seconds(rounds) for contender, rounds in (slow | quick).items()}


@pytest.mark.parametrize("contender", CONTENDERS)
def test_throughput(contender: str, request: pytest.FixtureRequest, announce: Callable[[str], None]) -> None:
    info: dict[str, Any] = {
        "kind": "throughput",
        "contender": contender,
        "engine": runtime.ENGINE,
        "device": runtime.chosen_device(),
        "mode": runtime.resolve_mode(RECIPE.mode),
        "workload_version": WORKLOAD_VERSION,
        "recipe": repr(RECIPE),
    }
    options = request.config.option
    limits = options.benchmark_min_rounds, float(options.benchmark_max_time)
    with leaving_unmeasured(request, info):
        samples = samples_by_contender(*limits, announce)[contender]
        info["triples_per_second"] = 1 / float(np.median(samples))
        Cell("throughput", samples, info).report(request)
