"""Hypothesis strategies over problems and recipes: valid by construction, every ingredient visible and shrinkable."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, get_args

from hypothesis import strategies as st

from keras_styles.problems import LARGEST_SEED, LinearProblem, Problem
from keras_styles.recipes import (
    CALLBACKS_THAT_SET_THE_RATE,
    OPTIMIZERS,
    SCHEDULES,
    CallbackName,
    Mode,
    Policy,
    Recipe,
    Source,
    Validation,
    has_one_rate,
)
from keras_styles.reference import largest_curvature

Case = tuple[Problem, Recipe]

# What is compared with the reference besides plain gradient descent: each is compiled once, so its options are fixed,
# and problem, learning rate, batches and seed are drawn.
FAMILIES: Final[dict[str, Recipe]] = {
    "momentum": Recipe(options={"momentum": 0.9}),
    "nesterov": Recipe(options={"momentum": 0.9, "nesterov": True}),
    "rmsprop": Recipe(optimizer="rmsprop"),
    "adagrad": Recipe(optimizer="adagrad"),
    "adam": Recipe(optimizer="adam"),
    "adamw": Recipe(optimizer="adamw"),
    "weight decay": Recipe(options={"weight_decay": 0.01}),
    "clip by value": Recipe(options={"clipvalue": 1.0}),
    # A limit of the size that gradients have here: in steps as short as the rounding of a weight nothing would show.
    "clip by norm": Recipe(options={"clipnorm": 10.0}),
    "clip by global norm": Recipe(optimizer="adam", options={"global_clipnorm": 1.0}),
    "accumulation": Recipe(options={"gradient_accumulation_steps": 2}),
    "moving average": Recipe(options={"use_ema": True, "ema_momentum": 0.5}),
}

# Every loss of Keras that takes one real number for each sample. The others ask for classes, masks or sequences, and
# Poisson's for predictions above zero.
LOSSES = ("mse", "mae", "mape", "huber", "log_cosh", "msle", "hinge", "squared_hinge", "cosine_similarity")
# Of each way to keep count: means of single numbers and of whole samples, the root of a mean, sums of several kinds.
METRICS = ("mae", "cosine_similarity", "RootMeanSquaredError", "R2Score")

MOST_FEATURES = 8
# Each other width is a compilation of its own for every style and recipe.
WIDTHS = (1, 2, MOST_FEATURES)
MOST_SAMPLES = 300
# A learning rate of 2 / curvature is where training stops being stable; a little below, rounding could still tip it.
LARGEST_STABLE_FRACTION = 0.9
# Nine samples fall into three batches of three, or into five.
FEWEST_FOR_FOUR = 10


def coefficients() -> st.SearchStrategy[float]:
    """Draw a true weight or bias; half precision keeps the digits few, so that a shrunk case can be read."""
    return st.floats(-16, 16, width=16, allow_subnormal=False)


@st.composite
def linear_problems(draw: st.DrawFn) -> LinearProblem:
    """Draw a well-behaved linear problem: its values lie between about 1e-6 and 1e6."""
    return LinearProblem(
        weights=tuple(draw(coefficients()) for _ in range(draw(st.sampled_from(WIDTHS)))),
        bias=draw(coefficients()),
        samples=draw(st.integers(1, MOST_SAMPLES)),
        noise=draw(st.sampled_from([0.0, 0.01, 1.0])),
        offset=draw(st.floats(-100, 100, width=16, allow_subnormal=False)),
        scale=draw(st.sampled_from([1.0, 0.001, 0.1, 10.0, 1000.0])),
        condition=draw(st.sampled_from([1.0, 10.0, 1000.0])),
        data_seed=draw(st.integers(0, LARGEST_SEED)),
    )


@st.composite
def degenerate_problems(draw: st.DrawFn) -> LinearProblem:
    """Draw a problem at an edge: one sample, constant or collinear features, or values near the ends of float32."""
    problem = draw(linear_problems())
    edge = draw(st.sampled_from(["one sample", "constant", "collinear", "tiny", "huge target", "tiny features"]))
    if edge == "one sample":
        return replace(problem, samples=1)
    if edge == "constant":
        return replace(problem, scale=0.0)
    if edge == "collinear":
        return replace(problem, collinear=True)
    if edge == "tiny features":
        return replace(problem, scale=1e-30, offset=0.0)
    size = 1e-30 if edge == "tiny" else 1e30
    weights = tuple(size * weight for weight in problem.weights)
    return replace(problem, weights=weights, bias=size * problem.bias, noise=size * problem.noise)


def sizes_of_four_batches(samples: int) -> st.SearchStrategy[int]:
    """Draw a size that makes four batches of so many samples, at least `FEWEST_FOR_FOUR`; the last may be smaller."""
    return st.integers(-(-samples // 4), -(-samples // 3) - 1)


@st.composite
def recipes(draw: st.DrawFn, problem: Problem) -> Recipe:
    """Draw a recipe that is stable for `problem`: the learning rate is a fraction of 2 / its largest curvature.

    One or ten epochs lie between snapshots, and an epoch has one batch or four: each other number would cost
    TensorFlow a trace of its own.
    """
    samples = len(problem.arrays()[0])
    snapshot_every = draw(st.sampled_from([1, 10]))
    recipe = Recipe(
        epochs=snapshot_every * draw(st.integers(1, 6)),
        snapshot_every=snapshot_every,
        batch_size=draw(st.none() if samples < FEWEST_FOR_FOUR else st.none() | sizes_of_four_batches(samples)),
        seed=draw(st.integers(0, 99)),
    )
    fraction = draw(st.floats(0.01, LARGEST_STABLE_FRACTION))
    return replace(recipe, learning_rate=fraction * 2 / largest_curvature(problem, recipe))


@st.composite
def well_posed_problems(draw: st.DrawFn, fewest_samples: int = 4) -> LinearProblem:
    """Draw a problem on which any optimizer makes its way: features near zero, of one size, hardly correlated."""
    samples = draw(st.integers(fewest_samples, 64))
    return LinearProblem(
        # Another number of features would be another compilation of every style and recipe.
        weights=(draw(coefficients()), draw(coefficients())),
        bias=draw(coefficients()),
        samples=samples,
        noise=draw(st.sampled_from([0.1, 0.01, 1.0])),
        offset=draw(st.floats(-1, 1, width=16, allow_subnormal=False)),
        scale=draw(st.sampled_from([1.0, 0.5, 2.0])),
        condition=draw(st.sampled_from([1.0, 4.0])),
        data_seed=draw(st.integers(0, LARGEST_SEED)),
    )


def learning_rates(recipe: Recipe, problem: Problem) -> st.SearchStrategy[float]:
    """Draw a learning rate with which `recipe` makes its way on `problem`.

    Gradient descent is stable below 2 / curvature, and momentum adds up to 1 / (1 - momentum) such steps. The others
    step by about their learning rate whatever the gradient, and nothing about the problem has a say.
    """
    if recipe.optimizer != "sgd":
        return st.sampled_from([0.01, 0.001, 0.003, 0.03])
    stable = 2 / largest_curvature(problem, recipe) * (1 - recipe.option("momentum", 0.0))
    return st.floats(0.01, LARGEST_STABLE_FRACTION).map(lambda fraction: fraction * stable)


@st.composite
def family_cases(draw: st.DrawFn, family: str) -> Case:
    """Draw a well-posed problem, and for it a recipe of one of `FAMILIES` that takes forty steps."""
    problem = draw(well_posed_problems(FEWEST_FOR_FOUR))
    recipe = replace(
        FAMILIES[family],
        epochs=10,
        snapshot_every=1,
        batch_size=draw(sizes_of_four_batches(problem.samples)),
        seed=draw(st.integers(0, 99)),
    )
    return problem, replace(recipe, learning_rate=draw(learning_rates(recipe, problem)))


@st.composite
def recipes_of_every_kind(draw: st.DrawFn, problem: LinearProblem, modes: Sequence[Mode]) -> Recipe:
    """Draw how people train: any optimizer, batches, source, loop, mode and policy that go together.

    Args:
        draw: given by Hypothesis.
        problem: a well-posed one.
        modes: those that the engine has.
    """
    loop = draw(st.sampled_from(["fit", "fit", "train_on_batch", "custom_loop", "save_and_resume"]))
    fields: dict[str, Any] = {
        "loop": loop,
        "optimizer": draw(
            st.sampled_from(
                [
                    name
                    for name in OPTIMIZERS
                    if (name, loop) not in (("multi", "save_and_resume"), ("loss_scale", "custom_loop"))
                ]
            )
        ),
        "learning_rate": draw(st.sampled_from([0.01, 0.001, 0.03])),
        "epochs": draw(st.integers(2, 4)),
        "snapshot_every": 1,
        "batch_size": draw(st.none() | st.integers(max(1, problem.samples // 4), problem.samples)),
        "seed": draw(st.integers(0, 99)),
        "dtype": draw(st.sampled_from(get_args(Policy)[:2])),
        "loss": draw(st.sampled_from(LOSSES)),
        "mode": draw(st.sampled_from(modes)) if loop != "custom_loop" else None,
    }
    # Its scale is float32 under every policy, which no other state of an optimizer is.
    if fields["optimizer"] == "loss_scale":
        fields["dtype"] = "float32"
    # On TensorFlow a schedule is float32 under every policy, and Muon multiplies it with float64.
    if fields["optimizer"] not in ("loss_scale", "multi") and (fields["optimizer"], fields["dtype"]) != (
        "muon",
        "float64",
    ):
        fields["schedule"] = draw(st.none() | st.sampled_from(list(SCHEDULES)))
    if loop != "custom_loop":
        fields["weighted"] = draw(st.booleans())
        fields["metrics"] = tuple(draw(st.lists(st.sampled_from(METRICS), max_size=2, unique=True)))
    if loop == "fit":
        fields["source"] = draw(st.sampled_from([name for name in get_args(Source) if name != "dataset"]))
        arrays = fields["source"] == "arrays"
        fields["validation"] = draw(st.sampled_from([None, *get_args(Validation)] if arrays else [None, "data"]))
        fields["shuffle"] = draw(st.booleans()) if arrays else False
        fields["initial_epoch"] = draw(st.integers(0, 1))
        settable = has_one_rate(fields["optimizer"], fields.get("schedule"))
        callbacks = [name for name in get_args(CallbackName) if settable or name not in CALLBACKS_THAT_SET_THE_RATE]
        fields["callbacks"] = tuple(draw(st.lists(st.sampled_from(callbacks), max_size=2, unique=True)))
    return Recipe(**fields)


@st.composite
def cases_of_every_kind(draw: st.DrawFn, modes: Sequence[Mode]) -> Case:
    """Draw a well-posed problem and one of the recipes that people train it with."""
    problem = draw(well_posed_problems())
    return problem, draw(recipes_of_every_kind(problem, modes))


@st.composite
def cases(draw: st.DrawFn, problems: st.SearchStrategy[LinearProblem] | None = None) -> Case:
    """Draw a problem and a recipe that fits it."""
    problem = draw(problems if problems is not None else linear_problems())
    return problem, draw(recipes(problem))
