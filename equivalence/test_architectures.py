"""Architectures: each trains alike in every style that can express it, and the others say why they cannot."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from equivalence.agreement import assert_runs_agree, assert_styles_agree, examples
from equivalence.covering_recipes import RECIPES
from keras_styles import runtime
from keras_styles.architectures import NAMES, array_of, load, recursive_network, set_weights
from keras_styles.problems import LARGEST_SEED, Array, ExpressionProblem, LinearProblem, Problem
from keras_styles.recipes import Recipe
from keras_styles.strategies import coefficients
from keras_styles.training import Trainer

TrainerOf = Callable[[str], Trainer]


def trainer_or_skip(trainer_of: TrainerOf, name: str) -> Trainer:
    if reason := load(name).untrainable.get(runtime.ENGINE):
        pytest.skip(reason)  # the architecture says what Keras does there instead
    return trainer_of(name)


# Those that are trained with recipes of every kind are in the other files.
OTHERS = tuple(name for name in NAMES if name not in RECIPES)

PROBLEM = LinearProblem(weights=(3.0, -1.0, 0.5, 2.0), bias=1.0, samples=22, noise=0.5)
EXPRESSIONS = ExpressionProblem(samples=22, operations=2)
# Ragged batches, an optimizer with a state of its own, and a look at other data.
RECIPE = Recipe(optimizer="adam", epochs=2, batch_size=8, validation="data")


def recipe_of(name: str, seed: int, *, shuffle: bool = False) -> Recipe:
    modes = load(name).modes
    return replace(RECIPE, mode=modes[0] if modes else None, seed=seed, shuffle=shuffle)


# Of one shape, and shuffled in the written examples only: another shape is another compilation of every style, and
# shuffling takes a seed, with which TensorFlow throws away what it has compiled.
DATA_SEEDS = st.integers(0, LARGEST_SEED)
PROBLEMS = st.builds(
    replace, st.just(PROBLEM), weights=st.tuples(*4 * [coefficients()]), bias=coefficients(), data_seed=DATA_SEEDS
)
FORESTS = st.builds(replace, st.just(EXPRESSIONS), data_seed=DATA_SEEDS)


def problem_of(name: str) -> LinearProblem | ExpressionProblem:
    return EXPRESSIONS if name == "tree_rnn" else PROBLEM


@pytest.mark.parametrize("name", [name for name in OTHERS if len(load(name).styles) > 1 and name != "deep_stack"])
@examples(in_pull_requests=3, share_of_others=0.05)
@given(problem=PROBLEMS, seed=DATA_SEEDS, shuffle=st.just(False))
@example(problem=PROBLEM, seed=0, shuffle=True)
def test_styles_agree(trainer_of: TrainerOf, name: str, problem: LinearProblem, seed: int, shuffle: bool) -> None:
    assert_styles_agree(trainer_of(name), problem, recipe_of(name, seed, shuffle=shuffle))


def test_styles_of_a_deep_stack_agree(trainer_of: TrainerOf, contract_seed: int) -> None:
    """Once: to compile fifty layers in three styles takes as long as everything that is drawn for another one."""
    assert_styles_agree(trainer_of("deep_stack"), PROBLEM, Recipe(epochs=2, batch_size=8, seed=contract_seed))


@examples(in_pull_requests=3, share_of_others=0.05)
@given(problem=PROBLEMS, forest=FORESTS, seed=DATA_SEEDS)
@example(problem=PROBLEM, forest=EXPRESSIONS, seed=0)
def test_the_only_style_agrees_with_itself(
    trainer_of: TrainerOf, problem: LinearProblem, forest: ExpressionProblem, seed: int
) -> None:
    """What is left of one training, or of what came between, would show in the next."""
    cases: dict[str, tuple[Problem, Problem]] = {
        "tree_rnn": (forest, EXPRESSIONS),
        "recursive_network": (problem, PROBLEM),
    }
    for name, (mine, other) in cases.items():
        if runtime.ENGINE in load(name).untrainable:
            continue
        trainer, recipe = trainer_of(name), recipe_of(name, seed)
        once = trainer.train("subclassing", mine, recipe)
        trainer.train("subclassing", other, recipe)
        assert_runs_agree({"once": once, "again": trainer.train("subclassing", mine, recipe)}, trainer)


# Fifty layers are saved as two are, and take minutes.
@pytest.mark.parametrize("name", [name for name in OTHERS if name != "deep_stack"])
def test_training_resumes_after_loading_as_if_uninterrupted(
    trainer_of: TrainerOf, contract_seed: int, name: str
) -> None:
    """None of these draws anything while it trains, so saving and loading must leave no trace."""
    problem = problem_of(name)
    recipe = replace(recipe_of(name, contract_seed), validation=None, snapshot_every=1)
    trainer = trainer_or_skip(trainer_of, name)
    for style in trainer.architecture.styles:
        runs = {loop: trainer.train(style, problem, replace(recipe, loop=loop)) for loop in ("fit", "save_and_resume")}
        assert_runs_agree(runs, trainer)


@pytest.mark.compares_no_trainings(reason="what cannot be built cannot be trained")
@pytest.mark.parametrize(("name", "style"), [(name, style) for name in NAMES for style in load(name).inexpressible])
def test_style_cannot_express_it(name: str, style: str) -> None:
    finding = load(name).inexpressible[style]
    tried = finding.attempt if finding.moment == "construction" else finding.attempt()
    with pytest.raises(Exception, match=re.escape(finding.says)) as raised:
        tried()
    assert type(raised.value).__name__ == finding.error


def test_custom_train_step_is_taken(trainer_of: TrainerOf, contract_seed: int) -> None:
    """Halving the targets in the step, or in the data, comes to the same bits: halves are exact."""
    recipe = Recipe(epochs=3, batch_size=8, seed=contract_seed, snapshot_every=1)
    halves = replace(
        PROBLEM,
        weights=tuple(weight / 2 for weight in PROBLEM.weights),
        bias=PROBLEM.bias / 2,
        noise=PROBLEM.noise / 2,
    )
    stepped = assert_styles_agree(trainer_of("custom_train_step"), PROBLEM, recipe)
    plain = assert_styles_agree(trainer_of("linear_regression"), halves, recipe)
    for style, record in stepped.items():
        assert np.array_equal(record.predictions, plain[style].predictions)
        assert not np.array_equal(record.predictions[:, 0], PROBLEM.arrays()[1])


def test_depth_of_the_recursive_network_is_that_of_the_data(trainer_of: TrainerOf, contract_seed: int) -> None:
    """A forward pass in float64 by hand, one row at a time, recursion for recursion."""
    trainer = trainer_or_skip(trainer_of, "recursive_network")
    problem = replace(PROBLEM, scale=2.0)
    case = problem, replace(RECIPE, mode="eager", seed=contract_seed)
    record = trainer.train("subclassing", *case)
    assert_runs_agree({"once": record, "twice": trainer.train("subclassing", *case)}, trainer)
    x, depths = recursive_network.with_depths(problem.arrays()[0])
    assert len(set(depths.ravel().tolist())) >= 3
    weights = {name: value.astype("float64") for name, value in record.snapshots[-1].weights.items()}

    def layer(name: str, state: Array) -> Array:
        return np.asarray(state @ weights[f"{name}/kernel"] + weights[f"{name}/bias"])

    for row, depth, predicted in zip(x, depths.ravel(), record.predictions, strict=True):
        state = np.tanh(layer("first_layer", row))
        for _ in range(depth):
            state = np.tanh(layer("deeper", state))
        np.testing.assert_allclose(predicted, layer("output_layer", state), rtol=1e-4, atol=1e-5)


@pytest.mark.compares_no_trainings(reason="it compares what one model makes of a series and of its beginning")
@pytest.mark.parametrize("style", load("recurrent").styles)
def test_masked_ends_of_a_series_do_not_count(style: str) -> None:
    architecture = load("recurrent")
    series = architecture.inputs(PROBLEM.arrays()[0])
    model = architecture.build(style, PROBLEM.features, seed=0)
    whole = array_of(model(series))
    for row in range(PROBLEM.features):
        steps = row + 1
        assert not series[row, steps:].any()
        shortened = architecture.build(style, steps, seed=0)
        beginning = shortened(series[row : row + 1, :steps])
        np.testing.assert_allclose(whole[row], array_of(beginning)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.compares_no_trainings(reason="it is about what one training comes to on other data")
def test_tree_rnn_learns_what_expressions_come_to(trainer_of: TrainerOf, contract_seed: int) -> None:
    """Of trees that it never saw, also of some that are larger than any that it was trained on."""
    trainer = trainer_of("tree_rnn")
    learned = ExpressionProblem(samples=512, operations=3, data_seed=1)
    recipe = Recipe(
        optimizer="adam", learning_rate=0.03, epochs=12, batch_size=64, snapshot_every=12, seed=contract_seed
    )
    record = trainer.train("subclassing", learned, recipe)
    model = trainer.architecture.build("subclassing", learned.features, contract_seed)
    set_weights(model, record.snapshots[-1].weights)
    for operations, unexplained in ((3, 0.4), (5, 0.7)):
        x, y = ExpressionProblem(samples=256, operations=operations, data_seed=2).arrays()
        predicted = runtime.keras.ops.convert_to_numpy(model(trainer.architecture.inputs(x)))
        assert np.mean((predicted - y) ** 2) < unexplained * np.var(y)
