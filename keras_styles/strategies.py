"""Hypothesis strategies over problems and recipes: valid by construction, every ingredient visible and shrinkable."""

from dataclasses import replace

from hypothesis import strategies as st

from keras_styles.problems import LinearProblem, Problem
from keras_styles.recipes import Recipe
from keras_styles.reference import largest_curvature

Case = tuple[Problem, Recipe]

MOST_FEATURES = 8
MOST_SAMPLES = 300
# A learning rate of 2 / curvature is where training stops being stable; a little below, rounding could still tip it.
LARGEST_STABLE_FRACTION = 0.9


def coefficients() -> st.SearchStrategy[float]:
    """Draw a true weight or bias; half precision keeps the digits few, so that a shrunk case can be read."""
    return st.floats(-16, 16, width=16, allow_subnormal=False)


@st.composite
def linear_problems(draw: st.DrawFn) -> LinearProblem:
    """Draw a well-behaved linear problem: its values lie between about 1e-6 and 1e6."""
    return LinearProblem(
        weights=tuple(draw(st.lists(coefficients(), min_size=1, max_size=MOST_FEATURES))),
        bias=draw(coefficients()),
        samples=draw(st.integers(1, MOST_SAMPLES)),
        noise=draw(st.sampled_from([0.0, 0.01, 1.0])),
        offset=draw(st.floats(-100, 100, width=16, allow_subnormal=False)),
        scale=draw(st.sampled_from([1.0, 0.001, 0.1, 10.0, 1000.0])),
        condition=draw(st.sampled_from([1.0, 10.0, 1000.0])),
        data_seed=draw(st.integers(0, 2**32 - 1)),
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


@st.composite
def recipes(draw: st.DrawFn, problem: Problem) -> Recipe:
    """Draw a recipe that is stable for `problem`: the learning rate is a fraction of 2 / its largest curvature.

    One or ten epochs lie between snapshots: each other number would cost TensorFlow a trace of its own.
    """
    samples = len(problem.arrays()[0])
    snapshot_every = draw(st.sampled_from([1, 10]))
    recipe = Recipe(
        epochs=snapshot_every * draw(st.integers(1, 6)),
        snapshot_every=snapshot_every,
        batch_size=draw(st.none() | st.integers(min(samples, max(1, samples // 4)), samples)),
        seed=draw(st.integers(0, 99)),
    )
    fraction = draw(st.floats(0.01, LARGEST_STABLE_FRACTION))
    return replace(recipe, learning_rate=fraction * 2 / largest_curvature(problem, recipe))


@st.composite
def cases(draw: st.DrawFn, problems: st.SearchStrategy[LinearProblem] | None = None) -> Case:
    """Draw a problem and a recipe that fits it."""
    problem = draw(problems if problems is not None else linear_problems())
    return problem, draw(recipes(problem))
